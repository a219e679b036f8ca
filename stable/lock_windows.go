package stable

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// lockFile opens the file at path so that nobody else can. The system closes it
// when the process ends, however it ends.
func lockFile(path string) (io.Closer, error) {
	const shareNothing = 0
	return lock(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, shareNothing, syscall.OPEN_ALWAYS)
}

// lockToRead opens the file at path so that nobody can lock it, beside others
// that do the same. A file that is missing is not made.
func lockToRead(path string) (io.Closer, error) {
	return lock(path, syscall.GENERIC_READ, syscall.FILE_SHARE_READ, syscall.OPEN_EXISTING)
}

func lock(path string, access, share, create uint32) (io.Closer, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, access, share, nil, create, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	const sharingViolation = syscall.Errno(32)
	if err == sharingViolation {
		return nil, fmt.Errorf("%w: another process holds %s", ErrInUse, path)
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}
