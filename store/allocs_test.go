//go:build !lockcheck

package store

import (
	"fmt"
	"testing"
)

// TestNoAllocation asserts that nothing is allocated once there is room: the
// growth of an index is not part of it.
func TestNoAllocation(t *testing.T) {
	for _, evict := range []bool{false, true} {
		t.Run(fmt.Sprintf("evict=%v", evict), func(t *testing.T) {
			tab := newTestTable(64<<20, 100_000, evict)
			defer tab.arena.Close()
			keys := groupOf(tab)
			buf := make([]byte, 0, 200_000)
			res := Result{Room: func(int) []byte { return buf }}
			values := make([]byte, 50_000)
			req := &Request{}
			run := func(r Request) {
				*req = r
				tab.Execute(req, 1_000, &res)
				if res.Status != OK {
					t.Fatalf("op %d: status %d", req.Op, res.Status)
				}
			}
			for i, k := range keys {
				run(Request{Op: Set, Key: k, Value: values[:100*i]})
			}
			counter := []byte("counter")
			run(Request{Op: Set, Key: counter, Value: []byte("1000000")})
			i := 0
			for _, c := range []struct {
				name string
				op   func()
			}{
				{"get", func() { run(Request{Op: Get, Key: keys[1]}) }},
				{"get without the value", func() { run(Request{Op: Get, Key: keys[1], NoValue: true}) }},
				{"get that touches", func() { run(Request{Op: Get, Key: keys[1], Touch: true, Expiry: 2_000 + int64(i)}) }},
				{"set of the same size", func() { run(Request{Op: Set, Key: keys[2], Value: values[:200]}) }},
				{"set of another size", func() { run(Request{Op: Set, Key: keys[2], Value: values[:i*100%50_000]}) }},
				{"compareset", func() { run(Request{Op: CompareSet, Key: keys[3], Value: values[:300], Old: values[:300]}) }},
				{"append", func() {
					run(Request{Op: Set, Key: keys[2], Value: values[:200]})
					run(Request{Op: Append, Key: keys[2], Value: values[:i%100]})
				}},
				{"incr", func() { run(Request{Op: Incr, Key: counter, Delta: 1}) }},
				{"exchange", func() { run(Request{Op: Exchange, Key: keys[0], Key2: keys[i%3+1]}) }},
				{"touch", func() { run(Request{Op: Touch, Key: keys[0], Expiry: 2_000 + int64(i%2)}) }},
				{"delete and set", func() {
					run(Request{Op: Delete, Key: keys[0]})
					run(Request{Op: Set, Key: keys[0], Value: values[:100]})
				}},
			} {
				next := func() { c.op(); i++ }
				for range 2_000 { // until the lists of pages have their size
					next()
				}
				if got := testing.AllocsPerRun(1_000, next); got != 0 {
					t.Errorf("%s: %v allocations", c.name, got)
				}
			}
		})
	}
}
