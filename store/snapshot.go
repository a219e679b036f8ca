package store

// A bucket is a part of a stripe: the tags that agree in their upper bits. It is
// the unit in which a snapshot goes through a stripe, and in which Scan and Sweep
// work, so that no lock is held for long.
const (
	bucketBits  = 4
	bucketCount = 1 << bucketBits
)

// Buckets is how many parts a Table has for Scan and Sweep.
const Buckets = stripeCount * bucketCount

func bucketOf(tag uint32) int { return int(tag >> (tagBits - bucketBits)) }

// A Sink takes the items of a snapshot.
type Sink struct {
	// Item is given an item: the position of its newest change, and a record whose
	// one effect puts it and whose time is its last access. It is called with a
	// lock held, from any goroutine that changes the Table, one call at a time
	// per stripe: it must not block, and must not keep the record.
	Item func(position uint64, r *Record)

	// Room reports whether an item may come that is about to change. As long as it
	// does not, a change to what is not saved yet ends with SnapshotBusy. Called
	// with a lock held.
	Room func() bool

	// Await returns when there is room for a bucket. Called without a lock.
	Await func()
}

// snapshot is one that is being taken: the state at a position, saved item by item,
// by whoever comes first: Snapshot itself, which goes through all buckets, or a
// change to the item.
type snapshot struct {
	epoch uint32
	image Image
	sink  Sink
}

// Snapshot gives the sink every item that is there at one position, while
// changes go on. An item that has expired may be among them or not: it is dead
// for whoever looks. So are all items if a delayed flush is due; a snapshot does
// not perform it, since it changes nothing.
func (t *Table) Snapshot(now int64, sink Sink) Image {
	t.snapshotMu.Lock()
	defer t.snapshotMu.Unlock()
	t.advance(now)
	t.epoch++
	snap := &snapshot{epoch: t.epoch, sink: sink}

	// Position, floor and epoch belong together: each change is either before
	// all of them or learns of the snapshot when it is appended.
	t.appendMu.Lock()
	snap.image = Image{t.last, t.floor.Load(), t.flushDue.Load(), t.clock.Load()}
	t.snapshot.Store(snap)
	t.appendMu.Unlock()

	for i := range t.stripes {
		s := &t.stripes[i]
		for b := range bucketCount {
			sink.Await()
			s.mu.Lock()
			snap.saveBucket(t, s, b)
			s.mu.Unlock()
		}
	}
	t.snapshot.Store(nil)
	return snap.image
}

// wants reports whether the snapshot holds the item v, which may be nil, and has
// not saved it. What has a later position has been saved by the change that gave
// it that, or was not there. There may be no snapshot at all: then n is nil.
func (n *snapshot) wants(s *stripe, tag uint32, v *view) bool {
	return n != nil && v != nil && v.position <= n.image.Position && v.position >= n.image.Floor && s.saved[bucketOf(tag)] != n.epoch
}

// ready reports whether the item v may change: the snapshot does not want it, or
// has room for it.
func (n *snapshot) ready(s *stripe, tag uint32, v *view) bool {
	return !n.wants(s, tag, v) || n.sink.Room()
}

// save saves the item v, which is about to change, if the snapshot wants it. The
// stripe is locked.
func (n *snapshot) save(t *Table, s *stripe, tag uint32, v *view) {
	if n.wants(s, tag, v) {
		n.add(t, &Record{Effects: make([]Effect, 1)}, v)
	}
}

// saveBefore saves an item that is about to be buried, since it was flushed: it may
// have been alive at the snapshot's position. (The floor was then raised after the
// snapshot began, so that the snapshot is seen here.) If it reports false there is
// no room, and the item has to stay.
func (t *Table) saveBefore(s *stripe, tag uint32, v *view) bool {
	snap := t.snapshot.Load()
	if !snap.ready(s, tag, v) {
		return false
	}
	snap.save(t, s, tag, v)
	return true
}

// saveBucket saves what is left of a bucket. The stripe is locked.
func (n *snapshot) saveBucket(t *Table, s *stripe, bucket int) {
	r := &Record{Effects: make([]Effect, 1)}
	s.bucket(t.arena, bucket, func(_ int, v *view) {
		if v.position <= n.image.Position && v.position >= n.image.Floor {
			n.add(t, r, v)
		}
	})
	s.saved[bucket] = n.epoch
}

// add gives v to the sink, in r.
func (n *snapshot) add(t *Table, r *Record, v *view) {
	r.Now = v.LastAccess
	r.Effects[0] = Effect{Kind: Put, Key: v.key, Item: v.Item, FreshCAS: v.CAS == v.position, arena: t.arena}
	r.Effects[0].parts[0].blob = v.value
	n.sink.Item(v.position, r)
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
