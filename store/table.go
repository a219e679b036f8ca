package store

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// stripeCount is fixed: it bounds how many requests can be under way at once,
// and how long Scan and Sweep hold a lock. It does not depend on growth.
const stripeCount = 1024

// Options of a Table.
type Options struct {
	Log         Log
	Budget      *Budget // of the items
	MaxItemSize int     // bytes of key and value together
	Evict       bool    // make room by removing items instead of refusing
}

// Table is the synchronised state of the database. All methods may be called
// from any goroutine.
type Table struct {
	log         Log
	budget      *Budget
	maxItemSize int
	evict       bool
	seed        maphash.Seed

	clock     atomic.Int64  // the latest time that anything happened: time never goes back
	floor     atomic.Uint64 // written under appendMu; see doc.go
	flushDue  atomic.Int64  // when a delayed flush happens, or 0; written under appendMu
	evictions atomic.Uint64
	hand      atomic.Uint32 // the stripe to evict from or reclaim next
	reclaimed atomic.Int64  // when a full Table last looked for dead items

	stripes [stripeCount]stripe

	appendMu sync.Mutex // guards log, nextID and the order of positions
	nextID   uint64
}

type stripe struct {
	mu       sync.Mutex // guards the rest
	items    map[string]*item
	bytes    int64
	newest   uint64 // position of the newest change of any key in it
	counters Counters
}

type item struct {
	Item
	position uint64 // of its newest change
	value    []byte // never changed in place: results point to it
	key      string
}

// itemOverhead is what an item occupies beyond key and value: the struct, its
// share of the map's slots, and what the allocator rounds up. In bytes.
const itemOverhead = 208

func cost(keyLen, valueLen int) int64 { return int64(keyLen + valueLen + itemOverhead) }

// New returns an empty Table.
func New(o Options) *Table {
	t := &Table{log: o.Log, budget: o.Budget, maxItemSize: o.MaxItemSize, evict: o.Evict, seed: maphash.MakeSeed()}
	for i := range t.stripes {
		t.stripes[i].items = map[string]*item{}
	}
	return t
}

// Execute runs req at one instant and fills res. now is the caller's clock; the
// Table's own never goes back.
func (t *Table) Execute(req *Request, now int64, res *Result) {
	now = t.advance(now)
	t.flushWhenDue(now)
	res.reset(now)
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

func (t *Table) index(key []byte) int {
	return int(maphash.Bytes(t.seed, key) % stripeCount)
}

// roomTries bounds how often an operation makes room and finds it taken by
// others before it is refused.
const roomTries = 8

// executeOne runs a request on one key.
func (t *Table) executeOne(req *Request, res *Result) {
	s := &t.stripes[t.index(req.Key)]
	for try := 0; ; try++ {
		short := t.tryOne(s, req, res)
		if short == 0 {
			return
		}
		if try == roomTries || !t.makeRoom(short, res.Now) {
			t.refuse(s, req, res)
			return
		}
	}
}

// tryOne takes the four steps. It returns 0, or how many bytes could not be
// reserved; then nothing has happened.
func (t *Table) tryOne(s *stripe, req *Request, res *Result) (short int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		floor := t.floor.Load()
		cur := s.alive(req.Key, res.Now, floor, t)
		t.decide(cur, req, res)
		if res.n > 0 {
			need := growth(cur, &res.effects[0])
			if need > 0 && !t.budget.Reserve(need) {
				return need
			}
			position, ok := t.append(res, floor)
			if !ok {
				t.budget.Release(max(need, 0))
				continue // a flush came in between: what was decided may be wrong
			}
			t.apply(s, cur, &res.effects[0], position)
			t.budget.Release(max(-need, 0))
			cur = s.items[string(req.Key)]
			res.finish(cur)
		}
		s.touch(cur, req, res)
		res.Position = max(s.newest, floor)
		return 0
	}
}

// finish makes res tell what was applied.
func (r *Result) finish(cur *item) {
	if cur == nil {
		return
	}
	idle, fetched := r.Item.LastAccess, r.Item.Fetched
	r.Item, r.Value = cur.Item, cur.value
	r.Item.LastAccess, r.Item.Fetched = idle, fetched
}

// touch notes an access and counts the request.
func (s *stripe) touch(cur *item, req *Request, res *Result) {
	if cur != nil {
		res.Size = int(cost(len(cur.key), len(cur.value)))
		if req.Op == Get && !req.NoBump || req.Op == Touch {
			cur.Fetched = true
			cur.LastAccess = res.Now
		}
	}
	s.counters.count(req, res)
}

// growth returns how many more bytes the item of e occupies than cur did.
func growth(cur *item, e *Effect) int64 {
	var n int64
	if e.Kind == Put {
		n = cost(len(e.Key), len(e.Value)+len(e.Tail))
	}
	if cur != nil {
		n -= cost(len(cur.key), len(cur.value))
	}
	return n
}

// append numbers the effects of res, unless they were decided under a floor
// that is no longer in force.
func (t *Table) append(res *Result, floor uint64) (position uint64, ok bool) {
	t.appendMu.Lock()
	defer t.appendMu.Unlock()
	if t.floor.Load() != floor {
		return 0, false
	}
	effects := res.effects[:res.n]
	for i := range effects {
		if e := &effects[i]; e.insert {
			t.nextID++
			e.Item.ID = t.nextID
		}
	}
	return t.log.Append(effects), true
}

// apply makes e true. The memory has been reserved.
func (t *Table) apply(s *stripe, cur *item, e *Effect, position uint64) {
	s.bytes += growth(cur, e)
	s.newest = position
	if e.Kind == Remove {
		delete(s.items, cur.key)
		return
	}
	if cur == nil {
		cur = &item{key: string(e.Key)}
		s.items[cur.key] = cur
	}
	cur.Item = e.Item
	cur.position = position
	if !e.NewValue {
		return
	}
	if !e.OwnCAS {
		cur.CAS = position
	}
	value := make([]byte, 0, len(e.Value)+len(e.Tail))
	cur.value = append(append(value, e.Value...), e.Tail...)
}

// alive returns the item of key, or nil. It removes a dead one.
func (s *stripe) alive(key []byte, now int64, floor uint64, t *Table) *item {
	it := s.items[string(key)]
	if it == nil {
		return nil
	}
	switch {
	case it.position < floor:
		s.counters.Flushed++
	case it.expired(now):
		s.counters.Expired++
	default:
		return it
	}
	s.bury(it, t)
	return nil
}

// bury reclaims the memory of a dead item. That is no effect: whoever looks
// finds it dead without.
func (s *stripe) bury(it *item, t *Table) {
	n := cost(len(it.key), len(it.value))
	delete(s.items, it.key)
	s.bytes -= n
	t.budget.Release(n)
}

func (it *item) expired(now int64) bool { return it.Expiry != Never && it.Expiry <= now }

// refuse answers a request for which there is no memory. In a cache the value
// that a set should have replaced goes, since it is known to be old.
func (t *Table) refuse(s *stripe, req *Request, res *Result) {
	op := Peek
	if t.evict && req.Op == Set {
		op = Delete
	}
	t.tryOne(s, &Request{Op: op, Key: req.Key}, res) // neither needs room
	res.Status, res.n = NoMemory, 0
}
