package stable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"weensydb/sim"
)

// files are those of a small log.
type files map[string][]byte

// newFiles makes a log of three segments: two batches in the first, one in the
// second.
func newFiles(t *testing.T, clean bool) files {
	t.Helper()
	s := &sample{disk: sim.NewDisk(1)}
	l := open(t, s.options(nil))
	l.addSegment()
	l.addSegment()
	for i := range 3 {
		for j := range 2 {
			s.append(t, l, Record{Stream: uint64(i), Index: uint64(j), Kind: 7, Payload: bytes.Repeat([]byte{byte(10*i + j + 1)}, 180)})
		}
		l.step()
	}
	if clean {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all := files{}
	for _, name := range []string{controlName, segmentName(1), segmentName(2), segmentName(3)} {
		all[name] = s.disk.Content(name)
	}
	return all
}

// with returns the files after change has been made to one; nil removes it.
func (f files) with(name string, change func([]byte) []byte) files {
	changed := files{}
	for n, content := range f {
		changed[n] = content
	}
	if delete(changed, name); change != nil {
		changed[name] = change(slices.Clone(f[name]))
	}
	return changed
}

func (f files) disk() *sim.Disk {
	d := sim.NewDisk(1)
	for name, content := range f {
		d.SetContent(name, content)
	}
	return d
}

// inspect inspects files, and wants nothing to be changed.
func (f files) inspect(t *testing.T) (*Inspection, []Record, error) {
	t.Helper()
	d := f.disk()
	d.Refuse = func(op, name string) error {
		switch op {
		case "open", "list", "read", "size":
			return nil
		}
		t.Errorf("%s %s", op, name)
		return fs.ErrPermission
	}
	var found []Record
	in, err := Inspect(InspectOptions{FS: d, OnRecord: func(e Entry) error {
		e.Payload = bytes.Clone(e.Payload)
		found = append(found, e.Record)
		h, _, ok := parseBatchHeader(f[segmentName(e.Segment)][e.Offset:], saltOf(f[segmentName(e.Segment)]))
		if !ok || e.Position < h.first || e.Position >= h.first+uint64(h.records) {
			t.Errorf("position %d is not in the batch at byte %d of segment %d", e.Position, e.Offset, e.Segment)
		}
		return nil
	}})
	return in, found, err
}

// disagreement compares what Inspect says of some files with what Open makes of
// others, and returns in what they differ.
func disagreement(t *testing.T, inspected, opened files) error {
	t.Helper()
	in, told, inspectErr := inspected.inspect(t)
	s := &sample{disk: opened.disk()}
	var found []Record
	l, openErr := Open(s.options(&found))
	var a, b *DamageError
	switch {
	case (inspectErr == nil) != (openErr == nil):
		return fmt.Errorf("Inspect: %v; Open: %v", inspectErr, openErr)
	case openErr != nil && (!errors.As(inspectErr, &a) || !errors.As(openErr, &b) || *a != *b):
		return fmt.Errorf("Inspect: %w; Open: %w", inspectErr, openErr)
	case openErr != nil && (len(told) < len(found) || !sameRecords(told[:len(found)], found)):
		return fmt.Errorf("%d records before the damage, Open finds %d", len(told), len(found))
	case openErr != nil:
		return nil
	case !sameRecords(told, found):
		return fmt.Errorf("%d records, Open finds %d", len(told), len(found))
	case in.Recovery != l.Recovery():
		return fmt.Errorf("%+v, Open: %+v", in.Recovery, l.Recovery())
	case in.Control.NextPosition != l.next || in.Control.NextID != l.nextID:
		return fmt.Errorf("%+v, Open goes on at %d and %d", in.Control, l.next, l.nextID)
	}
	return in.inconsistency()
}

// inconsistency compares the segments with the sum.
func (in *Inspection) inconsistency() error {
	var sum Recovery
	var cut int64
	for _, seg := range in.Segments {
		sum.Segments++
		sum.Batches += seg.Batches
		sum.Records += seg.Records
		sum.Last = max(sum.Last, seg.Last)
		if cut += seg.Torn; seg.Torn > 0 {
			sum.Cut = Cut{seg.Name, seg.Used, seg.Torn}
		}
		if (seg.Torn > 0) != (seg.State == SegmentTorn) || seg.State == SegmentDamaged {
			return fmt.Errorf("%+v", seg)
		}
	}
	sum.Clean = in.Recovery.Clean
	if sum != in.Recovery {
		return fmt.Errorf("segments with %+v, and in all %+v", sum, in.Recovery)
	}
	return nil
}

// TestInspectAgrees: whichever byte is flipped, wherever a file ends or is blank
// from, and whichever file is missing, Inspect says what Open does then.
func TestInspectAgrees(t *testing.T) {
	for _, clean := range []bool{false, true} {
		whole := newFiles(t, clean)
		for name, content := range whole {
			if err := disagreement(t, whole.with(name, nil), whole.with(name, nil)); err != nil {
				t.Errorf("without %s: %v", name, err)
			}
			for at := 0; at < len(content); at += stride() {
				if name == controlName && at%controlDistance > controlSize {
					continue // behind a copy
				}
				changes := map[string]func([]byte) []byte{"flip": flip(at)}
				if at%4 == 0 {
					changes["cut"], changes["blank"] = cutAt(at), blank(at)
				}
				for what, change := range changes {
					changed := whole.with(name, change)
					if err := disagreement(t, changed, changed); err != nil {
						t.Fatalf("clean %v, %s of %s at %d: %v", clean, what, name, at, err)
					}
				}
			}
		}
	}
}

// TestInspectAgreesCatches: the same comparison finds what differs.
func TestInspectAgreesCatches(t *testing.T) {
	clean, unclean := newFiles(t, true), newFiles(t, false)
	for _, c := range []struct {
		name              string
		inspected, opened files
	}{
		{"damage, inspected", clean.with(segmentName(1), flip(70)), clean},
		{"damage, opened", clean, clean.with(segmentName(1), flip(70))},
		{"another damage", clean.with(segmentName(1), flip(70)), clean.with(segmentName(2), flip(70))},
		{"a torn tail", unclean, unclean.with(segmentName(2), flip(80))},
		{"other numbers", clean, unclean},
		{"fewer records", unclean, unclean.with(segmentName(2), blank(segmentHeaderSize))},
	} {
		if err := disagreement(t, c.inspected, c.opened); err == nil {
			t.Errorf("%s: not found", c.name)
		}
	}
}

// TestInspect: what it says of a log, field by field.
func TestInspect(t *testing.T) {
	const batch = batchHeaderSize + 2*(5+180) // bytes
	used := segmentHeaderSize + align(batch)
	one := Segment{segmentName(1), 1, 1024, SegmentWhole, 2, 4, 1, 4, used + align(batch), 0}
	two := Segment{segmentName(2), 2, 1024, SegmentCurrent, 1, 2, 5, 6, used, 0}
	three := Segment{segmentName(3), 3, 1024, SegmentSpare, 0, 0, 0, 0, segmentHeaderSize, 0}
	half := Segment{segmentName(1), 1, 1024, SegmentDamaged, 1, 2, 1, 2, used, 0}
	early := Segment{segmentName(1), 1, 1024, SegmentDamaged, 0, 0, 0, 0, segmentHeaderSize, 0}
	behind := Segment{segmentName(2), 2, 1024, SegmentDamaged, 0, 0, 0, 0, segmentHeaderSize, 0}
	torn := Segment{segmentName(2), 2, 1024, SegmentTorn, 0, 0, 0, 0, segmentHeaderSize, batch}
	last := one.as(SegmentCurrent) // of those that were read
	for _, c := range []struct {
		name    string
		clean   bool
		file    string
		change  func([]byte) []byte
		want    []Segment
		damaged bool
	}{
		{"clean", true, controlName, slices.Clone[[]byte], []Segment{one, two, three}, false},
		{"unclean", false, controlName, slices.Clone[[]byte], []Segment{one, two, three}, false},
		{"one copy of the control file", true, controlName, flip(9), []Segment{one, two, three}, false},
		{"a torn tail", false, segmentName(2), flip(100), []Segment{last, torn, three}, false},
		{"damage before a batch", false, segmentName(1), flip(400), []Segment{early}, true},
		{"damage before a segment", false, segmentName(1), flip(500), []Segment{half, behind}, true},
		{"damage behind the end", true, segmentName(2), flip(1000), []Segment{one, two.as(SegmentDamaged), three}, true},
		{"damage to a header", true, segmentName(2), flip(20), []Segment{last}, true},
		{"a missing segment", true, segmentName(2), nil, []Segment{last}, true},
		{"damage to a spare", true, segmentName(3), flip(500), []Segment{one, two, three.as(SegmentDamaged)}, true},
	} {
		in, _, err := newFiles(t, c.clean).with(c.file, c.change).inspect(t)
		var d *DamageError
		if errors.As(err, &d) != c.damaged || !c.damaged && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if !reflect.DeepEqual(in.Segments, c.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, in.Segments, c.want)
		}
		got := in.Control
		want := Control{
			Version: 1, Identity: got.Identity, Copies: 2, Clean: c.clean, Oldest: 1, Newest: 1, Positions: 1 << 20, IDs: 1 << 20,
			NextPosition: 1<<20 + 1, NextID: 1<<20 + 1,
		}
		if c.clean {
			want.Newest, want.NextPosition, want.NextID, want.EndSegment, want.EndOffset = 3, 7, 1, 2, two.Used
		}
		if c.file == controlName && !slices.Equal(c.change(make([]byte, 10)), make([]byte, 10)) {
			want.Copies = 1
		}
		if got != want || got.Identity == 0 {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, want)
		}
	}
}

