package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// standard is the name that means standard input or output in the place of a file.
const standard = "-"

// A newFile has a name of its own until it is whole. Then it gets the name that is
// wanted, so that nothing else is ever found there.
type newFile struct {
	*os.File
	name string
}

// createFile begins a file. Without force there must be none of that name.
func createFile(name string, force bool) (*newFile, error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, misused("%s is a directory: give the name of a file in it", name)
	case err == nil && !force:
		return nil, misused("%s exists: give another name, or --force", name)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, misused("%w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return nil, misused("%w", err)
	}
	return &newFile{file, name}, nil
}

// finish gives the file its name if all went well until then, and removes it
// otherwise. It returns what went wrong first.
func (f *newFile) finish(err error) error {
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.File.Name(), f.name)
	}
	if err != nil {
		os.Remove(f.File.Name())
		return err
	}
	return syncDirectory(filepath.Dir(f.name))
}

// syncDirectory makes new names in a directory outlast a crash. Windows has no such
// call, and needs none.
func syncDirectory(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// An input is a file that is read, or standard input.
type input struct {
	io.Reader
	name string // for people
	size int64  // in bytes; -1: it is not known
	file *os.File
}

func (s *session) openInput(name string) (*input, error) {
	if name == standard || name == "" {
		in := &input{Reader: s.stdin, name: "standard input", size: -1}
		if file, ok := s.stdin.(*os.File); ok {
			in.size = sizeOf(file)
		}
		return in, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, misused("%w", err)
	}
	return &input{file, name, sizeOf(file), file}, nil
}

// sizeOf gives the size of a file; -1 if it is a pipe or another thing without one.
func sizeOf(file *os.File) int64 {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return -1
	}
	return info.Size()
}

func (in *input) close() {
	if in.file != nil {
		in.file.Close() // nothing was written: its error tells nothing
	}
}

// A counter tells how much of a source was read.
type counter struct {
	source io.Reader
	done   int64
	total  int64
	show   func(done, total int64)
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.source.Read(b)
	c.done += int64(n)
	c.show(c.done, c.total)
	return n, err
}
