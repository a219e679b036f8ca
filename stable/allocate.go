package stable

import (
	"time"
)

// After the disk was full, the allocator tries again after a time that grows
// from the first to the second of these.
const (
	minBackOff = 50 * time.Millisecond
	maxBackOff = 2 * time.Second
)

// allocate is the allocator: it keeps one segment ahead.
func (l *Log) allocate() {
	defer l.running.Done()
	backOff := minBackOff
	for {
		wanted, full := l.wantsSegment()
		switch {
		case wanted && !full:
			l.addSegment()
			continue
		case wanted: // and the disk was full
			timer := time.NewTimer(backOff)
			select {
			case <-timer.C:
				backOff = min(2*backOff, maxBackOff)
				l.addSegment()
			case <-l.stop:
			case <-l.failed:
			}
			timer.Stop()
		default:
			backOff = minBackOff
			select {
			case <-l.wakeAllocator:
			case <-l.stop:
			case <-l.failed:
			}
		}
		if l.stopping() {
			return
		}
	}
}

func (l *Log) stopping() bool {
	select {
	case <-l.stop:
		return true
	case <-l.failed:
		return true
	default:
		return false
	}
}

// wantsSegment reports whether there is no spare that holds the largest record,
// and whether the disk was full when last one was made.
func (l *Log) wantsSegment() (wanted, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.spares {
		if s.size >= l.options.SegmentSize {
			return false, l.diskFull
		}
	}
	return !l.closing && l.err == nil, l.diskFull
}

// addSegment makes a segment. A full disk is no failure: it is tried again. Any
// other refusal is final.
func (l *Log) addSegment() {
	l.mu.Lock()
	number, identity := l.newest+1, l.control.identity
	l.mu.Unlock()
	s, err := makeSegment(l.fs, identity, number, l.options.SegmentSize, l.stopping)
	switch {
	case err == nil:
		l.gained(s)
	case isFull(err):
		l.ranFull(err)
	case l.stopping(): // errStopped, or a failure that nobody needs any more
	default:
		l.fail(err)
	}
}

// gained adds a segment and wakes who waited for one.
func (l *Log) gained(s *segment) {
	l.mu.Lock()
	l.newest = s.number
	if l.segment == nil {
		l.segment, l.offset = s, segmentHeaderSize
	} else {
		l.spares = append(l.spares, s)
	}
	again := l.diskFull
	l.diskFull = false
	wake := l.takeRooms()
	l.mu.Unlock()
	if again {
		l.options.Logger.Info("there is room on the disk again; the log goes on")
	}
	wakeAll(wake)
}

// ranFull notes that the disk is full, and wakes who waits, to be told.
func (l *Log) ranFull(err error) {
	l.mu.Lock()
	first := !l.diskFull
	l.diskFull = true
	wake := l.takeRooms()
	l.mu.Unlock()
	if first {
		l.options.Logger.Warn("the disk is full: no segment for the log; records are refused until there is room", "err", err)
	}
	wakeAll(wake)
}
