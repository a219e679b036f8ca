package stable

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"weensydb/lockcheck"
	"weensydb/sim"
)

// held is the model: what each stream holds, in order.
type held map[uint64][]Record

func hold(all []Record) held {
	h := held{}
	for _, r := range all {
		h.add(r)
	}
	return h
}

func (h held) add(r Record) {
	if r.Stream == 0 {
		return
	}
	s := h[r.Stream]
	for len(s) > 0 && s[len(s)-1].Index >= r.Index {
		s = s[:len(s)-1]
	}
	h[r.Stream] = append(s, r)
}

func (h held) at(stream, index uint64) (Record, bool) {
	s := h[stream]
	i, ok := slices.BinarySearchFunc(s, index, func(r Record, index uint64) int { return cmp.Compare(r.Index, index) })
	if !ok {
		return Record{}, false
	}
	return s[i], true
}

// index returns one that the next record of a stream may have: mostly the next,
// at times one that the stream has, seldom one before.
func (h held) index(rng *rand.Rand, stream uint64) uint64 {
	s := h[stream]
	switch n := rng.IntN(40); {
	case len(s) == 0:
		return rng.Uint64N(1000)
	case n == 0:
		return rng.Uint64N(s[0].Index + 1)
	case n < 6:
		return s[len(s)-1-rng.IntN(min(len(s), 10))].Index
	}
	return s[len(s)-1].Index + 1
}

// compare says how a log differs from the model at an index. A crash is no
// difference.
func (h held) compare(l *Log, stream, index uint64) error {
	want, ok := h.at(stream, index)
	if ok && want.Position <= l.kept.cutoff.last { // its segment was dropped
		want, ok = Record{}, false
	}
	r, err := l.Read(stream, index)
	switch {
	case errors.Is(err, sim.ErrCrashed):
		return nil
	case ok && err != nil:
		return fmt.Errorf("record %d of stream %d, at position %d: %w", index, stream, want.Position, err)
	case !ok && !errors.Is(err, ErrNoRecord):
		return fmt.Errorf("stream %d has no record %d: %v, %v", stream, index, r, err)
	case r.Position != want.Position || ok && (r.Stream != stream || r.Index != index) || r.Kind != want.Kind || !bytes.Equal(r.Payload, want.Payload):
		return fmt.Errorf("record %d of stream %d is %v, not %v", index, stream, r, want)
	}
	return nil
}

// reading is what a world does to read back, and where it found what it read.
type reading struct {
	stale bool // the broken variant, once the log is open
	busy  bool
	fault error
	found map[string]int
}

