package stable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weensydb/lockcheck"
	"weensydb/sim"
)

// eventually waits for a condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in time:", what)
		}
	}
}

func open(t testing.TB, o Options) *Log {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// reserve waits until there is room.
func reserve(t testing.TB, l *Log, payload int) Reservation {
	for {
		r, v := l.Reserve(payload, 0)
		switch v {
		case OK:
			return r
		case Wait:
			room := make(chan struct{})
			l.WhenRoom(payload, 0, func() { close(room) })
			<-room
		default:
			t.Errorf("no room: %v, %v", v, l.Err())
			return Reservation{}
		}
	}
}

// waitStable waits until a position is stable.
func waitStable(l *Log, position uint64) {
	done := make(chan struct{})
	l.WhenStable(position, func() { close(done) })
	<-done
}

// produce appends n records from each of some goroutines. Each waits for its
// record to be stable before it appends the next one.
func produce(t testing.TB, l *Log, goroutines, n int) {
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for i := range n {
				payload := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(make([]byte, 0, 100), uint32(g)), uint32(i))
				room := reserve(t, l, cap(payload))
				if !room.taken() {
					return
				}
				waitStable(l, l.Append(room, 0, 0, 0, Bytes(payload[:cap(payload)])))
			}
		})
	}
	all.Wait()
}

// TestRoundTrip: in every mode, on a real directory, what many goroutines appended
// is there after a clean stop, numbered without gaps, in the order of each.
func TestRoundTrip(t *testing.T) {
	for mode, name := range []string{"always", "interval", "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const goroutines, n = 8, 50
			o := Options{Dir: t.TempDir(), SegmentSize: 16 << 10, MaxUnsynced: 4 << 10, Mode: Mode(mode)}
			for round := range 2 {
				l := open(t, o)
				produce(t, l, goroutines, n)
				if got := l.Stable(); got != uint64((round+1)*goroutines*n) {
					t.Errorf("stable up to %d", got)
				}
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var last uint64
			next := map[uint32]uint32{}
			o.OnRecord = func(r Record) error {
				if r.Position != last+1 {
					return fmt.Errorf("position %d after %d", r.Position, last)
				}
				last = r.Position
				g, i := binary.BigEndian.Uint32(r.Payload), binary.BigEndian.Uint32(r.Payload[4:])
				if next[g] != i {
					return fmt.Errorf("goroutine %d: %d, not %d", g, i, next[g])
				}
				next[g] = (i + 1) % n
				return nil
			}
			var done, total int64
			o.Progress = func(d, of int64) { done, total = d, of }
			l := open(t, o)
			defer l.Close()
			if last != 2*goroutines*n || l.NextPosition() != last+1 || !l.Recovery().Clean || l.Recovery().Records != int64(last) {
				t.Errorf("%d records, next %d, %+v", last, l.NextPosition(), l.Recovery())
			}
			if done != total || total == 0 {
				t.Errorf("progress ended at %d of %d", done, total)
			}
		})
	}
}

// TestInUse: a directory is opened once.
func TestInUse(t *testing.T) {
	o := Options{Dir: t.TempDir(), SegmentSize: 1 << 10}
	l := open(t, o)
	if _, err := Open(o); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, o).Close()
}

// TestGroupCommit: records of many share a sync, and everyone gets on.
func TestGroupCommit(t *testing.T) {
	const goroutines, n = 50, 20
	d := sim.NewDisk(1)
	d.Hold = func(op, _ string) {
		if op == "sync" {
			time.Sleep(time.Millisecond) // a slow disk, not a wait for something
		}
	}
	l := open(t, Options{FS: d, SegmentSize: 1 << 20})
	before := d.Syncs()
	produce(t, l, goroutines, n)
	if syncs := d.Syncs() - before; syncs > goroutines*n/10 {
		t.Errorf("%d syncs for %d records", syncs, goroutines*n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAppendDoesNotBlock: while the disk hangs, records are taken up to the cap.
func TestAppendDoesNotBlock(t *testing.T) {
	d := sim.NewDisk(1)
	var hanging atomic.Bool
	release := make(chan struct{})
	d.Hold = func(op, name string) {
		if op == "sync" && name == segmentName(1) && hanging.Load() {
			<-release
		}
	}
	l := open(t, Options{FS: d, SegmentSize: 64 << 10, MaxUnsynced: 8 << 10})
	hanging.Store(true)
	taken := 0
	for {
		room, v := l.Reserve(100, 0)
		if v != OK {
			if v != Wait {
				t.Fatal(v)
			}
			break
		}
		l.Append(room, 0, 0, 0, make(Bytes, 100))
		taken++
	}
	if l.Stable() != 0 || taken < 40 || taken > 80 {
		t.Errorf("stable %d, %d records taken", l.Stable(), taken)
	}
	woken := make(chan struct{})
	l.WhenRoom(100, 0, func() { close(woken) })
	hanging.Store(false)
	close(release)
	<-woken
	waitStable(l, uint64(taken))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTooBig: what no segment holds is told at once, and the largest that one
// holds gets in.
func TestTooBig(t *testing.T) {
	l := open(t, Options{FS: sim.NewDisk(1), SegmentSize: 4 << 10, MaxUnsynced: 1 << 10})
	defer l.Close()
	largest := MaxPayload(4 << 10)
	if _, v := l.Reserve(largest+1, 0); v != TooBig {
		t.Error(v)
	}
	for range 5 {
		waitStable(l, l.Append(reserve(t, l, largest), 1<<64-1, 1<<64-1, 255, make(Bytes, largest)))
	}
}

// TestClaims: numbers go on when a block is used up.
func TestClaims(t *testing.T) {
	d := sim.NewDisk(1)
	l := open(t, Options{FS: d, SegmentSize: 4 << 10, claimBlock: 8})
	produce(t, l, 3, 40)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, Options{FS: d, SegmentSize: 4 << 10, claimBlock: 8})
	if next := l.NextPosition(); next != 121 {
		t.Error("next position", next)
	}
	l.Close()
}

// TestInterval: a record is stable at once and synced without anybody's doing.
func TestInterval(t *testing.T) {
	d := sim.NewDisk(1)
	l := open(t, Options{FS: d, SegmentSize: 4 << 10, Mode: Interval, Interval: 20 * time.Millisecond})
	p := l.Append(reserve(t, l, 3), 0, 0, 0, Bytes("abc"))
	if l.Stable() != p {
		t.Error("not stable at once")
	}
	eventually(t, "synced", func() bool { return bytes.Contains(d.Stable(segmentName(1)), []byte("abc")) })
	l.Close()
}

// TestAppendAllocates nothing.
func TestAppendAllocates(t *testing.T) {
	if lockcheck.Enabled {
		t.Skip("the build tag lockcheck allocates at every lock")
	}
	l := open(t, Options{FS: sim.NewDisk(1), SegmentSize: 1 << 20, manual: true})
	var payload Payload = make(Bytes, 100)
	n := testing.AllocsPerRun(1000, func() {
		room, v := l.Reserve(payload.Size(), 1)
		if v != OK {
			t.Fatal(v)
		}
		_, room = l.ID(room)
		l.Append(room, 0, 0, 0, payload)
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
	l.Close()
}
