package store

import (
	"encoding/binary"
	"math/bits"
)

// RecordKind is the kind of a Record in a log that others share.
const RecordKind = 1

// A Record is what the log keeps of one request: the time at which it happened,
// in Unix milliseconds, and its effects. As bytes:
//
//	time      uvarint   Unix ms
//	effect    kind      1
//	          Put:      marks 1, key, ID uvarint, client flags uvarint if hasFlags,
//	                    expiry uvarint if hasExpiry, CAS uvarint if ownCAS, value
//	          Remove:   key
//	          FlushAt:  expiry uvarint
//	          FlushIt:  nothing
//	key       length 1, bytes
//	value     length uvarint, bytes
//
// The marks are those of an item in memory (item.go). What no CAS stands for has
// the record's position as its CAS token. The log knows the length of a record.
type Record struct {
	Now     int64
	Effects []Effect
}

// Size returns the length of r as bytes.
func (r *Record) Size() int {
	n := uvarintSize(uint64(r.Now))
	for i := range r.Effects {
		n += r.Effects[i].recordSize()
	}
	return n
}

// maxSize is at least the Size of r once its items have their IDs.
func (r *Record) maxSize() int { return r.Size() + len(r.Effects)*(maxUvarint-1) }

const maxUvarint = 10 // bytes

func (e *Effect) recordSize() int {
	switch e.Kind {
	case Put:
		n := 1 + 1 + 1 + len(e.Key) + uvarintSize(e.Item.ID)
		if e.Item.Flags != 0 {
			n += uvarintSize(uint64(e.Item.Flags))
		}
		if e.Item.Expiry != Never {
			n += uvarintSize(uint64(e.Item.Expiry))
		}
		if e.ownCAS() {
			n += uvarintSize(e.Item.CAS)
		}
		v := e.ValueLen()
		return n + uvarintSize(uint64(v)) + v
	case Remove:
		return 1 + 1 + len(e.Key)
	case FlushAt:
		return 1 + uvarintSize(uint64(e.Item.Expiry))
	}
	return 1
}

func uvarintSize(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// AppendTo appends r as bytes to dst. The effects of a request may be asked only
// until Append of the Log returns.
func (r *Record) AppendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.Now))
	for i := range r.Effects {
		e := &r.Effects[i]
		dst = append(dst, byte(e.Kind))
		switch e.Kind {
		case Put:
			dst = e.appendPut(dst)
		case Remove:
			dst = appendKey(dst, e.Key)
		case FlushAt:
			dst = binary.AppendUvarint(dst, uint64(e.Item.Expiry))
		}
	}
	return dst
}

func (e *Effect) appendPut(dst []byte) []byte {
	marks := e.Item.marks(e.ownCAS())
	dst = appendKey(append(dst, marks), e.Key)
	dst = binary.AppendUvarint(dst, e.Item.ID)
	if marks&hasFlags != 0 {
		dst = binary.AppendUvarint(dst, uint64(e.Item.Flags))
	}
	if marks&hasExpiry != 0 {
		dst = binary.AppendUvarint(dst, uint64(e.Item.Expiry))
	}
	if marks&ownCAS != 0 {
		dst = binary.AppendUvarint(dst, e.Item.CAS)
	}
	return e.AppendValue(binary.AppendUvarint(dst, uint64(e.ValueLen())))
}

func appendKey(dst, key []byte) []byte {
	return append(append(dst, byte(len(key))), key...)
}

// MaxRecordSize is at least the length of the record of a request, in bytes, if
// an item, key and value together, has at most maxItem of them.
func MaxRecordSize(maxItem int) int {
	return maxUvarint + 2*(maxItem+MaxKeyLen+3+5*maxUvarint) // an exchange of two
}
