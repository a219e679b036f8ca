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

// Sync returns when all records up to a position that were appended have been
// synced, whatever the mode. If the log has failed or is closed before, the error
// is what Err returns. It blocks, and must not be called with locks held.
func (l *Log) Sync(position uint64) error {
	lockcheck.NoneHeld("sync")
	if l.options.manual {
		l.writeOut()
	}
	synced := make(chan struct{})
	l.mu.Lock()
	position = min(position, l.next-1)
	switch {
	case position <= l.synced:
		close(synced)
	case l.err != nil:
		l.mu.Unlock()
		return l.Err()
	default:
		l.hurry = true
		l.syncs = append(l.syncs, stabilityWaiter{position, func() { close(synced) }})
	}
	l.mu.Unlock()
	signal(l.wakeWriter)
	select {
	case <-synced:
		return nil
	case <-l.failed:
		return l.Err()
	}
}

// takeStable appends to wake who waits for what is stable now, or synced.
func (l *Log) takeStable(wake []func()) []func() {
	l.stabs, wake = takeReached(l.stabs, l.stable.Load(), wake)
	l.syncs, wake = takeReached(l.syncs, l.synced, wake)
	return wake
}

// takeReached moves to wake those of some waiters whose position is reached.
func takeReached(waiters []stabilityWaiter, position uint64, wake []func()) (kept []stabilityWaiter, _ []func()) {
	kept = waiters[:0]
	for _, w := range waiters {
		if w.position <= position {
			wake = append(wake, w.wake)
		} else {
			kept = append(kept, w)
		}
	}
	clear(waiters[len(kept):])
	return kept, wake
}
