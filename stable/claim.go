package stable

// claimLow reports whether less than half a block of numbers is left.
func (l *Log) claimLow() bool {
	half := l.options.claimBlock / 2
	return l.control.positions-(l.next-1) < half || l.control.ids-(l.nextID-1) < half
}

// claim claims the next block. The numbers are given when it has been synced
// (I3), and not before.
func (l *Log) claim() error {
	l.mu.Lock()
	c := l.claimed()
	l.mu.Unlock()
	if err := c.save(l.controlFile); err != nil {
		return err
	}
	l.mu.Lock()
	l.control = c
	if l.kept.saved != nil && !l.uncut() {
		close(l.kept.saved)
		l.kept.saved = nil
	}
	wake := l.takeRooms()
	l.mu.Unlock()
	wakeAll(wake)
	return nil
}

// claimed returns the control block that claims a block above what was given.
func (l *Log) claimed() control {
	c := l.control
	c.clean, c.nextPosition, c.nextID, c.end = false, 0, 0, place{}
	c.newest, c.cutoff = l.newest, l.kept.cutoff
	c.positions = max(c.positions, l.next-1+l.options.claimBlock)
	c.ids = max(c.ids, l.nextID-1+l.options.claimBlock)
	return c
}

// endCleanly notes where the log ends and that all of it was synced.
func (l *Log) endCleanly() error {
	c := l.control
	c.clean, c.newest = true, l.newest
	c.nextPosition, c.nextID = l.next, l.nextID
	if l.segment != nil {
		c.end = place{l.segment.number, l.offset, l.chain}
	}
	return c.save(l.controlFile)
}
