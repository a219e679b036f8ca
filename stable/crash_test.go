package stable

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"weensydb/sim"
)

var (
	seedFlag    = flag.Uint64("seed", 0, "the one seed that the crash tests run with")
	crashesFlag = flag.Int("crashes", 0, "how many crashes the crash test makes; 0: 4000, or 400 with -short")
)

var quiet = slog.New(slog.DiscardHandler)

// world is a disk, the log on it, and what is known of what it must hold.
type world struct {
	rng     *rand.Rand
	disk    *sim.Disk
	options Options
	log     *Log

	history  []Record // survived, or appended since
	stable   uint64   // was told to be
	given    uint64   // the highest position ever given
	givenID  uint64
	closed   bool // cleanly
	held     held // by the streams
	reading  *reading
	snapping *snapping
	crashes  int
	cuts     int
	lostSome int // crashes that lost records that were not stable
}

func newWorld(seed uint64, mode Mode) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 2)), disk: sim.NewDisk(seed)}
	w.options = Options{
		SegmentSize: 2 << 10, MaxUnsynced: 3 << 10, Mode: mode, Logger: quiet,
		claimBlock: 16, manual: true,
	}
	return w
}

// live runs the log until it crashes, or is closed, and comes back.
func (w *world) live() error {
	if w.rng.IntN(3) == 0 {
		w.disk.CrashAfter(w.rng.IntN(60)) // perhaps while recovering
	}
	if err := w.open(); err != nil {
		return err
	}
	if w.log != nil && w.rng.IntN(20) > 0 {
		w.disk.CrashAfter(w.rng.IntN(w.patience()))
	}
	for n := w.rng.IntN(80); n > 0 && !w.disk.Crashed() && w.log != nil; n-- {
		if err := w.step(); err != nil {
			return err
		}
	}
	w.snapping.abort()
	if w.log != nil && !w.disk.Crashed() && w.rng.IntN(4) == 0 {
		if err := w.log.Close(); err == nil {
			w.closed, w.stable = true, w.log.Stable()
			w.log = nil
			if w.rng.IntN(2) == 0 {
				w.disk = w.disk.Crash() // a clean stop needs no luck
			}
			return nil
		}
	}
	if w.log != nil && w.log.options.Mode == Always {
		w.stable = max(w.stable, w.log.Stable())
	}
	w.log = nil
	w.stop()
	return nil
}

func (w *world) stop() {
	w.crashes++
	if w.rng.IntN(4) == 0 {
		w.disk = w.disk.Kill()
	} else {
		w.disk = w.disk.Crash()
	}
	if w.snapping != nil && w.snapping.partial {
		w.takeForWhole()
	}
}