// readAll compares all that was recovered.
func (w *world) readAll() error {
	if w.reading == nil {
		return nil
	}
	w.log.streams.stale = w.reading.stale
	w.disk.Hold = w.readInFlight
	for stream := range uint64(5) {
		s := w.held[stream]
		for len(s) > 0 && s[0].Position <= w.log.kept.cutoff.last { // its segment was dropped
			s = s[1:]
		}
		first, last, ok := w.log.Bounds(stream)
		if ok != (len(s) > 0) || ok && (first != s[0].Index || last != s[len(s)-1].Index) {
			return fmt.Errorf("stream %d is from %d to %d, and not of %d records: %v", stream, first, last, len(s), ok)
		}
		for _, r := range s {
			if err := w.read(stream, r.Index); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSome compares at random, also where there is nothing.
func (w *world) readSome() error {
	if w.reading == nil {
		return nil
	}
	for range 3 {
		stream := w.rng.Uint64N(4)
		index := w.rng.Uint64N(1000)
		if s := w.held[stream]; len(s) > 0 {
			index = s[0].Index - 1 + w.rng.Uint64N(uint64(len(s))+5)
		}
		if err := w.read(stream, index); err != nil {
			return err
		}
	}
	return w.reading.fault
}

func (w *world) read(stream, index uint64) error {
	if w.disk.Crashed() || w.reading.busy { // by readInFlight
		return nil
	}
	w.reading.busy = true
	defer func() { w.reading.busy = false }()
	w.reading.found[w.log.whereabouts(stream, index)]++
	return w.held.compare(w.log, stream, index)
}

// readInFlight reads while the disk is at work on a batch.
func (w *world) readInFlight(op, name string) {
	if w.log != nil && (op == "write" || op == "sync") && strings.HasSuffix(name, segmentSuffix) && w.reading.fault == nil {
		for stream, s := range w.held {
			if len(s) > 0 {
				w.reading.fault = errors.Join(w.reading.fault, w.read(stream, s[len(s)-1].Index))
			}
		}
	}
}

// whereabouts says where Read will find a record.
func (l *Log) whereabouts(stream, index uint64) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.streams.find(stream, index)
	switch {
	case !ok:
		return "nowhere"
	case l.fill.find(p) != nil:
		return "fill"
	case l.flight.find(p) != nil:
		return "flight"
	case p.position > l.written:
		return "sealed"
	case uint64(p.segment) == l.segment.number:
		return "current segment"
	}
	return "earlier segment"
}

// TestStreams: in every mode and after any crash, Read returns what was appended
// last at an index, if it was not cut since, and no other; wherever it is.
func TestStreams(t *testing.T) {
	for mode, name := range []string{"always", "interval", "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crashes := 1000
			if testing.Short() {
				crashes = 100
			}
			found := map[string]int{}
			if _, err := survive(seed(t), crashes, Mode(mode), func(w *world) { w.reading = &reading{found: found} }); err != nil {
				t.Fatal(err)
			}
			for _, where := range []string{"nowhere", "fill", "sealed", "flight", "current segment", "earlier segment"} {
				if found[where] == 0 {
					t.Errorf("nothing was read from %s: the test does not test", where)
				}
			}
			t.Log(found)
		})
	}
}

// TestStreamsCatch: the same test finds streams that are wrong.
func TestStreamsCatch(t *testing.T) {
	for _, c := range []struct {
		name         string
		replay, live bool
	}{
		{"a suffix comes back at replay", true, false},
		{"a record that was cut is read", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, err := survive(seed(t), 20000, Always, func(w *world) {
				w.options.stale, w.reading = c.replay, &reading{stale: c.live, found: map[string]int{}}
			})
			if err == nil {
				t.Fatal("nothing was found in", w.crashes, "crashes")
			}
			t.Log(err)
		})
	}
}

// TestStreamGap: a gap is the caller's mistake; on disk, it is damage.
func TestStreamGap(t *testing.T) {
	s := newSample(t, false)
	l := open(t, s.options(new([]Record)))
	func() {
		defer func() {
			p := recover()
			l.mu.Unlock() // under lockcheck, this goroutine holds it
			if p == nil || !strings.Contains(fmt.Sprint(p), "I8") {
				t.Error("a gap was let in:", p)
			}
		}()
		s.append(t, l, Record{Stream: 1, Index: 3})
	}()
	s.disk = s.disk.Kill()

	l = open(t, s.options(new([]Record)))
	delete(l.streams.byNumber, 1)
	s.append(t, l, Record{Stream: 1, Index: 3})
	l.step()
	s.disk = s.disk.Kill()
	_, err := Open(s.options(new([]Record)))
	var d *DamageError
	if !errors.As(err, &d) || d.Offset != s.batches[3] {
		t.Errorf("open: %v; the batch is at %d", err, s.batches[3])
	}
	if _, inspected := Inspect(InspectOptions{FS: s.disk}); err != nil && (inspected == nil || inspected.Error() != err.Error()) {
		t.Errorf("inspect: %v", inspected)
	}
}

// TestReadDamage: whichever byte of a record changes on disk, it is not returned,
// and others are.
func TestReadDamage(t *testing.T) {
	s := newSample(t, false)
	l := open(t, s.options(new([]Record)))
	want := s.records[3] // 1 of stream 1
	p, _ := l.streams.find(1, 1)
	whole := s.disk.Content(segmentName(1))
	for at := p.offset; at < p.offset+p.size; at++ {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 8)
		s.disk.SetContent(segmentName(1), b)
		var d *DamageError
		if r, err := l.Read(1, 1); !errors.As(err, &d) || d.Offset != int64(p.offset) || d.File != l.fs.Path(segmentName(1)) {
			t.Fatalf("byte %d: %v, %v", at, r, err)
		}
		if _, err := l.Read(1, 0); err != nil {
			t.Fatal(err)
		}
	}
	s.disk.SetContent(segmentName(1), whole[:p.offset+p.size-1])
	if r, err := l.Read(1, 1); err == nil {
		t.Error("from a file that is too short:", r)
	}
	s.disk.SetContent(segmentName(1), whole)
	if err := hold(s.records).compare(l, want.Stream, want.Index); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Read(1, 1); err != ErrClosed {
		t.Error("after Close:", err)
	}
}

