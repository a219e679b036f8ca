package store

import (
	"bytes"
	"encoding/binary"
)

// A page of a log begins with a header; the rest is items. An item's value may
// go on in the next page, behind its header.
//
//	 0  next    4   the page behind this one in its chain, or 0
//	 4  prev    4
//	 8  live    2   bytes of live items in this page
//	10  first   2   where the first item begins that begins here, or 0
//	12  chain   1   which of its stripe's chains it is in
//	13  level   1   how full it is, in sixteenths, if it is listed; see sparse.go
//	16  after   4   its neighbours in the list of that level
//	20  before  4
const (
	pageNext   = 0
	pagePrev   = 4
	pageLive   = 8
	pageFirst  = 10
	pageChain  = 12
	pageLevel  = 13
	pageAfter  = 16
	pageBefore = 20

	pageHeader = 24
	pageRoom   = PageSize - pageHeader
)

func (a *Arena) nextOf(id pageID) pageID {
	return pageID(binary.LittleEndian.Uint32(a.at(id)[pageNext:]))
}
func (a *Arena) prevOf(id pageID) pageID {
	return pageID(binary.LittleEndian.Uint32(a.at(id)[pagePrev:]))
}
func (a *Arena) setNext(id, next pageID) {
	binary.LittleEndian.PutUint32(a.at(id)[pageNext:], uint32(next))
}
func (a *Arena) setPrev(id, prev pageID) {
	binary.LittleEndian.PutUint32(a.at(id)[pagePrev:], uint32(prev))
}
func (a *Arena) link(id pageID, field int) pageID {
	return pageID(binary.LittleEndian.Uint32(a.at(id)[field:]))
}
func (a *Arena) setLink(id pageID, field int, to pageID) {
	binary.LittleEndian.PutUint32(a.at(id)[field:], uint32(to))
}
func (a *Arena) liveOf(id pageID) int {
	return int(binary.LittleEndian.Uint16(a.at(id)[pageLive:]))
}
func (a *Arena) addLive(id pageID, n int) int {
	n += a.liveOf(id)
	binary.LittleEndian.PutUint16(a.at(id)[pageLive:], uint16(n))
	return n
}
func (a *Arena) firstOf(id pageID) int {
	return int(binary.LittleEndian.Uint16(a.at(id)[pageFirst:]))
}
func (a *Arena) setFirst(id pageID, off int) {
	binary.LittleEndian.PutUint16(a.at(id)[pageFirst:], uint16(off))
}

// A blob is n bytes from an offset of a page on, over as many pages as it takes.
type blob struct {
	page pageID
	off  int
	n    int
}

// parts calls f for each piece of b in turn, until it returns false.
func (a *Arena) parts(b blob, f func(part []byte) bool) {
	for b.n > 0 {
		if b.off == PageSize {
			b.page, b.off = a.nextOf(b.page), pageHeader
		}
		k := min(b.n, PageSize-b.off)
		if !f(a.at(b.page)[b.off : b.off+k]) {
			return
		}
		b.off += k
		b.n -= k
	}
}

// appendBlob appends the bytes of b to dst.
func (a *Arena) appendBlob(dst []byte, b blob) []byte {
	if b.off+b.n <= PageSize { // most are in one piece
		return append(dst, a.at(b.page)[b.off:b.off+b.n]...)
	}
	a.parts(b, func(part []byte) bool {
		dst = append(dst, part...)
		return true
	})
	return dst
}

// equalBlob reports whether b holds want.
func (a *Arena) equalBlob(b blob, want []byte) bool {
	if b.n != len(want) {
		return false
	}
	same := true
	a.parts(b, func(part []byte) bool {
		same = bytes.Equal(part, want[:len(part)])
		want = want[len(part):]
		return same
	})
	return same
}
