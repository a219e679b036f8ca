package store

import (
	"encoding/binary"
	"errors"
)

// ErrRecord is what ParseRecord and Replay return for bytes that are no record.
var ErrRecord = errors.New("store: not a record")

// ParseRecord reads a record. Its keys and values point into b.
func ParseRecord(b []byte) (Record, error) {
	r := reader{rest: b}
	rec := Record{Now: int64(r.uvarint())}
	for r.more() {
		if len(rec.Effects) == maxEffects {
			return Record{}, ErrRecord
		}
		rec.Effects = append(rec.Effects, r.effect(rec.Now))
	}
	if r.bad || len(rec.Effects) == 0 {
		return Record{}, ErrRecord
	}
	return rec, nil
}

// maxEffects is more than any record has. An effect in memory is many times as
// long as the shortest as bytes.
const maxEffects = 1 << 12

// A reader takes a record apart. After the first mistake it returns zeros.
type reader struct {
	rest []byte
	bad  bool
}

// more reports whether there is more to take, and all was well so far.
func (r *reader) more() bool { return !r.bad && len(r.rest) > 0 }

func (r *reader) byte() byte {
	b := r.bytes(1)
	if b == nil {
		return 0
	}
	return b[0]
}

func (r *reader) uvarint() uint64 {
	n, k := binary.Uvarint(r.rest)
	if k <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[k:]
	return n
}

// bytes takes n bytes, or nil if there are not that many.
func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) key() []byte {
	n := r.byte()
	r.bad = r.bad || n == 0 || n > MaxKeyLen
	return r.bytes(uint64(n))
}

// effect takes the next effect.
func (r *reader) effect(now int64) (e Effect) {
	e.Kind = Kind(r.byte())
	switch e.Kind {
	case Put:
		r.put(&e, now)
	case Remove:
		e.Key = r.key()
	case FlushAt:
		e.Item.Expiry = int64(r.uvarint())
	case FlushIt:
	default:
		r.bad = true
	}
	return e
}

func (r *reader) put(e *Effect, now int64) {
	marks := r.byte()
	e.Key = r.key()
	e.Item = Item{
		ID: r.uvarint(), Stale: marks&isStale != 0, Won: marks&isWon != 0, LastAccess: now,
	}
	if marks&hasFlags != 0 {
		e.Item.Flags = uint32(r.uvarint())
	}
	if marks&hasExpiry != 0 {
		e.Item.Expiry = int64(r.uvarint())
	}
	if e.FreshCAS = marks&ownCAS == 0; !e.FreshCAS {
		e.Item.CAS = r.uvarint()
	}
	e.parts[0].bytes = r.bytes(r.uvarint())
}
