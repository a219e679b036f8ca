//go:build lockcheck

package stable

import (
	"strings"
	"testing"

	"weensydb/lockcheck"
	"weensydb/sim"
)

// TestChecked: every call of a directory and of a file in it panics if its caller
// holds a lock, and does not if it holds none.
func TestChecked(t *testing.T) {
	real, err := Dir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	fs := checked(real)
	file, err := fs.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := fs.Lock()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		op string
		do func() error
	}{
		{"write", func() error { _, err := file.WriteAt([]byte("abc"), 0); return err }},
		{"read", func() error { _, err := file.ReadAt(make([]byte, 3), 0); return err }},
		{"sync", file.Sync},
		{"size", func() error { _, err := file.Size(); return err }},
		{"close", file.Close},
		{"close", lock.Close},
		{"lock", func() error { return closeAfter(fs.Lock()) }},
		{"open", func() error { return closeAfter(fs.Open("a")) }},
		{"create", func() error { return closeAfter(fs.Create("b")) }},
		{"rename", func() error { return fs.Rename("a", "c") }},
		{"remove", func() error { return fs.Remove("c") }},
		{"list", func() error { _, err := fs.List(); return err }},
		{"syncdir", fs.SyncDir},
		{"mkdir", func() error { _, err := Dir(t.TempDir()); return err }},
	} {
		var m lockcheck.Mutex
		m.Lock()
		got := lockcheck.Catch(func() { c.do() })
		m.Unlock()
		if !strings.HasPrefix(got, "lockcheck: "+c.op+" while a lock") {
			t.Errorf("%s with a lock held: %q", c.op, got)
		}
		if err := c.do(); err != nil { // what panicked has not happened
			t.Errorf("%s: %v", c.op, err)
		}
	}
}

func closeAfter(c interface{ Close() error }, err error) error {
	if err != nil {
		return err
	}
	return c.Close()
}

// TestLockedLog breaks the log so that it holds a lock where it must not.
func TestLockedLog(t *testing.T) {
	l := open(t, Options{FS: sim.NewDisk(1), SegmentSize: 4 << 10, manual: true})
	l.Append(reserve(t, l, 3), 0, 0, 0, Bytes("abc"))
	batch := l.take()
	for _, c := range []struct {
		name   string
		broken func()
		want   string
	}{
		{"a writer that writes with the log locked", func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.commit(batch)
		}, "write while"},
		{"an allocator that makes a segment with the log locked", func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			makeSegment(l.fs, l.control.identity, 2, l.options.SegmentSize, l.stopping)
		}, "create while"},
		{"somebody woken with the log locked", func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			wakeAll([]func(){func() {}})
		}, "wake while"},
		{"a caller that is woken at once, with a lock of its own", func() {
			var callers lockcheck.Mutex
			callers.Lock()
			defer callers.Unlock()
			l.WhenStable(0, func() {})
		}, "wake while"},
		{"a caller that closes the log with a lock of its own", func() {
			var callers lockcheck.Mutex
			callers.SetRank(lockcheck.Outermost)
			callers.Lock()
			defer callers.Unlock()
			l.release()
		}, "close while"},
		{"the log locked twice", func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.NextPosition()
		}, "a lock without rank taken while"},
	} {
		if got := lockcheck.Catch(c.broken); !strings.HasPrefix(got, "lockcheck: "+c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	if err := l.commit(batch); err != nil {
		t.Fatal(err)
	}
	l.committed(batch, 0)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
