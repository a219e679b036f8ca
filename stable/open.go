package stable

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Open opens the log, or makes it: it reads it all, hands its records to
// OnRecord, cuts a torn tail, and claims numbers. On damage it changes nothing and
// returns a *DamageError. A full disk does not hinder it, once the log exists.
func Open(o Options) (*Log, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	directory := o.FS
	if directory == nil {
		if directory, err = Dir(o.Dir); err != nil {
			return nil, err
		}
	}
	l := &Log{
		options: o, fs: directory, gather: newGathering(&o), fill: newBatch(),
		wakeWriter: make(chan struct{}, 1), wakeAllocator: make(chan struct{}, 1),
		failed: make(chan struct{}), stop: make(chan struct{}),
	}
	if l.lock, err = directory.Lock(); err != nil {
		return nil, err
	}
	if err := l.open(); err != nil {
		return nil, errors.Join(err, l.release())
	}
	if !o.manual {
		l.running.Add(2)
		go l.write()
		go l.allocate()
	}
	return l, nil
}

// open does what Open does with the directory locked.
func (l *Log) open() error {
	numbers, err := l.openControl()
	if err != nil {
		return err
	}
	s := &scan{options: &l.options, fs: l.fs}
	for _, n := range numbers {
		seg, err := openSegment(l.fs, l.control.identity, n)
		if err != nil {
			return err
		}
		l.spares = append(l.spares, seg) // for release; adopt sorts them
		s.segments = append(s.segments, seg)
	}
	if err := s.run(); err != nil {
		return err
	}
	if err := l.checkEnd(s); err != nil {
		return err
	}
	l.report(s)
	if err := l.settle(s); err != nil {
		return err
	}
	if err := l.adopt(s); err != nil {
		return err
	}
	return l.begun()
}

// openControl opens the control file, and returns the numbers of the segments.
func (l *Log) openControl() (numbers []uint64, err error) {
	names, err := l.fs.List()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var whole int
	l.controlFile, l.control, whole, err = openControl(l.fs)
	if errors.Is(err, fs.ErrNotExist) && len(numbers) == 0 {
		l.controlFile, l.control, err = createControl(l.fs)
		whole = 2 // it was written just now
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = &DamageError{l.fs.Path(controlName), 0, "there are segments, but this file is missing"}
	}
	if err != nil {
		return nil, err
	}
	if whole < 2 {
		l.options.Logger.Warn("one of the two copies in the control file of the log was not valid; it is written anew from the other", "file", l.fs.Path(controlName))
	}
	return numbers, l.checkNumbers(numbers)
}

// checkNumbers demands every segment from the oldest to the newest known.
func (l *Log) checkNumbers(numbers []uint64) error {
	want := l.control.oldest
	for _, n := range numbers {
		if n != want {
			break
		}
		want++
	}
	if want <= l.control.newest || uint64(len(numbers)) != want-l.control.oldest {
		return &DamageError{l.fs.Path(segmentName(want)), 0, "the file is missing"}
	}
	return nil
}

// checkEnd compares what was read with what the control file knows.
func (l *Log) checkEnd(s *scan) error {
	c := &l.control
	var file string
	var at int64
	if len(s.segments) > 0 {
		file, at = l.fs.Path(s.segments[s.current].name), s.end.offset
	}
	switch {
	case s.last > c.positions:
		return &DamageError{l.fs.Path(controlName), 48, fmt.Sprintf("positions up to %d are claimed, but the log has %d: the file is from an earlier time", c.positions, s.last)}
	case !c.clean:
		return nil
	case s.found.Cut.Bytes > 0:
		return &DamageError{s.found.Cut.File, s.found.Cut.Offset, "there is something behind the end at which the log was closed"}
	case s.end != c.end:
		return &DamageError{file, at, fmt.Sprintf("the log ends here, but it was closed at byte %d of %s", c.end.offset, segmentName(c.end.segment))}
	case c.nextPosition <= s.last:
		return &DamageError{l.fs.Path(controlName), 64, "the next position is one that the log has"}
	}
	return nil
}

// report says what was found. A cut is loud.
func (l *Log) report(s *scan) {
	s.found.Clean = l.control.clean
	l.recovery = s.found
	if c := s.found.Cut; c.Bytes > 0 {
		l.options.Logger.Warn("the end of the log was torn: a batch was being written when the process or the machine stopped; nobody was told that it is durable; it is overwritten with zeros",
			"file", c.File, "offset", c.Offset, "bytes", c.Bytes, "last position", s.last)
	} else if !l.control.clean && s.last > 0 {
		l.options.Logger.Info("the log was not closed, and its last batch is whole", "last position", s.last)
	}
}

// settle makes what was read outlast a crash: the process may have been killed
// when it had written, and not synced, what was read now.
func (l *Log) settle(s *scan) error {
	if err := ignoreMissing(l.fs.Remove(temporaryName)); err != nil {
		return err
	}
	if err := l.fs.SyncDir(); err != nil {
		return err
	}
	if len(s.segments) == 0 {
		return nil
	}
	if err := s.segments[s.current].file.Sync(); err != nil {
		return err
	}
	return s.cut()
}

// adopt takes over the segments: those before the current one are not needed any
// more, those after it are spares.
func (l *Log) adopt(s *scan) error {
	l.chain, l.written = s.end.checksum, s.last
	l.newest = l.control.oldest - 1 + uint64(len(s.segments))
	if len(s.segments) == 0 {
		return nil
	}
	l.spares = s.segments[s.current+1:]
	l.segment, l.offset = s.segments[s.current], s.end.offset
	var errs []error
	for _, seg := range s.segments[:s.current] {
		errs = append(errs, seg.file.Close())
	}
	return errors.Join(errs...)
}

// begun makes the first segment, if there is none and the disk allows it, and
// takes "clean" back before a number is given.
func (l *Log) begun() error {
	c := &l.control
	l.next, l.nextID = c.positions+1, c.ids+1
	if c.clean {
		l.next, l.nextID = c.nextPosition, c.nextID
	}
	l.leftOut = l.next != l.written+1
	l.stable.Store(l.next - 1) // the numbers left out are of no record
	if l.segment == nil {
		l.addSegment()
		if l.err != nil {
			return l.err
		}
	}
	claimed := l.claimed()
	if err := claimed.save(l.controlFile); err != nil {
		return err
	}
	l.control = claimed
	return nil
}
