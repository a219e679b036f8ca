package stable

import "encoding/binary"

// A Record is what the log has kept.
type Record struct {
	Position uint64
	// Stream, Index and Kind are the caller's; the log keeps them as they are.
	Stream, Index uint64
	Kind          byte
	Payload       []byte
}

// maxRecordOverhead is the length of the longest record without its payload:
// two varints of 64 bits, a byte, a varint of 32 bits.
const maxRecordOverhead = 10 + 10 + 1 + 5

// Payload is what a record holds, as it comes: it is copied once, straight to the
// batch, under the log's lock.
type Payload interface {
	Size() int // bytes
	AppendTo(dst []byte) []byte
}

// Bytes is a Payload that is bytes.
type Bytes []byte

// Size returns the length of b.
func (b Bytes) Size() int { return len(b) }

// AppendTo appends b to dst.
func (b Bytes) AppendTo(dst []byte) []byte { return append(dst, b...) }

// unwritten is a record that is being appended.
type unwritten struct {
	stream, index uint64
	kind          byte
	payload       Payload
	length        int // of the payload
}

// size returns the length of r on disk.
func (r *unwritten) size() int64 {
	return int64(uvarintSize(r.stream)+uvarintSize(r.index)+1+uvarintSize(uint64(r.length))) + int64(r.length)
}

func uvarintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// appendTo appends r to dst.
func (r *unwritten) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, r.stream)
	dst = binary.AppendUvarint(dst, r.index)
	dst = append(dst, r.kind)
	dst = binary.AppendUvarint(dst, uint64(r.length))
	return r.payload.AppendTo(dst)
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
