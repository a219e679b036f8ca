package stable

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weensydb/sim"
)

// countingFS counts the segments that are open, and reads from no other.
type countingFS struct {
	FS
	open *atomic.Int64
}

type countedFile struct {
	File
	open   *atomic.Int64
	closed atomic.Bool
}

func (c countingFS) Open(name string) (File, error) {
	f, err := c.FS.Open(name)
	if err != nil || !strings.HasSuffix(name, segmentSuffix) {
		return f, err
	}
	c.open.Add(1)
	return &countedFile{File: f, open: c.open}, nil
}

func (c *countedFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.File.ReadAt(b, at)
	if c.closed.Load() {
		return 0, fs.ErrClosed
	}
	return n, err
}

func (c *countedFile) Close() error {
	if c.closed.Swap(true) {
		return fs.ErrClosed
	}
	c.open.Add(-1)
	return c.File.Close()
}

// TestReopened: however many segments are read, a few stay open, and none after
// Close.
func TestReopened(t *testing.T) {
	var files atomic.Int64
	d := sim.NewDisk(1)
	d.Hold = func(string, string) { runtime.Gosched() }
	l := open(t, Options{FS: countingFS{d, &files}, SegmentSize: 1 << 10})
	const n = 100
	for i := range uint64(n) {
		waitStable(l, l.Append(reserve(t, l, 400), 1, i, 0, make(Bytes, 400)))
	}
	eventually(t, "a segment ahead, and the others closed", func() bool {
		wanted, _ := l.wantsSegment()
		return !wanted && files.Load() == 2
	})
	var all sync.WaitGroup
	for g := range uint64(2 * maxReopened) {
		all.Go(func() {
			for i := range uint64(n) {
				if _, err := l.Read(1, (i+g*n/(2*maxReopened))%n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := files.Load(); got != 2+maxReopened {
		t.Errorf("%d segments are open", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := files.Load(); got != 0 {
		t.Errorf("%d segments are open after Close", got)
	}
}

// generations is what the readers of a stream know: the number of the newest
// record that was appended at each index, or 0. Numbers rise with each append.
type generations [64]atomic.Uint64

// floor returns the least number that a record at an index may have: a newer one
// at or before the index has cut what was there.
func (g *generations) floor(index uint64) (least uint64) {
	for i := range index + 1 {
		least = max(least, g[i].Load())
	}
	return least
}

// TestReadConcurrently: while some append and cut, each to its stream, and the
// writer and the allocator are at work, the others read no record that was cut
// before they began. Those that still read when the log is closed are told.
func TestReadConcurrently(t *testing.T) {
	for mode, name := range []string{"always", "interval", "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var files atomic.Int64
			l := open(t, Options{FS: countingFS{sim.NewDisk(1), &files}, SegmentSize: 2 << 10, MaxUnsynced: 4 << 10, Mode: Mode(mode)})
			const streams, appends = 3, 400
			var known [streams + 1]generations
			var writers, readers sync.WaitGroup
			for stream := uint64(1); stream <= streams; stream++ {
				writers.Go(func() { appendAndCut(t, l, stream, &known[stream], appends) })
			}
			writers.Go(func() { produce(t, l, 2, 100) }) // stream 0
			var reads atomic.Int64
			var closed atomic.Bool
			for g := range uint64(3) {
				readers.Go(func() {
					rng := rand.New(rand.NewPCG(g, 1))
					for over := false; readUncut(t, l, rng, known[1:]); over = closed.Load() {
						if over {
							t.Error("Read does not know that the log is closed")
							return
						}
						reads.Add(1)
					}
				})
			}
			writers.Wait()
			eventually(t, "reads", func() bool { return reads.Load() > 1000 || t.Failed() })
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			closed.Store(true)
			readers.Wait()
			if got := files.Load(); got != 0 {
				t.Errorf("%d segments are open", got)
			}
			t.Log(reads.Load(), "reads")
		})
	}
}

// appendAndCut is alone with its stream, and hence knows what it holds.
func appendAndCut(t *testing.T, l *Log, stream uint64, known *generations, n int) {
	rng := rand.New(rand.NewPCG(stream, 2))
	h := held{}
	index := uint64(0)
	for i := range n {
		payload := fmt.Appendf(nil, "%d %d %d %*d", stream, index, i+1, rng.IntN(100), 0)
		r := Record{Stream: stream, Index: index, Kind: byte(i), Payload: payload}
		r.Position = l.Append(reserve(t, l, len(payload)), stream, index, r.Kind, Bytes(payload))
		known[index].Store(uint64(i + 1))
		h.add(r)
		if index++; index == uint64(len(known)) || rng.IntN(10) == 0 {
			index = rng.Uint64N(index)
		}
		for range 3 {
			if err := h.compare(l, stream, rng.Uint64N(uint64(len(known)))); err != nil {
				t.Error(err)
				return
			}
		}
		if rng.IntN(20) == 0 {
			waitStable(l, r.Position)
		}
	}
}

// readUncut reads one record of a stream that another appends to. It returns false
// when the log is closed, or wrong.
func readUncut(t *testing.T, l *Log, rng *rand.Rand, known []generations) bool {
	n := rng.IntN(len(known))
	stream, index := uint64(n)+1, rng.Uint64N(uint64(len(known[n])))
	least := known[n].floor(index)
	r, err := l.Read(stream, index)
	if errors.Is(err, ErrNoRecord) {
		return true
	}
	if err != nil {
		if err != ErrClosed {
			t.Error(err)
		}
		return false
	}
	var s, i, generation uint64
	if _, err := fmt.Sscan(string(r.Payload), &s, &i, &generation); err != nil || s != stream || i != index || generation < least {
		t.Errorf("record %d of stream %d: %q, at least number %d; %v", index, stream, r.Payload, least, err)
		return false
	}
	return true
}
