package weensydb

import (
	"math"
	"sync"
	"time"

	"weensydb/server"
	"weensydb/stable"
	"weensydb/store"
)

// engine is what sessions and the methods of a DB hand their requests to: the
// Table, the clock and the budgets.
type engine struct {
	table     *store.Table
	log       *stable.Log  // nil in a cache
	snapshots *snapshotter // nil in a cache
	now       func() time.Time
	arena     *store.Arena    // of the items
	buffers   *server.Buffers // of the connections

	maxItemSize int64
}

// Now reads the wall clock, but never goes back.
func (e *engine) Now() int64 { return e.table.Clock(e.now().UnixMilli()) }

// Execute runs req at once, unless the log or a snapshot has no room for the
// moment: then t waits, and the session tries again. (Nothing waits for another condition yet.)
// Without a ticket it is for the caller to wait and to try again.
func (e *engine) Execute(req *store.Request, res *store.Result, t *server.Ticket) bool {
	e.table.Execute(req, e.Now(), res)
	if !res.Status.Again() || t == nil {
		return true
	}
	e.whenAgain(res, t.Complete)
	return false
}

// whenAgain calls wake when a request may be tried again that has not happened.
func (e *engine) whenAgain(res *store.Result, wake func()) {
	if res.Status == store.SnapshotBusy {
		e.snapshots.whenRoom(wake)
		return
	}
	e.log.WhenRoom(res.RecordSize, res.Inserts, wake)
}

// Abandon has nothing to end: a wait for the log ends by itself.
func (e *engine) Abandon(*server.Ticket) {}

// Stable is what the log has reached. Without a log no reply has to wait.
func (e *engine) Stable() uint64 {
	if e.log == nil {
		return math.MaxUint64
	}
	return e.log.Stable()
}

// WhenStable calls wake when the log has reached position. It never does if the
// log fails before.
func (e *engine) WhenStable(position uint64, wake func()) {
	if e.log == nil {
		wake()
		return
	}
	e.log.WhenStable(position, wake)
}

func (e *engine) Scan(bucket int, visit func(key []byte, it *store.Item, size int)) (position uint64) {
	return e.table.Scan(bucket, e.Now(), visit)
}

// Next moves a Cursor on.
func (e *engine) Next(c *store.Cursor) bool { return e.table.Next(c, e.Now()) }

// Stats tells of the Table; its limit is the whole memory.
func (e *engine) Stats() store.Stats {
	s := e.table.Stats()
	s.Limit = e.arena.Limit() + e.buffers.Limit()
	return s
}

func (e *engine) ResetStats() { e.table.ResetStats() }

// SetMemory changes the bound on items and buffers together.
func (e *engine) SetMemory(n int64) {
	items, buffers := split(n, e.maxItemSize)
	e.arena.SetLimit(items)
	e.buffers.SetLimit(buffers)
}

// maxBuffers bounds the part of the memory that is for connections' buffers,
// unless a single large item needs more.
const maxBuffers = 512 << 20

// split divides the memory. The buffers have a part of their own, so that a full
// database can still be read, and greedy clients cannot push items out. It has
// room for one item of the largest kind on its way in and out: while a buffer
// grows there are two, and sizes are powers of two.
func split(memory, maxItemSize int64) (items, buffers int64) {
	buffers = max(min(memory/8, maxBuffers), min(4*maxItemSize, memory/2))
	return memory - buffers, buffers
}

// sweeper reclaims the memory of items that have expired.
type sweeper struct {
	engine *engine
	once   sync.Once
	quit   chan struct{}
	done   chan struct{}
}

// sweepPause is how often the sweeper looks at a part of the database. A round
// takes Buckets/sweepBuckets of them: about 10 s. Memory that has become free is
// given back to the system but for trimSlack bytes.
const (
	sweepPause   = 100 * time.Millisecond
	sweepBuckets = store.Buckets / 100
	trimSlack    = 8 << 20
)

func newSweeper(e *engine) *sweeper {
	return &sweeper{engine: e, quit: make(chan struct{}), done: make(chan struct{})}
}

func (s *sweeper) run() {
	defer close(s.done)
	tick := time.NewTicker(sweepPause)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.engine.table.Sweep(s.engine.Now(), sweepBuckets)
			s.engine.arena.Trim(trimSlack)
		case <-s.engine.arena.Low():
			s.engine.arena.Provide()
		case <-s.quit:
			return
		}
	}
}

func (s *sweeper) stop() {
	s.once.Do(func() { close(s.quit) })
	<-s.done
}
