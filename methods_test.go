package weensydb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weensydb"
)

// longWait is how long a test waits for what must happen.
const longWait = 30 * time.Second

// openEmbedded opens a database without listeners until the test ends.
func openEmbedded(t testing.TB, config weensydb.Config) *weensydb.DB {
	t.Helper()
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	db, err := weensydb.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// must ends the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError wants err to be an OpError of op and key around want, or nil.
func wantError(t *testing.T, err error, op, key string, want error) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("%v, want no error", err)
		}
		return
	}
	var failed *weensydb.OpError
	if !errors.Is(err, want) || !errors.As(err, &failed) {
		t.Fatalf("%s %s: %v, want %v", op, key, err, want)
	}
	if failed.Op != op || failed.Key != key {
		t.Errorf("the error names %s %q, want %s %q", failed.Op, failed.Key, op, key)
	}
	if !strings.Contains(err.Error(), op) || !strings.Contains(err.Error(), want.Error()) {
		t.Errorf("the message is %q", err)
	}
}

// An operation is one method, called as simply as can be.
type operation struct {
	name string
	key  string // as an OpError gives it
	call func(ctx context.Context, db *weensydb.DB) error
}

// operationsOn are all methods that take a context, called with key.
func operationsOn(key string) []operation {
	value := []byte("1")
	return []operation{
		{"Get", key, func(ctx context.Context, db *weensydb.DB) error { _, err := db.Get(ctx, key); return err }},
		{"GetAndTouch", key, func(ctx context.Context, db *weensydb.DB) error { _, err := db.GetAndTouch(ctx, key, 0); return err }},
		{"Set", key, func(ctx context.Context, db *weensydb.DB) error { return db.Set(ctx, key, value) }},
		{"Add", key, func(ctx context.Context, db *weensydb.DB) error { return db.Add(ctx, key, value) }},
		{"Replace", key, func(ctx context.Context, db *weensydb.DB) error { return db.Replace(ctx, key, value) }},
		{"CompareAndSwap", key, func(ctx context.Context, db *weensydb.DB) error {
			return db.CompareAndSwap(ctx, weensydb.Item{Key: key, Value: value, CAS: 1})
		}},
		{"Delete", key, func(ctx context.Context, db *weensydb.DB) error { return db.Delete(ctx, key) }},
		{"Increment", key, func(ctx context.Context, db *weensydb.DB) error { _, err := db.Increment(ctx, key, 1); return err }},
		{"Decrement", key, func(ctx context.Context, db *weensydb.DB) error { _, err := db.Decrement(ctx, key, 1); return err }},
		{"Exchange", key + " b", func(ctx context.Context, db *weensydb.DB) error { return db.Exchange(ctx, key, "b") }},
		{"Exchange", "b " + key, func(ctx context.Context, db *weensydb.DB) error { return db.Exchange(ctx, "b", key) }},
		{"Touch", key, func(ctx context.Context, db *weensydb.DB) error { return db.Touch(ctx, key, 0) }},
		{"All", key, func(ctx context.Context, db *weensydb.DB) error {
			for _, err := range db.All(ctx, key) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

// TestOutcomes: what each method answers when there is no item, when there is
// one, and when it holds a number.
func TestOutcomes(t *testing.T) {
	absent := map[string]error{"Get": weensydb.ErrNotFound, "GetAndTouch": weensydb.ErrNotFound, "Replace": weensydb.ErrNotStored,
		"CompareAndSwap": weensydb.ErrNotFound, "Delete": weensydb.ErrNotFound, "Increment": weensydb.ErrNotFound,
		"Decrement": weensydb.ErrNotFound, "Exchange": weensydb.ErrNotFound, "Touch": weensydb.ErrNotFound}
	text := map[string]error{"Add": weensydb.ErrNotStored, "CompareAndSwap": weensydb.ErrExists,
		"Increment": weensydb.ErrNotNumber, "Decrement": weensydb.ErrNotNumber}
	number := map[string]error{"Add": weensydb.ErrNotStored, "CompareAndSwap": weensydb.ErrExists}
	ctx := t.Context()
	for _, c := range []struct {
		name, value string
		present     bool
		want        map[string]error
	}{
		{"absent", "", false, absent}, {"text", "Hi", true, text}, {"empty", "", true, text}, {"number", "41", true, number},
	} {
		for _, op := range operationsOn("a") {
			t.Run(c.name+"/"+op.name, func(t *testing.T) {
				db := openEmbedded(t, weensydb.Config{Memory: weensydb.MinMemory})
				must(t, db.Set(ctx, "b", nil))
				if c.present {
					must(t, db.Set(ctx, "a", []byte(c.value)))
				}
				wantError(t, op.call(ctx, db), op.name, op.key, c.want[op.name])
			})
		}
	}
}

// TestBadKeys: every method refuses what memcached's text protocol could not
// carry, and names it.
func TestBadKeys(t *testing.T) {
	db := openEmbedded(t, weensydb.Config{})
	for _, key := range []string{"", "two words", "two\nlines", "cr\r", strings.Repeat("k", 251), strings.Repeat("k", 1<<20)} {
		for _, op := range operationsOn(key) {
			if op.name == "All" {
				continue // no item has such a prefix, or all have
			}
			err := op.call(t.Context(), db)
			wantError(t, err, op.name, op.key, weensydb.ErrKey)
			if len(err.Error()) > 1000 {
				t.Errorf("%s: the message has %d bytes", op.name, len(err.Error()))
			}
		}
	}
	for _, key := range []string{"k", strings.Repeat("k", 250), "\x00\xff\t", "schlüssel"} {
		must(t, db.Set(t.Context(), key, []byte(key)))
		if it, err := db.Get(t.Context(), key); err != nil || string(it.Value) != key || it.Key != key {
			t.Errorf("%q: %+v, %v", key, it, err)
		}
	}
}

// TestEndedContext: nothing happens any more once the context has ended.
func TestEndedContext(t *testing.T) {
	db := openEmbedded(t, weensydb.Config{})
	must(t, db.Set(t.Context(), "a", []byte("7")))
	must(t, db.Set(t.Context(), "b", []byte("8")))
	before, err := db.Get(t.Context(), "a")
	must(t, err)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	for _, op := range operationsOn("a") {
		wantError(t, op.call(canceled, db), op.name, op.key, context.Canceled)
		wantError(t, op.call(late, db), op.name, op.key, context.DeadlineExceeded)
	}
	if after, err := db.Get(t.Context(), "a"); err != nil || after.CAS != before.CAS || after.ID != before.ID {
		t.Errorf("it was %+v and is %+v, %v", before, after, err)
	}
}

// TestItem: what is stored comes back, and a token is good until the next
// change.
func TestItem(t *testing.T) {
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{})
	must(t, db.Set(ctx, "a", []byte("one"), weensydb.Flags(7)))
	first, err := db.Get(ctx, "a")
	must(t, err)
	if first.Key != "a" || string(first.Value) != "one" || first.Flags != 7 || !first.Expiry.IsZero() || first.ID == 0 || first.CAS == 0 {
		t.Errorf("stored one with flags 7, got %+v", first)
	}
	first.Value = []byte("two")
	must(t, db.CompareAndSwap(ctx, first))
	wantError(t, db.CompareAndSwap(ctx, first), "CompareAndSwap", "a", weensydb.ErrExists)
	second, err := db.Get(ctx, "a")
	must(t, err)
	if string(second.Value) != "two" || second.Flags != 7 || second.ID != first.ID || second.CAS == first.CAS {
		t.Errorf("after the swap: %+v", second)
	}
	wantError(t, db.CompareAndSwap(ctx, weensydb.Item{Key: "a"}), "CompareAndSwap", "a", weensydb.ErrExists)
	must(t, db.Set(ctx, "a", nil))
	if third, err := db.Get(ctx, "a"); err != nil || third.Flags != 0 || len(third.Value) != 0 || third.ID != first.ID {
		t.Errorf("a set without options: %+v, %v", third, err)
	}
	must(t, db.Delete(ctx, "a"))
	must(t, db.Add(ctx, "a", nil))
	if again, err := db.Get(ctx, "a"); err != nil || again.ID <= first.ID {
		t.Errorf("inserted again: %+v, %v", again, err)
	}
}

// TestNumbers: counters wrap around at the top, stop at the bottom, and keep
// their length when they shrink.
func TestNumbers(t *testing.T) {
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{})
	for _, c := range []struct {
		value string
		count func(context.Context, string, uint64) (uint64, error)
		delta uint64
		want  uint64
		left  string
	}{
		{"41", db.Increment, 1, 42, "42"},
		{"99", db.Increment, 1, 100, "100"},
		{"18446744073709551615", db.Increment, 2, 1, "1                   "},
		{"0", db.Increment, math.MaxUint64, math.MaxUint64, "18446744073709551615"},
		{"10", db.Decrement, 1, 9, "9 "},
		{"10", db.Decrement, 11, 0, "0 "},
	} {
		must(t, db.Set(ctx, "n", []byte(c.value)))
		got, err := c.count(ctx, "n", c.delta)
		it, _ := db.Get(ctx, "n")
		if err != nil || got != c.want || string(it.Value) != c.left {
			t.Errorf("%s and %d: %d, %v, left %q; want %d, left %q", c.value, c.delta, got, err, it.Value, c.want, c.left)
		}
	}
}

// TestExchange: values and flags change places; IDs and expiries do not.
func TestExchange(t *testing.T) {
	clock := newClock()
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{Now: clock.now})
	must(t, db.Set(ctx, "a", []byte("one"), weensydb.Flags(1), weensydb.TTL(time.Hour)))
	must(t, db.Set(ctx, "b", []byte("zwei"), weensydb.Flags(2)))
	a, _ := db.Get(ctx, "a")
	b, _ := db.Get(ctx, "b")
	must(t, db.Exchange(ctx, "a", "b"))
	a2, _ := db.Get(ctx, "a")
	b2, _ := db.Get(ctx, "b")
	if string(a2.Value) != "zwei" || a2.Flags != 2 || a2.ID != a.ID || !a2.Expiry.Equal(a.Expiry) || a2.CAS == a.CAS {
		t.Errorf("a was %+v, is %+v", a, a2)
	}
	if string(b2.Value) != "one" || b2.Flags != 1 || b2.ID != b.ID || !b2.Expiry.IsZero() || b2.CAS == b.CAS {
		t.Errorf("b was %+v, is %+v", b, b2)
	}
	must(t, db.Exchange(ctx, "a", "a"))
	wantError(t, db.Exchange(ctx, "a", "c"), "Exchange", "a c", weensydb.ErrNotFound)
}

// TestOwnership: neither side's changes of a value reach the other's.
func TestOwnership(t *testing.T) {
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{})
	value := []byte("value")
	must(t, db.Set(ctx, "a", value))
	clear(value)
	first, err := db.Get(ctx, "a")
	must(t, err)
	clear(first.Value)
	for it, err := range db.All(ctx, "") {
		must(t, err)
		if string(it.Value) != "value" {
			t.Errorf("All gives %q", it.Value)
		}
		clear(it.Value)
	}
	kept, err := db.Get(ctx, "a")
	must(t, err)
	must(t, db.Set(ctx, "a", []byte("other")))
	if string(kept.Value) != "value" {
		t.Errorf("it has become %q", kept.Value)
	}
}

