package server

import (
	"sync/atomic"

	"weensydb/store"
)

// Executor is the database as sessions see it. It is called from many sessions
// at once and never blocks.
type Executor interface {
	// Now is the time that requests take effect at, in Unix milliseconds. It
	// never goes back.
	Now() int64

	// Execute runs req and fills res, now or later. If it reports false, the
	// request waits for a condition: t is completed, once, when res is filled.
	// Until then req, what it points to, and res belong to the Executor; it may
	// ask res.Room only before Execute returns. If res.Status is then
	// one to try Again, nothing has happened: the session executes req again.
	Execute(req *store.Request, res *store.Result, t *Ticket) (now bool)

	// Abandon ends the wait of t, since its client has gone: when it returns, t
	// is completed, without an effect unless it was before. A wait for room in
	// the log goes on: it ends by itself, and what was sent is done.
	Abandon(t *Ticket)

	// Stable is the position up to which the log is on stable storage.
	Stable() uint64

	// WhenStable arranges that wake is called, once and soon, when Stable has
	// reached position; at once if it has.
	WhenStable(position uint64, wake func())

	// Scan visits the items of one of store.Buckets parts of the database, with
	// a lock held: visit must not block. It returns the position that they rest
	// on.
	Scan(bucket int, visit func(key []byte, it *store.Item, size int)) (position uint64)

	// Snapshot begins a snapshot of what there is now, and reports on t.
	Snapshot(t *Transfer)

	Stats() store.Stats
	ResetStats()

	// SetMemory changes the bound on memory, in bytes.
	SetMemory(n int64)
}

// Ticket is how a request waits for a condition without a thread: whoever makes
// the condition true completes the ticket, and the session goes on.
type Ticket struct {
	wake func()
	done atomic.Bool
}

// Complete tells the session that its result is there.
func (t *Ticket) Complete() {
	t.done.Store(true)
	t.wake()
}
