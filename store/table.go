package store

import (
	"hash/maphash"
	"sync/atomic"

	"weensydb/lockcheck"
)

// stripeCount is fixed: it bounds how many requests can be under way at once. It
// does not depend on growth. A stripe has at least one page for its index and
// one for its items once it holds any.
const stripeCount = 128

// Options of a Table.
type Options struct {
	Log         Log
	Arena       *Arena // of the items and the index
	MaxItemSize int    // bytes of key and value together
	Evict       bool   // make room by removing items instead of refusing
}

// Table is the synchronised state of the database. All methods may be called
// from any goroutine.
type Table struct {
	log         Log
	arena       *Arena
	maxItemSize int
	evicting    bool
	seed        maphash.Seed

	clock     atomic.Int64  // the latest time that anything happened: time never goes back
	floor     atomic.Uint64 // written under appendMu; see doc.go
	flushDue  atomic.Int64  // when a delayed flush happens, or 0; written under appendMu
	evictions atomic.Uint64
	hand      atomic.Uint32            // the stripe in which to make room next
	swept     atomic.Uint32            // the stripe to sweep next
	reclaimed atomic.Int64             // when a full Table last looked for dead items
	snapshot  atomic.Pointer[snapshot] // the one that is being taken, or nil; written under appendMu

	stripes [stripeCount]stripe
	sparse  [stripeCount]atomic.Uint32 // which lists of each stripe have pages; see stripe.unlock

	snapshotMu lockcheck.Mutex // guards epoch; held while a snapshot is taken, before all other locks
	epoch      uint32

	appendMu lockcheck.Mutex // guards the rest, and the order of positions
	last     uint64          // the newest position
}

// New returns an empty Table.
func New(o Options) *Table {
	t := &Table{log: o.Log, arena: o.Arena, maxItemSize: o.MaxItemSize, evicting: o.Evict, seed: maphash.MakeSeed()}
	t.snapshotMu.SetRank(rankSnapshot)
	t.appendMu.SetRank(rankAppend)
	for i := range t.stripes {
		t.stripes[i].number = i
		t.stripes[i].mu.SetRank(rankStripe + i)
	}
	return t
}

// Execute runs req at one instant and fills res. now is the caller's clock; the
// Table's own never goes back.
func (t *Table) Execute(req *Request, now int64, res *Result) {
	res.reset(t.advance(now))
	switch req.Op {
	case Exchange:
		t.exchange(req, res)
	case Flush:
		t.flush(req, res)
	default:
		t.executeOne(req, res)
	}
}

// advance moves the clock to now, if that is later, and returns it.
func (t *Table) advance(now int64) int64 {
	for {
		last := t.clock.Load()
		if now <= last {
			return last
		}
		if t.clock.CompareAndSwap(last, now) {
			return now
		}
	}
}

// Clock returns now, or the latest time that the Table has seen, if that is later.
func (t *Table) Clock(now int64) int64 { return max(now, t.clock.Load()) }

// instant gives res the time at which it happens and returns the floor that is in
// force then. The stripes are locked: a request that waited for them while time
// went on does not happen at the time at which it came.
func (t *Table) instant(res *Result) (floor uint64) {
	for {
		floor = t.floor.Load()
		res.Now = t.clock.Load()
		t.flushWhenDue(res.Now)
		if t.floor.Load() == floor {
			return floor
		}
	}
}

// place returns the stripe of a key and its tag in the index. They are different
// bits of one hash.
func (t *Table) place(key []byte) (stripe int, tag uint32) {
	h := maphash.Bytes(t.seed, key)
	return int(h % stripeCount), uint32(h >> (64 - tagBits))
}

// roomTries bounds how often an operation makes room and finds it taken by
// others before it is refused.
const roomTries = 8

// executeOne runs a request on one key.
func (t *Table) executeOne(req *Request, res *Result) {
	i, tag := t.place(req.Key)
	for try := 0; ; try++ {
		short := t.tryOne(i, tag, req, res)
		if short == 0 {
			return
		}
		if try == roomTries || !t.makeRoom(short, res.Now) {
			t.refuse(i, tag, req, res)
			return
		}
	}
}

