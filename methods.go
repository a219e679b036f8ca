package weensydb

import (
	"context"
	"time"

	"weensydb/store"
)

// Get returns the item of key, or ErrNotFound.
func (db *DB) Get(ctx context.Context, key string) (Item, error) {
	return db.get(ctx, newCall("Get", store.Get, key))
}

// GetAndTouch returns the item of key, as it is once it expires after ttl. See
// TTL for what 0 and less mean.
func (db *DB) GetAndTouch(ctx context.Context, key string, ttl time.Duration) (Item, error) {
	c := newCall("GetAndTouch", store.Get, key)
	c.req.Touch, c.req.Expiry = true, expiryIn(ttl, db.engine.Now())
	return db.get(ctx, c)
}

// Set stores value under key, whatever is there.
func (db *DB) Set(ctx context.Context, key string, value []byte, options ...Option) error {
	return db.put(ctx, newCall("Set", store.Set, key), value, options)
}

// Add stores value under key if there is no item, and else returns ErrNotStored.
func (db *DB) Add(ctx context.Context, key string, value []byte, options ...Option) error {
	return db.put(ctx, newCall("Add", store.Add, key), value, options)
}

// Replace stores value under key if there is an item, and else returns
// ErrNotStored.
func (db *DB) Replace(ctx context.Context, key string, value []byte, options ...Option) error {
	return db.put(ctx, newCall("Replace", store.Replace, key), value, options)
}

// CompareAndSwap stores item's value, flags and expiry under item's key if the
// CAS token there is still item's: if nothing has changed since Get returned
// item. Otherwise it returns ErrExists, or ErrNotFound if there is no item.
func (db *DB) CompareAndSwap(ctx context.Context, item Item) error {
	c := newCall("CompareAndSwap", store.Set, item.Key)
	c.req.HasCompare, c.req.Compare = true, item.CAS
	c.req.Value, c.req.Flags, c.req.Expiry = item.Value, item.Flags, expiryAt(item.Expiry)
	return db.finish(ctx, c)
}

// Delete removes the item of key, or returns ErrNotFound.
func (db *DB) Delete(ctx context.Context, key string) error {
	return db.finish(ctx, newCall("Delete", store.Delete, key))
}

// Increment adds delta to the decimal number that is the value of key, and
// returns the sum, which wraps around at 2^64. It returns ErrNotFound or
// ErrNotNumber if there is nothing to add to.
func (db *DB) Increment(ctx context.Context, key string, delta uint64) (uint64, error) {
	return db.count(ctx, newCall("Increment", store.Incr, key), delta)
}

// Decrement subtracts delta from the decimal number that is the value of key,
// and returns the difference, or 0 if that is less. The value keeps its length,
// filled up with blanks, as memcached's clients know it.
func (db *DB) Decrement(ctx context.Context, key string, delta uint64) (uint64, error) {
	return db.count(ctx, newCall("Decrement", store.Decr, key), delta)
}

// Exchange swaps the values and flags of two keys at one instant. IDs and
// expiries stay where they are. It returns ErrNotFound if either is absent.
func (db *DB) Exchange(ctx context.Context, key1, key2 string) error {
	c := newCall("Exchange", store.Exchange, key1)
	c.setKey2(key2)
	return db.finish(ctx, c)
}

// Touch makes the item of key expire after ttl, or returns ErrNotFound. See TTL
// for what 0 and less mean.
func (db *DB) Touch(ctx context.Context, key string, ttl time.Duration) error {
	c := newCall("Touch", store.Touch, key)
	c.req.Expiry = expiryIn(ttl, db.engine.Now())
	return db.finish(ctx, c)
}

func (db *DB) get(ctx context.Context, c *call) (Item, error) {
	defer c.free()
	if err := db.do(ctx, c); err != nil {
		return Item{}, err
	}
	return newItem(c.key, c.res.Value, &c.res.Item), nil
}

func (db *DB) put(ctx context.Context, c *call, value []byte, options []Option) error {
	c.stored = stored{}
	for _, option := range options {
		option(&c.stored, db.engine.Now())
	}
	c.req.Value, c.req.Flags, c.req.Expiry = value, c.stored.flags, c.stored.expiry
	return db.finish(ctx, c)
}

func (db *DB) count(ctx context.Context, c *call, delta uint64) (uint64, error) {
	defer c.free()
	c.req.Delta = delta
	if err := db.do(ctx, c); err != nil {
		return 0, err
	}
	return c.res.Number, nil
}

// finish is do for a call that gives nothing but its end.
func (db *DB) finish(ctx context.Context, c *call) error {
	defer c.free()
	return db.do(ctx, c)
}
