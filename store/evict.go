package store

// Eviction is S3-FIFO (Yang and others, SOSP 2023). New items are put in the
// young chain, which has a tenth of the memory. At its end, items that were read
// meanwhile move to the old chain and the others go; their tags are remembered
// for a while as ghosts, and a new item that has a ghost is put in the old chain
// at once. At the end of the old chain, items that were read since they were
// last looked at are put back at its head, and the others go. So items that are
// read once, as by a scan, do not push out what is read often.
//
// The chains being logs, to evict is to empty the oldest page.

// youngShare is the part of a stripe's pages that is for the young chain: 1/10.
const youngShare = 10

// chainFor returns the chain that the new item of an effect is put in. An item
// stays in the chain that its predecessor is in.
func (t *Table) chainFor(s *stripe, tag uint32, cur *view) int {
	switch {
	case !t.evicting:
		return old
	case cur != nil:
		return int(t.arena.at(cur.loc.page())[pageChain])
	case s.ghosts.has(tag):
		return old
	}
	return young
}

// evict empties the oldest page of the chain that has more than its share, and
// reports whether there was one.
func (s *stripe) evict(t *Table, now int64, floor uint64) bool {
	y, o := &s.log.chains[young], &s.log.chains[old]
	which := old
	if o.pages <= 1 || y.pages > 1 && y.pages*youngShare > y.pages+o.pages {
		which = young
	}
	c := &s.log.chains[which]
	id := c.tail
	if id == 0 {
		return false
	}
	if id == c.head {
		s.log.seal(t.arena, which)
	}
	a := t.arena
	a.addLive(id, 1) // so that the page stays while its items are looked at
	s.log.items(a, id, func(loc location, v *view) bool {
		s.judge(t, which, v, now, floor)
		return true
	})
	if a.addLive(id, -1) == 0 {
		s.log.drop(a, which, id)
	}
	return true
}

// judge decides what becomes of an item at the end of its chain.
func (s *stripe) judge(t *Table, which int, v *view, now int64, floor uint64) {
	_, tag := t.place(v.key)
	slot, ok := s.slotOf(tag, v.loc)
	if !ok {
		return
	}
	if v.position < floor || v.expired(now) {
		t.snapshot.Load().save(t, s, tag, v) // whether there is room or not
		s.bury(t.arena, slot, v)
		return
	}
	p := t.arena.at(v.loc.page())[v.loc.offset():]
	if visits := p[offMarks] & visitMask; visits != 0 {
		if which == old {
			p[offMarks] -= visitLow
		} else {
			p[offMarks] &^= visitMask
		}
		if s.moveIfLive(t, old, v) {
			return
		}
	} else if which == young {
		s.ghosts.add(tag)
	}
	t.evictions.Add(1)
	t.snapshot.Load().save(t, s, tag, v)
	s.bury(t.arena, slot, v)
}

// ghosts remembers tags of items that were evicted. A newer one takes the place
// of an older one with the same lower bits.
type ghosts struct {
	pages []*page
	ids   []pageID
}

const (
	ghostSize     = 4 // bytes
	ghostsPerPage = PageSize / ghostSize
)

// place returns where a tag would be.
func (g *ghosts) place(tag uint32) []byte {
	i := int(tag) % (len(g.pages) * ghostsPerPage)
	return g.pages[i/ghostsPerPage][i%ghostsPerPage*ghostSize:][:ghostSize]
}

func (g *ghosts) has(tag uint32) bool {
	if len(g.pages) == 0 {
		return false
	}
	p := g.place(tag)
	return uint32(p[0])|uint32(p[1])<<8|uint32(p[2])<<16|uint32(p[3])<<24 == tag|ghostMark
}

// ghostMark tells tag 0 from no tag.
const ghostMark = 1 << 31

func (g *ghosts) add(tag uint32) {
	if len(g.pages) == 0 {
		return
	}
	p := g.place(tag)
	tag |= ghostMark
	p[0], p[1], p[2], p[3] = byte(tag), byte(tag>>8), byte(tag>>16), byte(tag>>24)
}

// resize gives the ghosts a page for every four of the index: one for every two
// items or so. What was remembered is forgotten.
func (g *ghosts) resize(a *Arena, indexPages int) {
	n := (indexPages + 3) / 4
	if n == len(g.pages) {
		return
	}
	ids, ok := a.take(make([]pageID, 0, n), n, true)
	if !ok {
		return // they are a help, not a need
	}
	for _, id := range g.ids {
		a.give(id)
	}
	g.ids, g.pages = ids, g.pages[:0]
	for _, id := range ids {
		p := a.at(id)
		clear(p[:])
		g.pages = append(g.pages, p)
	}
}
