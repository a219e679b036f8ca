//go:build lockcheck

package lockcheck

import (
	"bytes"
	"fmt"
	"math"
	"runtime"
	"sync"
)

// Enabled tells whether the build tag is set.
const Enabled = true

// Mutex is a sync.Mutex that checks the order of locks.
type Mutex struct {
	mutex  sync.Mutex
	rank   rank
	holder string // goroutine
}

// SetRank gives m its rank, from Outermost up, before it is used.
func (m *Mutex) SetRank(r int) { m.rank = rank(r) }

// Lock panics if this goroutine holds a lock of the same rank or a higher one.
func (m *Mutex) Lock() {
	id := take(m, m.rank)
	m.mutex.Lock()
	m.holder = id
}

// Unlock is that of a sync.Mutex.
func (m *Mutex) Unlock() {
	drop(m, m.holder)
	m.mutex.Unlock()
}

// RWMutex is a sync.RWMutex that checks the order of locks. To hold it for reading
// counts as to hold it.
type RWMutex struct {
	mutex sync.RWMutex
	rank  rank
}

// SetRank gives m its rank, from Outermost up, before it is used.
func (m *RWMutex) SetRank(r int) { m.rank = rank(r) }

// Lock panics if this goroutine holds a lock of the same rank or a higher one.
func (m *RWMutex) Lock() {
	take(m, m.rank)
	m.mutex.Lock()
}

// Unlock panics if another goroutine has locked m.
func (m *RWMutex) Unlock() {
	drop(m, goroutine())
	m.mutex.Unlock()
}

// RLock panics if this goroutine holds a lock of the same rank or a higher one,
// m included: with a writer that waits in between, that is a deadlock.
func (m *RWMutex) RLock() {
	take(m, m.rank)
	m.mutex.RLock()
}

// RUnlock panics if another goroutine has locked m.
func (m *RWMutex) RUnlock() {
	drop(m, goroutine())
	m.mutex.RUnlock()
}

// NoneHeld panics if this goroutine holds a lock. what is about to be done.
func NoneHeld(what string) {
	if l, ok := last(goroutine()); ok {
		panic(fmt.Sprintf("lockcheck: %s while %s is held", what, l))
	}
}

// rank is the place of a lock in the order, or 0: behind all others.
type rank int

func (r rank) place() int {
	if r == 0 {
		return math.MaxInt
	}
	return int(r)
}

func (r rank) String() string {
	if r == 0 {
		return "a lock without rank"
	}
	return fmt.Sprintf("a lock of rank %d", int(r))
}

// holding is a lock that a goroutine holds, or is about to.
type holding struct {
	lock any // *Mutex or *RWMutex
	rank rank
	by   [1]uintptr // who called Lock
}

func (h holding) String() string {
	frame, _ := runtime.CallersFrames(h.by[:]).Next()
	return fmt.Sprintf("%s, taken at %s:%d,", h.rank, frame.File, frame.Line)
}

var (
	mu   sync.Mutex               // guards held
	held = map[string][]holding{} // by goroutine, in the order taken
)

// take notes that this goroutine, whose number it returns, is about to hold a
// lock, if it may take it.
func take(lock any, r rank) (id string) {
	const callerOfLock = 3
	h := holding{lock: lock, rank: r}
	runtime.Callers(callerOfLock, h.by[:])
	id = goroutine()
	if l, ok := last(id); ok && l.rank.place() >= r.place() {
		panic(fmt.Sprintf("lockcheck: %s taken while %s is held", r, l))
	}
	mu.Lock()
	defer mu.Unlock()
	held[id] = append(held[id], h)
	return id
}

// drop notes that a goroutine does not hold a lock any more.
func drop(lock any, id string) {
	mu.Lock()
	defer mu.Unlock()
	locks := held[id]
	for i, h := range locks {
		if h.lock != lock {
			continue
		}
		if len(locks) == 1 {
			delete(held, id)
		} else {
			held[id] = append(locks[:i], locks[i+1:]...)
		}
		return
	}
	panic("lockcheck: unlocked by a goroutine that does not hold it")
}

// last returns the lock that a goroutine took last of those that it holds: the
// one with the highest rank.
func last(id string) (h holding, ok bool) {
	mu.Lock()
	defer mu.Unlock()
	locks := held[id]
	if len(locks) == 0 {
		return h, false
	}
	return locks[len(locks)-1], true
}

// goroutine returns the number of this goroutine, as its stack trace has it: some
// microseconds, which are nearly all that the checks cost.
func goroutine() string {
	var buf [40]byte
	b := buf[len("goroutine "):runtime.Stack(buf[:], false)]
	number, _, _ := bytes.Cut(b, []byte(" "))
	return string(number)
}
