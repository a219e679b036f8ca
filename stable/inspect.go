package stable

import "errors"

// InspectOptions say what Inspect reads, and who is told.
type InspectOptions struct {
	// Dir is the directory. Unused with an FS.
	Dir string
	// FS is the directory behind an interface. Nothing in it is changed.
	FS FS
	// OnSnapshot is given the newest snapshot, if there is one and its ends are whole.
	// It reads all Blocks. An error ends the reading of the snapshot, not Inspect. If it
	// is nil, the blocks are checked.
	OnSnapshot func(*Snapshot) error
	// OnRecord is given every record after the snapshot, in order. The payload is valid
	// during the call. An error ends Inspect. May be nil.
	OnRecord func(Entry) error
	// Progress is told how many bytes of how many were read. May be nil.
	Progress func(done, total int64)
}

// An Entry is a record, and where its batch begins.
type Entry struct {
	Record
	Segment uint64 // number
	Offset  int64  // in bytes
}

// An Inspection is what Inspect found.
type Inspection struct {
	Control   Control
	Snapshots []InspectedSnapshot // by their positions
	Segments  []Segment           // by their numbers, up to where it ended
	Recovery  Recovery            // what Open would find, in those segments
}

// Control is what the control file says.
type Control struct {
	Version  uint32 // of the format
	Identity uint64 // of the log; every segment names it
	Copies   int    // valid ones, of two
	Clean    bool   // the log was closed

	Snapshot             uint64 // position of the newest one known, or 0
	Oldest, Newest       uint64 // segments known
	Dropped              uint64 // position of the last record before the oldest segment, or 0
	Positions, IDs       uint64 // claimed up to
	NextPosition, NextID uint64 // that Open would go on with

	// EndSegment and EndOffset are where the log ended when it was closed; 0 if it
	// was not.
	EndSegment uint64
	EndOffset  int64
}

// Segment is what is in a segment.
type Segment struct {
	Name        string
	Number      uint64
	Size        int64 // in bytes
	State       SegmentState
	Batches     int64 // that are whole
	Records     int64
	First, Last uint64 // positions; 0 if there is no record
	Used        int64  // bytes of header and batches: what follows begins here
	Torn        int64  // bytes from Used on of a batch that is not whole
}

// SegmentState says what part a segment plays.
type SegmentState string

// The states of segments.
const (
	SegmentWhole   SegmentState = "whole"   // nothing is added to it any more
	SegmentCurrent SegmentState = "current" // the next batch goes here
	SegmentSpare   SegmentState = "spare"   // there is no batch in it yet
	SegmentTorn    SegmentState = "torn"    // a batch in it is not whole: Open would cut it
	SegmentDamaged SegmentState = "damaged" // Open would refuse it
)

// Inspect reads a log that no process has open, verifies all that Open verifies,
// and changes nothing. If Open would refuse the log, the error is the one that
// Open returns, and the Inspection holds what comes before; errors that Open would
// not come to are joined to it. The error is ErrInUse if a process has the log
// open, and ErrNoLog or fs.ErrNotExist if there is none.
func Inspect(o InspectOptions) (*Inspection, error) {
	directory := o.FS
	if directory == nil {
		directory = readOnly{dir(o.Dir)}
	}
	directory = checked(directory)
	in := new(Inspection)
	lock, err := directory.Lock()
	if err != nil {
		return in, err
	}
	err = in.read(directory, &o)
	return in, errors.Join(err, lock.Close())
}

func (in *Inspection) read(fs FS, o *InspectOptions) error {
	numbers, files, err := listFiles(fs)
	if err != nil {
		return err
	}
	file, c, whole, err := openControl(fs, files)
	if err != nil {
		return err
	}
	defer file.Close() // nothing was written: its error tells nothing
	in.Control = c.describe(whole)

	// Open would stop at the first error of these. What is before it is read all
	// the same, since somebody wants to know what is left.
	unread := in.readSnapshots(fs, &c, o.OnSnapshot)
	numbers, missing := c.checkNumbers(fs, numbers)
	segments, invalid := openSegments(fs, c.identity, numbers)
	defer func() {
		for _, s := range segments {
			s.file.Close()
		}
	}()
	s := &scan{fs: fs, segments: segments, cutoff: c.cutoff, snapshot: in.Recovery.Snapshot}
	s.options = &Options{Progress: o.Progress, OnRecord: s.entries(o.OnRecord)}
	err = s.run()
	if err == nil && missing == nil && invalid == nil && unread == nil {
		err = s.checkEnd(&c)
	}
	s.found.Clean, s.found.Snapshot, s.found.Segments, s.found.Last = c.clean, s.snapshot, len(s.seen), s.last
	in.Recovery, in.Segments = s.found, s.describe(err)
	return errors.Join(missing, invalid, unread, err)
}

// entries hands out records with their places.
func (s *scan) entries(onRecord func(Entry) error) func(Record) error {
	if onRecord == nil {
		return nil
	}
	return func(r Record) error {
		now := &s.seen[len(s.seen)-1]
		return onRecord(Entry{r, now.Number, now.Used}) // the batch is not counted yet
	}
}

func (c *control) describe(copies int) Control {
	position, id := c.goesOn()
	return Control{
		Version: c.version, Identity: c.identity, Copies: copies, Clean: c.clean,
		Snapshot: c.cutoff.snapshot, Dropped: c.cutoff.last, Oldest: c.cutoff.oldest, Newest: c.newest, Positions: c.positions, IDs: c.ids,
		NextPosition: position, NextID: id, EndSegment: c.end.segment, EndOffset: c.end.offset,
	}
}

// add counts a batch that ends at an offset.
func (s *Segment) add(h *batchHeader, end int64) {
	s.Batches++
	s.Records += int64(h.records)
	if s.First == 0 {
		s.First = h.first
	}
	s.Last = h.first + uint64(h.records) - 1
	s.Used = end
}

// describe says what each segment is. err is how the scan ended.
func (s *scan) describe(err error) []Segment {
	var d *DamageError
	damaged := errors.As(err, &d)
	for i := range s.seen {
		seg := &s.seen[i]
		switch path := s.fs.Path(seg.Name); {
		case damaged && (path == d.File || path == s.found.Cut.File): // a torn tail is the last thing
			seg.State = SegmentDamaged
		case path == s.found.Cut.File:
			seg.State, seg.Torn = SegmentTorn, s.found.Cut.Bytes
		case i < s.current:
			seg.State = SegmentWhole
		case i == s.current:
			seg.State = SegmentCurrent
		default:
			seg.State = SegmentSpare
		}
	}
	return s.seen
}
