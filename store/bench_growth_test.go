//go:build linux && (amd64 || arm64)

package store

import (
	"fmt"
	"math/bits"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// BenchmarkGrowth inserts items of 100 bytes, from 1 million to 10 million, and
// reports how long each took: by the clock, and of the processor's time, since
// the clock goes on while other processes have the processor. It tells apart the
// inserts that made an index larger. Memory is got ahead of need, as package
// weensydb does it.
func BenchmarkGrowth(b *testing.B) {
	const first, end = 1_000_000, 10_000_000
	runtime.LockOSThread() // the processor's time is that of a thread
	defer runtime.UnlockOSThread()
	value := make([]byte, 100)
	for b.Loop() {
		t, done := benchTable(b, first, len(value))
		quit := make(chan struct{})
		go provide(t.arena, quit)
		var byClock, byCPU, rebuilds, others latencies
		var res Result
		var buf [16]byte
		for i := first; i < end; i++ {
			key := benchKey(&buf, i)
			stripe, _ := t.place(key)
			x := &t.stripes[stripe].index
			pages := len(x.pages)
			cpu, clock := threadTime(), time.Now()
			t.Execute(&Request{Op: Set, Key: key, Value: value}, benchNow, &res)
			byClock.add(time.Since(clock))
			spent := threadTime() - cpu
			byCPU.add(spent)
			if len(x.pages) != pages {
				rebuilds.add(spent)
			} else {
				others.add(spent)
			}
			if res.Status != OK {
				b.Fatalf("set: status %d", res.Status)
			}
		}
		quit <- struct{}{}
		done()
		b.Logf("by the clock        %s", &byClock)
		b.Logf("processor time      %s", &byCPU)
		b.Logf("  index made larger %s", &rebuilds)
		b.Logf("  others            %s", &others)
		b.ReportMetric(float64(byClock.max.Microseconds()), "max-µs")
		b.ReportMetric(float64(byCPU.max.Microseconds()), "max-cpu-µs")
		b.ReportMetric(0, "ns/op")
	}
}

func provide(a *Arena, quit <-chan struct{}) {
	for {
		select {
		case <-a.Low():
			a.Provide()
		case <-quit:
			return
		}
	}
}

// threadTime returns how long this thread has computed.
func threadTime() time.Duration {
	const clockThreadCPU = 3
	var t syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPU, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		panic(errno)
	}
	return time.Duration(t.Nano())
}

// latencies is a histogram. Each power of two has 8 columns.
type latencies struct {
	columns [64 * 8]int
	n       int
	long    int // above 1 ms
	max     time.Duration
}

func (l *latencies) add(d time.Duration) {
	d = max(d, 8)
	shift := bits.Len64(uint64(d)) - 4
	l.columns[shift*8+int(d>>shift&7)]++
	l.n++
	l.max = max(l.max, d)
	if d > time.Millisecond {
		l.long++
	}
}

// quantile returns the upper end of the column that a share q of all is in or
// below.
func (l *latencies) quantile(q float64) time.Duration {
	left := int(q * float64(l.n))
	for i, n := range l.columns {
		if left -= n; left < 0 {
			return min(time.Duration(8+i%8+1)<<(i/8), l.max)
		}
	}
	return l.max
}

func (l *latencies) String() string {
	return fmt.Sprintf("%8d inserts: median %v, 99 %% %v, 99.9 %% %v, 99.99 %% %v, longest %v; %d above 1 ms",
		l.n, l.quantile(0.5), l.quantile(0.99), l.quantile(0.999), l.quantile(0.9999), l.max, l.long)
}
