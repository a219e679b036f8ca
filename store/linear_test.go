package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// Histories: goroutines execute random requests about few keys at once; the
// checker then looks for one order of them, agreeing with what was before what,
// in which a sequential Table gives every result that was seen.

// checkLimit is how long the checker may search one history. It takes
// milliseconds: one that takes longer is a defect of the test.
const checkLimit = 30 * time.Second

// An executor carries out a request: Table.Execute, or one that does it wrongly.
type executor func(t *Table, req *Request, now int64, res *Result)

// A setting is what a history is recorded in.
type setting struct {
	workers, steps int
	ops            []Op    // each worker draws from these
	values         []int   // lengths of large values, beside the small ones
	pages          int64   // that items may take; 0: plenty
	evict          bool    // only with pages
	moving         bool    // the clock moves, and items expire
	disturbed      bool    // sweeps, snapshots and the like go on meanwhile
	yield          float64 // how likely another goroutine gets the turn in between
}

var allOps = []Op{
	Get, Get, Get, Set, Set, Set, Add, Add, Replace, Append, Prepend, CompareSet, Delete, Delete, Incr, Incr, Decr, Touch, Exchange, Exchange, Flush,
}

const (
	linearMaxItem = 20_000 // bytes
	linearNow     = 1_000
)

// newTable returns an empty Table and what it logs.
func (s *setting) newTable(r *rand.Rand) (*Table, *recording) {
	arena := NewArena(64<<20, linearMaxItem)
	if s.pages > 0 {
		arena = NewArena(int64(arena.reserve)*PageSize+s.pages*PageSize, linearMaxItem)
	}
	rec := newRecording(r, s.yield)
	return New(Options{Log: rec, Arena: arena, MaxItemSize: linearMaxItem, Evict: s.evict}), rec
}

// groupOf returns keys of which the first two share a stripe.
func groupOf(t *Table) (keys [groupKeys][]byte) {
	keys[0] = []byte("key")
	first, _ := t.place(keys[0])
	taken := map[int]bool{first: true}
	for i, n := 0, 1; n < groupKeys; i++ {
		key := fmt.Appendf(nil, "key-%d", i)
		stripe, _ := t.place(key)
		if n == 1 && stripe == first || n > 1 && !taken[stripe] {
			taken[stripe] = true
			keys[n] = key
			n++
		}
	}
	return keys
}

// A history is what some workers saw of a Table.
type history struct {
	setting *setting
	table   *Table
	keys    [groupKeys][]byte
	exec    executor
	ticks   atomic.Int64 // orders calls and returns
	clock   atomic.Int64
	entries [][]porcupine.Operation // of each worker
}

// record lets the workers loose on a Table.
func record(t *Table, s *setting, exec executor, r *rand.Rand) *history {
	h := &history{setting: s, table: t, keys: groupOf(t), exec: exec, entries: make([][]porcupine.Operation, s.workers)}
	h.clock.Store(linearNow)
	var workers, others sync.WaitGroup
	start := make(chan struct{})
	for i := range s.workers {
		w := &worker{history: h, id: i, rand: rand.New(rand.NewPCG(r.Uint64(), uint64(i)))}
		workers.Go(func() {
			<-start
			w.run()
		})
	}
	done := make(chan struct{})
	if s.disturbed {
		seed := r.Uint64()
		others.Go(func() {
			<-start
			disturb(t, &h.clock, rand.New(rand.NewPCG(seed, 0)), done)
		})
	}
	close(start)
	workers.Wait()
	close(done)
	others.Wait()
	return h
}

// disturb does what must not change any result, until done.
func disturb(t *Table, clock *atomic.Int64, r *rand.Rand, done chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		now := clock.Load()
		switch r.IntN(24) {
		case 0:
			t.Snapshot(now, visiting(func([]byte, *Item) {}))
		case 1:
			t.makeRoom(1, now)
		case 2:
			t.arena.Trim(0)
		case 3:
			t.Stats()
		default:
			t.Sweep(now, 8*bucketCount)
		}
		runtime.Gosched()
	}
}

