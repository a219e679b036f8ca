package stable

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed: the log has been closed.
	ErrClosed = errors.New("stable: the log is closed")
	// ErrInUse: another process, or another Log of this one, has the directory.
	ErrInUse = errors.New("stable: the directory is in use")
	// ErrNoLog: there is no log in the directory.
	ErrNoLog = errors.New("stable: there is no log in the directory")
	// ErrNoRecord: the stream has no record at the index.
	ErrNoRecord = errors.New("stable: the stream has no record there")
	// ErrSnapshot: another snapshot is being written.
	ErrSnapshot = errors.New("stable: a snapshot is being written already")
	// ErrNoSnapshot: the log has none.
	ErrNoSnapshot = errors.New("stable: there is no snapshot")
	// ErrNotEmpty: there is something where a backup should go.
	ErrNotEmpty = errors.New("stable: the directory is not empty")
	// ErrVersion: a file was written by a newer version of this program.
	ErrVersion = errors.New("stable: the format is newer than this program knows")
)

// A DamageError says that the disk does not hold what it had promised to hold.
// Open has changed nothing then.
type DamageError struct {
	File   string
	Offset int64 // in bytes
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("stable: %s is damaged at byte %d: %s. Nothing was changed. Records that had been promised to be stable may be lost: "+
		"check the disk, keep a copy of the directory, and restore it from a backup, or move it away to start empty", e.File, e.Offset, e.Reason)
}

// must panics if an invariant is broken; doc.go lists them.
func must(ok bool, invariant string) {
	if !ok {
		panic("stable: broken invariant: " + invariant)
	}
}
