package server

import (
	"weensydb/store"
	"weensydb/wire"
)

// plan translates the request for the Table and reports whether it is one for
// the Table at all.
func (s *Session) plan(now int64) bool {
	r, op := &s.req, &s.op
	*op = store.Request{Key: r.Key, Value: r.Value, Flags: r.Flags}
	switch r.Op {
	case wire.Get:
		op.Op = store.Get
		if r.Touch {
			op.Touch, op.Expiry = true, expiry(r.Exptime, now)
		}
	case wire.Set, wire.Add, wire.Replace, wire.Append, wire.Prepend:
		op.Op = storeOps[r.Op]
		op.Expiry = expiry(r.Exptime, now)
	case wire.CAS:
		op.Op, op.Expiry = store.Set, expiry(r.Exptime, now)
		op.HasCompare, op.Compare = true, r.Compare
	case wire.CompareSet:
		op.Op, op.Old = store.CompareSet, r.Old
	case wire.Delete:
		op.Op = store.Delete
	case wire.Incr, wire.Decr:
		op.Op, op.Delta = storeOps[r.Op], r.Delta
	case wire.Touch:
		op.Op, op.Expiry = store.Touch, expiry(r.Exptime, now)
	case wire.Exchange:
		op.Op, op.Key2 = store.Exchange, r.Key2
	case wire.FlushAll:
		op.Op = store.Flush
		if r.Exptime > 0 {
			op.Expiry = expiry(r.Exptime, now)
		}
		s.env.stats.flushes.Add(1)
	case wire.MetaDebug:
		op.Op = store.Peek
		s.env.stats.metas.Add(1)
	case wire.MetaGet, wire.MetaSet, wire.MetaDelete, wire.MetaArith:
		s.planMeta(now)
	case wire.Error:
		// A cache must not go on serving what a set would have replaced.
		op.Op = store.Delete
		return r.Drop && s.env.Cache
	default:
		return false
	}
	return true
}

var storeOps = [...]store.Op{
	wire.Set: store.Set, wire.Add: store.Add, wire.Replace: store.Replace,
	wire.Append: store.Append, wire.Prepend: store.Prepend,
	wire.Incr: store.Incr, wire.Decr: store.Decr,
}

// planMeta translates what the flags of a meta request say.
func (s *Session) planMeta(now int64) {
	r, m, op := &s.req, &s.req.Meta, &s.op
	op.HasCompare, op.Compare = m.HasCAS, r.Compare
	op.HasNewCAS, op.NewCAS = m.HasNew, m.NewCAS
	op.Stale, op.DropValue, op.NoBump, op.NoValue = m.Stale, m.Drop, m.NoBump, !m.Value
	op.Touch, op.Expiry = m.HasTouch, expiry(r.Exptime, now)
	op.Vivify, op.VivifyExpiry = m.Vivify, expiry(m.VivifyTTL, now)
	if m.Vivify && m.TouchAfterVivify && r.Op != wire.MetaSet {
		op.VivifyExpiry = op.Expiry
	}
	op.Recache, op.RecacheAt, op.TouchFirst = m.Recache, expiry(m.RecacheTTL, now), m.TouchBeforeRecache
	switch r.Op {
	case wire.MetaGet:
		op.Op, op.MayWin = store.Get, true // only its reply can tell the winner
	case wire.MetaSet:
		op.Op = metaModes[m.Mode]
		if m.Mode == 'E' {
			op.HasCompare = false // memcached's add does not compare
		}
		op.Stale = m.Stale && m.HasCAS
	case wire.MetaDelete:
		op.Op = store.Delete
	case wire.MetaArith:
		op.Op, op.Delta, op.Initial = store.Incr, r.Delta, m.Initial
		if m.Mode == 'D' {
			op.Op = store.Decr
		}
	}
}

var metaModes = [256]store.Op{
	'S': store.Set, 'E': store.Add, 'R': store.Replace, 'A': store.Append, 'P': store.Prepend,
}

// maxRelative is the largest exptime that counts from now, in seconds; a larger
// one is Unix time.
const maxRelative = 60 * 60 * 24 * 30

// expired is the Expiry of what was stored with a negative exptime.
const expired int64 = 1

// expiry turns an exptime of the wire into Unix milliseconds.
func expiry(exptime, now int64) int64 {
	switch {
	case exptime == 0:
		return store.Never
	case exptime < 0:
		return expired
	case exptime <= maxRelative:
		return now + exptime*1000
	default:
		return exptime * 1000
	}
}
