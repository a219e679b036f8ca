package store

import "weensydb/lockcheck"

// A stripe is a part of the keys, with all that belongs to them.
type stripe struct {
	number int

	mu       lockcheck.Mutex // guards the rest
	index    index
	log      log
	newest   uint64 // position of the newest change of any key in it
	counters Counters
	ghosts   ghosts              // see evict.go
	saved    [bucketCount]uint32 // the snapshot for which each bucket was saved last
	_        [64]byte            // keeps the lock of one stripe out of the next one's cache line
}

// unlock unlocks the stripe, and tells those who make room what it has to offer.
func (s *stripe) unlock(t *Table) {
	if some := s.log.sparse.some; t.sparse[s.number].Load() != some {
		t.sparse[s.number].Store(some)
	}
	s.mu.Unlock()
}

// find looks for the item of key and decodes it into v. slot is where it is in
// the index.
func (s *stripe) find(a *Arena, key []byte, tag uint32, v *view) (slot int, ok bool) {
	if s.index.count == 0 {
		return 0, false
	}
	for slot = s.index.home(tag); ; slot++ {
		e := s.index.get(slot)
		if e == 0 || e.tag() > tag {
			return slot, false
		}
		if e.tag() != tag {
			continue
		}
		if string(keyAt(a, e.location())) == string(key) {
			v.decode(a, e.location())
			return slot, true
		}
	}
}

// slotOf returns the slot of the item at loc, or false if that is not where the
// item of its key is: then it is dead.
func (s *stripe) slotOf(tag uint32, loc location) (slot int, ok bool) {
	want := makeEntry(tag, loc)
	for slot = s.index.home(tag); ; slot++ {
		e := s.index.get(slot)
		if e == want {
			return slot, true
		}
		if e == 0 || e.tag() > tag {
			return 0, false
		}
	}
}

// prepare takes the pages that a new item needs, and those for a larger index if
// the item is an insertion. It returns 0, or how many pages it could not get.
func (s *stripe) prepare(t *Table, which, head, value int, insert, moving bool) (short int) {
	a := t.arena
	need := s.log.chains[which].pagesFor(head, value) - len(s.log.spare)
	if need > 0 {
		var ok bool
		if s.log.spare, ok = a.take(s.log.spare, need, moving); !ok {
			return need
		}
	}
	for insert && s.index.full() {
		if n := s.index.larger(); !s.resize(t, n, moving) {
			return n
		}
	}
	return 0
}

// resize moves the index to n pages and reports whether it could get them.
func (s *stripe) resize(t *Table, n int, moving bool) bool {
	ids, ok := t.arena.take(make([]pageID, 0, n), n, moving)
	if !ok {
		return false
	}
	unused, ok := s.index.rebuild(t.arena, ids)
	for _, id := range unused {
		t.arena.give(id)
	}
	if t.evicting {
		s.ghosts.resize(t.arena, len(s.index.pages))
	}
	return ok
}

// bury takes the item in a slot for dead. That is no effect: an item that has
// expired, or was flushed, is dead for whoever looks.
func (s *stripe) bury(a *Arena, slot int, v *view) {
	s.index.remove(slot)
	s.log.kill(a, v.loc, v.size())
}
