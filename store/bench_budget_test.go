//go:build linux

package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"
	"time"
)

// BenchmarkBudget lives through a day of a Table whose values have 1 byte to
// 1 MiB: it fills up, churns, loses most items at once and is filled again with
// other sizes. Meanwhile it compares what is resident with what is counted.
//
//	over-MiB     the most that was resident beyond the limit
//	used-%       the largest difference of what was resident and what is handed
//	             out, in parts of the latter, while that was 1 GiB or more
//	held-%       the same for what the Arena holds, which is a little more: what
//	             becomes free is given back to the system a MiB at a time
//	lag-MiB      the most that was resident and not handed out, ever
func BenchmarkBudget(b *testing.B) {
	for _, limit := range []int64{64 << 20, 1280 << 20} {
		for _, evict := range []bool{false, true} {
			b.Run(fmt.Sprintf("limit=%dMiB/evict=%v", limit>>20, evict), func(b *testing.B) {
				for b.Loop() {
					d := newDay(b, limit, evict)
					for _, p := range phases {
						began, ops, refused := cpuTime(), d.ops, d.refused
						d.live(p)
						b.Logf("%-32s %8d operations, %7d refused, %v each", p.name, d.ops-ops, d.refused-refused, (cpuTime()-began)/time.Duration(d.ops-ops))
					}
					d.report()
					d.arena.Close()
				}
			})
		}
	}
}

// A phase writes values of some sizes over keys of a range. Smaller and larger
// sizes of a range are as likely by their logarithm.
type phase struct {
	name        string
	least, most int // bytes of a value
	fill        float64
	remove      float64 // this share of all keys is deleted before
	flush       bool    // everything is
	again       bool    // the keys are those of the phase before
}

// fill is how many bytes are written, in limits: 1 fills, more churns.
var phases = []phase{
	{name: "growth", least: 1, most: 1 << 20, fill: 1},
	{name: "churn", again: true, least: 1, most: 1 << 20, fill: 4},
	{name: "deleted 9 of 10, small values", least: 1, most: 300, fill: 1, remove: 0.9},
	{name: "deleted 1 of 2, pages of values", least: 300, most: 20_000, fill: 2, remove: 0.5},
	{name: "churn of pages", again: true, least: 1, most: 20_000, fill: 2},
	{name: "deleted 9 of 10, large values", least: 100_000, most: 1 << 20, fill: 2, remove: 0.9},
	{name: "flushed, any values", least: 1, most: 1 << 20, fill: 3, flush: true},
}

// day is the Table of BenchmarkBudget and what was seen of it, in bytes.
type day struct {
	b     *testing.B
	arena *Arena
	table *Table
	limit int64
	r     *rand.Rand
	value []byte
	res   Result
	key   [16]byte

	keys    int   // the numbers of those that may be stored
	last    int   // of those that the last phase stored
	now     int64 // ms
	base    int64 // resident before there was any item
	ops     int
	refused int    // sets
	over    moment // by how much more than the limit was resident
	lag     moment // by how much more than was handed out
	used    moment // by how large a part of what was handed out, from 1 GiB on
	held    moment // by how large a part of what was held, from 1 GiB on
}

// A moment is one at which something was at its worst.
type moment struct {
	bad               float64
	phase             string
	resident, counted int64
}

func (m *moment) see(bad float64, phase string, resident, counted int64) {
	if m.phase == "" || bad > m.bad {
		*m = moment{bad, phase, resident, counted}
	}
}

func newDay(b *testing.B, limit int64, evict bool) *day {
	d := &day{b: b, limit: limit, r: rand.New(rand.NewPCG(1, 1)), value: make([]byte, 1<<20), now: benchNow}
	d.arena = NewArena(limit, 1<<20)
	d.table = New(Options{Log: NewCounter(0), Arena: d.arena, MaxItemSize: 1<<20 + MaxKeyLen, Evict: evict})
	for i := range d.value {
		d.value[i] = byte(d.r.Uint32())
	}
	debug.FreeOSMemory()
	d.base = residentBytes(b)
	return d
}

// Between two looks of the sweeper, 100 ms, so much is written or deleted.
const (
	tickBytes = 10 << 20
	tickOps   = 20_000
)

func (d *day) live(p phase) {
	if p.flush {
		d.do(&Request{Op: Flush})
		d.tick(p)
	}
	for i := range d.keys {
		if d.r.Float64() < p.remove {
			d.do(&Request{Op: Delete, Key: benchKey(&d.key, i)})
		}
		if i%tickOps == tickOps-1 {
			d.tick(p)
		}
	}
	d.tick(p)
	spread := math.Log(float64(p.most) / float64(p.least))
	mean := float64(p.most-p.least)/spread + 50
	if !p.again {
		d.last = int((0.9*float64(d.limit) - float64(d.table.Stats().Live)) / mean)
		d.keys = max(d.keys, d.last)
	}
	ops, bytes := 0, 0
	for written := 0; written < int(p.fill*float64(d.limit)); written += bytes {
		for ops, bytes = 0, 0; ops < tickOps && bytes < tickBytes; ops++ {
			size := int(float64(p.least) * math.Exp(d.r.Float64()*spread))
			d.do(&Request{Op: Set, Key: benchKey(&d.key, d.r.IntN(d.last)), Value: d.value[:size]})
			bytes += size + 50
			if ops%(tickOps/10) == 0 {
				d.look(p)
			}
		}
		d.tick(p)
	}
}

func (d *day) do(req *Request) {
	d.table.Execute(req, d.now, &d.res)
	d.ops++
	if req.Op == Set && d.res.Status != OK {
		d.refused++
	}
}

// tick does what the sweeper of package weensydb does.
func (d *day) tick(p phase) {
	d.look(p)
	select {
	case <-d.arena.Low():
		d.arena.Provide()
	default:
	}
	d.now += 100
	d.table.Sweep(d.now, Buckets/100)
	d.arena.Trim(8 << 20)
	d.look(p)
}

func (d *day) look(p phase) {
	resident, used, held := residentBytes(d.b)-d.base, d.arena.Used(), d.arena.Resident()
	d.over.see(float64(resident-d.limit)/(1<<20), p.name, resident, d.limit)
	d.lag.see(float64(resident-used)/(1<<20), p.name, resident, used)
	if used >= 1<<30 {
		d.used.see(math.Abs(float64(resident-used))/float64(used)*100, p.name, resident, used)
		d.held.see(math.Abs(float64(resident-held))/float64(held)*100, p.name, resident, held)
	}
}

func (d *day) report() {
	for _, m := range []struct {
		unit string
		moment
	}{{"over-MiB", d.over}, {"lag-MiB", d.lag}, {"used-%", d.used}, {"held-%", d.held}} {
		if m.phase == "" {
			continue // there never was 1 GiB
		}
		d.b.ReportMetric(m.bad, m.unit)
		if m.unit == "lag-MiB" {
			continue // the rest fits the ten lines that a benchmark may log
		}
		d.b.Logf("%s %.2f: resident %.1f MiB, against %.1f MiB (%s)", m.unit, m.bad,
			float64(m.resident)/(1<<20), float64(m.counted)/(1<<20), m.phase)
	}
	d.b.ReportMetric(0, "ns/op")
}

// residentBytes returns how much memory the process has in use.
func residentBytes(b *testing.B) int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		b.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}
