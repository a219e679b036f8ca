package stable

// behind looks at what is behind the batches of segment i, from an offset on. It
// is blank; or it is the torn tail, which is noted; or it is damage.
func (s *scan) behind(i int, at int64) error {
	last, err := s.window.lastByte(at)
	if err != nil || last == at {
		return err
	}
	if s.found.Cut.Bytes > 0 {
		return s.damage(i, at, "there is something in a segment behind %s, in which a batch is not whole", s.found.Cut.File)
	}
	if err := s.judgeTail(i, at, last); err != nil {
		return err
	}
	s.found.Cut = Cut{s.fs.Path(s.segments[i].name), at, last - at}
	return nil
}

// judgeTail refuses what cannot be the one batch that was in flight. The bytes
// from at to last are not a batch that follows the one before.
func (s *scan) judgeTail(i int, at, last int64) error {
	b, ok, err := s.window.bytes(at, batchHeaderSize)
	if err != nil {
		return err
	}
	if !ok {
		return s.damage(i, at, "no batch fits here, and yet there is something")
	}
	h, _, ok := parseBatchHeader(b, s.segments[i].salt)
	switch {
	case !ok:
		return s.findBatch(i, at+batchAlign)
	case !s.chained(&h):
		return s.damage(i, at, "the batch does not follow the one before it")
	case !s.numbered(&h):
		return s.damage(i, at, "the batch begins with position %d, and the last one was %d", h.first, s.last)
	case int64(h.length) > s.segments[i].size-at-batchHeaderSize:
		return s.damage(i, at, "the batch is longer than its segment")
	case last > at+batchHeaderSize+int64(h.length):
		return s.damage(i, at, "the batch is not whole, but something was written behind it at a later time")
	}
	return nil
}

// findBatch looks for the header of a later batch, from an offset on: it would
// prove that the one before was whole. The header is enough, its payload may be
// torn. An earlier batch proves nothing: somebody may have stored a copy of it as
// a value, which is now part of the torn tail.
func (s *scan) findBatch(i int, from int64) error {
	for at := from; ; at += batchAlign {
		b, ok, err := s.window.bytes(at, batchHeaderSize)
		if err != nil || !ok {
			return err
		}
		if h, _, ok := parseBatchHeader(b, s.segments[i].salt); ok && h.first > s.last {
			return s.damage(i, from-batchAlign, "the batch is not whole, but one that was written later follows at byte %d", at)
		}
	}
}

// cut overwrites the torn tail with zeros, and syncs that (I7).
func (s *scan) cut() error {
	c := s.found.Cut
	for _, seg := range s.segments {
		if s.fs.Path(seg.name) != c.File {
			continue
		}
		for at, end := c.Offset, c.Offset+c.Bytes; at < end; {
			n := min(end-at, int64(len(zeros)))
			if _, err := seg.file.WriteAt(zeros[:n], at); err != nil {
				return err
			}
			at += n
		}
		return seg.file.Sync()
	}
	return nil
}
