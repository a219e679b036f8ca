package stable

import (
	"math"
	"sort"

	"weensydb/lockcheck"
)

// locator says where a record is, and what it must be. It is what a record of a
// stream costs in memory: 24 bytes, in which the collector finds no pointers.
type locator struct {
	position uint64
	segment  uint32 // number; 2^32 segments are not written in a lifetime
	offset   uint32 // of the record in the segment: MaxSegmentSize is less
	size     uint32 // of the record, in bytes
	checksum uint32 // of the record: that of its batch can be compared only by reading all of that
}

func newLocator(position, segment uint64, offset int64, record []byte) locator {
	must(segment <= math.MaxUint32, "the number of a segment has 32 bits")
	return locator{position, uint32(segment), uint32(offset), uint32(len(record)), checksum(record)}
}

// stream is the records of a stream, without gaps. They are in chunks: one slice
// would be copied as a whole, under the lock, whenever it has to grow.
type stream struct {
	first  uint64 // index
	length uint64 // how many there are
	before uint64 // how many of the first chunk were forgotten
	chunks []*[chunkLength]locator
}

const chunkLength = 256 // 6 KiB

// at returns the locator of record n, counted from 0.
func (s *stream) at(n uint64) *locator {
	n += s.before
	return &s.chunks[n/chunkLength][n%chunkLength]
}

func (s *stream) add(p locator) {
	if s.before+s.length == uint64(len(s.chunks))*chunkLength {
		s.chunks = append(s.chunks, new([chunkLength]locator))
	}
	s.length++
	*s.at(s.length - 1) = p
}

// cut forgets all but the first n records.
func (s *stream) cut(n uint64) {
	used := (s.before + n + chunkLength - 1) / chunkLength
	clear(s.chunks[used:])
	s.chunks, s.length = s.chunks[:used], n
}

// forget forgets the records before a segment. A later one never lies before an
// earlier one.
func (s *stream) forget(segment uint64) {
	n := uint64(sort.Search(int(s.length), func(i int) bool { return uint64(s.at(uint64(i)).segment) >= segment }))
	s.first, s.length, s.before = s.first+n, s.length-n, s.before+n
	whole := s.before / chunkLength
	clear(s.chunks[:whole])
	s.chunks, s.before = s.chunks[whole:], s.before%chunkLength
}

// streams are the streams other than 0, each with the records that it has now.
type streams struct {
	byNumber map[uint64]*stream
	stale    bool // tests: a broken variant that keeps what is behind a repeated index
}

// add adds a record, and forgets those that the stream has from its index on. It
// changes nothing and returns false if there would be a gap. An index before the
// first is none: the stream begins there anew. A log whose old segments were
// dropped may begin in the middle of a stream, and then go back further.
func (m *streams) add(number, index uint64, p locator) (ok bool) {
	s := m.byNumber[number]
	if s == nil || index < s.first {
		if m.byNumber == nil {
			m.byNumber = map[uint64]*stream{}
		}
		s = &stream{first: index}
		m.byNumber[number] = s
	}
	n := index - s.first
	switch {
	case n > s.length:
		return false
	case m.stale && n < s.length:
		*s.at(n) = p
		return true
	}
	s.cut(n)
	s.add(p)
	return true
}

// forget forgets the records before a segment, whose file goes.
func (m *streams) forget(segment uint64) {
	for number, s := range m.byNumber {
		if s.forget(segment); s.length == 0 {
			delete(m.byNumber, number)
		}
	}
}

func (m *streams) find(number, index uint64) (p locator, ok bool) {
	s := m.byNumber[number]
	if s == nil || index < s.first || index-s.first >= s.length {
		return p, false
	}
	return *s.at(index - s.first), true
}

// index adds a record, which is in b, to its stream.
func (l *Log) index(b *batch, r *unwritten, record []byte, position uint64) {
	ok := l.streams.add(r.stream, r.index, newLocator(position, b.segment.number, b.end()-int64(len(record)), record))
	must(ok, "I8: an index that leaves a gap in its stream")
}

// index does the same with a record that was read at an offset. It returns false
// if the log makes no sense.
func (s *scan) index(r *Record, record []byte, offset int64) (ok bool) {
	return r.Stream == 0 || s.streams.add(r.Stream, r.Index, newLocator(r.Position, s.window.segment.number, offset, record))
}

// Bounds returns the first and the last index of a stream. ok is false if it has
// no records.
func (l *Log) Bounds(stream uint64) (first, last uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams.byNumber[stream]
	if s == nil {
		return 0, 0, false
	}
	return s.first, s.first + s.length - 1, true
}

// Read returns the record that a stream has at an index, whether it is stable yet
// or not. The payload is the caller's. If the stream has none there, the error is
// ErrNoRecord; if the disk no longer has what it was given, a *DamageError. Once
// the log has failed or is closed, it is what Err returns. Read may block on the
// disk, and must not be called with locks held; an Append meanwhile may forget the
// record.
func (l *Log) Read(stream, index uint64) (Record, error) {
	lockcheck.NoneHeld("read")
	p, b, err := l.locate(stream, index)
	if err == nil && b == nil {
		if b, err = l.readBack(p); isMissing(err) { // its segment was dropped meanwhile?
			if _, _, gone := l.locate(stream, index); gone != nil {
				err = gone
			}
		}
	}
	if err != nil {
		return Record{}, err
	}
	r, rest, ok := parseRecord(b)
	must(ok && len(rest) == 0 && r.Stream == stream && r.Index == index, "I9: another record than that of the index")
	r.Position = p.position
	return r, nil
}

// locate finds a record, and copies it if it is in memory.
func (l *Log) locate(stream, index uint64) (p locator, b []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return p, nil, l.err
	}
	p, ok := l.streams.find(stream, index)
	if !ok {
		return p, nil, ErrNoRecord
	}
	if b = l.flight.find(p); b != nil {
		return p, b, nil
	}
	for _, sealed := range l.sealed { // as many as segments were filled that are not synced
		if b = sealed.find(p); b != nil {
			return p, b, nil
		}
	}
	return p, l.fill.find(p), nil
}

// find returns a copy of a record of b, or nil if it is in another batch.
func (b *batch) find(p locator) []byte {
	if b == nil || p.position < b.first || p.position-b.first >= uint64(b.records) {
		return nil
	}
	at := int64(p.offset) - b.offset
	return append([]byte(nil), b.data[at:at+int64(p.size)]...)
}

// readBack reads a record from its segment. The record alone is compared with its
// checksum (I9).
func (l *Log) readBack(p locator) ([]byte, error) {
	file, err := l.reopened.take(p.segment)
	if err != nil {
		return nil, err
	}
	defer l.reopened.giveBack(file)
	b := make([]byte, p.size)
	if _, err := file.ReadAt(b, int64(p.offset)); err != nil {
		return nil, err
	}
	if checksum(b) != p.checksum {
		return nil, &DamageError{l.fs.Path(segmentName(uint64(p.segment))), int64(p.offset), "a record of a stream is not what was written"}
	}
	return b, nil
}
