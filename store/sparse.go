package store

import "math/bits"

// sparse lists the pages of a stripe that are worth compacting, by how full they
// are. A page is listed from when it is no longer the head of its chain, and
// moves to another list as items in it die: to find the emptiest page costs
// nothing. The lists go through the headers of the pages.
type sparse struct {
	first [levels]pageID
	some  uint32 // bit i: list i is not empty
}

const (
	// levels are sixteenths of a page. Pages that are fuller than the last are
	// not listed: to copy seven bytes to free one is the most that is worth it.
	levels = 14

	unlisted = 255
)

// levelOf returns the list that a page with so many live bytes belongs in.
func levelOf(live int) byte {
	if level := live * 16 / pageRoom; level < levels {
		return byte(level)
	}
	return unlisted
}

// note puts a page, whose live bytes have changed, in the list it belongs in.
func (s *sparse) note(a *Arena, id pageID) {
	level := levelOf(a.liveOf(id))
	if a.at(id)[pageLevel] == level {
		return
	}
	s.forget(a, id)
	a.at(id)[pageLevel] = level
	if level == unlisted {
		return
	}
	first := s.first[level]
	a.setLink(id, pageAfter, first)
	a.setLink(id, pageBefore, 0)
	if first != 0 {
		a.setLink(first, pageBefore, id)
	}
	s.first[level] = id
	s.some |= 1 << level
}

// forget takes a page off its list.
func (s *sparse) forget(a *Arena, id pageID) {
	level := a.at(id)[pageLevel]
	if level == unlisted {
		return
	}
	a.at(id)[pageLevel] = unlisted
	before, after := a.link(id, pageBefore), a.link(id, pageAfter)
	if after != 0 {
		a.setLink(after, pageBefore, before)
	}
	if before != 0 {
		a.setLink(before, pageAfter, after)
		return
	}
	s.first[level] = after
	if after == 0 {
		s.some &^= 1 << level
	}
}

// least returns a page of the emptiest list up to level, or 0.
func (s *sparse) least(level int) pageID {
	some := s.some & (1<<(level+1) - 1)
	if some == 0 {
		return 0
	}
	return s.first[bits.TrailingZeros32(some)]
}
