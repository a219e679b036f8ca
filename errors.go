package weensydb

import (
	"errors"
	"fmt"

	"weensydb/store"
	"weensydb/wire"
)

// What an operation can end with; errors.Is finds them in an OpError. But for
// ErrUnknownOutcome, and for ErrNoMemory and ErrTooLarge in a cache, nothing has
// changed.
var (
	// ErrNotFound: there is no item of that key.
	ErrNotFound = errors.New("not found")

	// ErrExists: the item has changed since its CAS token was read.
	ErrExists = errors.New("the item has changed")

	// ErrNotStored: Add found an item, or Replace found none.
	ErrNotStored = errors.New("not stored")

	// ErrNotNumber: the value is not a decimal number below 2^64.
	ErrNotNumber = errors.New("the value is not a number")

	// ErrNoMemory: there is no memory left for the item. The old one stays;
	// but a cache removes what a Set should have replaced.
	ErrNoMemory = errors.New("out of memory")

	// ErrTooLarge: key and value are longer than Config.MaxItemSize. The old
	// item stays; but a cache removes what a Set should have replaced.
	ErrTooLarge = errors.New("key and value are too large")

	// ErrKey: the key is empty, longer than 250 bytes, or has a blank or a line
	// end in it.
	ErrKey = errors.New("bad key")

	// ErrNoDisk: the disk has no room for what the log would have to keep. Reads
	// go on, and writes will when there is room.
	ErrNoDisk = errors.New("out of disk space")

	// ErrFailed: the disk has refused a write or a sync of the log, which is
	// final: see DB.Failed.
	ErrFailed = errors.New("storage has failed")

	// ErrUnknownOutcome: the operation was executed, but the context ended or the
	// storage failed before the result was durable: a crash may take it back.
	// Wraps that error, too.
	ErrUnknownOutcome = errors.New("outcome unknown")

	// ErrNoLog: the database is a cache, which has no log and no snapshots.
	ErrNoLog = errors.New("a cache has no snapshots")

	// ErrClosed: the database is closed.
	ErrClosed = errors.New("the database is closed")
)

// An OpError says which operation failed on which key. It unwraps to one of the
// errors above or to that of the context.
type OpError struct {
	Op  string // the method's name
	Key string // both of an Exchange, with a blank between; of All, the prefix
	Err error
}

func (e *OpError) Error() string {
	// A key may be anything, and of any length if that is what is wrong with it.
	return fmt.Sprintf("%s %.*q: %v", e.Op, 2*wire.MaxKeyLen+1, e.Key, e.Err)
}

func (e *OpError) Unwrap() error { return e.Err }

// outcome is the error that a status stands for.
var outcome = [...]error{
	store.OK:         nil,
	store.NotFound:   ErrNotFound,
	store.NotStored:  ErrNotStored,
	store.Exists:     ErrExists,
	store.NonNumeric: ErrNotNumber,
	store.NoMemory:   ErrNoMemory,
	store.NoDisk:     ErrNoDisk,
	store.LogFailed:  ErrFailed,
}
