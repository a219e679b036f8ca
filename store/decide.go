package store

import "strconv"

// decide computes the result of a request on one key, and its effect if it has
// one. cur is the present item, or nil if there is none that is alive.
func (t *Table) decide(cur *view, req *Request, res *Result) {
	res.reset(res.Now)
	if cur != nil {
		res.Item, res.ValueLen, res.Before = cur.Item, cur.value.n, cur.Expiry
	}
	switch req.Op {
	case Get:
		decideGet(cur, req, res)
	case Peek:
		if cur == nil {
			res.Status = NotFound
		}
	case Set, Add, Replace:
		decideStore(cur, req, res)
	case Append, Prepend:
		t.decideExtend(cur, req, res)
	case CompareSet:
		t.decideCompareSet(cur, req, res)
	case Delete:
		decideDelete(cur, req, res)
	case Incr, Decr:
		t.decideCount(cur, req, res)
	case Touch:
		if cur == nil {
			res.Status = NotFound
			return
		}
		res.Item.Expiry = req.Expiry
		res.keep(req.Key, cur)
	}
}

// keep makes the effect that changes fields of cur and not its value.
func (r *Result) keep(key []byte, cur *view) {
	r.n = 1
	r.effects[0] = Effect{Kind: Put, Key: key, Item: r.Item, parts: [2]piece{{blob: cur.value}}, same: true}
}

// put makes the effect that gives key a new value. r.Item holds the other
// fields. Whatever marked the old value is gone with it.
func (r *Result) put(req *Request, cur *view, value ...piece) {
	if req.Op != Incr && req.Op != Decr || cur == nil {
		// A counter that counts is the same item; anything else is a new one.
		r.Item.LastAccess, r.Item.Fetched = r.Now, false
	}
	r.n = 1
	e := &r.effects[0]
	*e = Effect{Kind: Put, Key: req.Key, FreshCAS: !req.HasNewCAS, insert: cur == nil}
	if req.HasNewCAS {
		r.Item.CAS = req.NewCAS
	}
	copy(e.parts[:], value)
	r.ValueLen = e.ValueLen()
	e.Item = r.Item
}

// raw is a value that came with the request.
func raw(b []byte) piece { return piece{bytes: b} }

// decideGet reads. A client that is told to renew an item has won it; until the
// item is stored again, no other is told so.
func decideGet(cur *view, req *Request, res *Result) {
	if cur == nil {
		if !req.Vivify {
			res.Status = NotFound
			return
		}
		res.Item = Item{Expiry: req.VivifyExpiry, Won: true}
		res.Created, res.WonNow = true, true
		res.put(req, nil)
		return
	}
	deadline := cur.Expiry
	if req.Touch {
		res.Item.Expiry = req.Expiry
		if req.TouchFirst {
			deadline = req.Expiry
		}
	}
	soon := req.Recache && deadline != Never && deadline < req.RecacheAt
	if !cur.Won && (req.MayWin && cur.Stale || soon) {
		res.WonNow = true
		res.Item.Won = true
	}
	if req.Touch || res.WonNow {
		res.keep(req.Key, cur)
	}
}

func decideStore(cur *view, req *Request, res *Result) {
	stale := false
	switch {
	case req.Op == Add:
		if cur != nil {
			res.Status = NotStored
			return
		}
	case req.HasCompare && cur == nil:
		res.Status = NotFound
		return
	case req.HasCompare && req.Compare != cur.CAS || req.HasCompare && req.Compare == 0:
		// memcached takes token 0 for none at all, which matches nothing.
		stale = req.Stale && req.Compare < cur.CAS && req.Compare != 0
		if !stale {
			res.Status = Exists
			return
		}
	case req.Op == Replace && cur == nil:
		res.Status = NotStored
		return
	}
	item := Item{Flags: req.Flags, Expiry: req.Expiry}
	if cur != nil {
		item.ID = cur.ID
	}
	if stale {
		item.Expiry, item.Stale, item.Won = cur.Expiry, true, cur.Won
	}
	res.Item = item
	res.put(req, cur, raw(req.Value))
}

