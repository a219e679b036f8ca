package stable

import (
	"errors"
	"io"
	"os"
)

var errReadOnly = errors.New("stable: the directory is only looked at")

// readOnly is the FS of somebody who looks at a directory: nothing in it is
// changed, and it may be on a medium that cannot be written.
type readOnly struct{ dir }

func (d readOnly) Open(name string) (File, error) { return openFile(d.Path(name), os.O_RDONLY) }
func (readOnly) Create(string) (File, error)      { return nil, errReadOnly }
func (readOnly) Rename(string, string) error      { return errReadOnly }
func (readOnly) Remove(string) error              { return errReadOnly }
func (readOnly) SyncDir() error                   { return errReadOnly }

// Lock keeps the directory from a Log, if there is a lock file. If there is none,
// no Log has had the directory: it is a copy.
func (d readOnly) Lock() (io.Closer, error) {
	lock, err := lockToRead(d.Path("lock"))
	if isMissing(err) {
		return io.NopCloser(nil), nil
	}
	return lock, err
}