// TestReadFailed: what was appended in vain is not read, nor what it would have
// cut.
func TestReadFailed(t *testing.T) {
	s := newSample(t, false)
	l := open(t, s.options(new([]Record)))
	s.append(t, l, Record{Stream: 1, Index: 2})
	room, _ := l.Reserve(0, 0)
	later, _ := l.Reserve(0, 0)
	s.disk.Refuse = func(op, _ string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	}
	l.step()
	l.Append(room, 1, 3, 0, Bytes(nil))
	l.Append(later, 1, 0, 0, Bytes(nil))
	for index := range uint64(4) {
		if r, err := l.Read(1, index); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v, %v", r, err)
		}
	}
}

// TestStreamChunks: a stream of many chunks, cut anywhere, is as the model says.
func TestStreamChunks(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 3))
	var m streams
	h := held{}
	longest := 0
	for position := range uint64(30000) {
		s := h[1]
		longest = max(longest, len(s))
		index := uint64(100)
		if len(s) > 0 {
			index = s[len(s)-1].Index + 1
			if m.add(1, index+1+rng.Uint64N(9), locator{}) {
				t.Fatal("a gap was let in")
			}
			if n := rng.IntN(5000); n == 0 {
				index = rng.Uint64N(s[0].Index + 1)
			} else if n < 50 {
				index -= uint64(rng.IntN(min(len(s), 300)))
			}
		}
		h.add(Record{Stream: 1, Index: index, Position: position})
		if !m.add(1, index, locator{position: position}) {
			t.Fatal("a gap that is none")
		}
		for range 5 {
			index := h[1][0].Index - 2 + rng.Uint64N(uint64(len(h[1])+4))
			p, ok := m.find(1, index)
			if want, there := h.at(1, index); ok != there || p.position != want.Position {
				t.Fatalf("record %d: %v, %v, not %v", index, p, ok, want)
			}
		}
	}
	if longest < 2*chunkLength {
		t.Error("the longest stream had", longest, "records: the test does not test")
	}
}

// TestStreamMemory: stream 0 costs nothing, and a record of another one as little
// as its comment says.
func TestStreamMemory(t *testing.T) {
	if size := unsafe.Sizeof(locator{}); size != 24 {
		t.Errorf("a locator takes %d bytes", size)
	}
	l := open(t, Options{FS: sim.NewDisk(1), SegmentSize: 1 << 20, manual: true})
	defer l.Close()
	var payload Payload = make(Bytes, 100)
	index := uint64(0)
	for stream := range uint64(2) {
		if n := testing.AllocsPerRun(1000, func() {
			room, _ := l.Reserve(payload.Size(), 0)
			l.Append(room, stream, index, 0, payload)
			index++
		}); n > 0 && !lockcheck.Enabled {
			t.Errorf("%v allocations in stream %d", n, stream)
		}
		if n := len(l.streams.byNumber); n != int(stream) {
			t.Errorf("%d streams are indexed after %d", n, stream)
		}
	}
	if s := l.streams.byNumber[1]; len(s.chunks) != (1001+chunkLength-1)/chunkLength {
		t.Errorf("%d chunks", len(s.chunks))
	}
	room, _ := l.Reserve(payload.Size(), 0)
	l.Append(room, 1, l.streams.byNumber[1].first, 0, payload)
	if s := l.streams.byNumber[1]; len(s.chunks) != 1 || s.length != 1 {
		t.Errorf("%d chunks of %d records after a cut", len(s.chunks), s.length)
	}
}
