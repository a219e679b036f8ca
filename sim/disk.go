package sim

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
)

// ErrCrashed says that the disk has crashed, or the process that used it has ended.
var ErrCrashed = errors.New("sim: the disk has crashed")

// errCrashing is the ErrCrashed of the operation at which it happens.
var errCrashing = fmt.Errorf("%w just now", ErrCrashed)

// File is an open file: the same type as stable.File, by the same words. Neither
// package imports the other, so that stable's tests can have a Disk.
type File = interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Size() (int64, error)
}

// Disk is a directory that can lose what was not synced. Its methods may be
// called from any goroutine; it implements stable.FS.
//
// The fields may be set while nothing else uses the Disk. All of them and the
// random numbers pass on to the Disk that Crash or Kill returns. The functions are
// called without a lock, from any goroutine. An operation is named open, create,
// rename, remove, list, syncdir, read, write, sync or size; name is the file's, or
// empty for list and syncdir.
type Disk struct {
	// Refuse lets an operation fail with the error it returns. May be nil.
	Refuse func(op, name string) error
	// Lie reports that a sync or syncdir only pretends. May be nil.
	Lie func(op, name string) bool
	// Hold is called before each operation and may block. May be nil.
	Hold func(op, name string)
	// InUse is the error of Lock when the directory is locked. nil is some error.
	InUse error

	mu        sync.Mutex // guards the rest
	rng       *rand.Rand
	names     map[string]*inode // as seen
	stable    map[string]*inode
	changes   []change // of the names, not synced
	locked    *lock
	crashed   bool
	countdown int   // operations until the crash; negative: none
	capacity  int64 // bytes of all files; 0: no bound
	syncs     int   // of files
}

// inode is a file. The mutex of its Disk guards it.
type inode struct {
	seen, stable []byte
	writes       []write // not synced
}

type write struct {
	at   int64
	data []byte
}

// NewDisk returns an empty Disk whose losses follow from seed.
func NewDisk(seed uint64) *Disk {
	return &Disk{rng: rand.New(rand.NewPCG(seed, 1)), names: map[string]*inode{}, stable: map[string]*inode{}, countdown: -1}
}

// CrashAfter lets the Disk do n more operations. The next one is the first that
// fails with ErrCrashed; if it is a write, some of it may persist. A negative n
// lets it go on.
func (d *Disk) CrashAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.countdown = n
}

// Crashed reports whether the Disk refuses everything: CrashAfter has come true,
// or Crash or Kill was called.
func (d *Disk) Crashed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.crashed
}

// SetCapacity bounds the files together to n bytes; what grows beyond fails with
// syscall.ENOSPC. 0 is no bound.
func (d *Disk) SetCapacity(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.capacity = n
}

// Used returns the size of all files together, in bytes.
func (d *Disk) Used() (sum int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used()
}

// Syncs returns how many syncs of files there were.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// begin is called by each operation. It returns with the Disk locked, also if the
// operation is refused.
func (d *Disk) begin(op, name string) error {
	if d.Hold != nil {
		d.Hold(op, name)
	}
	err := error(nil)
	if d.Refuse != nil {
		err = d.Refuse(op, name)
	}
	d.mu.Lock()
	switch {
	case d.crashed:
		err = ErrCrashed
	case d.countdown == 0:
		d.crashed, err = true, errCrashing
	case d.countdown > 0:
		d.countdown--
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", op, name, err)
	}
	return nil
}

// pretends is asked before the Disk is locked.
func (d *Disk) pretends(op, name string) bool { return d.Lie != nil && d.Lie(op, name) }
