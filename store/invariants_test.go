package store

import (
	"errors"
	"fmt"
)

// checkInvariants checks what doc.go numbers, over the whole Table, which must
// be at rest.
func (t *Table) checkInvariants() error {
	ids := map[uint64]string{}
	held := 0
	for i := range t.stripes {
		s := &t.stripes[i]
		if err := t.checkIndex(i, ids); err != nil {
			return err
		}
		for which := range s.log.chains {
			if err := s.checkChain(t, which); err != nil {
				return fmt.Errorf("stripe %d, chain %d: %w", i, which, err)
			}
		}
		held += s.pages()
	}
	if used := int(t.arena.Used() / PageSize); used != held {
		return fmt.Errorf("I3: the arena has handed out %d pages, the stripes hold %d", used, held)
	}
	if snap := t.snapshot.Load(); snap != nil {
		return fmt.Errorf("snapshot %d is still being taken", snap.epoch)
	}
	return t.checkPages()
}

// checkPages checks that each page has one owner.
func (t *Table) checkPages() error {
	owners := map[pageID]string{}
	own := func(owner string, ids ...pageID) error {
		for _, id := range ids {
			if id == 0 || owners[id] != "" {
				return fmt.Errorf("I3: page %d belongs to %s, and to %s", id, owners[id], owner)
			}
			owners[id] = owner
		}
		return nil
	}
	errs := []error{own("the arena", t.arena.warm...), own("the system", t.arena.cold...)}
	for i := range t.stripes {
		s := &t.stripes[i]
		if s.newest > t.last {
			errs = append(errs, fmt.Errorf("I2: the newest position of stripe %d is %d, that of all %d", i, s.newest, t.last))
		}
		errs = append(errs, own("the index", s.index.ids...), own("the ghosts", s.ghosts.ids...), own("what is spare", s.log.spare...))
		for j, id := range s.index.ids {
			if s.index.pages[j] != t.arena.at(id) {
				errs = append(errs, fmt.Errorf("I5: page %d of the index of stripe %d is not page %d", j, i, id))
			}
		}
		for which := range s.log.chains {
			for id := s.log.chains[which].tail; id != 0; id = t.arena.nextOf(id) {
				errs = append(errs, own("a chain", id))
			}
		}
		errs = append(errs, s.checkSparse(t))
	}
	return errors.Join(errs...)
}

// checkSparse checks that every page but the heads is in the list of its level,
// and none besides.
func (s *stripe) checkSparse(t *Table) error {
	listed := map[pageID]bool{}
	for level, id := range s.log.sparse.first {
		if (id != 0) != (s.log.sparse.some>>level&1 != 0) {
			return fmt.Errorf("I7: list %d of stripe %d begins with page %d", level, s.number, id)
		}
		for before := pageID(0); id != 0; before, id = id, t.arena.link(id, pageAfter) {
			if t.arena.link(id, pageBefore) != before || int(levelOf(t.arena.liveOf(id))) != level {
				return fmt.Errorf("I7: page %d with %d live bytes is in list %d", id, t.arena.liveOf(id), level)
			}
			listed[id] = true
		}
	}
	if some := t.sparse[s.number].Load(); some != s.log.sparse.some {
		return fmt.Errorf("I7: stripe %d offers %b and says %b", s.number, s.log.sparse.some, some)
	}
	for which := range s.log.chains {
		c := &s.log.chains[which]
		for id := c.tail; id != 0; id = t.arena.nextOf(id) {
			if want := id != c.head && levelOf(t.arena.liveOf(id)) != unlisted; listed[id] != want {
				return fmt.Errorf("I7: page %d with %d live bytes is listed: %v", id, t.arena.liveOf(id), listed[id])
			}
			delete(listed, id)
		}
	}
	if len(listed) > 0 {
		return fmt.Errorf("I7: pages %v are listed in stripe %d and in none of its chains", listed, s.number)
	}
	return nil
}

