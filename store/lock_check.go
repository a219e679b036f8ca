//go:build lockcheck

package store

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
)

// A mutex is a sync.Mutex that checks the order of locks.
type mutex struct {
	sync.Mutex
	rank int
}

func (m *mutex) setRank(rank int) { m.rank = rank }

// Lock panics if this goroutine holds a lock of the same rank or a higher one:
// with another goroutine that takes them the other way round, that is a deadlock.
func (m *mutex) Lock() {
	id := goroutine()
	heldMu.Lock()
	for _, rank := range held[id] {
		if rank >= m.rank {
			heldMu.Unlock()
			panic(fmt.Sprintf("store: lock of rank %d taken while one of rank %d is held", m.rank, rank))
		}
	}
	held[id] = append(held[id], m.rank)
	heldMu.Unlock()
	m.Mutex.Lock()
}

func (m *mutex) Unlock() {
	id := goroutine()
	heldMu.Lock()
	for i, rank := range held[id] {
		if rank == m.rank {
			held[id] = append(held[id][:i], held[id][i+1:]...)
			break
		}
	}
	if len(held[id]) == 0 {
		delete(held, id)
	}
	heldMu.Unlock()
	m.Mutex.Unlock()
}

var (
	heldMu sync.Mutex           // guards held
	held   = map[string][]int{} // the ranks that each goroutine holds
)

// goroutine returns the number of this goroutine, as a stack trace begins with.
func goroutine() string {
	var buf [40]byte
	b := buf[:runtime.Stack(buf[:], false)]
	return string(bytes.Fields(b)[1])
}
