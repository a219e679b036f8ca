package stable

import "time"

// gathering is group commit. The sessions whose records were in a batch send the
// next ones when they have their replies. A writer that took what is there when
// a sync ends would find only those that did not take part in it: two cohorts,
// each of which waits for two syncs. So it waits until 90 % as many records have
// come as were in the last batch, or came while that was synced, but not longer
// than a sync takes. To count those in the last batch alone is not enough: two
// cohorts of equal size stay what they are (50 producers: 25 records a sync, not
// 44). A lone session waits for nobody.
//
// In the other modes it waits for the interval to pass, or much to come together.
type gathering struct {
	mode     Mode
	interval time.Duration
	bytes    int64 // in modes other than Always, enough for a batch

	expected int           // records of the sessions at work
	took     time.Duration // what a sync took recently
	idle     time.Time     // when the writer had told that the last batch is synced
}

const (
	maxGather = 20 * time.Millisecond // whatever a sync takes
	maxBytes  = 1 << 20               // written at a time in modes other than Always
)

func newGathering(o *Options) gathering {
	return gathering{mode: o.Mode, interval: o.Interval, bytes: min(maxBytes, max(1, o.MaxUnsynced/4))}
}

// target is how many records are enough in mode Always.
func (g *gathering) target() int { return max(1, (g.expected*9+9)/10) }

// reached reports whether the newest record of b made it enough.
func (g *gathering) reached(b *batch) bool {
	if g.mode == Always {
		return b.records == g.target()
	}
	return int64(len(b.data)) >= g.bytes
}

// due returns how long b should still wait for more: 0 if it should not, and a
// negative duration if no time is set.
func (g *gathering) due(b *batch, now time.Time) time.Duration {
	patience := time.Duration(-1)
	switch {
	case g.mode == Always && b.records >= g.target(), g.mode != Always && int64(len(b.data)) >= g.bytes:
		return 0
	case g.mode == Always:
		patience = min(g.took, maxGather)
	case g.mode == Interval:
		patience = g.interval / 2 // the rest is for the write itself
	}
	if patience < 0 {
		return patience
	}
	since := b.began
	if g.mode == Always && g.idle.After(since) {
		since = g.idle // the sessions of the last batch have their replies since then
	}
	return max(0, since.Add(patience).Sub(now))
}

// done learns from a batch that was written and synced, and from how many came
// meanwhile.
func (g *gathering) done(records, waiting int, took time.Duration) {
	g.expected = records + waiting
	if g.took == 0 {
		g.took = took
	}
	g.took += (took - g.took) / 4
}