// TestTooLarge: the limit is on key and value together.
func TestTooLarge(t *testing.T) {
	const most = weensydb.MinMaxItemSize
	for _, cache := range []bool{false, true} {
		ctx, db := t.Context(), openEmbedded(t, weensydb.Config{MaxItemSize: most, Cache: cache})
		must(t, db.Set(ctx, "key", make([]byte, most-3)))
		wantError(t, db.Add(ctx, "other", make([]byte, most)), "Add", "other", weensydb.ErrTooLarge)
		wantError(t, db.Replace(ctx, "key", make([]byte, most-2)), "Replace", "key", weensydb.ErrTooLarge)
		wantError(t, db.CompareAndSwap(ctx, weensydb.Item{Key: "key", Value: make([]byte, most)}), "CompareAndSwap", "key", weensydb.ErrTooLarge)
		it, err := db.Get(ctx, "key")
		if err != nil || len(it.Value) != most-3 {
			t.Errorf("cache %v: %d bytes left, %v", cache, len(it.Value), err)
		}
		wantError(t, db.Set(ctx, "key", make([]byte, most-2)), "Set", "key", weensydb.ErrTooLarge)
		if _, err := db.Get(ctx, "key"); errors.Is(err, weensydb.ErrNotFound) != cache {
			t.Errorf("cache %v: after a set that was too large: %v", cache, err)
		}
	}
}