// tryOne takes the four steps. It returns 0, or how many pages could not be
// taken; then nothing has happened.
func (t *Table) tryOne(i int, tag uint32, req *Request, res *Result) (short int) {
	s := &t.stripes[i]
	s.mu.Lock()
	defer s.unlock(t)
	for {
		floor := t.instant(res)
		slot, cur := s.alive(t, req.Key, tag, res, 0, floor)
		t.decide(cur, req, res)
		if cur != nil {
			res.loc, res.Size = cur.loc, cur.size()+slotSize
		}
		if req.Op == Get && res.Status == OK && !t.fetch(cur, req, res) {
			res.reset(res.Now)
			res.Status, res.Position = NoRoom, max(s.newest, floor)
			return 0
		}
		if res.n > 0 {
			if res.views[0].stuck || !t.snapshot.Load().ready(s, tag, cur) {
				return res.wait(s.newest, floor)
			}
			if short := t.admit(s, tag, cur, &res.effects[0], false); short > 0 {
				return short
			}
			room, ok := t.reserve(res)
			if !ok {
				res.Position = max(s.newest, floor)
				return 0
			}
			position, saver, ok := t.append(res, room, floor)
			if !ok {
				continue // a flush came in between: what was decided may be wrong
			}
			saver.save(t, s, tag, cur)
			res.loc = t.apply(s, slot, tag, cur, &res.effects[0], position)
			res.learn()
		}
		s.touch(t.arena, req, res)
		res.Position = max(s.newest, floor)
		return 0
	}
}

// fetch copies the value that a Get found, and reports whether there was room.
func (t *Table) fetch(cur *view, req *Request, res *Result) bool {
	if cur == nil || req.NoValue {
		return true
	}
	n := cur.value.n
	var to []byte
	if res.Room == nil {
		to = make([]byte, 0, n)
	} else if to = res.Room(n); to == nil {
		return false
	}
	res.Value = t.arena.appendBlob(to[:0], cur.value)
	return true
}

// admit takes the pages that applying e needs, before anything has changed. It
// returns 0, or how many it could not get.
func (t *Table) admit(s *stripe, tag uint32, cur *view, e *Effect, moving bool) (short int) {
	if e.Kind != Put || e.fits(cur) {
		return 0
	}
	n := e.ValueLen()
	head := headSize(&e.Item, e.ownCAS(), len(e.Key), n)
	e.chain = t.chainFor(s, tag, cur)
	return s.prepare(t, e.chain, head, n, cur == nil, moving)
}

// fits reports whether the item of e can be written over that of cur.
func (e *Effect) fits(cur *view) bool {
	if cur == nil || e.ValueLen() != cur.value.n || headSize(&e.Item, e.ownCAS(), len(e.Key), cur.value.n) != cur.head {
		return false
	}
	return e.keeps(cur) || e.parts[0].bytes != nil || e.ValueLen() == 0
}

// keeps reports whether the value of e is the very one of cur.
func (e *Effect) keeps(cur *view) bool {
	return e.parts[0].bytes == nil && e.parts[0].blob == cur.value && e.parts[1].len() == 0
}

// reserve makes a record of the effects of res and takes room for it in the log,
// before anything has changed. If it reports false, res has the answer.
func (t *Table) reserve(res *Result) (room Reservation, ok bool) {
	res.record = Record{res.Now, res.effects[:res.n]}
	inserts := 0
	for i := range res.record.Effects {
		e := &res.record.Effects[i]
		if e.arena = t.arena; e.insert {
			inserts++
		}
	}
	size := res.record.maxSize()
	room, status := t.log.Reserve(size, inserts)
	if status != OK {
		res.reset(res.Now)
		res.Status, res.RecordSize, res.Inserts = status, size, inserts
	}
	return room, status == OK
}

