package weensydb

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weensydb/sim"
	"weensydb/store"
)

var (
	seedFlag    = flag.Uint64("seed", 0, "the first seed that the crash tests run with; 0 takes a new one")
	crashesFlag = flag.Int("crashes", 0, "how many crashes the crash test makes; 0: 300, or 100 with -short")
)

// world is a database on a disk that loses what was not synced, and what is known
// of what it must hold. It runs in a bubble of package synctest, and every
// operation of the disk waits until the world lets it go on: so a seed repeats
// what happened, but for which keys share a stripe.
type world struct {
	rng    *rand.Rand
	disk   *sim.Disk
	config Config
	flaw   *flaw // nil: everything is as it should be
	db     *DB
	res    store.Result

	clock   atomic.Int64 // Unix ms; the Table's time, not the bubble's
	now     int64        // what the Table takes for now
	history []modelState // what each position led to; the last one is the present
	replies []reply      // not given yet
	pace    int          // of the disk: how many of 20 steps are its
	told    uint64       // the newest position that a reply given rested on, or that must survive anyway
	given   uint64       // the highest position ever given
	givenID uint64

	tally

	free    atomic.Bool // the disk's operations do not wait
	mu      sync.Mutex  // guards waiting
	waiting []*diskOperation
}

// tally counts what shows that the test tests.
type tally struct {
	crashes   int
	lost      int // of them lost records that were not stable
	cut       int // torn tails
	replies   int // given
	busy      int // requests that would have had to wait for room in the log
	full      int // requests that were refused, since the disk had no room
	snapshots int // that were asked for; others are taken at a stop
}

func (t *tally) add(o tally) {
	t.crashes, t.lost, t.cut = t.crashes+o.crashes, t.lost+o.lost, t.cut+o.cut
	t.replies, t.busy, t.full = t.replies+o.replies, t.busy+o.busy, t.full+o.full
	t.snapshots += o.snapshots
}

// diskOperation waits to go on.
type diskOperation struct {
	what string
	goOn chan struct{}
}

// reply waits for the log.
type reply struct {
	position uint64 // for which it waits
	restsOn  uint64 // for which it should, by the model
}

const crashesOfWorld = 25 // until a new one begins, with an empty disk

func newWorld(seed uint64, mode Durability, f *flaw) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 2)), disk: sim.NewDisk(seed), flaw: f, history: make([]modelState, 1)}
	w.clock.Store(1 << 40)
	w.disk.Hold = w.hold
	if f != nil && f.lie != nil {
		w.disk.Lie = func(op, name string) bool { return f.lie(w, op, name) }
	}
	w.config = Config{
		Durability: mode, Memory: MinMemory, MaxItemSize: modelMaxItem, SegmentSize: leastSegmentSize(modelMaxItem),
		Now: func() time.Time { return time.UnixMilli(w.clock.Load()) },
	}
	return w
}

// hold lets an operation of the disk wait.
func (w *world) hold(op, name string) {
	if w.free.Load() {
		return
	}
	o := &diskOperation{op + " " + name, make(chan struct{})}
	w.mu.Lock()
	w.waiting = append(w.waiting, o)
	w.mu.Unlock()
	<-o.goOn
}

// letGo lets one operation go on, if one waits, or perhaps crashes the disk at it.
func (w *world) letGo() {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return
	}
	slices.SortFunc(w.waiting, func(a, b *diskOperation) int { return strings.Compare(a.what, b.what) })
	if w.rng.IntN(40) == 0 {
		w.disk.CrashAfter(0)
	}
	i := w.rng.IntN(len(w.waiting))
	close(w.waiting[i].goOn)
	w.waiting = slices.Delete(w.waiting, i, i+1)
}

// letAllGo lets the disk's operations no longer wait.
func (w *world) letAllGo() {
	w.free.Store(true)
	w.mu.Lock()
	for _, o := range w.waiting {
		close(o.goOn)
	}
	w.waiting = nil
	w.mu.Unlock()
	synctest.Wait()
}

