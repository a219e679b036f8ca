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
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w: another process holds %s", ErrInUse, path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
