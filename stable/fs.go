package stable

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"weensydb/lockcheck"
)

// FS is a directory. Its names contain no separators. The tests have one that
// loses what was not synced.
type FS interface {
	// Open opens an existing file to read and write.
	Open(name string) (File, error)
	// Create makes an empty file, in place of one that may be there.
	Create(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	List() ([]string, error)
	// SyncDir makes what Create, Rename and Remove did outlast a crash.
	SyncDir() error
	// Lock takes the directory for this Log, or fails with ErrInUse.
	Lock() (io.Closer, error)
	// Path returns the name to show to people.
	Path(name string) string
}

// File is an open file of an FS. It is an alias of a type without a name, so that
// package sim can have the same one without importing this package, whose tests
// import sim.
type File = interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes what was written outlast a crash.
	Sync() error
	Size() (int64, error)
}

// Dir returns the directory at path, and makes it if it is not there. Its parent
// must exist.
func Dir(path string) (FS, error) {
	lockcheck.NoneHeld("mkdir")
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return dir(path), nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return dir(path), err
}

// dir is the FS of the operating system.
type dir string

func (d dir) Path(name string) string { return filepath.Join(string(d), name) }

func (d dir) Open(name string) (File, error) { return openFile(d.Path(name), os.O_RDWR) }

func (d dir) Create(name string) (File, error) {
	return openFile(d.Path(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func openFile(path string, flags int) (File, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err // not f, which would be an interface that is not nil
	}
	return &diskFile{f}, nil
}

func (d dir) Rename(from, to string) error { return os.Rename(d.Path(from), d.Path(to)) }
func (d dir) Remove(name string) error     { return os.Remove(d.Path(name)) }
func (d dir) SyncDir() error               { return syncDir(string(d)) }

// Lock leaves the number of the process in the file. Only people read it, so that
// it does not matter if that fails.
func (d dir) Lock() (io.Closer, error) {
	lock, err := lockFile(d.Path(lockName))
	if err == nil {
		os.WriteFile(d.Path(lockName), fmt.Appendln(nil, os.Getpid()), 0o600)
	}
	return lock, err
}

const lockName = "lock"

// holder says who holds the lock at path, for people.
func holder(path string) string {
	b, _ := os.ReadFile(path)
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
		return fmt.Sprintf("process %d", pid)
	}
	return "another process"
}

func (d dir) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

type diskFile struct{ *os.File }

func (f *diskFile) Sync() error { return syncData(f.File) }

func (f *diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func ignoreMissing(err error) error {
	if isMissing(err) {
		return nil
	}
	return err
}

// random returns a number that nobody can guess.
func random() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}
