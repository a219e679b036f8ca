package stable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"weensydb/sim"
)

// snapshotOf writes a snapshot of the last position.
func snapshotOf(l *Log, blocks ...string) error {
	w, err := l.CreateSnapshot()
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if err := w.Block([]byte(b)); err != nil {
			w.Abort()
			return err
		}
	}
	return w.Commit(l.NextPosition()-1, []byte("meta"))
}

// snapshotSample is the sample with a small snapshot: a block that is compressed
// and one that is not.
var sampleBlocks = []string{strings.Repeat("one ", 30), "two", "three"}

func snapshotSample(t testing.TB) (s *sample, name string) {
	t.Helper()
	s = newSample(t, true)
	l := open(t, s.options(new([]Record)))
	if err := snapshotOf(l, sampleBlocks...); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.disk = s.disk.Kill()
	return s, snapshotName(6)
}

// places returns where each block of a snapshot begins, and its end.
func places(t testing.TB, snapshot []byte) (at []int) {
	t.Helper()
	for n := snapshotHeaderSize; n < len(snapshot); {
		h, _, ok := parseBlockHeader(snapshot[n:])
		if !ok {
			t.Fatal("no block at", n)
		}
		at = append(at, n)
		n += int(h.size())
	}
	return append(at, len(snapshot))
}

// part names what is at an offset, as an error has to.
func part(places []int, at int) string {
	if at < places[0] {
		return "header of the snapshot"
	}
	n, exact := slices.BinarySearch(places, at)
	if exact {
		n++
	}
	if n == len(places)-1 {
		return "footer"
	}
	return fmt.Sprintf("block %d", n)
}

// TestSnapshotFlip: whichever byte of a snapshot or backup changes, it is refused,
// and the block named.
func TestSnapshotFlip(t *testing.T) {
	s, name := snapshotSample(t)
	whole := s.disk.Content(name)
	places := places(t, whole)
	t.Log(len(whole), "bytes, blocks at", places)
	for at := range whole {
		_, _, err := s.with(name, flip(at))
		wantDamage(t, err, "byte %d", at)
		if !strings.Contains(err.Error(), part(places, at)) || !strings.Contains(err.Error(), name) {
			t.Fatalf("byte %d: %v, does not name %s", at, err, part(places, at))
		}
		s.disk.SetContent(name, whole)

		_, err = VerifySnapshot(bytes.NewReader(flip(at)(slices.Clone(whole))), "backup", 2)
		wantDamage(t, err, "byte %d", at)
		if want := part(places, at); !strings.Contains(err.Error(), want) && at < places[len(places)-2] {
			t.Fatalf("byte %d: %v, does not name %s", at, err, want)
		}
		d := sim.NewDisk(1)
		_, err = RestoreTo(RestoreOptions{FS: d, Path: "backup"}, bytes.NewReader(flip(at)(slices.Clone(whole))))
		wantDamage(t, err, "byte %d", at)
		if d.Used() != 0 {
			t.Fatalf("byte %d: something is left in the directory", at)
		}
	}
}

// TestSnapshotTruncate: wherever a snapshot or backup ends too early, or too late,
// it is refused.
func TestSnapshotTruncate(t *testing.T) {
	s, name := snapshotSample(t)
	whole := s.disk.Content(name)
	for at := range len(whole) + 1 {
		change := cutAt(at)
		if at == len(whole) {
			change = func(b []byte) []byte { return append(b, 0) }
		}
		_, _, err := s.with(name, change)
		wantDamage(t, err, "cut at %d", at)
		s.disk.SetContent(name, whole)
		_, err = VerifySnapshot(bytes.NewReader(change(slices.Clone(whole))), "backup", 1)
		wantDamage(t, err, "cut at %d", at)
	}
	if _, err := VerifySnapshot(bytes.NewReader(whole), "backup", 3); err != nil {
		t.Error(err)
	}
	s.disk.Lose(name)
	_, err := Open(s.options(new([]Record)))
	wantDamage(t, err, "without it")
	s.disk.SetContent(name, whole)
	s.disk.Lose(controlName)
	s.disk.Lose(segmentName(1))
	s.disk.Lose(segmentName(2))
	_, err = Open(s.options(new([]Record)))
	wantDamage(t, err, "a snapshot alone")
}

