//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package stable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// lockFile makes the file at path, which must not exist. This system has no lock
// that ends with the process: after a crash somebody has to remove the file.
func lockFile(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: %s exists; if no process has the directory open, remove it", ErrInUse, path)
	}
	if err != nil {
		return nil, err
	}
	return removeOnClose{f}, nil
}

// lockToRead refuses if the file at path exists, and makes none: a process that
// opens the log meanwhile is not noticed.
func lockToRead(path string) (io.Closer, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s exists; if no process has the directory open, remove it", ErrInUse, path)
}

type removeOnClose struct{ *os.File }

func (f removeOnClose) Close() error { return errors.Join(f.File.Close(), os.Remove(f.Name())) }
