package store

import "errors"

// ErrMemory is what Replay returns if the limit on memory is below what the
// records leave: it has to be raised.
var ErrMemory = errors.New("store: the data does not fit into the memory that is allowed")

// Replay makes a record true again that was appended at position. Records are
// replayed in the order of their positions, before anything else happens. The
// errors are ErrRecord and ErrMemory.
func (t *Table) Replay(position uint64, record []byte) error {
	r := reader{rest: record}
	now := int64(r.uvarint())
	n := 0
	for ; r.more(); n++ {
		e := r.effect(now)
		if r.bad {
			break
		}
		if err := t.replay(position, &e); err != nil {
			return err
		}
	}
	if r.bad || n == 0 {
		return ErrRecord
	}
	t.advance(now)
	t.last = position
	return nil
}

func (t *Table) replay(position uint64, e *Effect) error {
	if e.Kind == FlushAt || e.Kind == FlushIt {
		t.applyFlush(e, position)
		return nil
	}
	i, tag := t.place(e.Key)
	for {
		short := t.replayOne(&t.stripes[i], tag, position, e)
		if short == 0 {
			return nil
		}
		if !t.makeRoom(short, t.clock.Load()) {
			return ErrMemory
		}
	}
}

// replayOne is admit and apply. The item that is there may be dead: the record
// knows better.
func (t *Table) replayOne(s *stripe, tag uint32, position uint64, e *Effect) (short int) {
	s.mu.Lock()
	defer s.unlock(t)
	var v view
	cur := &v
	slot, ok := s.find(t.arena, e.Key, tag, cur)
	if !ok {
		cur = nil
	}
	if e.Kind == Remove && cur == nil {
		return 0 // it had died by itself
	}
	if short := t.admit(s, tag, cur, e, false); short > 0 {
		return short
	}
	t.apply(s, slot, tag, cur, e, position)
	return 0
}

// Restore puts back an item of a snapshot, as Sink.Item was given it. It may be
// called from several goroutines, before anything else happens. The errors are
// those of Replay.
func (t *Table) Restore(position uint64, record []byte) error {
	r := reader{rest: record}
	now := int64(r.uvarint())
	e := r.effect(now)
	if r.bad || len(r.rest) > 0 || e.Kind != Put {
		return ErrRecord
	}
	return t.replay(position, &e)
}

// Resume takes over what a snapshot holds beside the items, after they have been
// restored.
func (t *Table) Resume(i Image) {
	t.last = i.Position
	t.floor.Store(i.Floor)
	t.flushDue.Store(i.FlushDue)
	t.advance(i.Clock)
}
