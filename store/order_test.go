//go:build lockcheck

package store

import (
	"math/rand/v2"
	"strings"
	"testing"

	"weensydb/lockcheck"
)

// The tests of this file need the build tag lockcheck, under which each Lock
// checks the order. All other tests then check it, too.

// locksHighFirst is an exchange that takes the locks of its stripes in descending
// order.
func locksHighFirst(t *Table, req *Request, now int64, res *Result) {
	i, _ := t.place(req.Key)
	j, _ := t.place(req.Key2)
	if req.Op == Exchange && i != j {
		high, low := &t.stripes[max(i, j)], &t.stripes[min(i, j)]
		high.mu.Lock()
		defer high.mu.Unlock()
		low.mu.Lock()
		defer low.mu.Unlock()
		return
	}
	t.Execute(req, now, res)
}

// TestLockOrder takes locks in ways that could deadlock; none of it is
// concurrent, so that it does not.
func TestLockOrder(t *testing.T) {
	const wrong = "lockcheck: a lock of rank"
	tab := newTestTable(1<<30, 1000, false)
	defer tab.arena.Close()
	keys := groupOf(tab)
	var res Result
	for _, c := range []struct {
		name string
		f    func()
		want string
	}{
		{"an exchange", func() {
			tab.Execute(&Request{Op: Exchange, Key: keys[0], Key2: keys[2]}, linearNow, &res)
			tab.Execute(&Request{Op: Exchange, Key: keys[2], Key2: keys[0]}, linearNow, &res)
			tab.Execute(&Request{Op: Exchange, Key: keys[0], Key2: keys[1]}, linearNow, &res)
		}, ""},
		{"an exchange that locks the higher stripe first", func() {
			locksHighFirst(tab, &Request{Op: Exchange, Key: keys[0], Key2: keys[2]}, linearNow, &res)
		}, wrong},
		{"a stripe twice", func() {
			tab.stripes[3].mu.Lock()
			defer tab.stripes[3].mu.Unlock()
			tab.stripes[3].mu.Lock()
		}, wrong},
		{"a stripe after the append lock", func() {
			tab.appendMu.Lock()
			defer tab.appendMu.Unlock()
			tab.Execute(&Request{Op: Get, Key: keys[0]}, linearNow, &res)
		}, wrong},
		{"growing with the pages locked", func() {
			tab.arena.mu.Lock()
			defer tab.arena.mu.Unlock()
			tab.arena.grow(1)
		}, wrong},
		{"a snapshot in a snapshot", func() {
			tab.Snapshot(linearNow, visiting(func([]byte, *Item) {}))
			tab.snapshotMu.Lock()
			defer tab.snapshotMu.Unlock()
			tab.Snapshot(linearNow, visiting(func([]byte, *Item) {}))
		}, wrong},
	} {
		got := lockcheck.Catch(c.f)
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if still := lockcheck.Catch(func() { lockcheck.NoneHeld("the end") }); still != "" {
		t.Error(still)
	}
}

// TestLockOrderKept runs everything that takes locks, memory being short: a
// wrong order panics.
func TestLockOrderKept(t *testing.T) {
	for _, evict := range []bool{false, true} {
		s := &setting{workers: 8, steps: 300, ops: allOps, values: largeValues, pages: 14, evict: evict, moving: true, disturbed: true, yield: 0.1}
		r := newRand(t)
		tab, _ := s.newTable(r)
		record(tab, s, (*Table).Execute, r)
		tab.SetMemory(2 << 30)
		tab.ResetStats()
		tab.arena.Close()
	}
	if err := stormy.round((*Table).Execute, (*Table).Snapshot, rand.Uint64()); err != nil {
		t.Error(err)
	}
}