func (t *Table) checkIndex(i int, ids map[uint64]string) error {
	s := &t.stripes[i]
	n, last := 0, uint32(0)
	var v view
	for slot := range s.index.slots() {
		e := s.index.get(slot)
		if e == 0 {
			continue
		}
		n++
		v.decode(t.arena, e.location())
		stripe, tag := t.place(v.key)
		if stripe != i || tag != e.tag() {
			return fmt.Errorf("I5: %q is in stripe %d under tag %x", v.key, i, e.tag())
		}
		if tag < last || s.index.home(tag) > slot {
			return fmt.Errorf("I5: %q is in slot %d, its home is %d, tag %x after %x", v.key, slot, s.index.home(tag), tag, last)
		}
		last = tag
		for gap := s.index.home(tag); gap < slot; gap++ {
			if s.index.get(gap) == 0 {
				return fmt.Errorf("I5: %q is in slot %d, its home is %d, and slot %d is a gap", v.key, slot, s.index.home(tag), gap)
			}
		}
		if v.ID == 0 || v.ID > lastID(t) || ids[v.ID] != "" {
			return fmt.Errorf("I1: ID %d of %q, already that of %q, or not given", v.ID, v.key, ids[v.ID])
		}
		ids[v.ID] = string(v.key)
		if v.position > s.newest {
			return fmt.Errorf("I2: position %d of %q is above its stripe's, %d", v.position, v.key, s.newest)
		}
	}
	if n != s.index.count {
		return fmt.Errorf("I5: stripe %d counts %d items and has %d", i, s.index.count, n)
	}
	return nil
}

// checkChain checks that the live bytes of each page are those of the items that
// the index knows.
func (s *stripe) checkChain(t *Table, which int) error {
	c := &s.log.chains[which]
	a := t.arena
	live := map[pageID]int{}
	var total int64
	pages, prev := 0, pageID(0)
	for id := c.tail; id != 0; id = a.nextOf(id) {
		if a.prevOf(id) != prev || int(a.at(id)[pageChain]) != which {
			return fmt.Errorf("I6: page %d is behind %d and says %d", id, prev, a.prevOf(id))
		}
		prev = id
		pages++
		s.log.items(a, id, func(loc location, v *view) bool {
			_, tag := t.place(v.key)
			if _, ok := s.slotOf(tag, loc); ok {
				total += int64(v.size())
				addLive(a, live, loc, v.size())
			}
			return true
		})
	}
	if prev != c.head || pages != c.pages || total != c.live {
		return fmt.Errorf("I6: ends at page %d of %d with %d live bytes; it should be %d of %d with %d",
			prev, pages, total, c.head, c.pages, c.live)
	}
	if c.head != 0 && (c.fill < pageHeader || c.fill > PageSize) {
		return fmt.Errorf("I6: the head is filled up to %d", c.fill)
	}
	for id := c.tail; id != 0; id = a.nextOf(id) {
		if first := a.firstOf(id); first != 0 && first < pageHeader || id == c.head && first >= max(c.fill, 1) {
			return fmt.Errorf("I6: the first item of page %d begins at %d", id, first)
		}
		if a.liveOf(id) != live[id] || live[id] == 0 && id != c.head {
			return fmt.Errorf("I6: page %d counts %d live bytes and has %d", id, a.liveOf(id), live[id])
		}
	}
	return nil
}

func addLive(a *Arena, live map[pageID]int, loc location, size int) {
	for id, off := loc.page(), loc.offset(); size > 0; id, off = a.nextOf(id), pageHeader {
		n := min(size, PageSize-off)
		live[id] += n
		size -= n
	}
}

// lastID returns the ID that was given last.
func lastID(t *Table) uint64 {
	switch l := t.log.(type) {
	case *Counter:
		return l.id
	case *recording:
		return l.id
	}
	panic("unknown log")
}
