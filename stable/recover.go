package stable

import (
	"fmt"
	"time"
)

// scan reads the log back.
type scan struct {
	options  *Options
	fs       FS
	segments []*segment
	window   window
	found    Recovery
	seen     []Segment // what was found in each

	end     place  // behind the last valid batch
	current int    // index of the segment of end
	last    uint64 // position of the last record
	streams streams
	total   int64 // bytes of all segments

	cutoff   cutoff
	snapshot uint64 // position; no record up to there is handed out
	ends     []segmentEnd
	bytes    int64 // of records after the snapshot
	done     int64 // bytes of the segments that were read
}

// run reads all batches. A torn tail is in s.found.Cut; nothing was changed yet.
func (s *scan) run() error {
	for _, seg := range s.segments {
		s.total += seg.size
	}
	s.last, s.end.checksum = s.cutoff.last, s.cutoff.checksum
	if len(s.segments) > 0 {
		s.end.segment, s.end.offset = s.segments[0].number, segmentHeaderSize
	}
	for i, seg := range s.segments {
		s.window.segment, s.window.buffer, s.window.at = seg, s.window.buffer[:0], 0
		s.seen = append(s.seen, Segment{Name: seg.name, Number: seg.number, Size: seg.size, Used: segmentHeaderSize})
		behind, err := s.segment(i)
		if err != nil {
			return err
		}
		if err := s.behind(i, behind); err != nil {
			return err
		}
		s.ends = append(s.ends, segmentEnd{seg.number, s.last, s.end.checksum})
		s.done += seg.size
		s.progress(0)
	}
	s.found.Segments, s.found.Last = len(s.segments), s.last
	return nil
}

func (s *scan) progress(offset int64) {
	if s.options.Progress != nil {
		s.options.Progress(s.done+offset, s.total)
	}
}

// segment reads the batches of segment i and returns the offset behind them.
func (s *scan) segment(i int) (behind int64, err error) {
	seg := s.segments[i]
	shown := time.Now()
	for at := int64(segmentHeaderSize); ; {
		h, sum, payload, ok, err := s.batch(at)
		if err != nil || !ok {
			return at, err
		}
		if s.found.Cut.Bytes > 0 {
			return at, s.damage(i, at, "a batch follows one in %s that is not whole", s.found.Cut.File)
		}
		if err := s.deliver(i, at, h, payload); err != nil {
			return at, err
		}
		at = align(at + batchHeaderSize + int64(h.length))
		s.seen[i].add(&h, at)
		s.end, s.current = place{seg.number, at, sum}, i
		if now := time.Now(); now.Sub(shown) > 100*time.Millisecond {
			shown = now
			s.progress(at)
		}
	}
}

// batch reads the batch at an offset. ok is false unless it is whole and follows
// the one before it.
func (s *scan) batch(at int64) (h batchHeader, sum uint32, payload []byte, ok bool, err error) {
	b, ok, err := s.window.bytes(at, batchHeaderSize)
	if err != nil || !ok {
		return h, 0, nil, false, err
	}
	h, sum, ok = parseBatchHeader(b, s.window.segment.salt)
	if !ok || !s.follows(&h) {
		return h, 0, nil, false, nil
	}
	payload, ok, err = s.window.bytes(at+batchHeaderSize, align(int64(h.length)))
	if err != nil || !ok || checksum(payload[:h.length]) != h.payloadSum || !isBlank(payload[h.length:]) {
		return h, 0, nil, false, err
	}
	return h, sum, payload[:h.length], true, nil
}

// follows reports whether a batch is the next one.
func (s *scan) follows(h *batchHeader) bool {
	return s.chained(h) && s.numbered(h)
}

func (s *scan) chained(h *batchHeader) bool {
	return h.previous == s.end.checksum || s.options.unchained
}

// numbered reports whether positions go on as they must (I2).
func (s *scan) numbered(h *batchHeader) bool {
	if h.flags&flagNumbersLeftOut != 0 {
		return h.first > s.last
	}
	return h.first == s.last+1
}

// deliver hands out the records of a batch. Its checksum was right, so that they
// are as they were written.
func (s *scan) deliver(i int, at int64, h batchHeader, payload []byte) error {
	end := at + batchHeaderSize + int64(len(payload))
	for n := range h.records {
		r, rest, ok := parseRecord(payload)
		if !ok {
			return s.damage(i, at, "record %d of the batch makes no sense, although the checksum is right", n)
		}
		r.Position = h.first + uint64(n)
		if !s.index(&r, payload[:len(payload)-len(rest)], end-int64(len(payload))) {
			return s.damage(i, at, "index %d of stream %d leaves a gap, although the checksum is right", r.Index, r.Stream)
		}
		size := int64(len(payload) - len(rest))
		payload = rest
		if r.Position <= s.snapshot && !s.options.twice {
			continue
		}
		s.bytes += size
		if s.options.OnRecord != nil {
			if err := s.options.OnRecord(r); err != nil {
				return fmt.Errorf("stable: record at position %d, in the batch at byte %d of %s: %w", r.Position, at, s.segments[i].name, err)
			}
		}
	}
	if len(payload) > 0 || h.records == 0 {
		return s.damage(i, at, "the batch holds something else than its records, although the checksum is right")
	}
	s.last = h.first + uint64(h.records) - 1
	s.found.Batches++
	s.found.Records += int64(h.records)
	return nil
}

// checkEnd compares what was read with what the control file knows.
func (s *scan) checkEnd(c *control) error {
	var file string
	var at int64
	if len(s.segments) > 0 {
		file, at = s.fs.Path(s.segments[s.current].name), s.end.offset
	}
	switch {
	case s.last > c.positions:
		return &DamageError{s.fs.Path(controlName), 48, fmt.Sprintf("positions up to %d are claimed, but the log has %d: the file is from an earlier time", c.positions, s.last)}
	case s.last < s.snapshot:
		return &DamageError{s.fs.Path(snapshotName(s.snapshot)), 0, fmt.Sprintf("the log ends with position %d, but it was durable up to there before this snapshot got its name", s.last)}
	case !c.clean:
		return nil
	case s.found.Cut.Bytes > 0:
		return &DamageError{s.found.Cut.File, s.found.Cut.Offset, "there is something behind the end at which the log was closed"}
	case s.end != c.end:
		return &DamageError{file, at, fmt.Sprintf("the log ends here, but it was closed at byte %d of %s", c.end.offset, segmentName(c.end.segment))}
	case c.nextPosition <= s.last:
		return &DamageError{s.fs.Path(controlName), 64, "the next position is one that the log has"}
	}
	return nil
}

func (s *scan) damage(i int, at int64, format string, args ...any) error {
	return &DamageError{s.fs.Path(s.segments[i].name), at, fmt.Sprintf(format, args...)}
}
