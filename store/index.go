package store

import "encoding/binary"

// The index of a stripe finds items by their hash. It is a sorted array with
// gaps: an entry belongs at the slot that its tag is proportional to, or behind
// it if others have taken that, so that entries stand in the order of their
// tags. A search begins at the home slot and ends at a gap or a larger tag.
//
//	slot     home(tag) = tag * size / 2^24
//	entry    | tag 24 bits | page 27 bits | offset 13 bits |      0: a gap
//
// To grow or shrink is to write the entries, in their order, to a new array: the
// home slots follow from the tags, so that no item has to be read. The array
// grows by a fifth, in whole pages, and is at most maxLoad full: it costs 9.4 to
// 11.4 bytes an item. A power of two would cost up to 19.
//
// A hash table of the usual kind would need the item's whole hash to grow, from
// the entry (more bytes) or from the key (a cache miss each).
type index struct {
	pages []*page // of slots
	ids   []pageID
	count int // entries
}

const (
	tagBits  = 24
	locBits  = 40
	offBits  = 13
	slotSize = 8 // bytes

	slotsPerPage = PageSize / slotSize

	// overhang is how many slots at the end are no home: the entries of the last
	// homes go on there, since nothing wraps around.
	overhang = 64
)

// location says where an item begins: its page and the offset in it.
type location uint64

func at(id pageID, off int) location { return location(id)<<offBits | location(off) }

func (l location) page() pageID { return pageID(l >> offBits) }
func (l location) offset() int  { return int(l & (PageSize - 1)) }

type entry uint64

func makeEntry(tag uint32, l location) entry { return entry(tag)<<locBits | entry(l) }

func (e entry) tag() uint32        { return uint32(e >> locBits) }
func (e entry) location() location { return location(e & (1<<locBits - 1)) }

func (x *index) slots() int { return len(x.pages) * slotsPerPage }

// home is the slot that a tag belongs at.
func (x *index) home(tag uint32) int {
	return int(uint64(tag) * uint64(x.slots()-overhang) >> tagBits)
}

func (x *index) get(slot int) entry {
	p := x.pages[uint(slot)/slotsPerPage]
	i := uint(slot) % slotsPerPage * slotSize
	return entry(binary.LittleEndian.Uint64(p[i : i+slotSize]))
}

func (x *index) set(slot int, e entry) {
	p := x.pages[uint(slot)/slotsPerPage]
	i := uint(slot) % slotsPerPage * slotSize
	binary.LittleEndian.PutUint64(p[i:i+slotSize], uint64(e))
}

// full reports whether one more entry calls for a larger array.
func (x *index) full() bool {
	return (x.count+1)*maxLoadDen > (x.slots()-overhang)*maxLoadNum || x.slots() > 0 && x.get(x.slots()-overhang/4) != 0
}

// maxLoad is how full the array may be: 17/20. Searches grow long beyond it.
const (
	maxLoadNum = 17
	maxLoadDen = 20
)

// larger returns how many pages the next larger array has.
func (x *index) larger() int { return max(len(x.pages)+1, len(x.pages)*6/5) }

// insert puts e where it belongs. The index is not full.
func (x *index) insert(e entry) {
	slot := x.home(e.tag())
	for {
		old := x.get(slot)
		if old == 0 || old.tag() > e.tag() {
			break
		}
		slot++
	}
	for e != 0 { // move what is behind up to the next gap
		old := x.get(slot)
		x.set(slot, e)
		e = old
		slot++
	}
	x.count++
}

// remove empties a slot and closes the gap where entries behind it are not home.
func (x *index) remove(slot int) {
	for {
		next := entry(0)
		if slot+1 < x.slots() {
			next = x.get(slot + 1)
		}
		if next == 0 || x.home(next.tag()) > slot {
			break
		}
		x.set(slot, next)
		slot++
	}
	x.set(slot, 0)
	x.count--
}

// rebuild moves the entries to the given pages and returns the old ones. It
// reports false, and changes nothing, if the new array is too small.
func (x *index) rebuild(a *Arena, ids []pageID) (old []pageID, ok bool) {
	fresh := index{ids: ids, pages: make([]*page, len(ids)), count: x.count}
	for i, id := range ids {
		fresh.pages[i] = a.at(id)
		clear(fresh.pages[i][:])
	}
	// This is the longest that a stripe is locked: about 5 ns an entry.
	to, size := 0, uint64(fresh.slots()-overhang)
	for _, from := range x.pages {
		for i := 0; i < PageSize; i += slotSize {
			e := entry(binary.LittleEndian.Uint64(from[i:]))
			if e == 0 {
				continue
			}
			if to = max(to, int(uint64(e.tag())*size>>tagBits)); to >= fresh.slots() {
				return ids, false
			}
			p := fresh.pages[uint(to)/slotsPerPage]
			binary.LittleEndian.PutUint64(p[uint(to)%slotsPerPage*slotSize:], uint64(e))
			to++
		}
	}
	old = x.ids
	*x = fresh
	return old, true
}
