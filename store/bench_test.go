//go:build unix

package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	benchNow   = 1_700_000_000_000
	benchItems = 1_000_000
)

// benchKey writes the key of number n to buf: 16 bytes.
func benchKey(buf *[16]byte, n int) []byte {
	copy(buf[:], "key:")
	for i := len(buf) - 1; i >= 4; i-- {
		buf[i] = byte('0' + n%10)
		n /= 10
	}
	return buf[:]
}

// benchTable returns a Table of n items with values of valueLen bytes, and what
// gives its memory back.
func benchTable(b *testing.B, n, valueLen int) (*Table, func()) {
	a := NewArena(16<<30, 1<<20)
	t := New(Options{Log: NewCounter(0), Arena: a, MaxItemSize: 1 << 20})
	benchFill(b, t, 0, n, make([]byte, valueLen))
	return t, a.Close
}

// benchFill sets the keys of the numbers from first to end.
func benchFill(b *testing.B, t *Table, first, end int, value []byte) {
	var key [16]byte
	var res Result
	for i := first; i < end; i++ {
		t.Execute(&Request{Op: Set, Key: benchKey(&key, i), Value: value}, benchNow, &res)
		if res.Status != OK {
			b.Fatalf("set: status %d", res.Status)
		}
	}
}

// A client is what one goroutine of a benchmark has. The padding keeps it out of
// the cache lines of the next one's.
type client struct {
	_         [128]byte
	pcg       rand.PCG
	r         *rand.Rand
	req       Request
	res       Result
	key, key2 [16]byte
	room      []byte
	_         [128]byte
}

// benchOps runs what draw makes of c.req against t, by as many goroutines as -cpu
// says.
func benchOps(b *testing.B, t *Table, draw func(c *client)) {
	benchParallel(b, func(c *client) {
		draw(c)
		t.Execute(&c.req, benchNow, &c.res)
	})
}

// benchParallel runs an operation. It reports the processor time, too, which
// other processes disturb less.
func benchParallel(b *testing.B, run func(c *client)) {
	b.ReportAllocs()
	began := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		c := &client{room: make([]byte, 0, 1<<17)}
		c.pcg.Seed(rand.Uint64(), 0)
		c.r = rand.New(&c.pcg)
		c.res.Room = func(int) []byte { return c.room }
		for pb.Next() {
			run(c)
		}
	})
	b.ReportMetric(float64(cpuTime()-began)/float64(b.N), "cpu-ns/op")
}

// cpuTime returns how long the process has computed.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDraw is what the other benchmarks cost without the Table. With two
// goroutines it takes half as long, if both have a processor.
func BenchmarkDraw(b *testing.B) {
	benchParallel(b, func(c *client) {
		c.req = Request{Op: Get, Key: benchKey(&c.key, c.r.IntN(benchItems))}
	})
}

// BenchmarkGet reads values of several sizes: 1,000,000 items, or 1 GB of them.
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		items := min(benchItems, 1_000_000_000/n)
		t, done := benchTable(b, items, n)
		b.Run(fmt.Sprintf("value=%d", n), func(b *testing.B) {
			benchOps(b, t, func(c *client) {
				c.req = Request{Op: Get, Key: benchKey(&c.key, c.r.IntN(items))}
			})
		})
		done()
	}
}

// BenchmarkSet overwrites values of several sizes with as many bytes.
func BenchmarkSet(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000} {
		items := min(benchItems, 1_000_000_000/n)
		t, done := benchTable(b, items, n)
		value := make([]byte, n)
		b.Run(fmt.Sprintf("value=%d", n), func(b *testing.B) {
			benchOps(b, t, func(c *client) {
				c.req = Request{Op: Set, Key: benchKey(&c.key, c.r.IntN(items)), Value: value}
			})
		})
		done()
	}
}

// BenchmarkResize overwrites values with values of another length up to 200
// bytes, in memory that is nearly full: each moves, and memory is compacted.
func BenchmarkResize(b *testing.B) {
	const bytes = benchItems * 160 // with a mean of 100 bytes of value
	a := NewArena(bytes, 1<<20)
	t := New(Options{Log: NewCounter(0), Arena: a, MaxItemSize: 1 << 20})
	defer a.Close()
	value := make([]byte, 200)
	benchFill(b, t, 0, benchItems, value[:100])
	b.Run("value=0-200", func(b *testing.B) {
		benchOps(b, t, func(c *client) {
			c.req = Request{Op: Set, Key: benchKey(&c.key, c.r.IntN(benchItems)), Value: value[:c.r.IntN(len(value))]}
		})
	})
}

