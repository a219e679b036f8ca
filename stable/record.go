package stable

import "encoding/binary"

// A Record is what the log keeps.
type Record struct {
	// Position is given by Append, and told by Open.
	Position uint64
	// Stream and Index are the caller's; the log keeps them as they are.
	Stream, Index uint64
	Kind          byte
	Payload       []byte
}

// maxRecordOverhead is the length of the longest record without its payload:
// two varints of 64 bits, a byte, a varint of 32 bits.
const maxRecordOverhead = 10 + 10 + 1 + 5

// size returns the length of r on disk.
func (r *Record) size() int64 {
	return int64(uvarintSize(r.Stream)+uvarintSize(r.Index)+1+uvarintSize(uint64(len(r.Payload)))) + int64(len(r.Payload))
}

func uvarintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// appendTo appends r to dst.
func (r *Record) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, r.Stream)
	dst = binary.AppendUvarint(dst, r.Index)
	dst = append(dst, r.Kind)
	dst = binary.AppendUvarint(dst, uint64(len(r.Payload)))
	return append(dst, r.Payload...)
}

// parseRecord takes a record from the front of b. The payload points into b.
func parseRecord(b []byte) (r Record, rest []byte, ok bool) {
	var n uint64
	if r.Stream, b, ok = takeUvarint(b); !ok {
		return r, nil, false
	}
	if r.Index, b, ok = takeUvarint(b); !ok || len(b) == 0 {
		return r, nil, false
	}
	r.Kind, b = b[0], b[1:]
	if n, b, ok = takeUvarint(b); !ok || n > uint64(len(b)) {
		return r, nil, false
	}
	r.Payload = b[:n:n]
	return r, b[n:], true
}

func takeUvarint(b []byte) (v uint64, rest []byte, ok bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}
