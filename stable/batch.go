package stable

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// batchHeaderSize and the offsets in it, in bytes; doc.go draws it.
const (
	batchHeaderSize = 40
	batchAlign      = 8

	flagNumbersLeftOut = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

func align(n int64) int64 { return (n + batchAlign - 1) &^ (batchAlign - 1) }

// batchHeader is the header of a batch.
type batchHeader struct {
	salt       uint64
	first      uint64 // position
	records    uint32
	length     uint32 // of the payload, in bytes
	previous   uint32 // checksum of the header of the batch before
	flags      uint32
	payloadSum uint32
}

// encode writes h to dst and returns its checksum, which the next batch names.
func (h *batchHeader) encode(dst []byte) (sum uint32) {
	le := binary.LittleEndian
	le.PutUint64(dst[0:], h.salt)
	le.PutUint64(dst[8:], h.first)
	le.PutUint32(dst[16:], h.records)
	le.PutUint32(dst[20:], h.length)
	le.PutUint32(dst[24:], h.previous)
	le.PutUint32(dst[28:], h.flags)
	le.PutUint32(dst[32:], h.payloadSum)
	sum = checksum(dst[:36])
	le.PutUint32(dst[36:], sum)
	return sum
}

// parseBatchHeader reads a header of a segment with the given salt. The salt is
// looked at first: it differs nearly everywhere.
func parseBatchHeader(b []byte, salt uint64) (h batchHeader, sum uint32, ok bool) {
	le := binary.LittleEndian
	if len(b) < batchHeaderSize || le.Uint64(b) != salt {
		return h, 0, false
	}
	sum = le.Uint32(b[36:])
	if checksum(b[:36]) != sum {
		return h, 0, false
	}
	return batchHeader{
		salt: salt, first: le.Uint64(b[8:]), records: le.Uint32(b[16:]), length: le.Uint32(b[20:]),
		previous: le.Uint32(b[24:]), flags: le.Uint32(b[28:]), payloadSum: le.Uint32(b[32:]),
	}, sum, true
}

// batch is being filled, or on its way to disk.
type batch struct {
	data    []byte // room for the header, and the records
	segment *segment
	offset  int64 // in the segment
	first   uint64
	records int
	leftOut bool // numbers were left out before it
	began   time.Time
}

// maxKeptBuffer is the size of the largest buffer that is used again.
const maxKeptBuffer = 8 << 20

func newBatch() *batch { return &batch{data: make([]byte, batchHeaderSize, 64<<10)} }

func (b *batch) reset() { *b = batch{data: b.data[:batchHeaderSize]} }

// end returns the offset in the segment behind b.
func (b *batch) end() int64 { return b.offset + int64(len(b.data)) }

// seal completes the header and returns its checksum.
func (b *batch) seal(previous uint32) (sum uint32) {
	payload := b.data[batchHeaderSize:]
	h := batchHeader{
		salt: b.segment.salt, first: b.first, records: uint32(b.records), length: uint32(len(payload)),
		previous: previous, payloadSum: checksum(payload),
	}
	if b.leftOut {
		h.flags = flagNumbersLeftOut
	}
	return h.encode(b.data)
}
