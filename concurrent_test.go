package weensydb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"weensydb"
)

// TestLostUpdates: of changes that many goroutines make at once, none is lost.
// A Get and a Set in a row would lose some.
func TestLostUpdates(t *testing.T) {
	const workers, each = 8, 500
	for name, addOne := range map[string]func(ctx context.Context, db *weensydb.DB) error{
		"Increment": func(ctx context.Context, db *weensydb.DB) error {
			_, err := db.Increment(ctx, "n", 1)
			return err
		},
		"CompareAndSwap": func(ctx context.Context, db *weensydb.DB) error {
			for {
				it, err := db.Get(ctx, "n")
				if err != nil {
					return err
				}
				n, err := strconv.Atoi(string(it.Value))
				if err != nil {
					return err
				}
				it.Value = strconv.AppendInt(nil, int64(n+1), 10)
				if err := db.CompareAndSwap(ctx, it); !errors.Is(err, weensydb.ErrExists) {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, db := t.Context(), openEmbedded(t, weensydb.Config{})
			must(t, db.Set(ctx, "n", []byte("0")))
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for range each {
						if err := addOne(ctx, db); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			if it, err := db.Get(ctx, "n"); err != nil || string(it.Value) != strconv.Itoa(workers*each) {
				t.Errorf("counted to %s (%v), want %d", it.Value, err, workers*each)
			}
		})
	}
}

// TestOneAdds: of many goroutines that add the same key, or delete it, one is
// told that it did.
func TestOneAdds(t *testing.T) {
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{})
	for round := range 200 {
		var added, deleted atomic.Int64
		var all sync.WaitGroup
		for w := range 4 {
			all.Go(func() {
				if db.Add(ctx, "a", []byte{byte(w)}) == nil {
					added.Add(1)
				}
			})
		}
		all.Wait()
		for range 4 {
			all.Go(func() {
				if db.Delete(ctx, "a") == nil {
					deleted.Add(1)
				}
			})
		}
		all.Wait()
		if added.Load() != 1 || deleted.Load() != 1 {
			t.Fatalf("round %d: %d added, %d deleted", round, added.Load(), deleted.Load())
		}
	}
}

// TestExchangeStorm: however values change places, each is there once.
func TestExchangeStorm(t *testing.T) {
	const keys = 10
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{})
	key := func(i int) string { return fmt.Sprintf("key:%d", i) }
	for i := range keys {
		must(t, db.Set(ctx, key(i), []byte(strconv.Itoa(i))))
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 2000 {
				if err := db.Exchange(ctx, key(rand.IntN(keys)), key(rand.IntN(keys))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for it, err := range db.All(ctx, "key:") {
		must(t, err)
		seen[string(it.Value)] = true
	}
	if len(seen) != keys {
		t.Errorf("%d of %d values are left", len(seen), keys)
	}
}