// TestSnapshotNewer: a snapshot of a newer version is refused as such.
func TestSnapshotNewer(t *testing.T) {
	s, name := snapshotSample(t)
	_, _, err := s.with(name, func(b []byte) []byte {
		b[8]++
		binary.LittleEndian.PutUint32(b[60:], checksum(b[:60]))
		return b
	})
	if !errors.Is(err, ErrVersion) {
		t.Error(err)
	}
}

// TestSnapshotForeign: a snapshot of another log, or of another position than its
// name says, is refused.
func TestSnapshotForeign(t *testing.T) {
	s, name := snapshotSample(t)
	other, _ := snapshotSample(t)
	_, _, err := s.with(name, func([]byte) []byte { return other.disk.Content(name) })
	wantDamage(t, err, "of another log")
	s, _ = snapshotSample(t)
	s.disk.SetContent(snapshotName(7), s.disk.Content(name))
	_, err = Open(s.options(new([]Record)))
	wantDamage(t, err, "of another position")
}

// hostile is a file with a block header that promises too much.
func hostile(h blockHeader, payload []byte) []byte {
	h.salt, h.number, h.payloadSum = 7, 1, checksum(payload)
	b := snapshotHeader{1, 7}.encode()
	b = append(b, zeros[:blockHeaderSize]...)
	h.encode(b[snapshotHeaderSize:])
	return append(b, payload...)
}

// TestSnapshotAllocation: a file makes its reader allocate no more than it holds,
// or one block that may be compressed.
func TestSnapshotAllocation(t *testing.T) {
	for _, b := range [][]byte{
		hostile(blockHeader{raw: MaxBlock, stored: MaxBlock}, []byte("x")),
		hostile(blockHeader{flags: blockIsMeta, raw: MaxMeta, stored: MaxMeta}, []byte("x")),
		hostile(blockHeader{flags: blockCompressed, raw: maxCompressed + 1, stored: 1}, []byte("x")),
		hostile(blockHeader{flags: blockCompressed, raw: maxCompressed, stored: 4}, []byte{0xff, 0xff, 0xff, 0x07}),
		hostile(blockHeader{flags: blockCompressed, raw: 100, stored: 5}, []byte{0xff, 0xff, 0xff, 0xff, 0x07}),
	} {
		d := sim.NewDisk(1)
		d.SetContent(snapshotName(1), append(slices.Clone(b), b...))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := VerifySnapshot(bytes.NewReader(b), "backup", 1)
		wantDamage(t, err, "%x", b)
		_, err = openSnapshot(d, 1)
		wantDamage(t, err, "%x", b)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%d bytes were allocated for %x", got, b[snapshotHeaderSize:])
		}
	}
}

