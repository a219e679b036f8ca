package stable

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"weensydb/lockcheck"
	"weensydb/sim"
)

// digest is what a snapshot holds of a record, in these tests.
type digest struct {
	Position, Stream, Index uint64
	Length, Sum             uint32
	Kind                    byte
}

func digestOf(r Record) digest {
	return digest{r.Position, r.Stream, r.Index, uint32(len(r.Payload)), checksum(r.Payload), r.Kind}
}

// snapping is what a world does to write snapshots: blocks of digests of all the
// records that were appended, whether they are stable or not. nil is none.
type snapping struct {
	writer     *SnapshotWriter
	position   uint64
	blocks     [][]byte // to be written yet
	committing bool
	partial    bool     // a broken variant
	found      []digest // by Open
	meta       string

	commits, dropped, restores int
}

func (w *world) patience() int {
	if w.snapping != nil {
		return 120
	}
	return 30
}

// snap makes the next step of a snapshot.
func (w *world) snap() error {
	s := w.snapping
	var err error
	switch {
	case s.writer == nil:
		s.writer, err = w.log.CreateSnapshot()
		s.image(w.history)
	case len(s.blocks) > 0:
		err = s.writer.Block(s.blocks[0])
		s.blocks = s.blocks[1:]
	case w.rng.IntN(10) == 0:
		s.abort()
	default:
		return w.commit()
	}
	if w.disk.Crashed() {
		s.writer = nil
		return nil
	}
	return err
}

func (w *world) commit() error {
	s := w.snapping
	oldest := w.log.kept.cutoff.oldest
	s.committing = true
	err := s.writer.Commit(s.position, fmt.Append(nil, s.position))
	s.committing, s.writer = false, nil
	s.dropped += int(w.log.kept.cutoff.oldest - oldest)
	if w.disk.Crashed() {
		return nil
	}
	if err == nil {
		s.commits++
		w.stable = max(w.stable, s.position) // in every mode
	}
	return err
}

// image makes the blocks of a snapshot of all that was appended.
func (s *snapping) image(history []Record) {
	s.position, s.blocks = 0, nil
	for part := range slices.Chunk(history, len(history)/3+1) {
		var b []byte
		for _, r := range part {
			b, _ = binary.Append(b, binary.LittleEndian, digestOf(r))
			s.position = r.Position
		}
		s.blocks = append(s.blocks, b)
	}
}

func (s *snapping) abort() {
	if s != nil && s.writer != nil {
		s.writer.Abort()
		s.writer = nil
	}
}

// load reads a snapshot while Open runs.
func (s *snapping) load(from *Snapshot) error {
	s.restores++
	s.found, s.meta = nil, string(from.Meta)
	var mu sync.Mutex
	err := from.Blocks(2, func(raw []byte) error {
		part := make([]digest, len(raw)/binary.Size(digest{}))
		if _, err := binary.Decode(raw, binary.LittleEndian, part); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		s.found = append(s.found, part...)
		return nil
	})
	slices.SortFunc(s.found, func(a, b digest) int { return cmp.Compare(a.Position, b.Position) })
	if s.meta != fmt.Sprint(from.Position) {
		err = errors.Join(err, fmt.Errorf("the meta of the snapshot at %d is %s", from.Position, s.meta))
	}
	return err
}

// recovered returns the records that the snapshot held, as they are in history.
func (s *snapping) recovered(history []Record) ([]Record, error) {
	if s == nil {
		return nil, nil
	}
	found := s.found
	s.found = nil
	for i, d := range found {
		if i >= len(history) || digestOf(history[i]) != d {
			return nil, fmt.Errorf("the snapshot at %s holds %v", s.meta, d)
		}
	}
	return history[:len(found):len(found)], nil
}

// TestSnapshotCrashes: with snapshots all the time, in every mode and after any
// crash, snapshot and log together hold each record once, in order, and all of those
// that were stable or in a snapshot that was committed; and streams what they held
// after the segments that were dropped.
func TestSnapshotCrashes(t *testing.T) {
	for mode, name := range []string{"always", "interval", "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crashes := max(*crashesFlag, 1500)
			if testing.Short() {
				crashes = 200
			}
			var all []*snapping
			_, err := survive(seed(t), crashes, Mode(mode), func(w *world) {
				w.snapping, w.reading = &snapping{}, &reading{found: map[string]int{}}
				all = append(all, w.snapping)
			})
			if err != nil {
				t.Fatal(err)
			}
			var sum snapping
			for _, s := range all {
				sum.commits, sum.dropped, sum.restores = sum.commits+s.commits, sum.dropped+s.dropped, sum.restores+s.restores
			}
			if sum.commits < crashes/10 || sum.dropped < crashes/10 || sum.restores < crashes/10 {
				t.Error("the test does not test")
			}
			t.Logf("%d snapshots, %d segments dropped, %d snapshots loaded", sum.commits, sum.dropped, sum.restores)
		})
	}
}

