package sim

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// sectorSize is what a disk writes whole, in bytes.
const sectorSize = 512

// Crash ends the machine and starts it again: it returns a Disk with what was
// stable, and by chance some of the rest. d refuses everything from now on.
func (d *Disk) Crash() *Disk {
	next := d.Kill()
	names := next.stable
	for _, c := range next.changes {
		if next.rng.IntN(2) == 0 {
			c.apply(names)
		}
	}
	crashed := map[*inode]bool{}
	for _, name := range slices.Sorted(maps.Keys(names)) { // in an order that a seed repeats
		if n := names[name]; !crashed[n] { // it may have two names
			n.crash(next.rng)
			crashed[n] = true
		}
	}
	next.names, next.changes = maps.Clone(names), nil
	return next
}

// Kill ends the process and not the machine: it returns a Disk on which all that
// was written is seen, and no more of it stable than before. d refuses everything
// from now on.
func (d *Disk) Kill() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashed = true
	return &Disk{
		Refuse: d.Refuse, Lie: d.Lie, Hold: d.Hold, InUse: d.InUse,
		rng: d.rng, names: d.names, stable: d.stable, changes: d.changes,
		countdown: -1, capacity: d.capacity, syncs: d.syncs,
	}
}

// crash keeps any subset of the sectors of each write.
func (n *inode) crash(rng *rand.Rand) {
	keep := rng.Float64()
	for _, w := range n.writes {
		for from := int64(0); from < int64(len(w.data)); {
			to := min(int64(len(w.data)), (w.at+from)/sectorSize*sectorSize+sectorSize-w.at)
			if rng.Float64() < keep {
				n.stable = put(n.stable, w.at+from, w.data[from:to])
			}
			from = to
		}
	}
	n.writes, n.seen = nil, slices.Clone(n.stable)
}
