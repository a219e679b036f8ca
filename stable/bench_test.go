package stable

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	for _, producers := range []int{1, 50} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			l := open(b, Options{Dir: b.TempDir()})
			defer l.Close()
			b.ReportAllocs()
			var all sync.WaitGroup
			var n atomic.Int64
			var payload Payload = make(Bytes, 100)
			for range producers {
				all.Go(func() {
					done := make(chan struct{}, 1)
					wake := func() { done <- struct{}{} }
					for n.Add(1) <= int64(b.N) {
						l.WhenStable(l.Append(reserve(b, l, payload.Size()), 0, 0, 0, payload), wake)
						<-done
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			b.ReportMetric(float64(b.N)/float64(l.batches), "appends/sync")
		})
	}
}

// BenchmarkOpen reads 256 MiB of records of 1 KB.
func BenchmarkOpen(b *testing.B) {
	o := Options{Dir: b.TempDir(), Mode: None}
	l := open(b, o)
	var payload Payload = make(Bytes, 1000)
	for range 256 << 10 {
		l.Append(reserve(b, l, payload.Size()), 0, 0, 0, payload)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(256 << 10 * int64(payload.Size()))
	for b.Loop() {
		open(b, o).Close()
	}
}