// A worker executes requests and remembers what it saw, so that what it sends
// often meets what is there.
type worker struct {
	*history
	id     int
	rand   *rand.Rand
	tokens [groupKeys]uint64
	values [groupKeys]string
}

func (w *worker) run() {
	var res Result
	buf := make([]byte, 0, 2*linearMaxItem)
	res.Room = func(int) []byte {
		w.pause()
		return buf
	}
	for range w.setting.steps {
		w.pause()
		a := w.draw()
		now := w.now()
		call := w.ticks.Add(1)
		w.exec(w.table, &a.Request, now, &res)
		out := outcomeOf(w.table, &res)
		w.entries[w.id] = append(w.entries[w.id], porcupine.Operation{
			ClientId: w.id, Input: a, Call: call, Output: out, Return: w.ticks.Add(1),
		})
		w.tokens[a.key] = res.Item.CAS
		if a.Op == Get && res.Status == OK {
			w.values[a.key] = out.value
		}
	}
}

// pause lets others have the turn now and then: on few processors requests are
// otherwise rarely under way at once.
func (w *worker) pause() {
	if w.rand.Float64() < w.setting.yield {
		runtime.Gosched()
	}
}

// now reads the clock, which some callers read late.
func (w *worker) now() int64 {
	if !w.setting.moving {
		return linearNow
	}
	if w.rand.IntN(6) == 0 {
		w.clock.Add(w.rand.Int64N(3))
	}
	return w.clock.Load() - w.rand.Int64N(3)
}

func (w *worker) draw() *action {
	r, s := w.rand, w.setting
	a := &action{key: r.IntN(groupKeys), key2: r.IntN(groupKeys), evicting: s.evict, maxItem: linearMaxItem}
	req := &a.Request
	if req.Op = s.ops[r.IntN(len(s.ops))]; req.Op != Exchange {
		a.key2 = a.key
	}
	half := func() bool { return r.IntN(2) == 0 }
	expiry := func() int64 {
		if !s.moving || half() {
			return []int64{Never, linearNow + 1_000_000}[r.IntN(2)]
		}
		return w.clock.Load() + r.Int64N(8)
	}
	a.value = w.drawValue()
	a.old = w.values[a.key]
	req.Flags = uint32(r.IntN(3))
	req.Delta = 1 + uint64(r.IntN(10))
	req.Expiry, req.VivifyExpiry, req.Initial = expiry(), expiry(), 5
	req.Touch, req.TouchFirst, req.MayWin, req.Recache, req.RecacheAt = half(), half(), half(), half(), w.clock.Load()+4
	req.Vivify = half()
	req.HasCompare, req.Compare = r.IntN(3) == 0 && req.Op != Add, w.tokens[a.key]
	req.HasNewCAS, req.NewCAS = r.IntN(8) == 0, 1<<60+r.Uint64N(4)
	req.Stale = (req.Op == Delete || req.Op == Set && req.HasCompare) && half()
	req.DropValue = req.Op == Delete && r.IntN(3) == 0
	if req.Op == Flush && (!s.moving || half()) {
		req.Expiry = 0
	}
	req.Key, req.Key2 = w.keys[a.key], w.keys[a.key2]
	req.Value, req.Old = []byte(a.value), []byte(a.old)
	return a
}

func (w *worker) drawValue() string {
	r := w.rand
	if n := len(w.setting.values); n > 0 && r.IntN(4) > 0 {
		return strings.Repeat(string(rune('a'+r.IntN(26))), w.setting.values[r.IntN(n)])
	}
	return []string{"", "0", "7", "10", "99", "x", "hello"}[r.IntN(7)]
}