// TestNoMemory: a full database refuses and keeps what it has; a cache evicts.
func TestNoMemory(t *testing.T) {
	fill := func(db *weensydb.DB) (n int, err error) {
		value := bytes.Repeat([]byte("v"), 100_000)
		for ; n < 1000 && err == nil; n++ {
			err = db.Set(t.Context(), fmt.Sprintf("item:%d", n), value)
		}
		return n, err
	}
	full := openEmbedded(t, weensydb.Config{Memory: weensydb.MinMemory, MaxItemSize: 1 << 17})
	must(t, full.Set(t.Context(), "first", []byte("value")))
	if n, err := fill(full); !errors.Is(err, weensydb.ErrNoMemory) {
		t.Errorf("after %d items: %v", n, err)
	}
	if it, err := full.Get(t.Context(), "first"); err != nil || string(it.Value) != "value" {
		t.Errorf("the first: %+v, %v", it, err)
	}
	cache := openEmbedded(t, weensydb.Config{Memory: weensydb.MinMemory, MaxItemSize: 1 << 17, Cache: true})
	if n, err := fill(cache); err != nil {
		t.Errorf("a cache after %d items: %v", n, err)
	}
}

// clock is one that the test sets.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ms.Store(1_700_000_000_000)
	return c
}

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// TestExpiry: each way to say when an item expires, to the millisecond.
func TestExpiry(t *testing.T) {
	begin := newClock().now()
	never := time.Time{}
	for _, c := range []struct {
		name   string
		option weensydb.Option
		expiry time.Time
	}{
		{"TTL of a second", weensydb.TTL(time.Second), begin.Add(time.Second)},
		{"TTL of a nanosecond", weensydb.TTL(1), begin.Add(time.Millisecond)},
		{"TTL above a millisecond", weensydb.TTL(time.Millisecond + 1), begin.Add(2 * time.Millisecond)},
		{"TTL of 0", weensydb.TTL(0), never},
		{"TTL of centuries", weensydb.TTL(math.MaxInt64), begin.Add(math.MaxInt64).Truncate(time.Millisecond).Add(time.Millisecond)},
		{"ExpireAt", weensydb.ExpireAt(begin.Add(time.Minute)), begin.Add(time.Minute)},
		{"ExpireAt between milliseconds", weensydb.ExpireAt(begin.Add(time.Minute + 1)), begin.Add(time.Minute + time.Millisecond)},
		{"ExpireAt never", weensydb.ExpireAt(never), never},
		{"ExpireAt far away", weensydb.ExpireAt(time.Unix(math.MaxInt64/2, 0)), time.UnixMilli(1<<48 - 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := newClock()
			ctx, db := t.Context(), openEmbedded(t, weensydb.Config{Now: clock.now})
			must(t, db.Set(ctx, "a", nil, c.option))
			it, err := db.Get(ctx, "a")
			if err != nil || !it.Expiry.Equal(c.expiry) {
				t.Fatalf("it expires at %v (%v), want %v", it.Expiry, err, c.expiry)
			}
			must(t, db.CompareAndSwap(ctx, it))
			if again, err := db.Get(ctx, "a"); err != nil || !again.Expiry.Equal(c.expiry) {
				t.Errorf("after a swap it expires at %v (%v), want %v", again.Expiry, err, c.expiry)
			}
			if c.expiry.IsZero() {
				return
			}
			clock.advance(c.expiry.Sub(begin) - time.Millisecond)
			_, err = db.Get(ctx, "a")
			wantError(t, err, "Get", "a", nil)
			clock.ms.Store(c.expiry.UnixMilli())
			_, err = db.Get(ctx, "a")
			wantError(t, err, "Get", "a", weensydb.ErrNotFound)
		})
	}
	for name, option := range map[string]weensydb.Option{
		"negative TTL": weensydb.TTL(-1), "ExpireAt now": weensydb.ExpireAt(begin), "ExpireAt long ago": weensydb.ExpireAt(time.Unix(math.MinInt64/2, 0)),
	} {
		db := openEmbedded(t, weensydb.Config{Now: newClock().now})
		must(t, db.Set(t.Context(), "a", nil, option))
		if _, err := db.Get(t.Context(), "a"); !errors.Is(err, weensydb.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTouch: Touch and GetAndTouch set the expiry and nothing else.
func TestTouch(t *testing.T) {
	clock := newClock()
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{Now: clock.now})
	must(t, db.Set(ctx, "a", []byte("one"), weensydb.Flags(3)))
	before, err := db.Get(ctx, "a")
	must(t, err)
	touch := map[string]func(d time.Duration) (weensydb.Item, error){
		"GetAndTouch": func(d time.Duration) (weensydb.Item, error) { return db.GetAndTouch(ctx, "a", d) },
		"Touch": func(d time.Duration) (weensydb.Item, error) {
			must(t, db.Touch(ctx, "a", d))
			return db.Get(ctx, "a")
		},
	}
	for name, touch := range touch {
		for _, d := range []time.Duration{time.Hour, 0, time.Minute} {
			it, err := touch(d)
			want := time.Time{}
			if d > 0 {
				want = clock.now().Add(d)
			}
			if err != nil || !it.Expiry.Equal(want) || string(it.Value) != "one" || it.Flags != 3 || it.CAS != before.CAS || it.ID != before.ID {
				t.Errorf("%s %v: %+v, %v, want expiry %v, all else as in %+v", name, d, it, err, want, before)
			}
		}
	}
	must(t, db.Touch(ctx, "a", -1))
	wantError(t, db.Touch(ctx, "a", 0), "Touch", "a", weensydb.ErrNotFound)
}
