package stable

import "weensydb/lockcheck"

// Verdict is the answer of Reserve.
type Verdict int

const (
	// OK: there is room.
	OK Verdict = iota
	// Wait: there will be, when the disk has caught up; see WhenRoom.
	Wait
	// Full: the disk is full. The log tries on by itself, and later reservations
	// succeed when there is room.
	Full
	// TooBig: no segment can hold such a record, or no claim so many IDs.
	TooBig
	// Broken: the log has failed or is closed; Err says why.
	Broken
)

// String returns v in words.
func (v Verdict) String() string { return [...]string{"ok", "wait", "full", "too big", "broken"}[v] }

// Reservation is the room for one record. It is used up by one Append or one
// Release. The zero value is none. Its fields are the log's: they can be seen so
// that other packages can carry it about as a type of their own.
type Reservation struct {
	Bytes int64
	IDs   uint64
}

func (r Reservation) taken() bool { return r.Bytes > 0 }

// charge is what a record takes at most in a segment: it may be the only one of
// its batch.
func charge(recordSize int64) int64 { return align(batchHeaderSize + recordSize) }

// reservations sums up those that are not used yet.
type reservations struct {
	records uint64
	ids     uint64
	bytes   int64
	largest int64 // at least the largest of them
}

func (s reservations) with(r Reservation) reservations {
	return reservations{s.records + 1, s.ids + r.IDs, s.bytes + r.Bytes, max(s.largest, r.Bytes)}
}

func (s *reservations) remove(r Reservation) {
	must(s.records > 0 && s.bytes >= r.Bytes && s.ids >= r.IDs, "I6: a reservation that was used twice")
	s.records, s.ids, s.bytes = s.records-1, s.ids-r.IDs, s.bytes-r.Bytes
	if s.records == 0 {
		s.largest = 0
	}
}

// Reserve takes room for a record whose payload has at most payload bytes, and
// for at most ids calls of ID. It does not block. If the verdict is not OK,
// nothing was taken.
func (l *Log) Reserve(payload, ids int) (Reservation, Verdict) {
	r, ok := l.reservation(payload, ids)
	if !ok {
		return Reservation{}, TooBig
	}
	l.mu.Lock()
	v := l.judge(r)
	if v == OK {
		l.reserved = l.reserved.with(r)
	} else {
		r = Reservation{}
	}
	hurry := v == Wait && l.hurry
	l.mu.Unlock()
	if hurry {
		signal(l.wakeWriter)
	}
	return r, v
}

func (l *Log) reservation(payload, ids int) (r Reservation, ok bool) {
	must(payload >= 0 && ids >= 0, "a size is not negative")
	if payload > MaxPayload(l.options.SegmentSize) || uint64(ids) > l.options.claimBlock/2 {
		return r, false
	}
	return Reservation{charge(int64(payload) + maxRecordOverhead), uint64(ids)}, true
}

// judge says whether there is room for r now.
func (l *Log) judge(r Reservation) Verdict {
	sum := l.reserved.with(r)
	held := l.unsynced + l.reserved.bytes
	switch {
	case l.err != nil || l.closing:
		return Broken
	case l.next+sum.records-1 > l.control.positions || l.nextID+sum.ids-1 > l.control.ids:
		return Wait
	case held > 0 && held+r.Bytes > l.options.MaxUnsynced:
		l.hurry = true // a mode that syncs seldom would not get there by itself
		return Wait
	case l.fits(sum):
		return OK
	case l.diskFull:
		return Full
	}
	return Wait
}

// fits reports whether everything in sum finds room in the segments that exist,
// in whatever order it comes. Each segment that is left for the next wastes less
// than the largest record; the last of them is not left.
func (l *Log) fits(sum reservations) bool {
	if l.segment == nil {
		return false
	}
	room := l.segment.size - l.offset
	if l.fill.records > 0 {
		room = l.segment.size - align(l.fill.end())
	}
	for _, s := range l.spares {
		if sum.bytes <= room {
			return true
		}
		room = max(0, room-sum.largest) + s.size - segmentHeaderSize
	}
	return sum.bytes <= room
}

// Release gives back a reservation that is not needed. Who waits for room is
// woken by the writer: the caller may hold locks.
func (l *Log) Release(r Reservation) {
	if !r.taken() {
		return
	}
	l.mu.Lock()
	l.reserved.remove(r)
	l.released = len(l.rooms) > 0
	wake := l.released
	l.mu.Unlock()
	if wake {
		signal(l.wakeWriter)
	}
}

// ID returns an item ID that was never given before, and what is left of r.
func (l *Log) ID(r Reservation) (uint64, Reservation) {
	must(r.taken() && r.IDs > 0, "I3: an ID that was not reserved")
	l.mu.Lock()
	defer l.mu.Unlock()
	must(l.nextID <= l.control.ids, "I3: an ID that was not claimed")
	id := l.nextID
	l.nextID++
	r.IDs--
	l.reserved.ids--
	if l.claimLow() {
		signal(l.wakeWriter)
	}
	return id, r
}

// WhenRoom calls wake once, when a Reserve that was told to Wait may be tried
// again: at once if it need not wait, else from a goroutine of the log. Others
// may be woken too and be faster. wake must not block; it may call Reserve.
func (l *Log) WhenRoom(payload, ids int, wake func()) {
	r, ok := l.reservation(payload, ids)
	l.mu.Lock()
	if ok && l.judge(r) == Wait {
		l.rooms = append(l.rooms, wake)
		l.mu.Unlock()
		signal(l.wakeWriter) // judge may have set hurry
		return
	}
	l.mu.Unlock()
	lockcheck.NoneHeld("wake")
	wake()
}

// takeRooms returns who has to be woken because there may be room.
func (l *Log) takeRooms() []func() {
	wake := l.rooms
	l.rooms = nil
	return wake
}