// append numbers the effects of res, unless they were decided under a floor that
// is no longer in force. It also learns of the snapshot for which the old state
// has to be saved first.
func (t *Table) append(res *Result, room Reservation, floor uint64) (position uint64, saver *snapshot, ok bool) {
	t.appendMu.Lock()
	defer t.appendMu.Unlock()
	if t.floor.Load() != floor {
		t.log.Release(room)
		return 0, nil, false
	}
	for i := range res.record.Effects {
		if e := &res.record.Effects[i]; e.insert {
			e.Item.ID, room = t.log.NextID(room)
		}
	}
	t.last = t.log.Append(room, &res.record)
	return t.last, t.snapshot.Load(), true
}

// apply makes e true and returns where the item is then. Its pages have been
// taken.
func (t *Table) apply(s *stripe, slot int, tag uint32, cur *view, e *Effect, position uint64) location {
	s.newest = max(s.newest, position) // what is restored comes in any order
	if e.FreshCAS {
		e.Item.CAS = position
	}
	switch {
	case e.Kind == Remove:
		s.bury(t.arena, slot, cur)
		return 0
	case e.fits(cur):
		t.overwrite(cur, e, position)
		return cur.loc
	}
	loc := s.log.add(t.arena, e, position)
	if cur != nil {
		s.index.set(slot, makeEntry(tag, loc))
		s.log.kill(t.arena, cur.loc, cur.size())
	} else {
		s.index.insert(makeEntry(tag, loc))
	}
	return loc
}

// overwrite writes the item of e over that of cur.
func (t *Table) overwrite(cur *view, e *Effect, position uint64) {
	p := t.arena.at(cur.loc.page())[cur.loc.offset():]
	visits := p[offMarks] & visitMask
	encodeHead(p, e.Key, &e.Item, e.ownCAS(), position, cur.value.n)
	p[offMarks] |= visits
	if e.keeps(cur) {
		return
	}
	from := e.parts[0].bytes
	t.arena.parts(cur.value, func(part []byte) bool {
		n := copy(part, from)
		from = from[n:]
		return true
	})
}

// learn completes res with what only the position told.
func (r *Result) learn() {
	if e := &r.effects[0]; e.Kind == Put {
		r.Item.ID, r.Item.CAS = e.Item.ID, e.Item.CAS
	}
}

// touch notes an access and counts the request.
func (s *stripe) touch(a *Arena, req *Request, res *Result) {
	s.counters.count(req, res)
	if res.loc != 0 && (req.Op == Get && !req.NoBump || req.Op == Touch) {
		bump(a, res.loc, res.Now)
	}
}

// alive looks for an item that is alive; it buries a dead one, unless a snapshot
// has no room for it: then nothing can be put in its place for the moment. The
// item is decoded into view i of res.
func (s *stripe) alive(t *Table, key []byte, tag uint32, res *Result, i int, floor uint64) (slot int, cur *view) {
	v := &res.views[i]
	v.stuck = false
	slot, ok := s.find(t.arena, key, tag, v)
	if !ok {
		return slot, nil
	}
	switch {
	case v.position < floor:
		s.counters.Flushed++
		if v.stuck = !t.saveBefore(s, tag, v); v.stuck {
			return slot, nil
		}
	case v.expired(res.Now):
		s.counters.Expired++
	default:
		return slot, v
	}
	s.bury(t.arena, slot, v)
	return slot, nil
}

func (v *view) expired(now int64) bool { return v.Expiry != Never && v.Expiry <= now }

// refuse answers a request for which there is no memory. In a cache the value
// that a set should have replaced goes, since it is known to be old.
func (t *Table) refuse(i int, tag uint32, req *Request, res *Result) {
	op := Peek
	if t.evicting && req.Op == Set {
		op = Delete
	}
	t.tryOne(i, tag, &Request{Op: op, Key: req.Key}, res) // neither needs room
	res.Status, res.n = NoMemory, 0
}
