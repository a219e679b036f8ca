package store

// reclaimPause is how long a full Table that does not evict waits before it
// looks for dead items again, in ms: refused requests must not make it look all
// the time.
const reclaimPause = 1000

// roomStep bounds how many pages one request gives back beyond those that it
// needs, after the limit was lowered.
const roomStep = 64

// makeRoom makes n pages free, if it can, and reports whether it is worth trying
// to take them. The caller holds no lock.
func (t *Table) makeRoom(n int, now int64) bool {
	if t.arena.grow(n) {
		return true
	}
	n = min(t.arena.shortage(n), n+roomStep)
	if n == 0 {
		return true // others have made room
	}
	if t.evicting {
		return t.makeRoomByEviction(n, now)
	}
	// The emptiest pages of all stripes go first: they cost the least.
	freed := 0
	for level := range levels {
		for i := range stripeCount {
			if t.sparse[i].Load()&(1<<(level+1)-1) == 0 {
				continue
			}
			if freed += t.compactIn(&t.stripes[i], n-freed, level); freed >= n {
				return true
			}
		}
	}
	return freed > 0 || t.reclaim(now)
}

// compactIn gives back up to n pages of a stripe that are at most level
// sixteenths full, and returns how many.
func (t *Table) compactIn(s *stripe, n, level int) (freed int) {
	s.mu.Lock()
	defer s.unlock(t)
	before := s.pages()
	for vain := 0; freed < n && vain < maxVain && s.compact(t, level); vain++ {
		if now := before - s.pages(); now > freed {
			freed, vain = now, 0
		}
	}
	return freed
}

// maxVain is how many pages may be emptied without one that is free in the end:
// each frees an eighth at least, but the page that takes what was in them can be
// as empty as they were, when large items leave their parts behind.
const maxVain = 16

// evictHalf is how empty a page must be for a cache to copy what is left rather
// than to evict: half.
const evictHalf = levels / 2

// makeRoomByEviction goes round the stripes until n pages are free. Items that
// were read lately are spared at first, so that it may take some rounds.
func (t *Table) makeRoomByEviction(n int, now int64) bool {
	freed := 0
	for range evictRounds * stripeCount {
		i := t.hand.Add(1) % stripeCount
		if freed += t.evictIn(&t.stripes[i], now); freed >= n {
			return true
		}
	}
	return freed > 0
}

// evictRounds is how often an item can be spared, and once more.
const evictRounds = 5

// evictIn gives back a page of a stripe, or tries to, and returns how many it
// gave.
func (t *Table) evictIn(s *stripe, now int64) (freed int) {
	s.mu.Lock()
	defer s.unlock(t)
	before := s.pages()
	if !s.compact(t, evictHalf) {
		s.evict(t, now, t.floor.Load())
	}
	return before - s.pages()
}

// reclaim buries all dead items, if that was not tried a moment ago.
func (t *Table) reclaim(now int64) bool {
	last := t.reclaimed.Load()
	if now-last < reclaimPause && last != 0 || !t.reclaimed.CompareAndSwap(last, now) {
		return false
	}
	before := t.arena.Used()
	for b := range Buckets {
		t.sweepBucket(b, now)
	}
	return t.arena.Used() < before
}

// pages returns how many pages the stripe holds.
func (s *stripe) pages() int {
	return len(s.index.ids) + len(s.ghosts.ids) + len(s.log.spare) + s.log.chains[young].pages + s.log.chains[old].pages
}

// Sweep buries the dead items of n buckets and gives memory back that has become
// free, going on where the last call stopped. Buckets are a whole round.
func (t *Table) Sweep(now int64, n int) {
	now = t.advance(now)
	t.flushWhenDue(now)
	for range n {
		t.sweepBucket(int(t.swept.Add(1)%Buckets), now)
	}
	if t.evicting && t.arena.shortage(0) > 0 { // the limit was lowered
		t.makeRoom(0, now)
	}
}

// sweepPages bounds how many pages a sweep empties with a lock held.
const sweepPages = 8

func (t *Table) sweepBucket(b int, now int64) {
	s := &t.stripes[b/bucketCount]
	s.mu.Lock()
	defer s.unlock(t)
	floor := t.floor.Load()
	if s.newest < floor && t.snapshot.Load() == nil {
		s.clear(t.arena)
		return
	}
	s.bucket(t.arena, b%bucketCount, func(slot int, v *view) {
		flushed := v.position < floor && t.saveBefore(s, uint32(b%bucketCount)<<(tagBits-bucketBits), v)
		if flushed || v.expired(now) {
			s.bury(t.arena, slot, v)
		}
	})
	// Pages that are half empty are worth a copy although memory is not short.
	for range sweepPages {
		if !s.compact(t, levels/2) {
			break
		}
	}
	s.shrink(t)
}

// clear gives back all memory of a stripe in which nothing is alive.
func (s *stripe) clear(a *Arena) {
	for i := range s.log.chains {
		for id := s.log.chains[i].tail; id != 0; {
			next := a.nextOf(id)
			a.give(id)
			id = next
		}
	}
	for _, ids := range [][]pageID{s.index.ids, s.ghosts.ids, s.log.spare} {
		for _, id := range ids {
			a.give(id)
		}
	}
	s.index, s.log, s.ghosts = index{}, log{}, ghosts{}
}

// shrink gives back what the index does not need any more, and spare pages.
func (s *stripe) shrink(t *Table) {
	for _, id := range s.log.spare {
		t.arena.give(id)
	}
	s.log.spare = s.log.spare[:0]
	n := len(s.index.pages)
	if n > 1 && s.index.count*3 < s.index.slots() {
		s.resize(t, n*2/3, true)
	}
}

// Scan calls visit for every item that is alive in one bucket, and returns the
// position that they rest on. It holds a lock meanwhile: visit must not block,
// must not call the Table, and must not keep the key. A full scan visits every
// bucket from 0 to Buckets-1; it sees every item that is there all the time,
// once.
func (t *Table) Scan(bucket int, now int64, visit func(key []byte, it *Item, size int)) (position uint64) {
	t.advance(now)
	s := &t.stripes[bucket/bucketCount]
	s.mu.Lock()
	defer s.mu.Unlock()
	var at Result
	floor := t.instant(&at)
	s.bucket(t.arena, bucket%bucketCount, func(_ int, v *view) {
		if v.position >= floor && !v.expired(at.Now) {
			visit(v.key, &v.Item, v.size()+slotSize)
		}
	})
	return max(s.newest, floor)
}
