package stable

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// blockHeaderSize is in bytes; doc.go draws it.
const (
	blockHeaderSize = 40

	blockCompressed = 1 // flags
	blockIsMeta     = 2
	blockIsFooter   = 4

	// maxCompressed is the length of the longest block that is compressed. A longer
	// one is stored as it is, so that nobody who reads makes more room than this,
	// or than the file has bytes.
	maxCompressed = 16 << 20
)

// MaxBlock is the length of the longest block, in bytes.
const MaxBlock = MaxSegmentSize

// blockHeader is the header of a block.
type blockHeader struct {
	salt       uint64 // of the snapshot
	number     uint64 // from 1
	flags      uint32
	raw        uint32 // length before it was compressed
	stored     uint32 // length in the file
	payloadSum uint32 // of what is stored
	previous   uint32 // checksum of the header of the block before
}

// size returns how much of the file the block takes.
func (h *blockHeader) size() int64 { return blockHeaderSize + int64(h.stored) }

// encode writes h to dst and returns its checksum, which the next block names.
func (h *blockHeader) encode(dst []byte) (sum uint32) {
	le := binary.LittleEndian
	le.PutUint64(dst[0:], h.salt)
	le.PutUint64(dst[8:], h.number)
	for i, v := range []uint32{h.flags, h.raw, h.stored, h.payloadSum, h.previous} {
		le.PutUint32(dst[16+4*i:], v)
	}
	sum = checksum(dst[:36])
	le.PutUint32(dst[36:], sum)
	return sum
}

// parseBlockHeader reads a header. ok is false if it cannot be one.
func parseBlockHeader(b []byte) (h blockHeader, sum uint32, ok bool) {
	le := binary.LittleEndian
	sum = le.Uint32(b[36:])
	if checksum(b[:36]) != sum {
		return h, 0, false
	}
	h.salt, h.number = le.Uint64(b), le.Uint64(b[8:])
	for i, p := range []*uint32{&h.flags, &h.raw, &h.stored, &h.payloadSum, &h.previous} {
		*p = le.Uint32(b[16+4*i:])
	}
	return h, sum, h.sensible()
}

func (h *blockHeader) sensible() bool {
	switch h.flags {
	case 0:
		return h.raw == h.stored && h.raw > 0 && h.raw <= MaxBlock
	case blockCompressed:
		return h.stored < h.raw && h.raw <= maxCompressed
	case blockIsMeta:
		return h.raw == h.stored && h.raw <= MaxMeta
	}
	return h.flags == blockIsFooter && h.raw == footerSize && h.stored == footerSize
}

// pack makes the block of some bytes in buffer: room for the header, and the
// payload, which is compressed if that is shorter. Its number is not known yet.
//
// The codec is s2. It takes some 500 MB a second of JSON on one core, and gives
// back 700; zstd at its fastest takes 130, gives back 280, and makes files a third
// shorter. A snapshot is written beside requests and read while everybody waits.
func pack(buffer, raw []byte, flags uint32) (b []byte, h blockHeader) {
	h = blockHeader{flags: flags, raw: uint32(len(raw))}
	n := blockHeaderSize
	if flags == 0 && len(raw) <= maxCompressed {
		if need := n + s2.MaxEncodedLen(len(raw)); cap(buffer) < need {
			buffer = make([]byte, need)
		}
		if e := s2.Encode(buffer[n:cap(buffer)], raw); len(e) < len(raw) {
			h.flags = blockCompressed
			b = buffer[:n+len(e)]
		}
	}
	if b == nil {
		b = append(append(buffer[:0], zeros[:n]...), raw...)
	}
	h.stored, h.payloadSum = uint32(len(b)-n), checksum(b[n:])
	return b, h
}

// unpack returns what a payload was, in buffer if it was compressed.
func (h *blockHeader) unpack(buffer, payload []byte) (raw []byte, ok bool) {
	if checksum(payload) != h.payloadSum {
		return nil, false
	}
	if h.flags&blockCompressed == 0 {
		return payload, true
	}
	if n, err := s2.DecodedLen(payload); err != nil || n != int(h.raw) {
		return nil, false
	}
	if cap(buffer) < int(h.raw) {
		buffer = make([]byte, h.raw)
	}
	raw, err := s2.Decode(buffer[:cap(buffer)], payload)
	return raw, err == nil && len(raw) == int(h.raw)
}

// blockError says that a snapshot is not what was written, and where.
type blockError struct {
	offset int64
	reason string
}

func (e *blockError) Error() string { return fmt.Sprintf("damaged at byte %d: %s", e.offset, e.reason) }

// damageOf makes a DamageError of a blockError.
func damageOf(path string, err error) error {
	var b *blockError
	if errors.As(err, &b) {
		return &DamageError{path, b.offset, b.reason}
	}
	return err
}
