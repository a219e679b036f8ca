package server

import (
	"weensydb/store"
	"weensydb/wire"
)

// nextKey makes op the next key of a multi-get and reports whether there is one.
func (s *Session) nextKey() bool {
	if s.req.Op != wire.Get || s.dialect != wire.Memcache {
		return false
	}
	if !s.req.NextKey() {
		s.out = append(s.out, "END\r\n"...)
		s.mark(0)
		return false
	}
	s.op.Key = s.req.Key
	return true
}

// encode puts the reply to what was executed into the output, which has room.
func (s *Session) encode() {
	r := &s.req
	switch {
	case r.Op == wire.Error:
		s.errorLine(r.Err) // op was the removal of an old value
	case s.dialect == wire.Weensy:
		s.encodeWeensy()
	case r.Op >= wire.MetaGet && r.Op <= wire.MetaDebug:
		s.encodeMeta()
	case r.Op == wire.Get:
		if s.res.Status == store.OK {
			it := s.item()
			s.out = wire.AppendValue(s.out, r.Key, &it, r.WantCAS)
		}
	case r.NoReply:
	case (r.Op == wire.Incr || r.Op == wire.Decr) && s.res.Status == store.OK:
		s.out = wire.AppendNumber(s.out, s.res.Number)
	default:
		s.line(classicStatus(r.Op, s.res.Status))
	}
}

// encodeWeensy answers in the dialect.
func (s *Session) encodeWeensy() {
	res := &s.res
	switch {
	case res.Status == store.NoMemory:
		s.line(wire.ErrNoMemory)
	case res.Status == store.Exists:
		s.line("EXISTS")
	case res.Status == store.NotFound && s.req.Op == wire.Get:
		s.line("END")
	case res.Status == store.NotFound:
		s.line("NOT_FOUND")
	case s.req.Op == wire.Get:
		it := s.item()
		s.out = wire.AppendWeensyValue(s.out, s.req.Key, &it)
	case s.req.Op == wire.Delete:
		s.out = wire.AppendID(s.out, "DELETED", res.Item.ID)
	case s.req.Op == wire.Exchange:
		s.out = wire.AppendIDs(s.out, "EXCHANGED", res.Item.ID, res.ID2)
	default:
		s.out = wire.AppendID(s.out, "STORED", res.Item.ID)
	}
}

// classicStatus words the outcome of a classic command.
func classicStatus(op wire.Op, status store.Status) string {
	switch status {
	case store.NotFound:
		return "NOT_FOUND"
	case store.NotStored:
		return "NOT_STORED"
	case store.Exists:
		return "EXISTS"
	case store.NonNumeric:
		return wire.ErrNonNumeric
	case store.NoMemory:
		return wire.ErrNoMemory
	}
	switch op {
	case wire.Delete:
		return "DELETED"
	case wire.Touch:
		return "TOUCHED"
	case wire.Exchange:
		return "EXCHANGED"
	case wire.FlushAll:
		return "OK"
	default:
		return "STORED"
	}
}

// encodeMeta answers a meta request. Quiet hides what the client expects.
func (s *Session) encodeMeta() {
	r, res := &s.req, &s.res
	m := &r.Meta
	switch {
	case res.Status == store.NonNumeric:
		s.line(wire.ErrNonNumeric)
	case res.Status == store.NoMemory && r.Op != wire.MetaGet:
		s.line(wire.ErrNoMemory)
	case r.Op == wire.MetaGet:
		s.encodeMetaGet()
	case r.Op == wire.MetaDebug:
		if res.Status != store.OK {
			s.line("EN")
			return
		}
		it := s.item()
		s.out = wire.AppendMetaDebug(s.out, r, &it)
	case res.Status == store.OK && m.Quiet:
	case r.Op == wire.MetaArith && res.Status == store.OK:
		it := s.item()
		it.Value = wire.AppendCounter(s.number[:0], res.Number)
		s.out = wire.AppendMetaArith(s.out, r, &it)
	case r.Op == wire.MetaSet:
		size, cas := len(r.Value), uint64(0)
		if res.Status == store.OK {
			size, cas = res.ValueLen, res.Item.CAS
		}
		s.out = wire.AppendMetaSet(s.out, r, metaStatus[res.Status], size, cas)
	default:
		s.out = wire.AppendMetaStatus(s.out, r, metaStatus[res.Status])
	}
}

func (s *Session) encodeMetaGet() {
	r, res := &s.req, &s.res
	if res.Status != store.OK {
		if !r.Meta.Quiet {
			s.out = wire.AppendMetaStatus(s.out, r, "EN")
		}
		return
	}
	it := s.item()
	same := r.Meta.HasCAS && res.Item.CAS == r.Compare
	s.out = wire.AppendMetaGet(s.out, r, &it, r.Meta.Value && !same)
}

var metaStatus = [...]string{store.OK: "HD", store.NotFound: "NF", store.NotStored: "NS", store.Exists: "EX"}

// item is the result in the words of the wire.
func (s *Session) item() wire.Item {
	res := &s.res
	it := &res.Item
	w := wire.Item{
		Value: res.Value, ValueLen: res.ValueLen, Flags: it.Flags, ID: it.ID, CAS: it.CAS, Size: res.Size,
		TTL: ttl(it.Expiry, res.Now), TTLBefore: ttl(res.Before, res.Now),
		Idle: max(0, res.Now/1000-it.LastAccess/1000), Fetched: it.Fetched,
		Created: res.Created, Stale: it.Stale, Won: res.WonNow, Lost: it.Won && !res.WonNow,
	}
	if m := &s.req.Meta; m.HasTouch || m.Vivify {
		w.TTLTouched = ttl(s.op.Expiry, res.Now)
		w.TTLVivified = ttl(expiry(m.VivifyTTL, res.Now), res.Now)
	}
	return w
}

// ttl returns the seconds that are left, rounded up, or -1 for ever.
func ttl(expiry, now int64) int64 {
	if expiry == store.Never {
		return -1
	}
	return max(0, (expiry-now+999)/1000)
}

// line puts a line into the output, which has room.
func (s *Session) line(line string) { s.out = wire.AppendLine(s.out, line) }

// errorLine answers with an error, unless the client asked for no reply.
func (s *Session) errorLine(err string) {
	if !s.req.NoReply {
		s.line(err)
	}
}
