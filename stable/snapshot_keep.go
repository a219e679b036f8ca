package stable

import (
	"errors"
	"fmt"
)

// cutoff is where the log begins, as the control file says it.
type cutoff struct {
	snapshot uint64 // position of the newest snapshot known; what is before is not needed
	oldest   uint64 // segment
	last     uint64 // position of the last record before that segment, or of a snapshot that was restored
	checksum uint32 // of the header of the last batch before it
}

// segmentEnd is where a segment ends to which nothing is added any more.
type segmentEnd struct {
	number   uint64
	last     uint64 // position of the last record in it, or before it
	checksum uint32 // of the header of the last batch
}

// keeping is what the log knows of the snapshots, and of which segments are needed.
// Log.mu guards it.
type keeping struct {
	newest   SnapshotInfo
	is       bool           // there is a newest one
	writing  bool           // one is being written
	readers  map[uint64]int // of snapshots, by position: those files stay
	bytes    int64          // appended to the log, since what the newest snapshot at Open holds
	bytesNow int64          // of those, what was there when the newest snapshot began

	cutoff cutoff
	saved  chan struct{} // closed when the control file says that
	ends   []segmentEnd  // of segments before the one with the last batch
	within uint64        // the segment of the last batch written
}

// pass notes that segments have ended, since a batch was written in a later one.
func (l *Log) pass(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := &l.kept; k.within < number; k.within++ {
		k.ends = append(k.ends, segmentEnd{k.within, l.written, l.chain})
	}
}

// cut moves the cutoff to a snapshot: it drops the segments in which there is no
// later record. The one with the last batch stays.
func (k *keeping) cut(position uint64) {
	k.cutoff.snapshot = position
	n := 0
	for ; n < len(k.ends) && k.ends[n].last <= position; n++ {
		e := k.ends[n]
		k.cutoff.oldest, k.cutoff.last, k.cutoff.checksum = e.number+1, e.last, e.checksum
	}
	k.ends = append(k.ends[:0], k.ends[n:]...)
}

// uncut reports whether the control file has to be told of a cutoff.
func (l *Log) uncut() bool { return l.kept.cutoff != l.control.cutoff }

// published makes a snapshot, which is durable, the one that the log goes on from.
// First the control file says so: a crash that comes then leaves files that Open
// removes.
func (l *Log) published(info SnapshotInfo, bytes int64) error {
	saved := make(chan struct{})
	l.mu.Lock()
	k := &l.kept
	k.newest, k.is, k.bytesNow = info, true, bytes
	k.cut(info.Position)
	if l.uncut() {
		k.saved = saved
	} else { // a snapshot at the position of the last one, in whose place it is
		close(saved)
	}
	l.streams.forget(k.cutoff.oldest)
	l.mu.Unlock()
	if l.options.manual && l.kept.saved != nil {
		if err := l.claim(); err != nil {
			l.fail(err)
		}
	} else {
		signal(l.wakeWriter)
	}
	select {
	case <-saved:
	case <-l.failed:
		return l.Err()
	}
	l.removeOld()
	return l.Err()
}

// removeOld removes the files before the cutoff. What the disk refuses to remove
// stays for the next time: nothing rests on it. But a directory that cannot be
// synced is the log's failure.
func (l *Log) removeOld() {
	l.mu.Lock()
	c := l.kept.cutoff
	l.mu.Unlock()
	l.reopened.drop(c.oldest)
	names, err := l.fs.List()
	if err != nil {
		l.options.Logger.Warn("the files of the log that are not needed any more cannot be listed; they stay", "err", err)
		return
	}
	removed := false
	for _, name := range names {
		if !l.isOld(name, c) {
			continue
		}
		if err := ignoreMissing(l.fs.Remove(name)); err != nil {
			l.options.Logger.Warn("a file of the log that is not needed any more cannot be removed; it stays", "file", l.fs.Path(name), "err", err)
			continue
		}
		removed = true
	}
	if !removed {
		return
	}
	if err := l.fs.SyncDir(); err != nil && !isFull(err) {
		l.fail(err)
	}
}

func (l *Log) isOld(name string, c cutoff) bool {
	if n, ok := segmentNumber(name); ok {
		return n < c.oldest
	}
	p, ok := snapshotPosition(name)
	if !ok || p >= c.snapshot {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.readers[p] == 0
}

// SinceSnapshot returns how many bytes of records the log has beyond the newest
// snapshot, or slightly more.
func (l *Log) SinceSnapshot() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.bytes - l.kept.bytesNow
}

// NewestSnapshot returns what is known of the newest snapshot. ok is false if
// there is none.
func (l *Log) NewestSnapshot() (info SnapshotInfo, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept.newest, l.kept.is
}

// OpenSnapshot opens the newest snapshot to be read, beside whatever goes on: it
// stays until it is closed. The error is ErrNoSnapshot if there is none.
func (l *Log) OpenSnapshot() (*Snapshot, error) {
	l.mu.Lock()
	position, is := l.kept.newest.Position, l.kept.is
	if is {
		if l.kept.readers == nil {
			l.kept.readers = map[uint64]int{}
		}
		l.kept.readers[position]++
	}
	l.mu.Unlock()
	if !is {
		return nil, ErrNoSnapshot
	}
	s, err := openSnapshot(l.fs, position)
	if err != nil {
		l.unpin(position)
		return nil, err
	}
	s.close = func() error {
		defer l.unpin(position)
		return s.file.Close()
	}
	return s, nil
}

// unpin ends the use of a snapshot. The file goes with the next that are old.
func (l *Log) unpin(position uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept.readers[position]--; l.kept.readers[position] == 0 {
		delete(l.kept.readers, position)
	}
}

// newestSnapshot opens the newest of the snapshots, or returns nil if there is
// none. An older one is never taken in its place: the log may not have what comes
// between.
func (c *control) newestSnapshot(fs FS) (*Snapshot, error) {
	positions, err := listSnapshots(fs)
	if err != nil {
		return nil, err
	}
	newest := uint64(0)
	if len(positions) > 0 {
		newest = positions[len(positions)-1]
	}
	if newest < c.cutoff.snapshot {
		return nil, &DamageError{fs.Path(snapshotName(c.cutoff.snapshot)), 0, "the file is missing"}
	}
	if len(positions) == 0 {
		return nil, nil
	}
	s, err := openSnapshot(fs, newest)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Identity != c.identity:
		err = &DamageError{s.path, 16, "the snapshot belongs to another log"}
	case s.Position > c.positions:
		err = &DamageError{fs.Path(controlName), 48, fmt.Sprintf("positions up to %d are claimed, but there is a snapshot at %d: the file is from an earlier time", c.positions, s.Position)}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}
