package store

// flush kills all items, now or later. A later flush is state of the Table,
// kept by the log, that becomes a flush when its time has come; a newer one
// replaces it.
func (t *Table) flush(req *Request, res *Result) {
	t.appendMu.Lock()
	defer t.appendMu.Unlock()
	res.Now = t.clock.Load()
	t.flushWhenDueLocked(res.Now)
	e := Effect{Kind: FlushIt}
	if req.Expiry > res.Now {
		e = Effect{Kind: FlushAt, Item: Item{Expiry: req.Expiry}}
	}
	if t.flushLocked(e, res) {
		res.Position = t.last
	}
}

// flushWhenDue performs the delayed flush if its time has come.
func (t *Table) flushWhenDue(now int64) {
	if due := t.flushDue.Load(); due == 0 || now < due {
		return
	}
	t.appendMu.Lock()
	defer t.appendMu.Unlock()
	t.flushWhenDueLocked(now) // another may have performed it, or replaced it, since
}

// flushWhenDueLocked may find no room in the log. Then the flush is late: it
// happens when the next request finds some.
func (t *Table) flushWhenDueLocked(now int64) {
	if due := t.flushDue.Load(); due != 0 && now >= due {
		t.flushLocked(Effect{Kind: FlushIt}, &Result{Now: now})
	}
}

// flushLocked logs e and makes it true, if there is room for it in the log. The
// caller holds appendMu, so that every other effect is appended either before a
// flush, and is then dead, or was decided knowing of it.
func (t *Table) flushLocked(e Effect, res *Result) bool {
	res.effects[0], res.n = e, 1
	room, ok := t.reserve(res)
	if !ok {
		return false
	}
	t.last = t.log.Append(room, &res.record)
	t.applyFlush(&e, t.last)
	return true
}

// applyFlush raises the floor before it forgets what was due: who finds that
// nothing is due, and does not lock, has to see the floor.
func (t *Table) applyFlush(e *Effect, position uint64) {
	if e.Kind == FlushIt {
		t.floor.Store(position)
		t.reclaimed.Store(0) // a full Table has reason to look again, now
	}
	t.flushDue.Store(e.Item.Expiry)
}
