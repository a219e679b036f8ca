package server

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Buffers lends the memory that bytes in flight need. What a connection holds
// beyond smallBuffer is bounded for all of them together, so that clients who
// send without end, or read nothing, cannot bloat the process.
type Buffers struct {
	limit atomic.Int64 // bytes
	lent  atomic.Int64
	pools [32]sync.Pool // of *[]byte, by the binary logarithm of their size
}

// smallBuffer is what a connection may hold for either direction without asking:
// the number of connections bounds it. In bytes.
const smallBuffer = 2 << 10

// NewBuffers returns buffers of at most limit bytes together.
func NewBuffers(limit int64) *Buffers {
	b := &Buffers{}
	b.limit.Store(limit)
	return b
}

// Limit returns the bound, in bytes.
func (b *Buffers) Limit() int64 { return b.limit.Load() }

// SetLimit changes the bound. What is lent beyond it stays lent.
func (b *Buffers) SetLimit(n int64) { b.limit.Store(n) }

// scarce reports whether more than half is lent: connections that idle should
// then hold on to nothing.
func (b *Buffers) scarce() bool { return b.lent.Load() > b.limit.Load()/2 }

// maxBuffer is the largest buffer: room for an item of the largest kind.
const maxBuffer = 1 << 30

// lend returns an empty buffer for at least n bytes, or nil if there is no room
// for it.
func (b *Buffers) lend(n int) []byte {
	if n > maxBuffer {
		return nil
	}
	class := bits.Len(uint(max(n, smallBuffer) - 1))
	size := 1 << class
	if cost := charge(size); b.lent.Add(cost) > b.limit.Load() && cost > 0 {
		b.lent.Add(-cost)
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
	if cap(buf) < smallBuffer || cap(buf)&(cap(buf)-1) != 0 {
		panic("server: a buffer that was not lent is given back")
	}
	b.lent.Add(-charge(cap(buf)))
	b.pools[bits.Len(uint(cap(buf)-1))].Put(&buf)
}

func charge(size int) int64 { return int64(size - smallBuffer) }
