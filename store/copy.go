package store

import (
	"cmp"
	"slices"
)

// How much Next does at most under a stripe's lock: the page ends after so many
// items looked at or so many bytes copied, the last item excepted.
const (
	pageItems = 256
	pageBytes = 64 << 10
)

// Copied is a copy of an item with its key and value.
type Copied struct {
	Item
	Key   string
	Value []byte
	tag   uint32
}

// A Cursor goes through a Table page by page, with no lock held in between. It
// goes by stripe, then by tag, then by key, all of which belong to the key: the
// order does not change with what is stored or how much, and an item that is
// there all the time is seen once.
type Cursor struct {
	Prefix   string   // of the keys that are wanted
	Page     []Copied // what Next found; it is the caller's
	Position uint64   // the largest that Page rests on

	stripe int // where to go on
	tag    uint32
}

// Next copies the items of the next page, and reports false when there is none.
// A page may be empty. Being copied is no access to an item.
func (t *Table) Next(c *Cursor, now int64) bool {
	c.Page, c.Position = nil, 0
	if c.stripe == stripeCount {
		return false
	}
	t.advance(now)
	t.copyPage(c)
	slices.SortFunc(c.Page, func(a, b Copied) int {
		return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.Key, b.Key))
	})
	return true
}

// copyPage looks at a part of a stripe. It stops between two tags, lest it leave
// out an item that shares its tag with the last.
func (t *Table) copyPage(c *Cursor) {
	s := &t.stripes[c.stripe]
	s.mu.Lock()
	defer s.mu.Unlock()
	now := t.clock.Load() // not the caller's: time may have gone on while this waited
	t.flushWhenDue(now)
	floor := t.floor.Load()
	c.Position = max(s.newest, floor)
	looked, copied := 0, 0
	last := c.tag
	var v view
	for slot := s.index.start(c.tag); slot < s.index.slots(); slot++ {
		e := s.index.get(slot)
		if e == 0 || e.tag() < c.tag {
			continue
		}
		if e.tag() != last && (looked >= pageItems || copied >= pageBytes) {
			c.tag = e.tag()
			return
		}
		last = e.tag()
		looked++
		v.decode(t.arena, e.location())
		if v.position >= floor && !v.expired(now) && v.hasPrefix(c.Prefix) {
			value := t.arena.appendBlob(make([]byte, 0, v.value.n), v.value)
			c.Page = append(c.Page, Copied{v.Item, string(v.key), value, last})
			copied += len(v.key) + len(value)
		}
	}
	c.stripe, c.tag = c.stripe+1, 0
}

// start is the home of a tag, or the end if the index is empty.
func (x *index) start(tag uint32) int {
	if x.count == 0 {
		return x.slots()
	}
	return x.home(tag)
}

func (v *view) hasPrefix(prefix string) bool {
	return len(v.key) >= len(prefix) && string(v.key[:len(prefix)]) == prefix
}
