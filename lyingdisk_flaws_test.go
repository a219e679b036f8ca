package weensydb

import (
	"bytes"
	"strings"
	"testing"

	"weensydb/sim"
	"weensydb/stable"
	"weensydb/store"
)

// flaw makes a database wrong in one way.
type flaw struct {
	name  string
	mode  Durability
	shows string // in the fault that proves it

	lie       func(w *world, op, name string) bool // which syncs only pretend
	stable    func(w *world) uint64                // up to where replies are given
	position  func(res *store.Result) uint64       // for which a reply waits
	recovered func(w *world, records []record)     // changes what was recovered
}

// record is one of the log.
type record struct {
	position uint64
	payload  []byte
}

// recordsOf reads the log on a disk, as far as it can be read.
func recordsOf(d *sim.Disk) (records []record) {
	d.CrashAfter(-1)
	stable.Inspect(stable.InspectOptions{FS: d, OnRecord: func(e stable.Entry) error {
		records = append(records, record{e.Position, bytes.Clone(e.Payload)})
		return nil
	}})
	return records
}

var flaws = []flaw{
	{
		name: "reply before sync", mode: DurabilityAlways, shows: "a reply rested on",
		stable: func(w *world) uint64 { return w.db.engine.log.NextPosition() - 1 },
	},
	{
		name: "sync that only pretends", mode: DurabilityAlways, shows: "a reply rested on",
		lie: func(_ *world, op, name string) bool { return op == "sync" && strings.HasSuffix(name, ".log") },
	},
	{
		name: "sync without the directory", mode: DurabilityAlways, shows: "the file is missing",
		lie: func(_ *world, op, _ string) bool { return op == "syncdir" },
	},
	{
		name: "a miss that does not wait", mode: DurabilityAlways, shows: "a reply rested on",
		position: func(res *store.Result) uint64 {
			if res.Status == store.NotFound {
				return 0
			}
			return res.Position
		},
	},
	{
		name: "a refusal that does not wait", mode: DurabilityAlways, shows: "a reply rested on",
		position: func(res *store.Result) uint64 {
			if res.Status == store.NotStored || res.Status == store.Exists {
				return 0
			}
			return res.Position
		},
	},
	{
		name: "numbers used again after an unclean stop", mode: DurabilityNone, shows: "twice",
		lie: func(_ *world, op, name string) bool { return op == "sync" && name == "control" },
	},
	{
		name: "a replay that skips a record", mode: DurabilityAlways, shows: "recovered up to",
		recovered: func(w *world, records []record) {
			if len(records) == 0 {
				return
			}
			w.db.sweeper.stop() // it has the other Table
			e := w.db.engine
			e.table = store.New(store.Options{Log: &tableLog{e.log}, Arena: e.arena, MaxItemSize: modelMaxItem})
			skipped := w.rng.IntN(len(records))
			for i, r := range records {
				if i != skipped {
					e.table.Replay(r.position, r.payload)
				}
			}
		},
	},
	{
		name: "a replay that applies a record again", mode: DurabilityAlways, shows: "recovered up to",
		recovered: func(w *world, records []record) {
			if len(records) > 0 {
				r := records[w.rng.IntN(len(records))]
				w.db.engine.table.Replay(r.position, r.payload)
			}
		},
	},
}

// TestLyingDiskCatches: the same test finds a database that is wrong.
func TestLyingDiskCatches(t *testing.T) {
	for _, f := range flaws {
		t.Run(f.name, func(t *testing.T) {
			sum, err := survive(t, firstSeed(t), 2000, f.mode, &f)
			if err == nil {
				t.Fatal("nothing was found in", sum.crashes, "crashes")
			}
			t.Logf("in %d crashes: %v", sum.crashes, err)
		})
	}
}
