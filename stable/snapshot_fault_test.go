package stable

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"weensydb/sim"
)

// TestSnapshotFaults: what the disk refuses at each step of a snapshot, and what
// follows.
func TestSnapshotFaults(t *testing.T) {
	const (
		nothing = "nothing"
		fails   = "the snapshot fails"
		final   = "the log fails"
	)
	for _, c := range []struct {
		op, name string
		err      error
		what     string
	}{
		{"create", temporarySnapshot, syscall.ENOSPC, fails},
		{"create", temporarySnapshot, syscall.EIO, fails},
		{"write", temporarySnapshot, syscall.ENOSPC, fails},
		{"write", temporarySnapshot, syscall.EIO, fails},
		{"sync", temporarySnapshot, syscall.ENOSPC, fails},
		{"sync", temporarySnapshot, syscall.EIO, fails},
		{"rename", temporarySnapshot, syscall.EIO, fails},
		{"syncdir", "", syscall.ENOSPC, fails},
		{"syncdir", "", syscall.EIO, final},
		{"write", controlName, syscall.EIO, final},
		{"sync", controlName, syscall.EIO, final},
		{"list", "", syscall.EIO, nothing},
		{"remove", snapshotName(9), syscall.EIO, nothing},
		{"remove", segmentName(2), syscall.EIO, nothing},
	} {
		t.Run(c.op+" "+c.name+" "+c.err.Error(), func(t *testing.T) {
			d := sim.NewDisk(1)
			var refusing atomic.Bool
			d.Refuse = func(op, name string) error {
				if op == c.op && name == c.name && refusing.CompareAndSwap(true, false) { // once
					return c.err
				}
				return nil
			}
			o := Options{FS: d, SegmentSize: 1 << 10}
			l := open(t, o)
			ready := func() { // nobody else is at the disk
				eventually(t, "a spare", func() bool { wanted, _ := l.wantsSegment(); return !wanted })
			}
			produce(t, l, 1, 9)
			if err := snapshotOf(l, "old"); err != nil {
				t.Fatal(err)
			}
			produce(t, l, 1, 9)
			ready()
			segment := l.kept.cutoff.oldest
			if c.name == segmentName(2) && segment != 2 {
				t.Fatal("segment 2 is not the one to go, but", segment)
			}
			refusing.Store(true)
			err := snapshotOf(l, "new")
			if refusing.Load() {
				t.Fatal("that was not called")
			}
			newest, _ := l.NewestSnapshot()
			l.mu.Lock()
			kept := l.kept.cutoff.oldest
			l.mu.Unlock()
			if (err == nil) != (c.what == nothing) || err != nil && !errors.Is(err, c.err) || (l.Err() != nil) != (c.what == final) {
				t.Fatalf("%v; the log: %v; not %s", err, l.Err(), c.what)
			}
			if c.what == fails && (newest.Position != 9 || kept != segment) {
				t.Error("something was dropped for a snapshot that failed")
			}
			last := uint64(18)
			if c.what != final {
				if d.Content(temporarySnapshot) != nil {
					t.Error("the temporary file is left")
				}
				produce(t, l, 1, 9)
				if err := snapshotOf(l, "newer"); err != nil {
					t.Error("the next one:", err)
				}
				produce(t, l, 1, 9)
				last = 36
				for _, gone := range []string{snapshotName(9), snapshotName(18), segmentName(1), segmentName(2)} {
					if d.Content(gone) != nil {
						t.Error(gone, "is left")
					}
				}
			}
			if err := l.Close(); (err != nil) != (c.what == final) {
				t.Error(err)
			}
			position := uint64(0)
			o.OnSnapshot = func(s *Snapshot) error { position = s.Position; return s.verify() }
			o.OnRecord = func(r Record) error {
				if position++; position != r.Position {
					t.Errorf("%d, not %d", r.Position, position)
				}
				return nil
			}
			o.FS = d.Kill()
			l = open(t, o)
			if position != last {
				t.Errorf("ends with %d, not %d", position, last)
			}
			l.Close()
		})
	}
}

// TestSnapshotDiskFull: a snapshot that finds no room leaves none taken, and the log
// goes on.
func TestSnapshotDiskFull(t *testing.T) {
	d := sim.NewDisk(1)
	l := open(t, Options{FS: d, SegmentSize: 1 << 10})
	produce(t, l, 1, 20)
	eventually(t, "a spare", func() bool { wanted, _ := l.wantsSegment(); return !wanted })
	used := d.Used()
	for room := range int64(300) {
		d.SetCapacity(used + room)
		if err := snapshotOf(l, sampleBlocks...); err == nil {
			if room < 250 {
				t.Errorf("a snapshot in %d bytes", room)
			}
			break
		} else if !errors.Is(err, syscall.ENOSPC) || d.Used() != used {
			t.Fatalf("%d bytes: %v, %d used, not %d", room, err, d.Used(), used)
		}
	}
	d.SetCapacity(0)
	produce(t, l, 1, 20)
	if err := errors.Join(snapshotOf(l, "x"), l.Close()); err != nil {
		t.Fatal(err)
	}
}
