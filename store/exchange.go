package store

// exchange swaps the values, client flags and marks of two keys in one step.
// IDs and expiry stay with the key. Nothing grows, so nothing has to be
// admitted.
func (t *Table) exchange(req *Request, res *Result) {
	i, j := t.index(req.Key), t.index(req.Key2)
	s1, s2 := &t.stripes[i], &t.stripes[j]
	low, high := s1, s2
	if j < i {
		low, high = s2, s1
	}
	low.mu.Lock()
	defer low.mu.Unlock()
	if high != low {
		high.mu.Lock()
		defer high.mu.Unlock()
	}
	for {
		floor := t.floor.Load()
		it1 := s1.alive(req.Key, res.Now, floor, t)
		it2 := s2.alive(req.Key2, res.Now, floor, t)
		decideExchange(it1, it2, req, res)
		if res.n > 0 {
			position, ok := t.append(res, floor)
			if !ok {
				continue
			}
			// Values are never changed in place, so the second may be applied
			// although it was the first's.
			t.swap(s1, it1, s2, it2, position)
			res.finish(it1)
		}
		res.Position = max(s1.newest, s2.newest, floor)
		return
	}
}

// decideExchange is decide for two keys.
func decideExchange(it1, it2 *item, req *Request, res *Result) {
	res.reset(res.Now)
	if it1 == nil || it2 == nil {
		res.Status = NotFound
		return
	}
	res.Item, res.ID2 = it1.Item, it2.ID
	if it1 == it2 {
		return
	}
	res.effects[0] = Effect{Kind: Put, Key: req.Key, Item: exchanged(it1, it2), Value: it2.value, NewValue: true}
	res.effects[1] = Effect{Kind: Put, Key: req.Key2, Item: exchanged(it2, it1), Value: it1.value, NewValue: true}
	res.n = 2
}

// exchanged is what it is once it has the value of other.
func exchanged(it, other *item) Item {
	n := it.Item
	n.Flags, n.Stale, n.Won = other.Flags, other.Stale, other.Won
	return n
}

// swap applies an exchange. The values themselves stay where they are.
func (t *Table) swap(s1 *stripe, it1 *item, s2 *stripe, it2 *item, position uint64) {
	item1, item2 := exchanged(it1, it2), exchanged(it2, it1)
	grown := int64(len(it2.value) - len(it1.value))
	s1.bytes += grown
	s2.bytes -= grown
	it1.value, it2.value = it2.value, it1.value
	it1.Item, it2.Item = item1, item2
	for _, it := range []*item{it1, it2} {
		it.CAS, it.position = position, position
	}
	s1.newest, s2.newest = position, position
}
