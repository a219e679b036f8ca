package store

import "encoding/binary"

// A chain is a log of items in pages, from the oldest to the newest. Items are
// added at the head; memory becomes free where they die, a page at a time.
type chain struct {
	head, tail pageID
	fill       int // where the next byte of the head goes
	pages      int
	live       int64 // bytes of live items
}

// room returns how many bytes still fit the head page, in one piece.
func (c *chain) room() int {
	if c.head == 0 {
		return 0
	}
	return PageSize - c.fill
}

// pagesFor returns how many further pages an item needs whose first head bytes
// must lie in one page.
func (c *chain) pagesFor(head, value int) int {
	room := c.room()
	if room < head {
		room = 0
	}
	if head+value <= room {
		return 0
	}
	return (head + value - room + pageRoom - 1) / pageRoom
}

// log is the memory of one stripe. Its stripe's lock guards it.
type log struct {
	chains [2]chain // young, then old: see evict.go. Without eviction all is old
	spare  []pageID // taken from the arena, for what is about to be added
	sparse sparse   // the pages that are worth compacting
}

const (
	young = iota
	old
)

// live returns how many bytes of items it holds that are alive.
func (l *log) live() int64 { return l.chains[young].live + l.chains[old].live }

// add puts the item of e at the head of e.chain. Its pages are in l.spare.
func (l *log) add(a *Arena, e *Effect, position uint64) location {
	which := e.chain
	n := e.ValueLen()
	head := headSize(&e.Item, e.ownCAS(), len(e.Key), n)
	loc, p := l.begin(a, which, head)
	encodeHead(p, e.Key, &e.Item, e.ownCAS(), position, n)
	l.written(a, which, head)
	l.write(a, which, e.parts[0])
	l.write(a, which, e.parts[1])
	return loc
}

// move puts a copy of the item v at the head of a chain.
func (l *log) move(a *Arena, which int, v *view) location {
	loc, p := l.begin(a, which, v.head)
	copy(p, a.at(v.loc.page())[v.loc.offset():v.loc.offset()+v.head])
	l.written(a, which, v.head)
	l.write(a, which, piece{blob: v.value})
	return loc
}

// begin returns where the next item begins and the rest of that page.
func (l *log) begin(a *Arena, which, head int) (location, []byte) {
	c := &l.chains[which]
	if room := c.room(); room < head {
		if room > offKeyLen {
			a.at(c.head)[c.fill+offKeyLen] = 0 // no more items begin in this page
		}
		l.extend(a, which)
	}
	if a.firstOf(c.head) == 0 {
		a.setFirst(c.head, c.fill)
	}
	return at(c.head, c.fill), a.at(c.head)[c.fill:]
}

// written counts n bytes that were written at the head of a chain.
func (l *log) written(a *Arena, which, n int) {
	c := &l.chains[which]
	c.fill += n
	c.live += int64(n)
	a.addLive(c.head, n)
}

// write appends the bytes of part to the chain, over as many pages as it takes.
func (l *log) write(a *Arena, which int, part piece) {
	if part.bytes != nil {
		l.writeBytes(a, which, part.bytes)
		return
	}
	a.parts(part.blob, func(b []byte) bool {
		l.writeBytes(a, which, b)
		return true
	})
}

func (l *log) writeBytes(a *Arena, which int, b []byte) {
	c := &l.chains[which]
	for len(b) > 0 {
		if c.fill == PageSize {
			l.extend(a, which)
		}
		n := copy(a.at(c.head)[c.fill:], b)
		l.written(a, which, n)
		b = b[n:]
	}
}

// extend puts a spare page in front of the head.
func (l *log) extend(a *Arena, which int) {
	c := &l.chains[which]
	last := len(l.spare) - 1
	id := l.spare[last]
	l.spare = l.spare[:last]
	p := a.at(id)
	clear(p[:pageHeader])
	p[pageChain] = byte(which)
	binary.LittleEndian.PutUint32(p[pagePrev:], uint32(c.head))
	p[pageLevel] = unlisted
	if c.head != 0 {
		a.setNext(c.head, id)
		l.sparse.note(a, c.head)
	} else {
		c.tail = id
	}
	c.head, c.fill = id, pageHeader
	c.pages++
}

// kill takes the item of size bytes at loc for dead, and gives back the pages
// in which nothing is alive any more.
func (l *log) kill(a *Arena, loc location, size int) {
	id, off := loc.page(), loc.offset()
	which := int(a.at(id)[pageChain])
	l.chains[which].live -= int64(size)
	for size > 0 {
		n := min(size, PageSize-off)
		next := a.nextOf(id)
		if a.addLive(id, -n) == 0 {
			l.drop(a, which, id)
		} else if id != l.chains[which].head {
			l.sparse.note(a, id)
		}
		size -= n
		id, off = next, pageHeader
	}
}

// seal takes the only page of a chain out of it, so that it can be emptied into
// a new one.
func (l *log) seal(a *Arena, which int) {
	c := &l.chains[which]
	if c.fill+offKeyLen < PageSize {
		a.at(c.head)[c.fill+offKeyLen] = 0
	}
	c.head, c.tail, c.fill = 0, 0, 0
}

// drop gives back a page in which nothing is alive. The head stays, empty.
func (l *log) drop(a *Arena, which int, id pageID) {
	c := &l.chains[which]
	if id == c.head {
		c.fill = pageHeader
		a.setFirst(id, 0)
		return
	}
	prev, next := a.prevOf(id), a.nextOf(id)
	if prev != 0 {
		a.setNext(prev, next)
	} else if c.tail == id {
		c.tail = next
	}
	if next != 0 { // a sealed page has none
		a.setPrev(next, prev)
	}
	l.sparse.forget(a, id)
	c.pages--
	a.give(id)
}

// items calls f for the location of each item, dead or alive, that begins in a
// page.
func (l *log) items(a *Arena, id pageID, f func(loc location, v *view) bool) {
	c := &l.chains[a.at(id)[pageChain]]
	end := PageSize
	if id == c.head {
		end = c.fill
	}
	var v view
	for off := a.firstOf(id); off != 0 && off+minItem <= end; {
		if a.at(id)[off+offKeyLen] == 0 {
			return
		}
		loc := at(id, off)
		v.decode(a, loc)
		off += v.size()
		if !f(loc, &v) {
			return
		}
	}
}

// A piece of a value: bytes, or else a blob.
type piece struct {
	bytes []byte
	blob  blob
}

func (p piece) len() int {
	if p.bytes != nil {
		return len(p.bytes)
	}
	return p.blob.n
}
