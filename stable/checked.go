package stable

import (
	"io"

	"weensydb/lockcheck"
)

// checked returns fs, which under the build tag lockcheck demands at every call
// that no lock is held. Whoever opens a log or looks at one goes through it, so
// that this is true of every FS, the tests' ones too.
func checked(fs FS) FS {
	if !lockcheck.Enabled {
		return fs
	}
	return checkedFS{fs}
}

// checkedFS and checkedFile embed nothing: a method that is forgotten does not
// compile.
type checkedFS struct{ fs FS }

func (c checkedFS) Open(name string) (File, error) {
	lockcheck.NoneHeld("open")
	return checkFile(c.fs.Open(name))
}

func (c checkedFS) Create(name string) (File, error) {
	lockcheck.NoneHeld("create")
	return checkFile(c.fs.Create(name))
}

func (c checkedFS) Rename(from, to string) error {
	lockcheck.NoneHeld("rename")
	return c.fs.Rename(from, to)
}

func (c checkedFS) Remove(name string) error {
	lockcheck.NoneHeld("remove")
	return c.fs.Remove(name)
}

func (c checkedFS) List() ([]string, error) {
	lockcheck.NoneHeld("list")
	return c.fs.List()
}

func (c checkedFS) SyncDir() error {
	lockcheck.NoneHeld("syncdir")
	return c.fs.SyncDir()
}

func (c checkedFS) Lock() (io.Closer, error) {
	lockcheck.NoneHeld("lock")
	l, err := c.fs.Lock()
	if err != nil {
		return nil, err
	}
	return checkedCloser{l}, nil
}

func (c checkedFS) Path(name string) string { return c.fs.Path(name) }

func checkFile(f File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return checkedFile{f, checkedCloser{f}}, nil
}

type checkedFile struct {
	file File
	checkedCloser
}

func (c checkedFile) ReadAt(b []byte, at int64) (int, error) {
	lockcheck.NoneHeld("read")
	return c.file.ReadAt(b, at)
}

func (c checkedFile) WriteAt(b []byte, at int64) (int, error) {
	lockcheck.NoneHeld("write")
	return c.file.WriteAt(b, at)
}

func (c checkedFile) Sync() error {
	lockcheck.NoneHeld("sync")
	return c.file.Sync()
}

func (c checkedFile) Size() (int64, error) {
	lockcheck.NoneHeld("size")
	return c.file.Size()
}

type checkedCloser struct{ closer io.Closer }

func (c checkedCloser) Close() error {
	lockcheck.NoneHeld("close")
	return c.closer.Close()
}
