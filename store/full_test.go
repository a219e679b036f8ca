package store

import (
	"fmt"
	"testing"
)

// TestFlushMakesRoom fills a Table until it refuses, flushes it, and fills it
// again, all in one instant of its clock: what is dead must not be in the way.
func TestFlushMakesRoom(t *testing.T) {
	tab := newTestTable(8<<20, 1<<20, false)
	defer tab.arena.Close()
	var res Result
	fill := func() (stored int) {
		for ; ; stored++ {
			tab.Execute(&Request{Op: Set, Key: fmt.Appendf(nil, "key-%d", stored), Value: make([]byte, 1000)}, 1000, &res)
			if res.Status == NoMemory {
				return stored
			}
		}
	}
	first := fill()
	tab.Execute(&Request{Op: Flush}, 1000, &res)
	if second := fill(); first < 1000 || second < first {
		t.Fatalf("%d items fitted, and %d after a flush", first, second)
	}
	if err := tab.checkInvariants(); err != nil {
		t.Fatal(err)
	}
}