// TestSnapshotRoundTrip: on a real directory, in every mode, beside producers, with
// blocks of all sizes written and read by several: what is there is what was given.
func TestSnapshotRoundTrip(t *testing.T) {
	for mode, name := range []string{"always", "interval", "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed(t), 1))
			o := Options{Dir: t.TempDir(), SegmentSize: 16 << 10, MaxUnsynced: 8 << 10, Mode: Mode(mode)}
			l := open(t, o)
			var producers sync.WaitGroup
			producers.Go(func() { produce(t, l, 4, 200) })
			want := map[string]bool{}
			for round := range 5 {
				clear(want)
				w, err := l.CreateSnapshot()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := l.CreateSnapshot(); err != ErrSnapshot {
					t.Error("a second one beside it:", err)
				}
				position := l.NextPosition() - 1
				var writers sync.WaitGroup
				for i := range 40 {
					b := make([]byte, 1+rng.IntN(200<<10)/(1+rng.IntN(100)))
					for j := range b {
						b[j] = byte(rng.Uint32() >> (8 * (i % 5)) & 7)
					}
					if i == 0 && round == 4 {
						b = make([]byte, maxCompressed+1)
					}
					want[string(b)] = true
					writers.Go(func() {
						if err := w.Block(b); err != nil {
							t.Error(err)
						}
					})
				}
				writers.Wait()
				if err := w.Commit(position, fmt.Append(nil, position)); err != nil {
					t.Fatal(err)
				}
				if synced := l.lastSynced(); l.SinceSnapshot() < 0 || synced < position {
					t.Errorf("durable to %d only, %d bytes since", synced, l.SinceSnapshot())
				}
			}
			producers.Wait()
			newest, ok := l.NewestSnapshot()
			read := func(s *Snapshot) error {
				if s.SnapshotInfo != newest || !ok || string(s.Meta) != fmt.Sprint(newest.Position) {
					return fmt.Errorf("%+v, not %+v", s.SnapshotInfo, newest)
				}
				return wantBlocks(want, func(f func([]byte) error) error { return s.Blocks(4, f) })
			}
			s, err := l.OpenSnapshot()
			if err != nil {
				t.Fatal(err)
			}
			backup, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size))
			if err = errors.Join(err, read(s), s.Close()); err != nil {
				t.Error(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := l.CreateSnapshot(); err != ErrClosed {
				t.Error("after Close:", err)
			}
			var replayed, since int64
			o.OnSnapshot = read
			o.OnRecord = func(r Record) error {
				if r.Position != newest.Position+uint64(replayed)+1 {
					return fmt.Errorf("position %d comes %d behind the snapshot", r.Position, replayed)
				}
				replayed++
				return nil
			}
			l = open(t, o)
			since = l.SinceSnapshot()
			if newest.Position+uint64(replayed) != 800 || l.Recovery().Snapshot != newest.Position || since > 110*replayed || since < 100*replayed {
				t.Errorf("snapshot at %d, %d records of %d bytes behind it, %+v", newest.Position, replayed, since, l.Recovery())
			}
			l.Close()
			wantRestored(t, backup, newest, want)
		})
	}
}

func (l *Log) lastSynced() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.synced
}

// wantBlocks compares the blocks that read gives.
func wantBlocks(want map[string]bool, read func(func([]byte) error) error) error {
	var mu sync.Mutex
	n := 0
	err := read(func(raw []byte) error {
		mu.Lock()
		defer mu.Unlock()
		if !want[string(raw)] {
			return fmt.Errorf("a block of %d bytes that nobody wrote", len(raw))
		}
		n++
		return nil
	})
	if err == nil && n < len(want) {
		err = fmt.Errorf("%d blocks, not %d", n, len(want))
	}
	return err
}

