package store

// Compaction gives pages back that hold few live items: it copies those to the
// head of the chain. It works on one page at a time, so that the stripe's lock
// is held for a few microseconds.

// compact empties a page that is at most level sixteenths full, and reports
// whether it gave one back.
func (s *stripe) compact(t *Table, level int) bool {
	id := s.log.sparse.least(level)
	return id != 0 && s.empty(t, id)
}

// empty moves all that is alive out of a page, which is then given back. It
// reports false if there was no memory to move it to.
func (s *stripe) empty(t *Table, id pageID) bool {
	a := t.arena
	which := int(a.at(id)[pageChain])
	a.addLive(id, 1) // so that the page stays while its items are looked at
	ok := s.moveIncoming(t, id)
	if ok {
		s.log.items(a, id, func(loc location, v *view) bool {
			ok = s.moveIfLive(t, which, v)
			return ok
		})
	}
	if a.addLive(id, -1) == 0 {
		s.log.drop(a, which, id)
		return true
	}
	return false
}

// moveIfLive moves an item to the head of a chain if it is alive. It reports
// false if there was no memory.
func (s *stripe) moveIfLive(t *Table, which int, v *view) bool {
	_, tag := t.place(v.key)
	slot, ok := s.slotOf(tag, v.loc)
	if !ok {
		return true
	}
	if s.prepare(t, which, v.head, v.value.n, false, true) > 0 {
		return false
	}
	loc := s.log.move(t.arena, which, v)
	s.index.set(slot, makeEntry(tag, loc))
	s.log.kill(t.arena, v.loc, v.size())
	return true
}

// moveIncoming moves the item that begins in an earlier page and ends in this
// one, or goes on beyond it.
func (s *stripe) moveIncoming(t *Table, id pageID) bool {
	a := t.arena
	if a.firstOf(id) == pageHeader {
		return true
	}
	begin := a.prevOf(id)
	for begin != 0 && a.firstOf(begin) == 0 {
		begin = a.prevOf(begin)
	}
	if begin == 0 {
		return true // whatever came in is dead, and so is the page it began in
	}
	var last view
	s.log.items(a, begin, func(_ location, v *view) bool {
		last = *v
		return true
	})
	if last.loc == 0 || last.loc.offset()+last.size() <= PageSize {
		return true
	}
	return s.moveIfLive(t, int(a.at(begin)[pageChain]), &last)
}
