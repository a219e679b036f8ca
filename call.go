package weensydb

import (
	"context"
	"fmt"
	"sync"

	"weensydb/server"
	"weensydb/store"
	"weensydb/wire"
)

// A call is one operation on its way to the Table and back. It is kept for the
// next one, so that nothing is allocated but what the caller gets.
type call struct {
	op         string
	key, key2  string
	stored     stored // what the options of a Set say
	req        store.Request
	res        store.Result
	raw1, raw2 [wire.MaxKeyLen + 1]byte // the keys; what is longer is cut, and refused for its length
}

var calls = sync.Pool{New: func() any { return new(call) }}

// newCall returns a call to be freed.
func newCall(op string, what store.Op, key string) *call {
	c := calls.Get().(*call)
	c.op, c.key, c.key2 = op, key, ""
	c.req.Op = what
	c.req.Key = c.raw1[:copy(c.raw1[:], key)]
	return c
}

// free gives the call back, and lets go of what it points to.
func (c *call) free() {
	c.req, c.res = store.Request{}, store.Result{}
	calls.Put(c)
}

// setKey2 gives an Exchange its other key.
func (c *call) setKey2(key string) {
	c.key2 = key
	c.req.Key2 = c.raw2[:copy(c.raw2[:], key)]
}

// do executes c, again and again as long as there is no room for it. Its
// result stands when the log is stable up to all that it rests on, failures
// included.
func (db *DB) do(ctx context.Context, c *call) error {
	err := db.execute(ctx, c)
	for err == nil && c.res.Status.Again() {
		if err = db.awaitRoom(ctx, c); err == nil {
			err = db.execute(ctx, c)
		}
	}
	if err == nil {
		err = await(ctx, db.engine, db.Failed(), c.res.Position)
	}
	if err == nil {
		err = outcome[c.res.Status]
	}
	if err == nil {
		return nil
	}
	failed := &OpError{c.op, c.key, err}
	if c.req.Op == store.Exchange {
		failed.Key += " " + c.key2
	}
	return failed
}

// execute lets the Table answer c, unless c cannot be asked.
func (db *DB) execute(ctx context.Context, c *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.closeMu.RLock()
	defer db.closeMu.RUnlock()
	if db.closed {
		return ErrClosed
	}
	err := c.check(db.config.MaxItemSize)
	if err == ErrTooLarge && c.req.Op == store.Set && !c.req.HasCompare && db.config.Cache {
		// A cache must not go on serving what the new value would have replaced.
		drop := store.Request{Op: store.Delete, Key: c.req.Key}
		db.engine.Execute(&drop, &c.res, nil)
	}
	if err != nil {
		return err
	}
	db.engine.Execute(&c.req, &c.res, nil) // at once: it waits for no condition
	return nil
}

// check says what is wrong with the request before anything is done for it.
func (c *call) check(maxItemSize int64) error {
	keys := [][]byte{c.req.Key, c.req.Key2}
	if c.req.Op != store.Exchange {
		keys = keys[:1]
	}
	for _, key := range keys {
		if err := wire.CheckKey(wire.Memcache, key); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	if int64(len(c.req.Value)) > maxItemSize-int64(len(c.req.Key)) {
		return ErrTooLarge
	}
	return nil
}

// awaitRoom returns when there may be room for c, or ctx ends.
func (db *DB) awaitRoom(ctx context.Context, c *call) error {
	room := make(chan struct{})
	db.engine.whenAgain(&c.res, func() { close(room) })
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await returns when the log is stable up to position. If ctx ends or the log
// fails before, the outcome is unknown.
func await(ctx context.Context, log server.Executor, failed <-chan struct{}, position uint64) error {
	if log.Stable() >= position {
		return nil
	}
	stable := make(chan struct{})
	log.WhenStable(position, func() { close(stable) })
	select {
	case <-stable:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	case <-failed:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, ErrFailed)
	}
}
