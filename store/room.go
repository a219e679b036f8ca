package store

// sampleSize is how many items eviction compares; the one that was not read for
// the longest time goes. A sample of this size comes close to evicting in the
// exact order.
const sampleSize = 8

// reclaimPause is how long a full Table that does not evict waits before it
// looks for dead items again, in ms: refused requests must not make it look all
// the time.
const reclaimPause = 1000

// makeRoom frees at least n bytes, if it can, and reports whether it freed any.
// The caller holds no lock. Dead items go first; in a cache, others follow.
func (t *Table) makeRoom(n, now int64) bool {
	if !t.evict {
		last := t.reclaimed.Load()
		if now-last < reclaimPause || !t.reclaimed.CompareAndSwap(last, now) {
			return false
		}
	}
	freed := int64(0)
	for range stripeCount {
		i := int(t.hand.Add(1) % stripeCount)
		freed += t.sweepStripe(&t.stripes[i], now, n-freed)
		if freed >= n {
			return true
		}
	}
	return freed > 0
}

// sweepStripe buries the dead items of a stripe and, in a cache, evicts until
// it has freed n bytes.
func (t *Table) sweepStripe(s *stripe, now, n int64) (freed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.bytes
	floor := t.floor.Load()
	if !t.evict {
		s.buryDead(now, floor, t)
	}
	for t.evict && before-s.bytes < n && len(s.items) > 0 {
		it := s.oldestOfSample(now, floor)
		if it.position >= floor && !it.expired(now) {
			t.evictions.Add(1)
		}
		s.bury(it, t)
	}
	return before - s.bytes
}

// oldestOfSample looks at some items, at random, and returns a dead one or that
// of the longest idle time.
func (s *stripe) oldestOfSample(now int64, floor uint64) (oldest *item) {
	n := 0
	for _, it := range s.items {
		if it.position < floor || it.expired(now) {
			return it
		}
		if oldest == nil || it.LastAccess < oldest.LastAccess {
			oldest = it
		}
		if n++; n == sampleSize {
			break
		}
	}
	return oldest
}

func (s *stripe) buryDead(now int64, floor uint64, t *Table) {
	for _, it := range s.items {
		if it.position < floor || it.expired(now) {
			s.bury(it, t)
		}
	}
}

// Sweep reclaims the memory of dead items in n stripes, going on where the last
// call stopped. It holds one lock at a time.
func (t *Table) Sweep(now int64, n int) {
	now = t.advance(now)
	t.flushWhenDue(now)
	for range n {
		s := &t.stripes[t.hand.Add(1)%stripeCount]
		s.mu.Lock()
		s.buryDead(now, t.floor.Load(), t)
		s.mu.Unlock()
	}
}

// Stripes is how many stripes a Table has: the cursors of Scan, and what Sweep
// takes for a whole round.
const Stripes = stripeCount

// Scan calls visit for every item of one stripe that is alive. It holds the
// stripe's lock meanwhile: visit must not block and must not call the Table.
// The value is read-only. A full scan visits every stripe from 0 to Stripes-1;
// it sees every item that is there all the time, once.
func (t *Table) Scan(stripe int, now int64, visit func(key string, it *Item, value []byte, size int)) {
	now = t.advance(now)
	t.flushWhenDue(now)
	s := &t.stripes[stripe]
	s.mu.Lock()
	defer s.mu.Unlock()
	floor := t.floor.Load()
	for key, it := range s.items {
		if it.position >= floor && !it.expired(now) {
			visit(key, &it.Item, it.value, int(cost(len(key), len(it.value))))
		}
	}
}
