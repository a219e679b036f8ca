package weensydb_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weensydb"
)

// keysOf are the keys that All gives, in its order.
func keysOf(t *testing.T, db *weensydb.DB, prefix string) []string {
	t.Helper()
	var keys []string
	for it, err := range db.All(t.Context(), prefix) {
		must(t, err)
		keys = append(keys, it.Key)
	}
	return keys
}

func TestAll(t *testing.T) {
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{})
	if keys := keysOf(t, db, ""); len(keys) != 0 {
		t.Errorf("an empty database has %q", keys)
	}
	want := map[string]weensydb.Item{}
	for i := range 3000 {
		key := fmt.Sprintf("%s:%d", []string{"user", "users", "order"}[i%3], i)
		must(t, db.Set(ctx, key, []byte(strconv.Itoa(i)), weensydb.Flags(uint32(i))))
		it, err := db.Get(ctx, key)
		must(t, err)
		want[key] = it
	}
	for prefix, n := range map[string]int{"": 3000, "user": 2000, "user:": 1000, "none": 0} {
		seen := 0
		for it, err := range db.All(ctx, prefix) {
			must(t, err)
			w := want[it.Key]
			if string(it.Value) != string(w.Value) || it.Flags != w.Flags || it.CAS != w.CAS || it.ID != w.ID {
				t.Fatalf("got %+v, want %+v", it, w)
			}
			seen++
		}
		if seen != n {
			t.Errorf("prefix %q: %d items, want %d", prefix, seen, n)
		}
	}
	if first, second := keysOf(t, db, ""), keysOf(t, db, ""); !slices.Equal(first, second) {
		t.Error("the order is another the second time")
	}
	for range db.All(ctx, "") {
		break // and nothing is held: the next line would wait for ever
	}
	must(t, db.Set(ctx, "user:0", nil))
}

// TestAllLoop: the loop's body may use the database, delete what it sees, and
// end the context.
func TestAllLoop(t *testing.T) {
	db := openEmbedded(t, weensydb.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range 1000 {
		must(t, db.Set(ctx, strconv.Itoa(i), nil))
	}
	for it, err := range db.All(ctx, "") {
		must(t, err)
		must(t, db.Delete(ctx, it.Key))
	}
	if keys := keysOf(t, db, ""); len(keys) > 0 {
		t.Errorf("left over: %d", len(keys))
	}
	for i := range 1000 {
		must(t, db.Set(ctx, strconv.Itoa(i), nil))
	}
	items, ends := 0, 0
	for _, err := range db.All(ctx, "") {
		if err != nil {
			wantError(t, err, "All", "", context.Canceled)
			ends++
			continue
		}
		if items++; items == 10 {
			cancel()
		}
	}
	if items != 10 || ends != 1 {
		t.Errorf("%d items and %d errors, want 10 and 1", items, ends)
	}
	items, ends = 0, 0
	for _, err := range db.All(t.Context(), "") {
		if err != nil {
			wantError(t, err, "All", "", weensydb.ErrClosed)
			ends++
			continue
		}
		if items++; items == 1 {
			must(t, db.Close())
		}
	}
	if items == 0 || items > 500 || ends != 1 {
		t.Errorf("%d items and %d errors after the close, want few and 1", items, ends)
	}
}

// TestAllWhileWriting: while others insert, change, and delete, what stays is
// seen once, and in the same order as when nobody does.
func TestAllWhileWriting(t *testing.T) {
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{})
	const stay = 2000
	for i := range stay {
		must(t, db.Set(ctx, fmt.Sprintf("stays:%d", i), []byte("value")))
	}
	want := keysOf(t, db, "stays:")
	if len(want) != stay {
		t.Fatalf("%d items", len(want))
	}
	var writers sync.WaitGroup
	var quit atomic.Bool
	var written atomic.Int64
	for w := range 2 {
		writers.Go(func() {
			for i := 0; !quit.Load(); i++ {
				key := fmt.Sprintf("goes:%d:%d", w, i%20_000)
				if err := db.Set(ctx, key, make([]byte, i%200)); err != nil {
					t.Error(err)
				}
				if i%3 == 0 {
					db.Delete(ctx, fmt.Sprintf("goes:%d:%d", w, i/2%20_000))
				}
				if err := db.Set(ctx, fmt.Sprintf("stays:%d", i%stay), make([]byte, i%100)); err != nil {
					t.Error(err)
				}
				written.Add(1)
			}
		})
	}
	for range 5 {
		before := written.Load()
		waitFor(t, func() bool { return written.Load() > before+500 })
		var got []string
		for _, key := range keysOf(t, db, "") {
			if key[0] == 's' {
				got = append(got, key)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("saw %d of what stays, want %d in the order of before", len(got), len(want))
			break
		}
	}
	quit.Store(true)
	writers.Wait()
}

// waitFor waits until something holds.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(longWait); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come about")
		}
	}
}
