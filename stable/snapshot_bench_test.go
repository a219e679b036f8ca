package stable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// BenchmarkSnapshot writes and reads a snapshot with as many goroutines as there
// are processors, of values that compress to a third, and of some that do not.
func BenchmarkSnapshot(b *testing.B) {
	const blocks, size = 256, 512 << 10
	for _, kind := range []string{"text", "random"} {
		raw := make([]byte, 0, size)
		for rng := rand.New(rand.NewPCG(1, 1)); len(raw) < size-100; {
			if kind == "random" {
				raw = binary.LittleEndian.AppendUint64(raw, rng.Uint64())
			} else {
				raw = fmt.Appendf(raw, `{"id":%d,"name":"user %d","groups":["staff","admin"],"seen":%d}`, rng.IntN(1e7), rng.IntN(1e6), rng.IntN(1e9))
			}
		}
		l := open(b, Options{Dir: b.TempDir(), SegmentSize: 1 << 20})
		b.Run("write/"+kind, func(b *testing.B) {
			b.SetBytes(blocks * size)
			for b.Loop() {
				w, err := l.CreateSnapshot()
				if err != nil {
					b.Fatal(err)
				}
				var all sync.WaitGroup
				for range runtime.GOMAXPROCS(0) {
					all.Go(func() {
						for range blocks / runtime.GOMAXPROCS(0) {
							if err := w.Block(raw); err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
				if err := w.Commit(0, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("read/"+kind, func(b *testing.B) {
			b.SetBytes(blocks * size)
			for b.Loop() {
				s, err := l.OpenSnapshot()
				if err == nil {
					err = errors.Join(s.verify(), s.Close())
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			s, _ := l.NewestSnapshot()
			b.ReportMetric(float64(s.Raw)/float64(s.Size), "ratio")
		})
		l.Close()
	}
}
