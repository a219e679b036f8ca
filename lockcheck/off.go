//go:build !lockcheck

package lockcheck

import "sync"

// Enabled tells whether the build tag is set.
const Enabled = false

// Mutex is a sync.Mutex that has a rank in the order of locks.
type Mutex struct{ sync.Mutex }

// SetRank gives m its rank, from Outermost up, before it is used.
func (*Mutex) SetRank(int) {}

// RWMutex is a sync.RWMutex that has a rank in the order of locks. To hold it for
// reading counts as to hold it.
type RWMutex struct{ sync.RWMutex }

// SetRank gives m its rank, from Outermost up, before it is used.
func (*RWMutex) SetRank(int) {}

// NoneHeld panics if this goroutine holds a lock. what is about to be done.
func NoneHeld(what string) {}