// live runs the database until the disk crashes, its process is killed, or it is
// closed.
func (w *world) live() error {
	if w.rng.IntN(4) == 0 {
		w.disk.CrashAfter(w.rng.IntN(100)) // perhaps while recovering
	}
	w.pace = 1 + w.rng.IntN(12)
	w.disk.SetCapacity(0)
	if w.rng.IntN(6) == 0 && w.disk.Content("control") != nil {
		w.disk.SetCapacity(w.disk.Used() + w.rng.Int64N(2*w.config.SegmentSize))
	}
	if err := w.open(); err != nil {
		return err
	}
	for n := w.rng.IntN(300); n > 0 && w.db != nil && !w.disk.Crashed(); n-- {
		if err := w.step(); err != nil {
			return errors.Join(err, w.stop())
		}
	}
	if w.db != nil && !w.disk.Crashed() && w.rng.IntN(3) == 0 {
		return w.close()
	}
	return w.stop()
}

// step does one random thing.
func (w *world) step() error {
	if w.rng.IntN(100) == 0 {
		w.snapshots++
		w.db.snapshots.request(func(error) {}) // its operations of the disk wait like all others
	}
	switch n := w.rng.IntN(20); {
	case n < w.pace:
		w.letGo()
	case n == w.pace:
		return w.sleep()
	default:
		w.clock.Add(max(0, w.rng.Int64N(6)-3))
		return w.execute(drawRequest(w.rng, w.present(), w.now))
	}
	w.collect()
	return nil
}

func (w *world) present() *modelState { return &w.history[len(w.history)-1] }

// execute runs r, and compares what it tells and logs with the model.
func (w *world) execute(r *modelRequest) error {
	synctest.Wait()
	w.now = max(w.now, w.clock.Load())
	log := w.db.engine.log
	before := log.NextPosition()
	if w.flushes() {
		w.flush(before)
		before++
	}
	next := *w.present()
	status, logged := next.run(r, w.now)
	w.res.Room = nil
	if r.noRoom {
		w.res.Room = func(int) []byte { return nil }
	}
	w.db.engine.Execute(&r.Request, &w.res, nil)
	switch {
	case logged && w.res.Status == store.LogBusy: // the session would wait
		w.busy++
		return w.expectPosition(before)
	case logged && w.res.Status == store.NoDisk:
		w.full++
		next = *w.present()
		if r.Op == store.Flush { // refused whatever there is
			return w.expectPosition(before)
		}
	case logged && w.res.Status == store.LogFailed && w.disk.Crashed():
		return nil
	case w.res.Status != status:
		return fmt.Errorf("%v: status %d, not %d", r, w.res.Status, status)
	case logged:
		if err := w.commit(&next, before); err != nil {
			return fmt.Errorf("%v: %w", r, err)
		}
		before++
	}
	if i := next.at(r.key, w.now); i != nil && r.Op == store.Get && w.res.Status == store.OK {
		if got := itemOf(&w.res); got != *i {
			return fmt.Errorf("%s is %+v, not %+v", r.Key, got, *i)
		}
	}
	w.replies = append(w.replies, reply{w.position(), next.restsOn(r)})
	w.collect()
	return w.expectPosition(before)
}

func itemOf(res *store.Result) modelItem {
	i := res.Item
	return modelItem{string(res.Value), i.Flags, i.Expiry, i.ID, i.CAS, i.Stale, i.Won}
}

// commit makes next the present, whose record is at position.
func (w *world) commit(next *modelState, position uint64) error {
	inserted := slices.ContainsFunc(next.items[:], func(i modelItem) bool { return i.id == newID })
	if inserted {
		if w.res.Item.ID <= w.givenID {
			return fmt.Errorf("ID %d may have been given twice: %d was", w.res.Item.ID, w.givenID)
		}
		w.givenID = w.res.Item.ID
	}
	fresh := slices.ContainsFunc(next.items[:], func(i modelItem) bool { return i.cas == freshCAS })
	if fresh && w.res.Item.CAS != position {
		return fmt.Errorf("the CAS token is %d, the position %d", w.res.Item.CAS, position)
	}
	next.numbered(w.present(), position, w.now, w.res.Item.ID)
	w.history = append(w.history, *next)
	w.given = position
	return nil
}

