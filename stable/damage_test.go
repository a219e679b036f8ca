package stable

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"weensydb/sim"
)

// sample is a small log: three batches in the first of two segments.
type sample struct {
	disk    *sim.Disk
	batches []int64 // offset of each, and of the end
	records []Record
}

func newSample(t testing.TB, clean bool) *sample {
	t.Helper()
	s := &sample{disk: sim.NewDisk(1)}
	l, err := Open(s.options(nil))
	if err != nil {
		t.Fatal(err)
	}
	l.addSegment()
	for i := range 3 {
		s.batches = append(s.batches, l.offset)
		for j := range 2 {
			s.append(t, l, Record{Stream: uint64(i), Index: uint64(j), Kind: 7, Payload: bytes.Repeat([]byte{byte(10*i + j + 1)}, 11*(i+1)+j)})
		}
		l.step()
	}
	s.batches = append(s.batches, l.offset)
	if clean {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s.disk = s.disk.Kill()
	return s
}

func (s *sample) append(t testing.TB, l *Log, r Record) {
	room, v := l.Reserve(len(r.Payload), 0)
	if v != OK {
		t.Fatal(v)
	}
	r.Position = l.Append(room, r.Stream, r.Index, r.Kind, Bytes(r.Payload))
	s.records = append(s.records, r)
}

func (s *sample) options(found *[]Record) Options {
	return Options{FS: s.disk, SegmentSize: 1 << 10, Logger: quiet, manual: true, OnRecord: func(r Record) error {
		r.Payload = bytes.Clone(r.Payload)
		*found = append(*found, r)
		return nil
	}}
}

// with opens the log after change has been made to a file, and undoes all.
func (s *sample) with(name string, change func([]byte) []byte) (found []Record, l *Log, err error) {
	saved := map[string][]byte{}
	for _, n := range []string{segmentName(1), segmentName(2), controlName, name} {
		saved[n] = s.disk.Content(n)
	}
	changed := change(slices.Clone(saved[name]))
	s.disk.SetContent(name, changed)
	l, err = Open(s.options(&found))
	if err != nil && !bytes.Equal(s.disk.Content(name), changed) {
		err = fmt.Errorf("refused, and yet something was changed; %v", err)
	}
	s.disk = s.disk.Kill()
	for n, content := range saved {
		s.disk.SetContent(n, content)
	}
	return found, l, err
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 0x5a; return b }
}

// blank is the loss of everything from an offset on.
func blank(at int) func([]byte) []byte {
	return func(b []byte) []byte { clear(b[at:]); return b }
}

func cutAt(at int) func([]byte) []byte {
	return func(b []byte) []byte { return b[:at:at] }
}

func wantDamage(t *testing.T, err error, format string, args ...any) {
	t.Helper()
	var d *DamageError
	if !errors.As(err, &d) || d.File == "" {
		t.Fatalf("%s: %v, not a DamageError", fmt.Sprintf(format, args...), err)
	}
}

func sameRecords(a, b []Record) bool {
	return slices.EqualFunc(a, b, func(x, y Record) bool {
		return x.Position == y.Position && x.Stream == y.Stream && x.Index == y.Index && x.Kind == y.Kind && bytes.Equal(x.Payload, y.Payload)
	})
}

// stride is how far apart the bytes are that are tried: all of them, or some of
// them with -short.
func stride() int {
	if testing.Short() {
		return 7
	}
	return 1
}

// TestFlipUnclean: a flip of any byte before the last batch is refused. Within it
// the batch is cut, and behind it nothing is lost; both are told.
func TestFlipUnclean(t *testing.T) {
	s := newSample(t, false)
	name := segmentName(1)
	image := s.disk.Content(name)
	h, _, _ := parseBatchHeader(image[s.batches[2]:], saltOf(image))
	written := s.batches[2] + batchHeaderSize + int64(h.length)
	for at := 0; at < len(image); at += stride() {
		found, l, err := s.with(name, flip(at))
		switch at := int64(at); {
		case at < s.batches[2], at >= written && at < s.batches[3]: // nothing is ever written between batches
			wantDamage(t, err, "byte %d", at)
		case err != nil:
			t.Fatalf("byte %d: %v", at, err)
		case at < s.batches[3] && !sameRecords(found, s.records[:4]), at >= s.batches[3] && !sameRecords(found, s.records):
			t.Fatalf("byte %d: %d records", at, len(found))
		case l.Recovery().Cut.Bytes == 0 || l.Recovery().Clean:
			t.Fatalf("byte %d: the cut was not told", at)
		}
	}
}

// TestFlipClean: after a clean stop any flip is refused.
func TestFlipClean(t *testing.T) {
	s := newSample(t, true)
	for _, name := range []string{segmentName(1), segmentName(2)} {
		for at := 0; at < len(s.disk.Content(name)); at += stride() {
			_, _, err := s.with(name, flip(at))
			wantDamage(t, err, "%s, byte %d", name, at)
		}
	}
}

