package stable

import (
	"errors"
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
	directory = checked(directory)
	l := &Log{
		options: o, fs: directory, reopened: reopened{fs: directory}, gather: newGathering(&o), fill: newBatch(),
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
	l.spares, err = openSegments(l.fs, l.control.identity, numbers) // for release; adopt sorts them
	if err != nil {
		return err
	}
	position, err := l.load()
	if err != nil {
		return err
	}
	s := &scan{options: &l.options, fs: l.fs, segments: l.spares, cutoff: l.control.cutoff, snapshot: position, streams: streams{stale: l.options.stale}}
	if err := s.run(); err != nil {
		return err
	}
	if err := s.checkEnd(&l.control); err != nil {
		return err
	}
	l.report(s)
	if err := l.settle(s); err != nil {
		return err
	}
	if err := l.adopt(s); err != nil {
		return err
	}
	if err := l.begun(); err != nil {
		return err
	}
	l.removeOld()
	return l.err
}

// load finds the newest snapshot, has it read, and returns its position.
func (l *Log) load() (position uint64, err error) {
	s, err := l.control.newestSnapshot(l.fs)
	if s == nil {
		return 0, err
	}
	read := l.options.OnSnapshot
	if read == nil {
		read = (*Snapshot).verify
	}
	if err := errors.Join(read(s), s.Close()); err != nil {
		return 0, err
	}
	l.kept.newest, l.kept.is = s.SnapshotInfo, true
	return s.Position, nil
}

// openControl opens the control file, or makes it, and returns the numbers of the
// segments.
func (l *Log) openControl() (numbers []uint64, err error) {
	numbers, files, err := listFiles(l.fs)
	if err != nil {
		return nil, err
	}
	var whole int
	l.controlFile, l.control, whole, err = openControl(l.fs, files)
	if errors.Is(err, ErrNoLog) {
		l.controlFile, l.control, err = createControl(l.fs)
		whole = 2 // it was written just now
	}
	if err != nil {
		return nil, err
	}
	if whole < 2 {
		l.options.Logger.Warn("one of the two copies in the control file of the log was not valid; it is written anew from the other", "file", l.fs.Path(controlName))
	}
	return l.control.checkNumbers(l.fs, numbers)
}

// report says what was found. A cut is loud.
func (l *Log) report(s *scan) {
	s.found.Clean, s.found.Snapshot = l.control.clean, s.snapshot
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
	for _, name := range []string{temporaryName, temporarySnapshot} {
		if err := ignoreMissing(l.fs.Remove(name)); err != nil {
			return err
		}
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
	l.chain, l.written, l.streams = s.end.checksum, s.last, s.streams
	l.kept.cutoff, l.kept.within, l.kept.bytes = l.control.cutoff, l.control.cutoff.oldest, s.bytes
	l.newest = l.control.cutoff.oldest - 1 + uint64(len(s.segments))
	if len(s.segments) == 0 {
		return nil
	}
	l.spares = s.segments[s.current+1:]
	l.segment, l.offset = s.segments[s.current], s.end.offset
	l.kept.ends, l.kept.within = s.ends[:s.current:s.current], l.segment.number
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
	l.next, l.nextID = c.goesOn()
	l.leftOut = l.next != l.written+1
	l.synced = l.next - 1
	l.stable.Store(l.synced) // the numbers left out are of no record
	if l.kept.is {
		l.kept.cut(l.kept.newest.Position)
		l.streams.forget(l.kept.cutoff.oldest)
	}
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