// flushes reports whether a delayed flush happens before anything else does: it
// is late while there is no room for it in the log.
func (w *world) flushes() bool {
	if due := w.present().due; due == 0 || w.now < due {
		return false
	}
	log := &tableLog{w.db.engine.log}
	record := store.Record{Now: w.now, Effects: []store.Effect{{Kind: store.FlushIt}}}
	room, status := log.Reserve(record.Size()+9, 0) // as the Table does
	log.Release(room)
	return status == store.OK
}

// flush makes the delayed flush true in the model.
func (w *world) flush(position uint64) {
	next := *w.present()
	next.items, next.due = [modelKeys]modelItem{}, 0
	next.numbered(w.present(), position, w.now, 0)
	w.history = append(w.history, next)
	w.given = position
}

// sleep lets timers run out: the writer's, and the sweeper's, which may perform a
// delayed flush.
func (w *world) sleep() error {
	before := w.db.engine.log.NextPosition()
	time.Sleep(time.Duration(w.rng.IntN(3000)) * time.Millisecond / 10)
	synctest.Wait()
	if due := w.present().due; w.db.engine.log.NextPosition() > before && due != 0 && w.now >= due {
		w.flush(before)
		before++
	}
	w.collect()
	return w.expectPosition(before)
}

func (w *world) expectPosition(next uint64) error {
	if got := w.db.engine.log.NextPosition(); got != next {
		return fmt.Errorf("the next position is %d, not %d", got, next)
	}
	return nil
}

// collect gives the replies that need not wait any more.
func (w *world) collect() {
	synctest.Wait()
	stable := w.stable()
	w.replies = slices.DeleteFunc(w.replies, func(r reply) bool {
		if r.position > stable {
			return false
		}
		w.tally.replies++
		if w.config.Durability == DurabilityAlways {
			w.told = max(w.told, r.restsOn)
		}
		return true
	})
}

func (w *world) stable() uint64 {
	if w.flaw != nil && w.flaw.stable != nil {
		return w.flaw.stable(w)
	}
	return w.db.engine.Stable()
}

// position is what the reply to the last request waits for.
func (w *world) position() uint64 {
	if w.flaw != nil && w.flaw.position != nil {
		return w.flaw.position(&w.res)
	}
	return w.res.Position
}

// survive runs worlds until there were as many crashes, and returns the first
// fault that is of interest.
func survive(t *testing.T, seed uint64, crashes int, mode Durability, f *flaw) (sum tally, fault error) {
	for n := uint64(0); sum.crashes < crashes && fault == nil; n++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(seed+n, mode, f)
			err := error(nil)
			for w.crashes < crashesOfWorld && err == nil {
				err = w.live()
			}
			sum.add(w.tally)
			if err != nil && (f == nil || strings.Contains(err.Error(), f.shows)) {
				fault = fmt.Errorf("seed %d, after %d crashes: %w", seed+n, w.crashes, err)
			}
		})
	}
	return sum, fault
}

func firstSeed(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64N(1e9)
	}
	t.Logf("-seed=%d", seed)
	return seed
}

// TestLyingDisk: whatever the disk loses that was not synced, what is recovered is
// what the Table was at one position, no reply that was given rested on a later
// one, and no number is given twice.
func TestLyingDisk(t *testing.T) {
	for _, mode := range []Durability{DurabilityAlways, DurabilityInterval, DurabilityNone} {
		t.Run(string(mode), func(t *testing.T) {
			crashes := *crashesFlag
			if crashes == 0 {
				crashes = 300
				if testing.Short() {
					crashes = 100
				}
			}
			began := time.Now()
			sum, err := survive(t, firstSeed(t), crashes, mode, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%.0f crashes per second, %+v", float64(sum.crashes)/time.Since(began).Seconds(), sum)
			if crashes >= 300 && (sum.lost == 0 || sum.cut == 0 || sum.replies == 0 || sum.busy == 0 || sum.full == 0 || sum.snapshots == 0) {
				t.Error("the test does not test")
			}
		})
	}
}