// TestFlipControl: one copy of two may be damaged.
func TestFlipControl(t *testing.T) {
	for _, clean := range []bool{false, true} {
		s := newSample(t, clean)
		for at := 0; at < controlFileSize; at += stride() {
			found, l, err := s.with(controlName, flip(at))
			if err != nil || !sameRecords(found, s.records) || l.Recovery().Clean != clean || (l.next == 7) != clean {
				t.Fatalf("byte %d: %d records, %v", at, len(found), err)
			}
		}
		_, _, err := s.with(controlName, func(b []byte) []byte { return flip(50)(flip(4096 + 50)(b)) })
		wantDamage(t, err, "both copies")
	}
}

// TestTruncate: a file that is shorter than it was synced is refused, wherever it
// ends. If the rest is zeros instead, so that it looks like what a crash leaves,
// whole batches are recovered; and after a clean stop not even that passes.
func TestTruncate(t *testing.T) {
	for _, clean := range []bool{false, true} {
		s := newSample(t, clean)
		for _, name := range []string{segmentName(1), segmentName(2)} {
			for at := 0; at < len(s.disk.Content(name)); at += stride() {
				_, _, err := s.with(name, cutAt(at))
				wantDamage(t, err, "%s cut at %d", name, at)
			}
		}
		for at := 0; at < controlFileSize; at += stride() {
			_, _, err := s.with(controlName, cutAt(at))
			if at < controlSize {
				wantDamage(t, err, "control cut at %d", at)
			} else if err != nil {
				t.Fatalf("control cut at %d: %v", at, err)
			}
		}
		for at := 0; at < len(s.disk.Content(segmentName(1))); at += stride() {
			found, _, err := s.with(segmentName(1), blank(at))
			whole := 0
			for whole < 3 && !s.lossy(at, whole) {
				whole++
			}
			switch {
			case at < segmentHeaderSize, clean && whole < 3:
				wantDamage(t, err, "blank from %d", at)
			case err != nil || !sameRecords(found, s.records[:2*whole]):
				t.Fatalf("blank from %d: %d records, not %d; %v", at, len(found), 2*whole, err)
			}
		}
	}
}

// lossy reports whether a byte of a batch, or of one before it, that is not zero
// is at an offset or behind it.
func (s *sample) lossy(at, batch int) bool {
	b := s.disk.Content(segmentName(1))[:s.batches[batch+1]]
	return at < len(b) && !isBlank(b[at:])
}

// TestChain: a batch that is whole, but is not the one that followed, is refused.
// Here the disk lost the write of batch 2 and kept one from a torn tail that had
// been there, as a disk does that writes to the wrong place.
func TestChain(t *testing.T) {
	s := newSample(t, false)
	other := func(b []byte) []byte {
		h, _, ok := parseBatchHeader(b[s.batches[1]:], saltOf(b))
		if !ok {
			t.Fatal("no batch")
		}
		payload := b[s.batches[1]+batchHeaderSize:][:h.length]
		payload[len(payload)-1] ^= 1 // in a value
		h.payloadSum = checksum(payload)
		h.encode(b[s.batches[1]:])
		return b
	}
	_, _, err := s.with(segmentName(1), other)
	wantDamage(t, err, "another batch")

	o := s.options(new([]Record))
	o.unchained = true
	s.disk.SetContent(segmentName(1), other(s.disk.Content(segmentName(1))))
	if _, err := Open(o); err != nil {
		t.Errorf("the broken variant refuses too, so that the test does not test: %v", err)
	}
}

func saltOf(segment []byte) uint64 {
	var v uint64
	for i := 7; i >= 0; i-- {
		v = v<<8 | uint64(segment[24+i])
	}
	return v
}

// TestStoredCopy: somebody stores a copy of the log as a value, and the batch with
// it is torn. That is a torn tail, although there are whole batches in it.
func TestStoredCopy(t *testing.T) {
	s := newSample(t, false)
	name := segmentName(1)
	torn := func(b []byte) []byte {
		at := s.batches[3]
		copy(b[at+batchHeaderSize:], b[s.batches[0]:s.batches[2]]) // the header did not make it
		return b
	}
	found, l, err := s.with(name, torn)
	if err != nil || !sameRecords(found, s.records) || l.Recovery().Cut.Bytes == 0 {
		t.Fatal(len(found), err)
	}
}

// TestMissing: a segment or the control file that is not there is missed.
func TestMissing(t *testing.T) {
	for _, name := range []string{segmentName(1), segmentName(2), controlName} {
		s := newSample(t, true)
		s.disk.Lose(name)
		_, err := Open(s.options(new([]Record)))
		wantDamage(t, err, "without %s", name)
	}
}

// TestNewerVersion: a file of a newer version is refused as such.
func TestNewerVersion(t *testing.T) {
	s := newSample(t, true)
	_, _, err := s.with(segmentName(1), func(b []byte) []byte {
		b[8]++
		sum := checksum(b[:60])
		copy(b[60:], []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
		return b
	})
	if !errors.Is(err, ErrVersion) {
		t.Error("segment:", err)
	}
	_, _, err = s.with(controlName, func(b []byte) []byte {
		b[8]++
		sum := checksum(b[:124])
		copy(b[124:], []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
		return b
	})
	if !errors.Is(err, ErrVersion) {
		t.Error("control:", err)
	}
}
