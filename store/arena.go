package store

import "weensydb/lockcheck"

// PageSize is the unit in which memory is handed out, in bytes. Larger pages
// would leave more unused at the end of each stripe's log; smaller ones would
// cut more values in two.
const PageSize = 8 << 10

// extentPages is how many pages are got from the system at a time: 2 MiB, the
// size of a huge page on most systems. With small ones, finding where a page is
// in memory costs a random access more than the access itself.
const extentPages = 256

// A page is memory that the garbage collector does not look into.
type page = [PageSize]byte

// A pageID numbers the pages of an Arena. 0 is no page.
type pageID uint32

// maxPages is how many pages an Arena can number: 1 TiB.
const maxPages = 1 << 27

// Arena hands out pages up to a limit. What it holds from the system is what it
// has handed out, what is ready to be, and what was given back and not yet
// returned by Trim. Several Tables may share one.
type Arena struct {
	extents []*[extentPages]page // set once each, before its pages are handed out

	low chan struct{} // see Low

	growMu  lockcheck.Mutex // guards mapping, next and cold; the only lock that is held across a system call
	mapping mapping
	next    pageID   // the first page that was never handed out
	cold    []pageID // free and returned to the system

	mu      lockcheck.Mutex // guards the rest; taken after growMu and after any stripe's lock
	limit   int             // pages
	reserve int             // pages that are for moving items when the limit is reached
	used    int             // pages handed out
	warm    []pageID        // free and ready
}

// minReserve is enough to move items about that are smaller than a page, by all
// who do so at once, in pages. So many pages are also kept ready.
const minReserve = 32

// NewArena returns an Arena of limit bytes, of which reserve, and a little more,
// are kept for moving items about when the limit is reached.
func NewArena(limit, reserve int64) *Arena {
	pages := int(min(limit/PageSize, maxPages))
	// Room to raise the limit later costs 8 bytes a MiB.
	most := min(max(8*pages, 1<<17), maxPages)
	a := &Arena{
		extents: make([]*[extentPages]page, most/extentPages+1),
		next:    1,
		low:     make(chan struct{}, 1),
		limit:   pages,
		reserve: int(reserve/PageSize) + minReserve,
	}
	a.growMu.SetRank(rankGrow)
	a.mu.SetRank(rankArena)
	return a
}

// at returns a page that was handed out.
func (a *Arena) at(id pageID) *page { return &a.extents[id/extentPages][id%extentPages] }

// take appends n pages, whose content is arbitrary, to into. It reports false if
// the limit is reached, or if that many are not ready: grow tells which.
func (a *Arena) take(into []pageID, n int, moving bool) ([]pageID, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.warm) < n || !a.roomLocked(n, moving) {
		return into, false
	}
	a.used += n
	rest := len(a.warm) - n
	into = append(into, a.warm[rest:]...)
	a.warm = a.warm[:rest]
	if rest < lowWater {
		select {
		case a.low <- struct{}{}:
		default: // it was said before
		}
	}
	return into, true
}

// lowWater is how many pages should be ready, so that few requests have to wait
// for the system: what is written in some milliseconds.
const lowWater = 2 * extentPages

// Low is sent to when few pages are ready. Somebody should then call Provide.
func (a *Arena) Low() <-chan struct{} { return a.low }

// Provide gets pages from the system ahead of need, as far as the limit allows.
// No stripe may be locked.
func (a *Arena) Provide() { a.grow(lowWater) }

// roomLocked reports whether the limit allows n more pages.
func (a *Arena) roomLocked(n int, moving bool) bool {
	if moving {
		return a.used+n <= a.limit
	}
	return a.used+n <= a.limit-a.reserve
}

// give takes back a page that was handed out.
func (a *Arena) give(id pageID) {
	a.mu.Lock()
	a.used--
	a.warm = append(a.warm, id)
	a.mu.Unlock()
}

// grow gets pages from the system until n can be taken, and reports whether they
// can. If the limit does not allow it, it sees to it that the reserve is ready.
// No stripe may be locked.
func (a *Arena) grow(n int) bool {
	a.growMu.Lock()
	defer a.growMu.Unlock()
	for {
		a.mu.Lock()
		room, ready := a.roomLocked(n, false), len(a.warm)
		want := n + minReserve
		if !room {
			want = a.reserve
		}
		want = min(want, a.limit-a.used)
		a.mu.Unlock()
		if ready >= want {
			return room && ready >= n
		}
		fresh := a.freshPages()
		if len(fresh) == 0 {
			return room && ready >= n
		}
		a.mu.Lock()
		a.warm = append(a.warm, fresh...)
		a.mu.Unlock()
	}
}

// shortage returns how many pages have to be given back before n can be taken.
func (a *Arena) shortage(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(0, a.used+n-(a.limit-a.reserve))
}

// freshPages gets some pages from the system: those that were returned to it,
// or those of another extent. The caller holds growMu.
func (a *Arena) freshPages() (fresh []pageID) {
	if n := min(len(a.cold), extentPages); n > 0 {
		rest := len(a.cold) - n
		fresh = append(fresh, a.cold[rest:]...)
		a.cold = a.cold[:rest]
		for _, id := range fresh {
			touch(a.at(id)[:])
		}
		return fresh
	}
	i := int(a.next / extentPages)
	if i >= len(a.extents) {
		return nil
	}
	if a.extents[i] == nil {
		a.extents[i] = a.mapping.extent()
	}
	if a.extents[i] == nil {
		return nil
	}
	for id := a.next; int(id/extentPages) == i; id++ {
		fresh = append(fresh, id)
	}
	a.next += pageID(len(fresh))
	return fresh
}

// trimPages bounds how many pages are returned at a time, since others wait for
// the system meanwhile: some milliseconds.
const trimPages = 8 * extentPages

// Trim returns pages to the system that were given back, but for slack bytes,
// and a little. It returns at most 16 MiB at a time. No stripe may be locked.
func (a *Arena) Trim(slack int64) {
	a.growMu.Lock()
	defer a.growMu.Unlock()
	a.mu.Lock()
	n := min(len(a.warm)-int(slack/PageSize)-lowWater, trimPages)
	var idle []pageID
	if n > 0 {
		// The oldest are at the front; those at the back are in the caches.
		idle = append(idle, a.warm[:n]...)
		a.warm = a.warm[:copy(a.warm, a.warm[n:])]
	}
	a.mu.Unlock()
	for _, id := range idle {
		discard(a.at(id)[:])
	}
	a.cold = append(a.cold, idle...)
}

// Close returns all memory to the system. Nothing that was handed out may be
// used any more.
func (a *Arena) Close() {
	a.growMu.Lock()
	defer a.growMu.Unlock()
	a.mapping.close()
	clear(a.extents)
}

// Used returns how many bytes are handed out.
func (a *Arena) Used() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int64(a.used) * PageSize
}

// Resident returns how many bytes are held from the system.
func (a *Arena) Resident() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int64(a.used+len(a.warm)) * PageSize
}

// Limit returns the bound, in bytes.
func (a *Arena) Limit() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int64(a.limit) * PageSize
}

// SetLimit changes the bound, in bytes; at most to 8 times the first, or 1 GiB.
// What is handed out beyond it stays so.
func (a *Arena) SetLimit(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limit = int(min(n/PageSize, int64(len(a.extents)-1)*extentPages))
}
