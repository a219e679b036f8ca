package store

// flush kills all items, now or later. A later flush is state of the Table,
// kept by the log, that becomes a flush when its time has come; a newer one
// replaces it.
func (t *Table) flush(req *Request, res *Result) {
	t.appendMu.Lock()
	defer t.appendMu.Unlock()
	res.Now = t.clock.Load()
	t.flushWhenDueLocked(res.Now)
	if req.Expiry > res.Now {
		res.effects[0] = Effect{Kind: FlushAt, Item: Item{Expiry: req.Expiry}}
		t.last = t.log.Append(res.effects[:1])
		res.Position = t.last
		t.flushDue.Store(req.Expiry)
		return
	}
	res.Position = t.raiseFloorLocked(&res.effects)
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

func (t *Table) flushWhenDueLocked(now int64) {
	if due := t.flushDue.Load(); due != 0 && now >= due {
		t.raiseFloorLocked(new([2]Effect))
	}
}

// raiseFloorLocked appends a flush and raises the floor to it. The caller holds
// appendMu, so that every effect is appended either before the flush, and is
// then dead, or was decided knowing of it.
func (t *Table) raiseFloorLocked(effects *[2]Effect) uint64 {
	effects[0] = Effect{Kind: FlushIt}
	t.last = t.log.Append(effects[:1])
	t.flushDue.Store(0)
	t.floor.Store(t.last)
	t.reclaimed.Store(0) // a full Table has reason to look again, now
	return t.last
}
