package weensydb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weensydb"
	"weensydb/stable"
	"weensydb/store"
)

// TestSnapshot: what was there is there again, from the snapshot and from the log
// behind it, and the log before it is gone.
func TestSnapshot(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	config := weensydb.Config{Dir: dir, Memory: 64 << 20, SegmentSize: 4 << 20}
	db, err := weensydb.Open(config)
	must(t, err)
	value := bytes.Repeat([]byte("v"), 10_000)
	for i := range 2000 { // some segments
		must(t, db.Set(ctx, fmt.Sprint("key", i%500), append(value, fmt.Sprint(i)...)))
	}
	must(t, db.Snapshot(ctx))
	if logs, _ := filepath.Glob(filepath.Join(dir, "*.log")); len(logs) > 3 {
		t.Errorf("the segments before the snapshot are still there: %q", logs)
	}
	must(t, db.Set(ctx, "later", []byte("x")))
	must(t, db.Delete(ctx, "key7"))
	must(t, db.Close())
	db, err = weensydb.Open(config)
	must(t, err)
	defer db.Close()
	for i := range 500 {
		item, err := db.Get(ctx, fmt.Sprint("key", i))
		if i == 7 {
			if !errors.Is(err, weensydb.ErrNotFound) {
				t.Errorf("a deleted key has come back: %v", err)
			}
			continue
		}
		if err != nil || !bytes.HasSuffix(item.Value, []byte("v"+fmt.Sprint(1500+i))) {
			t.Fatalf("key%d: %v", i, err)
		}
	}
	if item, err := db.Get(ctx, "later"); err != nil || string(item.Value) != "x" {
		t.Errorf("what came after the snapshot: %v", err)
	}
}

// TestBackupExact: every backup that is taken while money is transferred has all
// of it.
func TestBackupExact(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	db, err := weensydb.Open(weensydb.Config{Dir: t.TempDir(), Memory: 64 << 20, Durability: weensydb.DurabilityNone})
	must(t, err)
	const accounts = 200
	want := 0
	for i := range accounts {
		must(t, db.Set(t.Context(), fmt.Sprint("account", i), []byte(strconv.Itoa(i))))
		want += i
	}
	var working sync.WaitGroup
	var transfers atomic.Int64
	for w := range 4 {
		working.Go(func() {
			for i := w; ctx.Err() == nil; i += 7 {
				if db.Exchange(t.Context(), fmt.Sprint("account", i%accounts), fmt.Sprint("account", i*3%accounts)) == nil {
					transfers.Add(1)
				}
			}
		})
	}
	for meanwhile := 0; meanwhile < 5; { // backups during which something went on
		before := transfers.Load()
		var backup bytes.Buffer
		must(t, db.Backup(t.Context(), &backup))
		if got := sum(t, backup.Bytes()); got != want {
			t.Errorf("a backup holds %d, not %d", got, want)
		}
		if transfers.Load() > before {
			meanwhile++
		}
	}
	cancel()
	working.Wait()
	must(t, db.Close())
}

// sum adds up the accounts of a backup.
func sum(t *testing.T, backup []byte) (total int) {
	var mu sync.Mutex // guards total
	_, _, err := stable.ReadSnapshot(bytes.NewReader(backup), "backup", 2, func(block []byte) error {
		return store.Items(block, func(_ uint64, b []byte) error {
			r, err := store.ParseRecord(b)
			if err != nil {
				return err
			}
			if e := &r.Effects[0]; strings.HasPrefix(string(e.Key), "account") {
				n, _ := strconv.Atoi(string(e.AppendValue(nil)))
				mu.Lock()
				defer mu.Unlock()
				total += n
			}
			return nil
		})
	})
	must(t, err)
	return total
}

// TestSnapshotRefused: by a cache, and by a database that is closed.
func TestSnapshotRefused(t *testing.T) {
	cache := openEmbedded(t, weensydb.Config{Cache: true})
	if err := cache.Snapshot(t.Context()); !errors.Is(err, weensydb.ErrNoLog) {
		t.Errorf("a cache: %v", err)
	}
	db, err := weensydb.Open(weensydb.Config{Dir: t.TempDir()})
	must(t, err)
	must(t, db.Close())
	if err := db.Backup(t.Context(), os.Stdout); !errors.Is(err, weensydb.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