// check judges a history. That the checker could not decide is wrong as well.
func (h *history) check() error {
	var entries []porcupine.Operation
	owners := map[uint64]int{} // of IDs
	for _, of := range h.entries {
		entries = append(entries, of...)
		for _, e := range of {
			a, o := e.Input.(*action), e.Output.(outcome)
			if o.item.ID == 0 || o.status == NoMemory {
				continue
			}
			if owner, known := owners[o.item.ID]; known && owner != a.key {
				return fmt.Errorf("ID %d belongs to keys %d and %d", o.item.ID, owner, a.key)
			}
			owners[o.item.ID] = a.key
		}
	}
	if result := porcupine.CheckOperationsTimeout(linearModel, entries, checkLimit); result != porcupine.Ok {
		return explain(result, entries)
	}
	return nil
}

// explain tells how far the model can explain a history.
func explain(result porcupine.CheckResult, entries []porcupine.Operation) error {
	_, info := porcupine.CheckOperationsVerbose(linearModel, entries, checkLimit)
	var best []porcupine.Operation
	for _, some := range info.PartialLinearizationsOperations()[0] {
		if len(some) > len(best) {
			best = some
		}
	}
	explained := map[int64]bool{}
	text := fmt.Sprintf("linearizable: %s. %d of %d are explained, the last of them:", result, len(best), len(entries))
	line := func(e porcupine.Operation) {
		text += fmt.Sprintf("\n  %d: %d-%d %s", e.ClientId, e.Call, e.Return, linearModel.DescribeOperation(e.Input, e.Output))
	}
	for i, e := range best {
		explained[e.Call] = true
		if i >= len(best)-20 {
			line(e)
		}
	}
	text += "\nbut not these:"
	for _, e := range entries {
		if !explained[e.Call] {
			line(e)
		}
	}
	return errors.New(text)
}

// round records one history and checks all that can be checked of it.
func (s *setting) round(exec executor, seed uint64) (Stats, error) {
	r := rand.New(rand.NewPCG(seed, 2))
	tab, rec := s.newTable(r)
	defer tab.arena.Close()
	h := record(tab, s, exec, r)
	if err := h.check(); err != nil {
		return Stats{}, err
	}
	if err := tab.checkInvariants(); err != nil {
		return Stats{}, err
	}
	stats := tab.Stats()
	if s.evict { // the log does not know what was evicted
		return stats, rec.checkNumbers()
	}
	return stats, rec.check(tab, h.clock.Load())
}

var linearSettings = []struct {
	name string
	setting
}{
	{"fixed clock", setting{workers: 8, steps: 14, ops: allOps, yield: 0.3}},
	{"moving clock", setting{workers: 8, steps: 14, ops: allOps, moving: true, yield: 0.3}},
	{"disturbed", setting{workers: 8, steps: 14, ops: allOps, moving: true, disturbed: true, yield: 0.3}},
	{"little memory", setting{workers: 8, steps: 14, ops: allOps, values: largeValues, pages: 12, moving: true, disturbed: true, yield: 0.3}},
	{"a cache", setting{workers: 8, steps: 14, ops: allOps, values: largeValues, pages: 16, evict: true, moving: true, disturbed: true, yield: 0.3}},
}

var largeValues = []int{100, 3_000, 5_000, PageSize, 12_000, 16_000}

// TestLinearizable records histories of all settings.
func TestLinearizable(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds = 12
	}
	for _, s := range linearSettings {
		t.Run(s.name, func(t *testing.T) {
			seeds := newRand(t)
			var total Stats
			for i := range rounds {
				stats, err := s.round((*Table).Execute, seeds.Uint64())
				if err != nil {
					t.Fatalf("history %d: %v", i, err)
				}
				total.Evictions += stats.Evictions
				total.Counters.add(&stats.Counters)
			}
			t.Logf("%d evictions, %d expired, %d flushed", total.Evictions, total.Expired, total.Flushed)
			if s.evict && total.Evictions == 0 {
				t.Error("nothing was ever evicted: the test shows little")
			}
		})
	}
}
