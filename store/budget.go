package store

import "sync/atomic"

// Budget is a bound on memory, in bytes, that several share.
type Budget struct {
	limit atomic.Int64
	used  atomic.Int64
}

// NewBudget returns a Budget of limit bytes.
func NewBudget(limit int64) *Budget {
	b := &Budget{}
	b.limit.Store(limit)
	return b
}

// Reserve takes n bytes if they are there.
func (b *Budget) Reserve(n int64) bool {
	if b.used.Add(n) > b.limit.Load() && n > 0 {
		b.used.Add(-n)
		return false
	}
	return true
}

// Release gives n bytes back.
func (b *Budget) Release(n int64) { b.used.Add(-n) }

// Used returns how many bytes are taken.
func (b *Budget) Used() int64 { return b.used.Load() }

// Limit returns the bound.
func (b *Budget) Limit() int64 { return b.limit.Load() }

// SetLimit changes the bound. What is taken beyond it stays taken.
func (b *Budget) SetLimit(n int64) { b.limit.Store(n) }
