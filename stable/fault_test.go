package stable

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"weensydb/sim"
)

// TestFailure: a write or a sync that the disk refuses is final, even if the disk
// would go on: nothing becomes stable any more.
func TestFailure(t *testing.T) {
	for _, op := range []string{"write", "sync"} {
		for _, name := range []string{segmentName(1), temporaryName, controlName} {
			t.Run(op+" "+name, func(t *testing.T) {
				d := sim.NewDisk(1)
				var refusing atomic.Bool
				d.Refuse = func(o, n string) error {
					if o == op && n == name && refusing.CompareAndSwap(true, false) { // once
						return syscall.EIO
					}
					return nil
				}
				l := open(t, Options{FS: d, SegmentSize: 1 << 10, claimBlock: 16})
				eventually(t, "a spare", func() bool { wanted, _ := l.wantsSegment(); return !wanted })
				produce(t, l, 1, 1)
				refusing.Store(true)
				var woken atomic.Int64
				var last uint64
			fill:
				for {
					room, v := l.Reserve(100, 0)
					switch v {
					case OK:
						last = l.Append(room, 0, 0, 0, make(Bytes, 100))
						l.WhenStable(last, func() { woken.Add(1) })
					case Broken:
						break fill
					case Wait:
						room := make(chan struct{})
						l.WhenRoom(100, 0, func() { close(room) })
						<-room
					default:
						t.Fatal(v)
					}
				}
				<-l.Failed()
				stable := l.Stable()
				if !errors.Is(l.Err(), syscall.EIO) || stable >= last && name != temporaryName && name != controlName {
					t.Errorf("stable %d of %d, %v", stable, last, l.Err())
				}
				if err := l.Close(); !errors.Is(err, syscall.EIO) {
					t.Error("close:", err)
				}
				if l.Stable() != stable || woken.Load() > int64(last) {
					t.Error("something became stable after the failure")
				}
				l = open(t, Options{FS: d, SegmentSize: 1 << 10})
				if l.Recovery().Last < stable || l.Recovery().Clean {
					t.Errorf("%+v, stable was %d", l.Recovery(), stable)
				}
				l.Close()
			})
		}
	}
}

// TestDiskFull: without room for a segment, records are refused that do not fit
// those at hand; a restart works; and when there is room, the log goes on by
// itself.
func TestDiskFull(t *testing.T) {
	d := sim.NewDisk(1)
	const size = 1 << 10
	const capacity = controlFileSize + 2*size + 100
	d.SetCapacity(capacity)
	o := Options{FS: d, SegmentSize: size}
	var taken int
	fillUp := func(l *Log) {
		for {
			room, v := l.Reserve(100, 0)
			switch v {
			case OK:
				waitStable(l, l.Append(room, 0, 0, 0, make(Bytes, 100)))
				taken++
			case Wait:
				room := make(chan struct{})
				l.WhenRoom(100, 0, func() { close(room) })
				<-room
			case Full:
				return
			default:
				t.Fatal(v, l.Err())
			}
		}
	}
	l := open(t, o)
	fillUp(l)
	if taken < 8 {
		t.Fatalf("only %d records in two segments", taken)
	}
	if err := l.Close(); err != nil {
		t.Fatal("closing on a full disk:", err)
	}
	l = open(t, o)
	if l.Recovery().Records != int64(taken) {
		t.Fatalf("%+v", l.Recovery())
	}
	fillUp(l)
	d.SetCapacity(capacity + 10*size)
	eventually(t, "room again", func() bool {
		room, v := l.Reserve(100, 0)
		l.Release(room)
		return v == OK
	})
	produce(t, l, 1, 5)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFullFromTheStart: a log whose first segment finds no room says so, is closed
// and opened again, and gets on when there is room.
func TestFullFromTheStart(t *testing.T) {
	d := sim.NewDisk(1)
	d.SetCapacity(controlFileSize + 100)
	o := Options{FS: d, SegmentSize: 1 << 10}
	for range 2 {
		l := open(t, o)
		if _, v := l.Reserve(10, 0); v != Full {
			t.Fatal(v)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d.SetCapacity(0)
	l := open(t, o)
	produce(t, l, 1, 20)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