func (s Segment) as(state SegmentState) Segment {
	s.State = state
	return s
}

// TestInspectNewer: a newer format is told as such, and a log is read up to it.
func TestInspectNewer(t *testing.T) {
	newer := func(sum int) func([]byte) []byte {
		return func(b []byte) []byte {
			b[8]++
			c := checksum(b[:sum])
			copy(b[sum:], []byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)})
			return b
		}
	}
	if _, _, err := newFiles(t, true).with(controlName, newer(124)).inspect(t); !errors.Is(err, ErrVersion) {
		t.Error(err)
	}
	in, found, err := newFiles(t, true).with(segmentName(2), newer(60)).inspect(t)
	if !errors.Is(err, ErrVersion) || len(in.Segments) != 1 || len(found) != 4 {
		t.Error(err, in.Segments, len(found))
	}
}

// TestInspectDirectory: a real directory stays as it is, and whoever has it open
// is respected.
func TestInspectDirectory(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "d"), SegmentSize: 1 << 10}
	inspect := func() error {
		_, err := Inspect(InspectOptions{Dir: o.Dir})
		return err
	}
	if err := inspect(); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a directory that is missing:", err)
	}
	if err := os.Mkdir(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := inspect(); !errors.Is(err, ErrNoLog) {
		t.Error("an empty directory:", err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "lock")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a lock file was made:", err)
	}
	l := open(t, o)
	produce(t, l, 1, 1)
	if err := inspect(); !errors.Is(err, ErrInUse) {
		t.Error("a log that is open:", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", controlName, segmentName(1)} {
		if err := os.Chmod(filepath.Join(o.Dir, name), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	before := contents(t, o.Dir)
	calls := 0
	_, err := Inspect(InspectOptions{Dir: o.Dir, OnRecord: func(Entry) error {
		calls++
		if err := inspect(); err != nil {
			t.Error("two at once:", err)
		}
		if os.Getuid() == 0 { // others may not write the lock file any more
			if _, err := Open(o); !errors.Is(err, ErrInUse) {
				t.Error("opened while it was inspected:", err)
			}
		}
		return nil
	}})
	if err != nil || calls != 1 {
		t.Error(calls, err)
	}
	if after := contents(t, o.Dir); !reflect.DeepEqual(before, after) {
		t.Errorf("the directory was changed: %v, and now %v", before, after)
	}
}

// contents returns what is in the files of a directory, and when each was changed.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		info, statErr := e.Info()
		if err != nil || statErr != nil {
			t.Fatal(err, statErr)
		}
		all[e.Name()] = fmt.Sprint(info.ModTime(), info.Mode(), checksum(b))
	}
	return all
}

// TestInspectEnds: an error of OnRecord ends it, and is returned.
func TestInspectEnds(t *testing.T) {
	enough := errors.New("enough")
	calls := 0
	_, err := Inspect(InspectOptions{FS: newFiles(t, true).disk(), OnRecord: func(Entry) error {
		calls++
		return enough
	}})
	if !errors.Is(err, enough) || calls != 1 {
		t.Error(calls, err)
	}
}

// TestInspectSnapshots: they are listed and verified; a damaged one is told as Open
// tells it, and the log is read all the same.
func TestInspectSnapshots(t *testing.T) {
	s, name := snapshotSample(t)
	old := s.disk.Content(name)
	s.disk.SetContent(snapshotName(3), old[:100]) // whatever it holds
	in, err := Inspect(InspectOptions{FS: s.disk})
	if err != nil || len(in.Snapshots) != 2 || in.Snapshots[0].State != SnapshotOld || in.Snapshots[1].State != SnapshotNewest ||
		in.Snapshots[1].Blocks != 3 || in.Recovery.Snapshot != 6 || in.Control.Snapshot != 6 || !in.Recovery.Clean {
		t.Errorf("%+v, %v", in, err)
	}
	if s.disk.Content(snapshotName(3)) == nil {
		t.Error("something was removed")
	}
	for at := range old {
		s.disk.SetContent(name, flip(at)(slices.Clone(old)))
		in, err := Inspect(InspectOptions{FS: s.disk})
		_, opened := Open(s.options(new([]Record)))
		if err == nil || opened == nil || err.Error() != opened.Error() || in.Snapshots[1].State != SnapshotDamaged || in.Recovery.Records != 6 {
			t.Fatalf("byte %d: %v, open: %v, %+v", at, err, opened, in)
		}
	}
}
