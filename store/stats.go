package store

// Counters count operations since the start or the last reset.
type Counters struct {
	GetHits, GetMisses       uint64
	Expired, Flushed         uint64 // lookups that met a dead item
	Sets                     uint64
	CASHits, CASMisses       uint64
	CASBad                   uint64
	DeleteHits, DeleteMisses uint64
	IncrHits, IncrMisses     uint64
	DecrHits, DecrMisses     uint64
	TouchHits, TouchMisses   uint64
	Stored                   uint64 // items ever stored
}

// count counts an operation that was carried out.
func (c *Counters) count(req *Request, res *Result) {
	hit := res.Status != NotFound
	switch req.Op {
	case Get:
		if req.Touch {
			tally(&c.TouchHits, &c.TouchMisses, hit)
		} else {
			tally(&c.GetHits, &c.GetMisses, hit)
		}
	case Touch:
		tally(&c.TouchHits, &c.TouchMisses, hit)
	case Delete:
		tally(&c.DeleteHits, &c.DeleteMisses, hit && res.Status != Exists)
	case Incr:
		tally(&c.IncrHits, &c.IncrMisses, hit)
	case Decr:
		tally(&c.DecrHits, &c.DecrMisses, hit)
	case Set, Add, Replace, Append, Prepend, CompareSet:
		c.Sets++
		if res.n > 0 {
			c.Stored++
		}
		if req.HasCompare || req.Op == CompareSet {
			c.countCompare(res.Status)
		}
	}
}

func (c *Counters) countCompare(s Status) {
	switch s {
	case OK:
		c.CASHits++
	case NotFound:
		c.CASMisses++
	case Exists:
		c.CASBad++
	}
}

func tally(hits, misses *uint64, hit bool) {
	if hit {
		*hits++
	} else {
		*misses++
	}
}

func (c *Counters) add(o *Counters) {
	c.GetHits += o.GetHits
	c.GetMisses += o.GetMisses
	c.Expired += o.Expired
	c.Flushed += o.Flushed
	c.Sets += o.Sets
	c.CASHits += o.CASHits
	c.CASMisses += o.CASMisses
	c.CASBad += o.CASBad
	c.DeleteHits += o.DeleteHits
	c.DeleteMisses += o.DeleteMisses
	c.IncrHits += o.IncrHits
	c.IncrMisses += o.IncrMisses
	c.DecrHits += o.DecrHits
	c.DecrMisses += o.DecrMisses
	c.TouchHits += o.TouchHits
	c.TouchMisses += o.TouchMisses
	c.Stored += o.Stored
}

// Stats is a view of the whole Table. Its parts are each exact, but not of the
// same instant.
type Stats struct {
	Counters
	Items     int64 // dead ones that are not yet buried included
	Bytes     int64 // of memory handed out: items, index, and what is free in their pages
	Live      int64 // of items, key and bookkeeping included
	Evictions uint64
	Limit     int64
}

// Stats adds up the stripes, one lock at a time.
func (t *Table) Stats() Stats {
	st := Stats{Evictions: t.evictions.Load(), Limit: t.arena.Limit()}
	for i := range t.stripes {
		s := &t.stripes[i]
		s.mu.Lock()
		st.Counters.add(&s.counters)
		st.Items += int64(s.index.count)
		st.Bytes += int64(s.pages()) * PageSize
		st.Live += s.log.live()
		s.mu.Unlock()
	}
	return st
}

// ResetStats sets the counters to 0. What is stored stays counted.
func (t *Table) ResetStats() {
	for i := range t.stripes {
		s := &t.stripes[i]
		s.mu.Lock()
		s.counters = Counters{}
		s.mu.Unlock()
	}
	t.evictions.Store(0)
}

// SetMemory changes the bound on memory, in bytes. In a cache the next writes evict down
// to it.
func (t *Table) SetMemory(n int64) { t.arena.SetLimit(n) }