func (t *Table) decideExtend(cur *view, req *Request, res *Result) {
	if cur == nil {
		if !req.Vivify {
			res.Status = NotStored
			return
		}
		res.Item = Item{Flags: req.Flags, Expiry: req.VivifyExpiry}
		res.put(req, nil, raw(req.Value))
		return
	}
	if req.HasCompare && req.Compare != 0 && req.Compare != cur.CAS {
		res.Status = Exists
		return
	}
	if len(req.Key)+cur.value.n+len(req.Value) > t.maxItemSize {
		res.Status = NotStored
		return
	}
	res.Item = Item{Flags: cur.Flags, Expiry: cur.Expiry, ID: cur.ID}
	if req.Op == Append {
		res.put(req, cur, piece{blob: cur.value}, raw(req.Value))
	} else {
		res.put(req, cur, raw(req.Value), piece{blob: cur.value})
	}
}

func (t *Table) decideCompareSet(cur *view, req *Request, res *Result) {
	switch {
	case cur == nil:
		res.Status = NotFound
	case !t.arena.equalBlob(cur.value, req.Old):
		res.Status = Exists
	default:
		res.Item = Item{Flags: req.Flags, Expiry: req.Expiry, ID: cur.ID}
		res.put(req, cur, raw(req.Value))
	}
}

func decideDelete(cur *view, req *Request, res *Result) {
	switch {
	case cur == nil:
		res.Status = NotFound
		return
	case req.HasCompare && req.Compare != cur.CAS:
		res.Status = Exists
		return
	case !req.Stale && !req.DropValue:
		res.n = 1
		res.effects[0] = Effect{Kind: Remove, Key: req.Key, Item: cur.Item}
		return
	}
	value := piece{blob: cur.value}
	if req.DropValue {
		value = piece{}
		res.Item = Item{ID: cur.ID, Flags: req.Flags}
		if req.Touch {
			res.Item.Expiry = req.Expiry
		}
	}
	if req.Stale {
		res.Item.Stale, res.Item.Won = true, false
		if req.Touch {
			res.Item.Expiry = req.Expiry
		}
	}
	// Marking stale gives a new token, so that a write begun before fails.
	res.put(req, cur, value)
	if !req.DropValue { // it is the same item still
		res.Item.LastAccess, res.Item.Fetched = cur.LastAccess, cur.Fetched
		res.effects[0].Item = res.Item
	}
}

// maxCounter is the longest value that is taken for a number, in bytes: longer
// than any number, with room for blanks.
const maxCounter = 64

func (t *Table) decideCount(cur *view, req *Request, res *Result) {
	if cur == nil {
		if !req.Vivify {
			res.Status = NotFound
			return
		}
		res.Item = Item{Expiry: req.VivifyExpiry}
		res.Created, res.Number = true, req.Initial
		res.put(req, nil, raw(strconv.AppendUint(res.digits[:0], req.Initial, 10)))
		return
	}
	if cur.value.n > 0 && req.HasCompare && req.Compare != 0 && req.Compare != cur.CAS {
		res.Status = Exists
		return
	}
	n, ok := uint64(0), false
	if cur.value.n <= maxCounter {
		n, ok = parseCounter(t.arena.appendBlob(res.digits[:0], cur.value))
	}
	switch {
	case !ok:
		res.Status = NonNumeric
		return
	case req.Op == Incr:
		n += req.Delta
	default:
		n -= min(n, req.Delta)
	}
	if req.Touch {
		res.Item.Expiry = req.Expiry
	}
	res.Number = n
	digits := strconv.AppendUint(res.digits[:0], n, 10)
	// A number that has become shorter keeps its length in the store, filled up
	// with blanks, as memcached's clients know it.
	for len(digits) < cur.value.n {
		digits = append(digits, ' ')
	}
	res.put(req, cur, raw(digits))
}
