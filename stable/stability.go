package stable

import "weensydb/lockcheck"

// stabilityWaiter waits for a position to be stable.
type stabilityWaiter struct {
	position uint64
	wake     func()
}

// Stable returns the position up to which all records are stable; Mode says what
// that means. It does not lock.
func (l *Log) Stable() uint64 { return l.stable.Load() }

// WhenStable calls wake once, as soon as position is stable: at once if it is,
// else from the writer's goroutine, which must not be blocked. If the log fails
// before, wake is never called. Waiters are woken in the order in which they came.
func (l *Log) WhenStable(position uint64, wake func()) {
	if position > l.stable.Load() && l.await(position, wake) {
		return
	}
	lockcheck.NoneHeld("wake")
	wake()
}

// await registers a waiter, and reports false if position is stable. The writer
// raises stable under the lock, so nobody is registered too late.
func (l *Log) await(position uint64, wake func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if position <= l.stable.Load() {
		return false
	}
	if l.err == nil {
		l.stabs = append(l.stabs, stabilityWaiter{position, wake})
	}
	return true
}

// takeStable appends to wake who waits for what is stable now.
func (l *Log) takeStable(wake []func()) []func() {
	stable := l.stable.Load()
	kept := l.stabs[:0]
	for _, w := range l.stabs {
		if w.position <= stable {
			wake = append(wake, w.wake)
		} else {
			kept = append(kept, w)
		}
	}
	clear(l.stabs[len(kept):])
	l.stabs = kept
	return wake
}