// open opens the log and checks what it holds. A crash meanwhile is no error.
func (w *world) open() error {
	var found []Record
	w.options.FS = w.disk
	w.options.OnRecord = func(r Record) error {
		r.Payload = bytes.Clone(r.Payload)
		found = append(found, r)
		return nil
	}
	if w.snapping != nil {
		w.options.OnSnapshot = w.snapping.load
	}
	l, err := Open(w.options)
	if errors.Is(err, sim.ErrCrashed) {
		w.closed = false // it may have taken that back
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	w.log = l
	if l.Recovery().Cut.Bytes > 0 {
		w.cuts++
	}
	restored, err := w.snapping.recovered(w.history)
	if err != nil {
		return err
	}
	return w.check(append(restored, found...))
}

func (w *world) check(found []Record) error {
	for i, r := range found {
		if i >= len(w.history) {
			return fmt.Errorf("a record at position %d that was never appended", r.Position)
		}
		h := w.history[i]
		if r.Position != h.Position || r.Stream != h.Stream || r.Index != h.Index || r.Kind != h.Kind || !bytes.Equal(r.Payload, h.Payload) {
			return fmt.Errorf("record %d is %v, not %v", i, r, h)
		}
	}
	if lost := w.history[len(found):]; len(lost) > 0 {
		if lost[0].Position <= w.stable {
			return fmt.Errorf("position %d was stable and is lost", lost[0].Position)
		}
		w.lostSome++
	}
	w.history, w.held = found, hold(found)
	if err := w.readAll(); err != nil {
		return err
	}
	next, id := w.log.next, w.log.nextID
	switch {
	case w.closed && (next != w.given+1 || id != w.givenID+1):
		return fmt.Errorf("numbers go on at %d and %d after a clean stop at %d and %d", next, id, w.given, w.givenID)
	case next <= w.given || id <= w.givenID:
		return fmt.Errorf("numbers go on at %d and %d, %d and %d were given", next, id, w.given, w.givenID)
	}
	// The numbers left out count as given, since a clean stop goes on after them.
	w.closed, w.given, w.givenID = false, next-1, id-1
	return nil
}

// step does one random thing to the log.
func (w *world) step() error {
	if w.snapping != nil && w.rng.IntN(4) == 0 {
		return w.snap()
	}
	switch w.rng.IntN(6) {
	case 0, 1, 2, 3:
		w.append()
	case 4:
		w.log.step()
	default:
		if wanted, _ := w.log.wantsSegment(); wanted {
			w.log.addSegment()
		}
	}
	return w.readSome()
}

func (w *world) append() {
	size := w.rng.IntN(300)
	if w.rng.IntN(10) == 0 {
		size = w.rng.IntN(MaxPayload(w.options.SegmentSize))
	}
	ids := w.rng.IntN(3)
	room, v := w.log.Reserve(size, ids)
	if v != OK {
		return
	}
	if w.rng.IntN(20) == 0 {
		w.log.Release(room)
		return
	}
	for range w.rng.IntN(ids + 1) {
		var id uint64
		id, room = w.log.ID(room)
		must(id > w.givenID, "test: an ID was given twice")
		w.givenID = id
	}
	payload := make([]byte, w.rng.IntN(size+1))
	for i := range payload {
		payload[i] = byte(w.rng.Uint32())
	}
	r := Record{Stream: w.rng.Uint64N(4), Kind: byte(w.rng.Uint32()), Payload: payload}
	r.Index = w.held.index(w.rng, r.Stream)
	r.Position = w.log.Append(room, r.Stream, r.Index, r.Kind, Bytes(payload))
	must(r.Position > w.given, "test: a position was given twice")
	w.given = r.Position
	w.history = append(w.history, r)
	w.held.add(r)
}

// survive runs worlds until there were as many crashes, and returns the first
// fault.
func survive(seed uint64, crashes int, mode Mode, prepare func(*world)) (w *world, err error) {
	total, cuts, lost := 0, 0, 0
	for n := uint64(0); total < crashes; n++ {
		w = newWorld(seed+n, mode)
		if prepare != nil {
			prepare(w)
		}
		for w.crashes < 40 {
			if err := w.live(); err != nil {
				return w, fmt.Errorf("seed %d, after %d crashes: %w", seed+n, w.crashes, err)
			}
		}
		total, cuts, lost = total+w.crashes, cuts+w.cuts, lost+w.lostSome
	}
	w.cuts, w.lostSome = cuts, lost
	return w, nil
}

func seed(t *testing.T) uint64 {
	s := *seedFlag
	if s == 0 {
		s = uint64(time.Now().UnixNano()) >> 8 % 1e9
	}
	t.Logf("-seed=%d", s)
	return s
}

// TestCrashes: what was stable survives any crash, in order; numbers are never
// given twice; and so after a crash while recovering from one.
func TestCrashes(t *testing.T) {
	for mode, name := range []string{"always", "interval", "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crashes := *crashesFlag
			if crashes == 0 {
				crashes = 4000
				if testing.Short() {
					crashes = 400
				}
			}
			w, err := survive(seed(t), crashes, Mode(mode), nil)
			if err != nil {
				t.Fatal(err)
			}
			if w.cuts == 0 || w.lostSome == 0 {
				t.Errorf("%d torn tails, %d crashes that lost anything: the test does not test", w.cuts, w.lostSome)
			}
			t.Logf("%d torn tails, %d crashes lost records that were not stable", w.cuts, w.lostSome)
		})
	}
}

// TestCrashesCatch: the same test finds a log that is wrong.
func TestCrashesCatch(t *testing.T) {
	isSegment := func(name string) bool { return strings.HasSuffix(name, segmentSuffix) }
	for _, c := range []struct {
		name string
		lie  func(w *world) func(op, name string) bool
	}{
		{"stable before it is synced", func(*world) func(op, name string) bool {
			return func(op, name string) bool { return op == "sync" && isSegment(name) }
		}},
		{"segment used before its directory is synced", func(w *world) func(op, name string) bool {
			return func(op, name string) bool { return op == "syncdir" && w.disk.Content(segmentName(2)) != nil }
		}},
		{"segment used before it is synced", func(*world) func(op, name string) bool {
			return func(op, name string) bool { return op == "sync" && name == temporaryName }
		}},
		{"numbers given before the claim is synced", func(*world) func(op, name string) bool {
			return func(op, name string) bool { return op == "sync" && name == controlName }
		}},
		{"what was read is not synced", func(w *world) func(op, name string) bool {
			return func(op, name string) bool { return op == "sync" && isSegment(name) && w.log == nil }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, err := survive(seed(t), 20000, Always, func(w *world) { w.disk.Lie = c.lie(w) })
			if err == nil {
				t.Fatal("nothing was found in", w.crashes, "crashes")
			}
			t.Log(err)
		})
	}
}