// BenchmarkEvict inserts new items of 100 bytes in a cache that is full.
func BenchmarkEvict(b *testing.B) {
	a := NewArena(benchItems*100, 1<<20)
	t := New(Options{Log: NewCounter(0), Arena: a, MaxItemSize: 1 << 20, Evict: true})
	defer a.Close()
	value := make([]byte, 100)
	benchFill(b, t, 0, benchItems, value)
	b.Run("value=100", func(b *testing.B) {
		benchOps(b, t, func(c *client) {
			c.req = Request{Op: Set, Key: benchKey(&c.key, c.r.IntN(1<<39)), Value: value}
		})
	})
}

// BenchmarkExchange exchanges the values of two of 1,000,000 items.
func BenchmarkExchange(b *testing.B) {
	t, done := benchTable(b, benchItems, 100)
	defer done()
	b.Run("value=100", func(b *testing.B) {
		benchOps(b, t, func(c *client) {
			c.req = Request{Op: Exchange, Key: benchKey(&c.key, c.r.IntN(benchItems)), Key2: benchKey(&c.key2, c.r.IntN(benchItems))}
		})
	})
}

// BenchmarkIncr adds to one of 1,000,000 counters.
func BenchmarkIncr(b *testing.B) {
	a := NewArena(16<<30, 1<<20)
	t := New(Options{Log: NewCounter(0), Arena: a, MaxItemSize: 1 << 20})
	defer a.Close()
	benchFill(b, t, 0, benchItems, []byte("1000000000"))
	b.Run("digits=10", func(b *testing.B) {
		benchOps(b, t, func(c *client) {
			c.req = Request{Op: Incr, Key: benchKey(&c.key, c.r.IntN(benchItems)), Delta: 1}
		})
	})
}

// BenchmarkMap reads a plain map with a lock around it, of 1,000,000 values of
// 100 bytes that are copied out: what the machine's memory costs anyone.
func BenchmarkMap(b *testing.B) {
	var mu sync.Mutex
	m := map[string][]byte{}
	var key [16]byte
	for i := range benchItems {
		m[string(benchKey(&key, i))] = make([]byte, 100)
	}
	b.Run("value=100", func(b *testing.B) {
		benchParallel(b, func(c *client) {
			k := benchKey(&c.key, c.r.IntN(benchItems))
			mu.Lock()
			c.room = append(c.room[:0], m[string(k)]...)
			mu.Unlock()
		})
	})
}

// BenchmarkHotKey reads a single key, one time in ten setting it.
func BenchmarkHotKey(b *testing.B) {
	t, done := benchTable(b, 1, 100)
	defer done()
	value := make([]byte, 100)
	b.Run("value=100", func(b *testing.B) {
		benchOps(b, t, func(c *client) {
			c.req = Request{Op: Get, Key: benchKey(&c.key, 0)}
			if c.r.IntN(10) == 0 {
				c.req = Request{Op: Set, Key: benchKey(&c.key, 0), Value: value}
			}
		})
	})
}

// BenchmarkMemory reports the bytes that an item costs beyond key and value, and
// that at the worst point of growing from 500,000 to 1,000,000 items.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("value=%d", n), func(b *testing.B) {
			value := make([]byte, n)
			for b.Loop() {
				t, done := benchTable(b, benchItems/2, n)
				overhead := func(items int) float64 {
					return float64(t.arena.Used())/float64(items) - float64(n+16)
				}
				worst := 0.0
				for i := benchItems / 2; i < benchItems; i += 1000 {
					benchFill(b, t, i, i+1000, value)
					worst = max(worst, overhead(i+1000))
				}
				b.ReportMetric(worst, "worst-overhead-B/item")
				b.ReportMetric(overhead(benchItems), "overhead-B/item")
				b.ReportMetric(0, "ns/op")
				done()
			}
		})
	}
}
