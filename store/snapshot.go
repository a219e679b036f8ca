package store

// A bucket is a part of a stripe: the tags that agree in their upper bits. It is
// the unit in which a snapshot saves the old state before a change, and in which
// Scan and Sweep work, so that no lock is held for long.
const (
	bucketBits  = 4
	bucketCount = 1 << bucketBits
)

// Buckets is how many parts a Table has for Scan and Sweep.
const Buckets = stripeCount * bucketCount

func bucketOf(tag uint32) int { return int(tag >> (tagBits - bucketBits)) }

// snapshot is one that is being taken: the state at a position, saved bucket by
// bucket, by whoever comes first: Snapshot itself, or a change to the bucket.
type snapshot struct {
	epoch uint32
	floor uint64
	visit func(key []byte, it *Item, value []byte)
}

// Snapshot calls visit for every item that is there at one position, which it
// returns, while changes go on. An item that has expired may be among them or
// not: it is dead for whoever looks. visit is called with a lock held, from any
// goroutine that changes the Table, one call at a time per stripe: it must not
// block and must not keep key and value.
func (t *Table) Snapshot(now int64, visit func(key []byte, it *Item, value []byte)) (position uint64) {
	t.snapshotMu.Lock()
	defer t.snapshotMu.Unlock()
	t.flushWhenDue(t.advance(now))
	t.epoch++
	snap := &snapshot{epoch: t.epoch, visit: visit}

	// Position, floor and epoch belong together: each change is either before
	// all of them or learns of the snapshot when it is appended.
	t.appendMu.Lock()
	position = t.last
	snap.floor = t.floor.Load()
	t.snapshot.Store(snap)
	t.appendMu.Unlock()

	for i := range t.stripes {
		s := &t.stripes[i]
		for b := range bucketCount {
			s.mu.Lock()
			snap.saveBucket(t, s, b)
			s.mu.Unlock()
		}
	}
	t.snapshot.Store(nil)
	return position
}

// save saves the bucket that is about to change, unless that is done. There may
// be no snapshot at all: then it is nil. The stripe is locked.
func (n *snapshot) save(t *Table, stripe int, tag uint32) {
	if n != nil {
		n.saveBucket(t, &t.stripes[stripe], bucketOf(tag))
	}
}

// saveBefore saves a bucket of which an item is about to be buried: it may have
// been alive at the snapshot's position. If the floor told that it is dead, and
// was raised after the snapshot began, the snapshot is seen here.
func (t *Table) saveBefore(s *stripe, tag uint32) {
	if snap := t.snapshot.Load(); snap != nil {
		snap.saveBucket(t, s, bucketOf(tag))
	}
}

func (n *snapshot) saveBucket(t *Table, s *stripe, bucket int) {
	if s.saved[bucket] == n.epoch {
		return
	}
	s.saved[bucket] = n.epoch
	var value []byte
	s.bucket(t.arena, bucket, func(_ int, v *view) {
		if v.position >= n.floor {
			value = t.arena.appendBlob(value[:0], v.value)
			n.visit(v.key, &v.Item, value)
		}
	})
}

// bucket calls f for each item of a bucket, with its slot. f may remove the item
// from the index, in which case another stands in its slot.
func (s *stripe) bucket(a *Arena, bucket int, f func(slot int, v *view)) {
	if s.index.count == 0 {
		return
	}
	low := uint32(bucket) << (tagBits - bucketBits)
	high := low + 1<<(tagBits-bucketBits) // of the last bucket: above all tags
	end := s.index.slots()
	if high < 1<<tagBits {
		end = s.index.home(high)
	}
	var v view
	for slot := s.index.home(low); slot < s.index.slots(); {
		e := s.index.get(slot)
		switch {
		case e == 0 && slot >= end, e != 0 && e.tag() >= high:
			return
		case e != 0 && e.tag() >= low:
			v.decode(a, e.location())
			f(slot, &v)
			if s.index.count == 0 {
				return
			}
			if s.index.get(slot) != e {
				continue // it was removed: look at what came in its place
			}
		}
		slot++
	}
}