// wantRestored makes a log of a backup.
func wantRestored(t *testing.T, backup []byte, info SnapshotInfo, want map[string]bool) {
	t.Helper()
	err := wantBlocks(want, func(f func([]byte) error) error {
		got, meta, err := ReadSnapshot(bytes.NewReader(backup), "backup", 3, f)
		if err == nil && (got != info || string(meta) != fmt.Sprint(info.Position)) {
			err = fmt.Errorf("%+v, not %+v", got, info)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	o := Options{Dir: t.TempDir(), SegmentSize: 4 << 10}
	if _, err := RestoreTo(RestoreOptions{Dir: o.Dir, Path: "backup", Workers: 2}, bytes.NewReader(backup)); err != nil {
		t.Fatal(err)
	}
	if _, err := RestoreTo(RestoreOptions{Dir: o.Dir, Path: "backup"}, bytes.NewReader(backup)); !errors.Is(err, ErrNotEmpty) {
		t.Error("restored twice:", err)
	}
	for range 3 {
		loaded := false
		o.OnSnapshot = func(s *Snapshot) error {
			loaded = s.Position == info.Position && s.Identity != info.Identity
			return wantBlocks(want, func(f func([]byte) error) error { return s.Blocks(2, f) })
		}
		l := open(t, o)
		if room, _ := l.Reserve(0, 1); !loaded || l.NextPosition() <= info.Positions+restoreGap {
			t.Errorf("goes on at %d, %d were claimed", l.NextPosition(), info.Positions)
		} else if id, room := l.ID(room); id <= info.IDs+restoreGap {
			t.Errorf("IDs go on at %d, %d were claimed", id, info.IDs)
		} else {
			l.Release(room)
		}
		produce(t, l, 1, 30)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSnapshotRead: a snapshot that is being read stays, though a newer one comes.
func TestSnapshotRead(t *testing.T) {
	d := sim.NewDisk(1)
	l := open(t, Options{FS: d, SegmentSize: 1 << 10})
	if _, err := l.OpenSnapshot(); err != ErrNoSnapshot {
		t.Error(err)
	}
	var read []*Snapshot
	for range 2 {
		produce(t, l, 1, 5)
		if err := snapshotOf(l, "old"); err != nil {
			t.Fatal(err)
		}
		s, err := l.OpenSnapshot()
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, s)
	}
	for i, s := range read {
		if d.Content(s.Name) == nil {
			t.Error(i, "is gone")
		}
		if err := errors.Join(s.verify(), s.Close()); err != nil {
			t.Error(err)
		}
	}
	produce(t, l, 1, 1)
	if err := snapshotOf(l, "new"); err != nil {
		t.Fatal(err)
	}
	for i, s := range read {
		if d.Content(s.Name) != nil {
			t.Error(i, "is still there")
		}
	}
	l.Close()
}

// TestSync: it returns in modes that sync seldom, and when the log fails.
func TestSync(t *testing.T) {
	for _, mode := range []Mode{Always, Interval, None} {
		d := sim.NewDisk(1)
		l := open(t, Options{FS: d, SegmentSize: 4 << 10, Mode: mode, Interval: 1 << 40})
		last := l.Append(reserve(t, l, 100), 0, 0, 0, make(Bytes, 100))
		if err := l.Sync(last + 10); err != nil || l.lastSynced() != last { // beyond is as far as it goes
			t.Error(mode, err)
		}
		room := reserve(t, l, 1)
		d.Refuse = func(op, name string) error {
			if op == "sync" && name == segmentName(1) {
				return io.ErrShortWrite
			}
			return nil
		}
		if err := l.Sync(l.Append(room, 0, 0, 0, Bytes("x"))); !errors.Is(err, io.ErrShortWrite) {
			t.Error(mode, err)
		}
		l.Close()
	}
}

// TestSnapshotClose: Close waits for a snapshot, whose blocks fail from then on.
func TestSnapshotClose(t *testing.T) {
	d := sim.NewDisk(1)
	l := open(t, Options{FS: d, SegmentSize: 1 << 10})
	w, err := l.CreateSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	eventually(t, "blocks fail", func() bool { return w.Block([]byte("x")) == ErrClosed })
	if len(closed) > 0 {
		t.Error("Close did not wait")
	}
	if err := w.Commit(0, nil); err != ErrClosed {
		t.Error(err)
	}
	if err := <-closed; err != nil || d.Content(temporarySnapshot) != nil {
		t.Error(err)
	}
}

// FuzzSnapshot: whatever a backup holds, it is read or refused.
func FuzzSnapshot(f *testing.F) {
	s, name := snapshotSample(f)
	f.Add(s.disk.Content(name))
	f.Add(hostile(blockHeader{flags: blockCompressed, raw: 100, stored: 3}, []byte{100, 0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := VerifySnapshot(bytes.NewReader(b), "backup", 1)
		if err == nil && info.Size != int64(len(b)) {
			t.Errorf("%+v of %d bytes", info, len(b))
		}
	})
}

// TestSnapshotAgain: a snapshot takes the place of one at the same position, be it
// the first.
func TestSnapshotAgain(t *testing.T) {
	d := sim.NewDisk(1)
	l := open(t, Options{FS: d, SegmentSize: 1 << 10})
	for round := range 2 {
		for _, block := range []string{"one", "two"} {
			if err := snapshotOf(l, block); err != nil {
				t.Fatal(err)
			}
			s, err := l.OpenSnapshot()
			if err == nil {
				err = wantBlocks(map[string]bool{block: true}, func(f func([]byte) error) error { return s.Blocks(1, f) })
			}
			if err = errors.Join(err, s.Close()); err != nil {
				t.Error(round, block, err)
			}
		}
		produce(t, l, 1, 9)
	}
	l.Close()
}
