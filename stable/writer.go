package stable

import "time"

// write is the writer: it writes batches, one at a time, and claims numbers.
func (l *Log) write() {
	defer l.running.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		work, patience, goOn := l.work()
		switch {
		case !goOn:
			return
		case work:
			l.step()
		case patience >= 0:
			timer.Reset(patience)
			select {
			case <-l.wakeWriter:
			case <-timer.C:
			}
		default:
			<-l.wakeWriter
		}
	}
}

// work reports whether there is something to do now, how long to wait for it
// otherwise (negative: until woken), and whether to go on at all.
func (l *Log) work() (work bool, patience time.Duration, goOn bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return false, 0, false
	case len(l.sealed) > 0 || l.claimLow() || l.uncut() || l.released:
		return true, 0, true
	case l.fill.records == 0:
		return false, -1, !l.closing || l.kept.writing
	case l.closing || l.hurry:
		return true, 0, true
	}
	patience = l.gather.due(l.fill, time.Now())
	return patience == 0, patience, true
}

// writeOut writes all that there is.
func (l *Log) writeOut() {
	for {
		l.mu.Lock()
		more := l.err == nil && (l.fill.records > 0 || len(l.sealed) > 0)
		l.mu.Unlock()
		if !more {
			return
		}
		l.step()
	}
}

// step writes the control file if there are few numbers or a snapshot, wakes who waits for room that was given
// back, and writes a batch if there is one.
func (l *Log) step() {
	l.mu.Lock()
	low := l.claimLow() || l.uncut()
	l.mu.Unlock()
	if low {
		if err := l.claim(); err != nil {
			l.fail(err)
			return
		}
	}
	l.wakeRooms()
	b := l.take()
	if b == nil {
		return
	}
	began := time.Now()
	if err := l.commit(b); err != nil {
		l.fail(err)
		return
	}
	l.committed(b, time.Since(began))
}

// wakeRooms wakes who waits for room, if some was given back.
func (l *Log) wakeRooms() {
	l.mu.Lock()
	var wake []func()
	if l.released {
		l.released, wake = false, l.takeRooms()
	}
	l.mu.Unlock()
	wakeAll(wake)
}

// take returns the batch to write next, or nil.
func (l *Log) take() *batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sealed) == 0 {
		if l.fill.records == 0 || l.err != nil {
			return nil
		}
		l.sealFill()
	}
	b := l.sealed[0]
	l.sealed = append(l.sealed[:0], l.sealed[1:]...)
	l.flight = b
	if len(l.sealed) == 0 {
		l.hurry = false // all that was there is on its way
	}
	return b
}

// commit writes b and syncs it. The one before was synced (I1): there is one
// writer, and it stops at the first failure.
func (l *Log) commit(b *batch) error {
	must(b.first == l.written+1 || b.leftOut && b.first > l.written, "I2: batches are not in order")
	sum := b.seal(l.chain)
	if _, err := b.segment.file.WriteAt(b.data, b.offset); err != nil {
		return err
	}
	if err := b.segment.file.Sync(); err != nil {
		return err
	}
	l.pass(b.segment.number)
	l.chain, l.written, l.batches = sum, b.first+uint64(b.records)-1, l.batches+1
	return nil
}

// committed tells what has become of b.
func (l *Log) committed(b *batch, took time.Duration) {
	l.mu.Lock()
	if l.err != nil { // the allocator failed meanwhile: that is final too
		l.mu.Unlock()
		return
	}
	if l.options.Mode == Always {
		must(l.written > l.stable.Load(), "I4: what is stable only grows")
		l.stable.Store(l.written)
	}
	l.synced = l.written
	l.gather.done(b.records, l.waiting(), took)
	l.unsynced -= int64(len(b.data) - batchHeaderSize)
	l.woken = append(l.takeStable(l.woken[:0]), l.takeRooms()...)
	done := l.takeRetired(b.segment.number)
	l.flight = nil
	l.recycle(b)
	l.mu.Unlock()
	wakeAll(l.woken)
	clear(l.woken)
	l.gather.idle = time.Now() // only the writer looks at it
	for _, s := range done {
		if err := s.file.Close(); err != nil {
			l.fail(err)
		}
	}
}

// waiting returns how many records came while the last batch was synced.
func (l *Log) waiting() int {
	n := l.fill.records
	for _, b := range l.sealed {
		n += b.records
	}
	return n
}

// recycle keeps the buffer of b, unless it grew very large.
func (l *Log) recycle(b *batch) {
	if cap(b.data) <= maxKeptBuffer && len(l.free) < 2 {
		b.reset()
		l.free = append(l.free, b)
	}
}

// takeRetired returns the segments before number that nothing is written to any
// more.
func (l *Log) takeRetired(number uint64) (done []*segment) {
	for len(l.retired) > 0 && l.retired[0].number < number {
		done = append(done, l.retired[0])
		l.retired = append(l.retired[:0], l.retired[1:]...)
	}
	return done
}
