package store

import "encoding/binary"

// An item in memory. All but the value lies in one page; the value goes on in
// the pages that follow.
//
//	 0  marks        1   see below
//	 1  key length   1   never 0: that marks the end of a page's items
//	 2  last access  4   Unix seconds
//	 6  position     6   of its newest change
//	12  ID           6
//	18  client flags 4   if hasFlags
//	    expiry       6   Unix ms, if hasExpiry
//	    CAS          8   if ownCAS; otherwise it is the position
//	    value length 1 to 5, as a varint
//	    key
//	    value
//
// An item of a 16-byte key and a 100-byte value, with no flags and no expiry, is
// 135 bytes: 19 beyond key and value.
const (
	offMarks    = 0
	offKeyLen   = 1
	offAccess   = 2
	offPosition = 6
	offID       = 12
	offRest     = 18

	minItem  = offRest + 2             // bytes: no item is smaller
	maxFixed = offRest + 4 + 6 + 8 + 5 // bytes before the longest key
	maxHead  = maxFixed + MaxKeyLen    // bytes that must lie in one page
)

// MaxKeyLen is the longest key, in bytes.
const MaxKeyLen = 250

// The bits of marks.
const (
	hasFlags  = 1 << iota
	hasExpiry // it expires
	ownCAS    // the CAS token is not the position
	isStale
	isWon
	isFetched
	visitLow                 // how often it was read lately, for eviction: 0 to 3
	visitMask = 3 * visitLow // the upper two bits
)

// view is a decoded item. Key and value point to memory that may change once the
// stripe's lock is released.
type view struct {
	Item
	position uint64
	key      []byte
	value    blob
	loc      location
	head     int  // bytes before the value
	stuck    bool // it is dead, and could not be buried yet
}

// size is how many bytes the item occupies.
func (v *view) size() int { return v.head + v.value.n }

// decode reads the item at loc into v.
func (v *view) decode(a *Arena, loc location) {
	p := a.at(loc.page())[loc.offset():]
	marks := p[offMarks]
	position := uint48(p[offPosition:])
	v.Item = Item{
		ID: uint48(p[offID:]), CAS: position,
		Stale: marks&isStale != 0, Won: marks&isWon != 0, Fetched: marks&isFetched != 0,
		LastAccess: int64(binary.LittleEndian.Uint32(p[offAccess:])) * 1000,
	}
	i := offRest
	if marks&hasFlags != 0 {
		v.Flags = binary.LittleEndian.Uint32(p[i:])
		i += 4
	}
	if marks&hasExpiry != 0 {
		v.Expiry = int64(uint48(p[i:]))
		i += 6
	}
	if marks&ownCAS != 0 {
		v.CAS = binary.LittleEndian.Uint64(p[i:])
		i += 8
	}
	n, k := uint64(p[i]), 1
	if n >= 0x80 {
		n, k = binary.Uvarint(p[i:])
	}
	i += k
	v.position, v.loc = position, loc
	v.head = i + int(p[offKeyLen])
	v.key = p[i:v.head:v.head]
	v.value = blob{loc.page(), loc.offset() + v.head, int(n)}
}

// keyAt returns the key of the item at loc, without decoding the rest.
func keyAt(a *Arena, loc location) []byte {
	p := a.at(loc.page())[loc.offset():]
	i := offRest + optional[p[offMarks]&(hasFlags|hasExpiry|ownCAS)]
	for p[i] >= 0x80 {
		i++
	}
	i++
	return p[i : i+int(p[offKeyLen])]
}

// optional is how many bytes the optional fields take, by their marks.
var optional = [...]int{0, 4, 6, 10, 8, 12, 14, 18}

// headSize returns how many bytes stand before the value of an item.
func headSize(it *Item, own bool, keyLen, valueLen int) int {
	n := offRest + 1 + keyLen
	if it.Flags != 0 {
		n += 4
	}
	if it.Expiry != Never {
		n += 6
	}
	if own {
		n += 8
	}
	for valueLen >= 0x80 {
		valueLen >>= 7
		n++
	}
	return n
}

// encodeHead writes all but the value to p, and returns how many bytes it wrote.
func encodeHead(p []byte, key []byte, it *Item, own bool, position uint64, valueLen int) int {
	marks := it.marks(own)
	i := offRest
	if marks&hasFlags != 0 {
		binary.LittleEndian.PutUint32(p[i:], it.Flags)
		i += 4
	}
	if marks&hasExpiry != 0 {
		putUint48(p[i:], uint64(it.Expiry))
		i += 6
	}
	if own {
		binary.LittleEndian.PutUint64(p[i:], it.CAS)
		i += 8
	}
	i += binary.PutUvarint(p[i:], uint64(valueLen))
	i += copy(p[i:], key)
	p[offMarks], p[offKeyLen] = marks, byte(len(key))
	binary.LittleEndian.PutUint32(p[offAccess:], uint32(it.LastAccess/1000))
	putUint48(p[offPosition:], position)
	putUint48(p[offID:], it.ID)
	return i
}

// marks returns the marks of an item that was not visited yet.
func (it *Item) marks(own bool) (marks byte) {
	for _, m := range [...]struct {
		set bool
		bit byte
	}{
		{it.Flags != 0, hasFlags}, {it.Expiry != Never, hasExpiry}, {own, ownCAS},
		{it.Stale, isStale}, {it.Won, isWon}, {it.Fetched, isFetched},
	} {
		if m.set {
			marks |= m.bit
		}
	}
	return marks
}

func uint48(p []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(p)) | uint64(binary.LittleEndian.Uint16(p[4:]))<<32
}

func putUint48(p []byte, n uint64) {
	binary.LittleEndian.PutUint32(p, uint32(n))
	binary.LittleEndian.PutUint16(p[4:], uint16(n>>32))
}

// bump notes that the item at loc was read.
func bump(a *Arena, loc location, now int64) {
	p := a.at(loc.page())[loc.offset():]
	marks := p[offMarks] | isFetched
	if marks&visitMask != visitMask {
		marks += visitLow
	}
	p[offMarks] = marks
	binary.LittleEndian.PutUint32(p[offAccess:], uint32(now/1000))
}
