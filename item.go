package weensydb

import (
	"math"
	"time"

	"weensydb/store"
)

// Item is a value and what is known of it. It is a copy, the caller's own.
type Item struct {
	Key   string
	Value []byte
	Flags uint32 // the client's: stored and given back, without a meaning

	// Expiry is when the item ceases to be there, exact to the millisecond. The
	// zero Time is never.
	Expiry time.Time

	// CAS changes whenever the value does: CompareAndSwap compares it.
	CAS uint64

	// ID is given by the insertion of the item and stays until it is deleted or
	// expires. No two items have the same.
	ID uint64
}

// newItem is an item in the words of the caller. value is not copied.
func newItem(key string, value []byte, it *store.Item) Item {
	item := Item{Key: key, Value: value, Flags: it.Flags, CAS: it.CAS, ID: it.ID}
	if it.Expiry != store.Never {
		item.Expiry = time.UnixMilli(it.Expiry)
	}
	return item
}

// An Option is a property of an item that is stored. Without any, the item has
// flags 0 and does not expire, whatever the one before it did.
type Option func(it *stored, now int64)

// stored is what options decide.
type stored struct {
	flags  uint32
	expiry int64 // Unix ms, or store.Never
}

// Flags gives the item client flags.
func Flags(flags uint32) Option {
	return func(it *stored, _ int64) { it.flags = flags }
}

// TTL makes the item expire after d, rounded up to a millisecond. 0 means that
// it never does, a negative d that it is over already.
func TTL(d time.Duration) Option {
	return func(it *stored, now int64) { it.expiry = expiryIn(d, now) }
}

// ExpireAt makes the item expire at t, rounded up to a millisecond. The zero
// Time means that it never does.
func ExpireAt(t time.Time) Option {
	return func(it *stored, _ int64) { it.expiry = expiryAt(t) }
}

// What the store can express, in Unix ms: from just after 1970, so as not to be
// store.Never, to the year 10889.
const (
	minExpiry = 1
	maxExpiry = 1<<48 - 1
)

func expiryIn(d time.Duration, now int64) int64 {
	ms := d.Milliseconds()
	switch {
	case d == 0:
		return store.Never
	case d < 0:
		return minExpiry
	case d%time.Millisecond > 0:
		ms++
	}
	return min(max(now, 0)+ms, maxExpiry)
}

func expiryAt(t time.Time) int64 {
	if t.IsZero() {
		return store.Never
	}
	const maxSeconds = math.MaxInt64/1000 - 1 // lest milliseconds overflow
	s := min(max(t.Unix(), 0), maxSeconds)
	ms := s*1000 + int64((t.Nanosecond()+999_999)/1_000_000)
	return min(max(ms, minExpiry), maxExpiry)
}
