//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package stable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// lockFile locks the file at path. The system lets go of it when the process
// ends, however it ends. The file stays: to remove it would let two processes
// lock two files of one name.
func lockFile(path string) (io.Closer, error) {
	return flock(path, os.O_RDWR|os.O_CREATE, syscall.LOCK_EX)
}

// lockToRead locks the file at path for a process that changes nothing, beside
// others of that kind. A file that is missing is not made.
func lockToRead(path string) (io.Closer, error) {
	return flock(path, os.O_RDONLY, syscall.LOCK_SH)
}

func flock(path string, flags, how int) (io.Closer, error) {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s holds %s", ErrInUse, holder(path), path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
