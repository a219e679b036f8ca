//go:build unix

package store

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"
)

// BenchmarkGC runs the collector with ten thousand and with ten million items of
// 100 bytes. The collector's processor time is that of all its phases.
func BenchmarkGC(b *testing.B) {
	for _, n := range []int{10_000, 10_000_000} {
		t, done := benchTable(b, n, 100)
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			runtime.GC()
			var wall []time.Duration
			spent, before := collectorTime(), gcPauses()
			for b.Loop() {
				began := time.Now()
				runtime.GC()
				wall = append(wall, time.Since(began))
			}
			spent = collectorTime() - spent
			slices.Sort(wall)
			b.ReportMetric(float64(wall[len(wall)/2].Microseconds()), "median-µs")
			b.ReportMetric(spent*1e6/float64(b.N), "cpu-µs/cycle")
			b.ReportMetric(float64((gcPauses()-before).Microseconds())/float64(b.N), "paused-µs/cycle")
			b.ReportMetric(float64(heapBytes())/(1<<20), "heap-MiB")
			b.ReportMetric(0, "ns/op")
		})
		runtime.KeepAlive(t)
		done()
	}
}

// collectorTime returns the seconds of processor time that the collector has
// taken.
func collectorTime() float64 {
	s := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/cpu/classes/gc/pause:cpu-seconds"},
	}
	metrics.Read(s)
	sum := 0.0
	for i := range s {
		sum += s[i].Value.Float64()
	}
	return sum
}

// gcPauses returns for how long the collector has stopped everything.
func gcPauses() time.Duration {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return time.Duration(m.PauseTotalNs)
}

// heapBytes returns how much memory the collector looks after.
func heapBytes() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
