package store

// exchange swaps the values, client flags and marks of two keys in one step.
// IDs and expiry stay with the key.
func (t *Table) exchange(req *Request, res *Result) {
	x := pair{}
	x.i, x.tag1 = t.place(req.Key)
	x.j, x.tag2 = t.place(req.Key2)
	for try := 0; ; try++ {
		short := t.tryExchange(&x, req, res)
		if short == 0 {
			return
		}
		if try == roomTries || !t.makeRoom(short, res.Now) {
			res.Status, res.n = NoMemory, 0
			return
		}
	}
}

// pair is where the two keys of an exchange are.
type pair struct {
	i, j       int // stripes
	tag1, tag2 uint32
}

func (t *Table) tryExchange(x *pair, req *Request, res *Result) (short int) {
	s1, s2 := &t.stripes[x.i], &t.stripes[x.j]
	low, high := s1, s2
	if x.j < x.i {
		low, high = s2, s1
	}
	low.mu.Lock()
	defer low.unlock(t)
	if high != low {
		high.mu.Lock()
		defer high.unlock(t)
	}
	for {
		res.reset(res.Now)
		floor := t.instant(res)
		_, v1 := s1.alive(t, req.Key, x.tag1, res, 0, floor)
		_, v2 := s2.alive(t, req.Key2, x.tag2, res, 1, floor)
		decideExchange(v1, v2, req, res)
		if res.n > 0 {
			snap := t.snapshot.Load()
			if res.views[0].stuck || res.views[1].stuck || !snap.ready(s1, x.tag1, v1) || !snap.ready(s2, x.tag2, v2) {
				return res.wait(max(s1.newest, s2.newest), floor)
			}
			res.Position = max(s1.newest, s2.newest, floor) // a refusal rests on it, too
			if short := t.admitExchange(s1, s2, res); short > 0 {
				return short
			}
			room, ok := t.reserve(res)
			if !ok {
				res.Position = max(s1.newest, s2.newest, floor)
				return 0
			}
			position, saver, ok := t.append(res, room, floor)
			if !ok {
				continue
			}
			saver.save(t, s1, x.tag1, v1)
			saver.save(t, s2, x.tag2, v2)
			t.applyExchange(x, res, position)
			res.learn()
		}
		res.Position = max(s1.newest, s2.newest, floor)
		return 0
	}
}

// decideExchange is decide for two keys.
func decideExchange(v1, v2 *view, req *Request, res *Result) {
	if v1 == nil || v2 == nil {
		res.Status = NotFound
		return
	}
	res.Item, res.ID2 = v1.Item, v2.ID
	if v1.loc == v2.loc {
		return
	}
	res.Item = exchanged(v1, v2)
	res.effects[0] = Effect{Kind: Put, Key: req.Key, Item: res.Item, FreshCAS: true}
	res.effects[1] = Effect{Kind: Put, Key: req.Key2, Item: exchanged(v2, v1), FreshCAS: true}
	res.effects[0].parts[0].blob = v2.value
	res.effects[1].parts[0].blob = v1.value
	res.n = 2
}

// exchanged is what the item v is once it has the value of other.
func exchanged(v, other *view) Item {
	n := v.Item
	n.Flags, n.Stale, n.Won = other.Flags, other.Stale, other.Won
	return n
}

// admitExchange takes the pages for both items. They may come from the reserve,
// since the old items die at once.
func (t *Table) admitExchange(s1, s2 *stripe, res *Result) (short int) {
	for i, s := range []*stripe{s1, s2} {
		n := res.effects[i].ValueLen() + maxHead
		if i == 1 && s1 == s2 {
			n += res.effects[0].ValueLen() + maxHead
		}
		need := n/pageRoom + 2 - len(s.log.spare)
		if need <= 0 {
			continue
		}
		var ok bool
		if s.log.spare, ok = t.arena.take(s.log.spare, need, true); !ok {
			return need
		}
	}
	return 0
}

// applyExchange writes both items, and only then takes the old ones for dead:
// each value is read from the other's.
func (t *Table) applyExchange(x *pair, res *Result, position uint64) {
	stripes := [2]*stripe{&t.stripes[x.i], &t.stripes[x.j]}
	tags := [2]uint32{x.tag1, x.tag2}
	for i, s := range stripes {
		e, v := &res.effects[i], &res.views[i]
		e.Item.CAS = position
		slot, _ := s.slotOf(tags[i], v.loc)
		e.chain = t.chainFor(s, tags[i], v)
		loc := s.log.add(t.arena, e, position)
		s.index.set(slot, makeEntry(tags[i], loc))
		s.newest = position
	}
	for i, s := range stripes {
		v := &res.views[i]
		s.log.kill(t.arena, v.loc, v.size())
	}
}
