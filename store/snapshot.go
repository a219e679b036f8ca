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

// A Sink takes the items of a snapshot.
type Sink struct {
	// Item is given an item: the position of its newest change, and a record whose
	// one effect puts it and whose time is its last access. It is called with a
	// lock held, from any goroutine that changes the Table, one call at a time
	// per stripe: it must not block, and must not keep the record.
	Item func(position uint64, r *Record)

	// Room reports whether more may come now. As long as it does not, a change
	// to what is not saved yet ends with SnapshotBusy. Called with a lock held.
	Room func() bool

	// Await returns when there is room. Called without a lock.
	Await func()
}

// snapshot is one that is being taken: the state at a position, saved bucket by
// bucket, by whoever comes first: Snapshot itself, or a change to the bucket.
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

// save saves the bucket that is about to change, unless that is done. There may
// be no snapshot at all: then it is nil. The stripe is locked.
func (n *snapshot) save(t *Table, stripe int, tag uint32) {
	if n != nil {
		n.saveBucket(t, &t.stripes[stripe], bucketOf(tag))
	}
}

// ready reports whether a bucket is saved, or may be now.
func (n *snapshot) ready(s *stripe, tag uint32) bool {
	return n == nil || s.saved[bucketOf(tag)] == n.epoch || n.sink.Room()
}

// saveBefore saves a bucket of which an item is about to be buried that was
// flushed: it may have been alive at the snapshot's position. (The floor was then
// raised after the snapshot began, so that the snapshot is seen here.) If it
// reports false there is no room, and the item has to stay.
func (t *Table) saveBefore(s *stripe, tag uint32) bool {
	snap := t.snapshot.Load()
	if !snap.ready(s, tag) {
		return false
	}
	snap.save(t, s.number, tag)
	return true
}

func (n *snapshot) saveBucket(t *Table, s *stripe, bucket int) {
	if s.saved[bucket] == n.epoch {
		return
	}
	s.saved[bucket] = n.epoch
	r := Record{Effects: make([]Effect, 1)}
	s.bucket(t.arena, bucket, func(_ int, v *view) {
		if v.position < n.image.Floor {
			return
		}
		r.Now = v.LastAccess
		r.Effects[0] = Effect{Kind: Put, Key: v.key, Item: v.Item, FreshCAS: v.CAS == v.position, arena: t.arena}
		r.Effects[0].parts[0].blob = v.value
		n.sink.Item(v.position, &r)
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
