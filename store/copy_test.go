package store

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// walk returns the keys that a Cursor sees, in its order. between is called
// before each page.
func walk(t *testing.T, table *Table, prefix string, between func()) []string {
	t.Helper()
	var keys []string
	c := Cursor{Prefix: prefix}
	for pages := 0; ; pages++ {
		between()
		if !table.Next(&c, linearNow) {
			break
		}
		if pages == 10_000 {
			t.Fatal("it does not end")
		}
		items, bytes := 0, 0 // before the last tag
		for _, it := range c.Page {
			if it.tag != c.Page[len(c.Page)-1].tag {
				items++
				bytes += len(it.Key) + len(it.Value)
			}
		}
		if items >= pageItems || bytes >= pageBytes {
			t.Errorf("a page of %d items and %d bytes goes on", items, bytes)
		}
		for _, it := range c.Page {
			if c.Position < it.CAS {
				t.Errorf("%s was written at %d, and the page claims to rest on %d", it.Key, it.CAS, c.Position)
			}
			keys = append(keys, it.Key)
		}
	}
	if table.Next(&c, linearNow) || len(c.Page) > 0 {
		t.Error("there is a page after the last")
	}
	return keys
}

func copyTable(t *testing.T) (table *Table, do func(Request) Result) {
	table = New(Options{Log: NewCounter(0), Arena: NewArena(256<<20, 1<<20), MaxItemSize: 1 << 20})
	return table, func(req Request) Result {
		var res Result
		table.Execute(&req, linearNow, &res)
		if res.Status != OK {
			t.Fatalf("op %d of %s: status %d", req.Op, req.Key, res.Status)
		}
		return res
	}
}

func nothing() {}

// TestCursorCopies: a Cursor gives the items that are alive, complete, and in
// memory of their own.
func TestCursorCopies(t *testing.T) {
	table, do := copyTable(t)
	long := bytes.Repeat([]byte("0123456789abcdef"), 5*PageSize/16)
	set := do(Request{Op: Set, Key: []byte("long"), Value: long, Flags: 7, Expiry: linearNow + 1})
	do(Request{Op: Set, Key: []byte("expired"), Expiry: linearNow})
	do(Request{Op: Set, Key: []byte("lo")})
	var found []Copied
	for c := (Cursor{Prefix: "lon"}); table.Next(&c, linearNow); {
		found = append(found, c.Page...)
	}
	if len(found) != 1 || found[0].Key != "long" || !bytes.Equal(found[0].Value, long) {
		t.Fatalf("found %d items, want the one, whole", len(found))
	}
	if it := found[0].Item; it.Flags != 7 || it.Expiry != linearNow+1 || it.ID != set.Item.ID || it.CAS != set.Item.CAS || it.Fetched {
		t.Errorf("found %+v, stored %+v", it, set.Item)
	}
	clear(found[0].Value)
	if got := do(Request{Op: Get, Key: []byte("long")}); !bytes.Equal(got.Value, long) {
		t.Error("the copy is the item's own memory")
	}
	if keys := walk(t, table, "", nothing); len(keys) != 2 {
		t.Errorf("alive are %q", keys)
	}
	do(Request{Op: Flush})
	if keys := walk(t, table, "", nothing); len(keys) != 0 {
		t.Errorf("after a flush %q are left", keys)
	}
}

// TestCursorOrder: the order is that of the keys' hashes, while the Table grows
// and shrinks under the Cursor, and each item that stays is seen once.
func TestCursorOrder(t *testing.T) {
	table, do := copyTable(t)
	for i := range 20_000 {
		do(Request{Op: Set, Key: fmt.Appendf(nil, "stays:%d", i), Value: make([]byte, i%500)})
	}
	want := walk(t, table, "stays:", nothing)
	sorted := slices.Sorted(slices.Values(want))
	if len(want) != 20_000 || len(slices.Compact(sorted)) != 20_000 {
		t.Fatalf("%d keys, not each once", len(want))
	}
	n := 0
	grow := func() {
		for range 300 {
			do(Request{Op: Set, Key: fmt.Appendf(nil, "goes:%d", n)})
			do(Request{Op: Set, Key: fmt.Appendf(nil, "stays:%d", n%20_000), Value: make([]byte, n%300)})
			n++
		}
	}
	if got := walk(t, table, "stays:", grow); !slices.Equal(got, want) {
		t.Error("the order is another while the Table grows")
	}
	shrink := func() {
		for range min(n, 300) {
			n--
			do(Request{Op: Delete, Key: fmt.Appendf(nil, "goes:%d", n)})
		}
		table.Sweep(linearNow, 200)
	}
	if got := walk(t, table, "stays:", shrink); !slices.Equal(got, want) {
		t.Error("the order is another while the Table shrinks")
	}
	if keys := walk(t, table, "", nothing); len(keys) != len(want)+n {
		t.Errorf("%d keys with no prefix, want %d", len(keys), len(want)+n)
	}
}

// TestCursorTies: keys whose tags agree keep their order though they are deleted
// and come back, and no page ends between them.
func TestCursorTies(t *testing.T) {
	table, do := copyTable(t)
	// 16,000,000 tags: among so many keys of a stripe some agree.
	first := map[[2]int]string{}
	var ties [][2]string
	for i := 0; len(ties) < 3; i++ {
		key := fmt.Sprintf("k%d", i)
		stripe, tag := table.place([]byte(key))
		if other, ok := first[[2]int{stripe, int(tag)}]; ok {
			ties = append(ties, [2]string{other, key})
		}
		first[[2]int{stripe, int(tag)}] = key
	}
	for _, tie := range ties {
		do(Request{Op: Set, Key: []byte(tie[0]), Value: make([]byte, pageBytes)})
		do(Request{Op: Set, Key: []byte(tie[1]), Value: make([]byte, pageBytes)})
	}
	want := walk(t, table, "", nothing)
	for _, tie := range ties {
		do(Request{Op: Delete, Key: []byte(tie[0])})
		do(Request{Op: Set, Key: []byte(tie[0]), Value: make([]byte, pageBytes)})
	}
	if got := walk(t, table, "", nothing); !slices.Equal(got, want) {
		t.Errorf("the order was %q and is %q", want, got)
	}
}