// TestSnapshotCrashesCatch: the same test finds snapshots that are wrong.
func TestSnapshotCrashesCatch(t *testing.T) {
	whenCommitting := func(op, name string) func(*world) {
		return func(w *world) {
			w.disk.Lie = func(o, n string) bool { return o == op && n == name && w.snapping.committing }
		}
	}
	for _, c := range []struct {
		name string
		mode Mode
		flaw func(*world)
	}{
		{"published before the log is durable, interval", Interval, func(w *world) { w.options.hasty = true }},
		{"published before the log is durable, none", None, func(w *world) { w.options.hasty = true }},
		{"segments dropped before the snapshot is durable", Always, whenCommitting("sync", temporarySnapshot)},
		{"segments dropped before its name is durable", Always, whenCommitting("syncdir", "")},
		{"segments dropped before the control file says so", Always, whenCommitting("sync", controlName)},
		{"one that is being written taken for a whole one", Always, func(w *world) { w.snapping.partial = true }},
		{"records of the snapshot handed out again", Always, func(w *world) { w.options.twice = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, err := survive(seed(t), 20000, c.mode, func(w *world) {
				w.snapping = &snapping{}
				c.flaw(w)
			})
			if err == nil {
				t.Fatal("nothing was found in", w.crashes, "crashes")
			}
			t.Log(err)
		})
	}
}

// script takes two snapshots with records before, between and behind.
func (w *world) script() error {
	fill := func(n int) {
		for range n {
			w.append()
			w.log.step()
			if wanted, _ := w.log.wantsSegment(); wanted {
				w.log.addSegment()
			}
		}
	}
	for range 2 {
		fill(15)
		for begun := false; !w.disk.Crashed() && (!begun || w.snapping.writer != nil); begun = true {
			if err := w.snap(); err != nil {
				return err
			}
			w.append() // which the snapshot does not hold
		}
	}
	fill(3)
	return nil
}

// TestSnapshotEveryStep: the process or the machine stops at each operation of the
// disk in turn.
func TestSnapshotEveryStep(t *testing.T) {
	for mode, name := range []string{"always", "interval", "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := seed(t)
			step := stride()
			if lockcheck.Enabled { // each operation of the disk takes long
				step = 31
			}
			for at := 0; ; at += step {
				crashed := false
				for n := range uint64(4) {
					w := newWorld(first, Mode(mode)) // the same up to the crash
					w.disk = sim.NewDisk(first + n)
					w.snapping, w.reading = &snapping{}, &reading{found: map[string]int{}}
					must(w.open() == nil, "test: a new disk")
					w.disk.CrashAfter(at)
					if err := w.script(); err != nil {
						t.Fatal(err)
					}
					if Mode(mode) == Always {
						w.stable = max(w.stable, w.log.Stable())
					}
					crashed = w.disk.Crashed()
					if w.snapping.writer, w.log = nil, nil; n == 0 {
						w.disk = w.disk.Kill()
					} else {
						w.disk = w.disk.Crash()
					}
					w.disk.CrashAfter(-1)
					for range 2 {
						if err := w.open(); err != nil {
							t.Fatalf("operation %d, %d: %v", at, n, err)
						}
						if err := w.script(); err != nil {
							t.Fatalf("operation %d, %d: %v", at, n, err)
						}
						w.stable = max(w.stable, w.log.synced)
						w.disk, w.log = w.disk.Kill(), nil
					}
				}
				if !crashed {
					t.Log(at, "operations")
					break
				}
			}
		})
	}
}

// takeForWhole gives a snapshot that is being written the name of a whole one, as
// if it were written under that.
func (w *world) takeForWhole() {
	if b := w.disk.Content(temporarySnapshot); len(b) > 0 {
		w.disk.Lose(temporarySnapshot)
		w.disk.SetContent(snapshotName(w.snapping.position), b)
	}
}
