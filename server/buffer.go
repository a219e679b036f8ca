package server

import (
	"math/bits"
	"sync"

	"weensydb/store"
)

// Buffers lends the memory that bytes in flight need. What a connection holds
// beyond smallBuffer is taken from a budget, so that clients who send without
// end, or read nothing, cannot bloat the process.
type Buffers struct {
	budget *store.Budget
	pools  [32]sync.Pool // of *[]byte, by the binary logarithm of their size
}

// smallBuffer is what a connection may hold for either direction without asking:
// the number of connections bounds it. In bytes.
const smallBuffer = 2 << 10

// NewBuffers returns buffers that draw on budget.
func NewBuffers(budget *store.Budget) *Buffers { return &Buffers{budget: budget} }

// lend returns an empty buffer for at least n bytes, or nil if the budget has
// no room for it.
func (b *Buffers) lend(n int) []byte {
	class := bits.Len(uint(max(n, smallBuffer) - 1))
	size := 1 << class
	if !b.budget.Reserve(charge(size)) {
		return nil
	}
	if p, ok := b.pools[class].Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, size)
}

// giveBack takes a buffer that lend lent, or nil.
func (b *Buffers) giveBack(buf []byte) {
	if cap(buf) == 0 {
		return
	}
	b.budget.Release(charge(cap(buf)))
	b.pools[bits.Len(uint(cap(buf)-1))].Put(&buf)
}

func charge(size int) int64 { return int64(size - smallBuffer) }
