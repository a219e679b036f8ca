package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A snapshotter takes a snapshot: Table.Snapshot, or one that does it wrongly.
type snapshotter func(t *Table, now int64, sink Sink) Image

// visiting is a Sink that has room and only looks.
func visiting(visit func(key []byte, it *Item)) Sink {
	return Sink{
		Item:  func(_ uint64, r *Record) { visit(r.Effects[0].Key, &r.Effects[0].Item) },
		Room:  func() bool { return true },
		Await: func() {},
	}
}

// A bank has accounts whose money is exchanged, so that the money stays the same
// at every instant, and other items that come and go.
type bank struct {
	workers, steps int
	accounts       int
	counters       int
	extras         int   // items of three stripes that come and go, of all sizes
	preloaded      int   // of the extras: their indexes are about to grow
	pages          int64 // that items may take; 0: plenty
	flush          bool  // then the money goes, too
	moving         bool  // the clock
	snapshots      int   // at most
}

var (
	small  = &bank{workers: 4, steps: 60, accounts: 40, counters: 10, snapshots: 3}
	busy   = &bank{workers: 6, steps: 600, accounts: 60, counters: 20, extras: 300, snapshots: 12}
	full   = &bank{workers: 6, steps: 1200, accounts: 60, counters: 20, extras: 3600, preloaded: 2350, pages: 260, snapshots: 12}
	stormy = &bank{workers: 6, steps: 1200, accounts: 60, counters: 20, extras: 3000, pages: 700, flush: true, moving: true, snapshots: 12}
)

// A photo is a snapshot that was taken.
type photo struct {
	position uint64
	after    int64 // the clock once it was taken
	items    map[string]logged
	twice    []string // keys that were visited more than once
	image    Image
	records  []kept
}

func account(i int) []byte { return fmt.Appendf(nil, "account-%d", i) }

// round lets the workers loose, takes snapshots meanwhile, and compares each
// with the log up to its position.
func (b *bank) round(exec executor, take snapshotter, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 4))
	s := &setting{pages: b.pages, yield: 0.1}
	tab, rec := s.newTable(r)
	defer tab.arena.Close()
	var clock atomic.Int64
	clock.Store(linearNow)
	extras := b.open(tab)
	var running sync.WaitGroup
	var left atomic.Int32
	left.Store(int32(b.workers))
	for range b.workers {
		r := rand.New(rand.NewPCG(r.Uint64(), 5))
		running.Go(func() {
			defer left.Add(-1)
			b.work(tab, exec, r, &clock, extras)
		})
	}
	if b.extras > 0 {
		running.Go(func() {
			for left.Load() > 0 {
				tab.Sweep(clock.Load(), Buckets/16)
				tab.makeRoom(1, clock.Load())
				runtime.Gosched()
			}
		})
	}
	var photos []*photo
	for len(photos) < b.snapshots && (left.Load() > 0 || len(photos) == 0) {
		photos = append(photos, shoot(tab, take, clock.Load()))
	}
	running.Wait()
	photos = append(photos, shoot(tab, take, clock.Load()))
	for i, p := range photos {
		if len(p.twice) > 0 {
			return fmt.Errorf("snapshot %d visits %q more than once", i, p.twice)
		}
		if err := b.balance(p); err != nil && !b.flush {
			return fmt.Errorf("snapshot %d: %w", i, err)
		}
	}
	if err := rec.checkPhotos(photos); err != nil {
		return err
	}
	if err := tab.checkInvariants(); err != nil {
		return err
	}
	if err := rec.check(tab, clock.Load()); err != nil {
		return err
	}
	return photos[len(photos)/2].checkRestored(tab, rec.records, clock.Load())
}

// open fills the accounts, each with money of its own. It returns the keys of
// the extras.
func (b *bank) open(t *Table) (extras [][]byte) {
	var res Result
	for i := range b.accounts {
		t.Execute(&Request{Op: Set, Key: account(i), Value: []byte(strings.Repeat("$", i) + strconv.Itoa(i)), Flags: uint32(i)}, linearNow, &res)
	}
	for i := range b.counters {
		t.Execute(&Request{Op: Set, Key: fmt.Appendf(nil, "counter-%d", i), Value: []byte("0")}, linearNow, &res)
	}
	for i := 0; len(extras) < b.extras; i++ {
		key := fmt.Appendf(nil, "extra-%d", i)
		if stripe, _ := t.place(key); stripe >= 3 {
			continue
		}
		if extras = append(extras, key); len(extras) <= b.preloaded {
			t.Execute(&Request{Op: Set, Key: key, Value: key}, linearNow, &res)
		}
	}
	return extras
}

// balance checks that an unflushed bank has all its money.
func (b *bank) balance(p *photo) error {
	var got, want []string
	for i := range b.accounts {
		want = append(want, strings.Repeat("$", i)+strconv.Itoa(i))
		if it, ok := p.items[string(account(i))]; ok {
			got = append(got, it.value)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the accounts hold %d values, not each of the %d once", len(got), len(want))
	}
	return nil
}

func (b *bank) work(t *Table, exec executor, r *rand.Rand, clock *atomic.Int64, extras [][]byte) {
	var res Result
	value := make([]byte, linearMaxItem)
	for range b.steps {
		if r.IntN(4) == 0 {
			runtime.Gosched()
		}
		if b.moving && r.IntN(20) == 0 {
			clock.Add(1)
		}
		req := b.request(t, r, clock.Load(), value, extras)
		for exec(t, req, clock.Load(), &res); res.Status.Again(); exec(t, req, clock.Load(), &res) {
			runtime.Gosched()
		}
	}
}

// request draws what a worker does next.
func (b *bank) request(t *Table, r *rand.Rand, now int64, value []byte, extras [][]byte) *Request {
	n := r.IntN(10)
	switch {
	case n < 4 || b.extras == 0 && n < 7:
		return &Request{Op: Exchange, Key: account(r.IntN(b.accounts)), Key2: account(r.IntN(b.accounts))}
	case n < 7 && b.extras > 0:
		req := &Request{Op: Set, Key: extras[r.IntN(b.extras)], Value: value[:r.IntN(200)]}
		switch r.IntN(8) {
		case 0:
			req.Value = value[:r.IntN(12_000)]
		case 1, 2:
			req.Op = Delete
		case 3:
			req.Op, req.Expiry = Touch, now+5
		case 4:
			if b.moving {
				req.Expiry = now + r.Int64N(6)
			}
		case 5:
			if b.flush && r.IntN(40) == 0 {
				return &Request{Op: Flush, Expiry: now * r.Int64N(2)}
			}
		}
		return req
	}
	// A counter moves by comparing the value, so that each step is seen once.
	key := fmt.Appendf(nil, "counter-%d", r.IntN(b.counters))
	var res Result
	t.Execute(&Request{Op: Get, Key: key}, now, &res)
	next, _ := strconv.Atoi(string(res.Value))
	return &Request{Op: CompareSet, Key: key, Old: res.Value, Value: strconv.AppendInt(nil, int64(next+1), 10)}
}

func shoot(t *Table, take snapshotter, now int64) *photo {
	p := &photo{items: map[string]logged{}}
	var mu sync.Mutex // guards p
	room := 3         // buckets' worth, more or less
	p.image = take(t, now, Sink{
		Item: func(position uint64, r *Record) {
			mu.Lock()
			defer mu.Unlock()
			e := &r.Effects[0]
			if _, ok := p.items[string(e.Key)]; ok {
				p.twice = append(p.twice, string(e.Key))
			}
			p.items[string(e.Key)] = logged{item: local(e.Item), value: string(e.AppendValue(nil))}
			p.records = append(p.records, kept{position, r.AppendTo(nil)})
			room--
			if len(p.items)%16 == 0 {
				runtime.Gosched()
			}
		},
		Room: func() bool {
			mu.Lock()
			defer mu.Unlock()
			return room > 0
		},
		Await: func() {
			mu.Lock()
			defer mu.Unlock()
			room = 3
		},
	})
	p.position, p.after = p.image.Position, t.clock.Load()
	return p
}

// checkRestored makes a Table of a photo and of what was logged after it, and
// compares it with the one that was photographed, which is at rest.
func (p *photo) checkRestored(t *Table, records []kept, now int64) error {
	restored := New(Options{Log: &Counter{id: lastID(t)}, Arena: NewArena(256<<20, linearMaxItem), MaxItemSize: linearMaxItem})
	defer restored.arena.Close()
	for _, r := range p.records {
		if err := restored.Restore(r.position, r.bytes); err != nil {
			return err
		}
	}
	restored.Resume(p.image)
	for _, r := range records {
		if r.position <= p.position {
			continue
		}
		if err := restored.Replay(r.position, r.bytes); err != nil {
			return err
		}
	}
	if restored.last != t.last || restored.floor.Load() != t.floor.Load() || restored.flushDue.Load() != t.flushDue.Load() {
		return fmt.Errorf("restored, the last position, the floor and the delayed flush are %d %d %d, not %d %d %d",
			restored.last, restored.floor.Load(), restored.flushDue.Load(), t.last, t.floor.Load(), t.flushDue.Load())
	}
	want, err := dump(t, now)
	if err != nil {
		return err
	}
	got, err := dump(restored, now)
	if err != nil {
		return err
	}
	if err := sameItems(got, want); err != nil {
		return fmt.Errorf("restored: %w", err)
	}
	return restored.checkInvariants()
}

// checkPhotos compares each snapshot with the log up to its position. What
// has expired may be missing.
func (l *recording) checkPhotos(photos []*photo) error {
	m := newReplica()
	effects := l.effects
	for i, p := range photos {
		for len(effects) > 0 && effects[0].position <= p.position {
			if err := m.apply(effects[0]); err != nil {
				return err
			}
			effects = effects[1:]
		}
		want := map[string]logged{}
		for key, e := range m.items {
			_, seen := p.items[key]
			if at := e.item.Expiry; at == Never || at > p.after || seen {
				want[key] = e
			}
		}
		if err := sameItems(p.items, want); err != nil {
			return fmt.Errorf("snapshot %d, at position %d: %w", i, p.position, err)
		}
	}
	return nil
}

// TestSnapshot compares snapshots that are taken while much goes on with the
// log.
func TestSnapshot(t *testing.T) {
	for _, v := range []struct {
		name   string
		bank   *bank
		rounds int
	}{{"small", small, 40}, {"busy", busy, 6}, {"full", full, 6}, {"stormy", stormy, 6}} {
		t.Run(v.name, func(t *testing.T) {
			seeds := newRand(t)
			rounds := v.rounds
			if testing.Short() {
				rounds = max(2, rounds/4)
			}
			for i := range rounds {
				if err := v.bank.round((*Table).Execute, (*Table).Snapshot, seeds.Uint64()); err != nil {
					t.Fatalf("round %d: %v", i, err)
				}
			}
		})
	}
}

// TestSnapshotSavesTheDead buries everything while the first item is visited: it
// was there when the snapshot began.
func TestSnapshotSavesTheDead(t *testing.T) {
	flush := func(tab *Table) {
		var res Result
		tab.Execute(&Request{Op: Flush}, linearNow, &res)
	}
	for _, v := range []struct {
		name  string
		evict bool
		begin func(tab *Table)
		bury  func(tab *Table, stripe int, key []byte)
	}{
		{"a flush, then Sweep", false, flush, func(tab *Table, stripe int, _ []byte) {
			for b := range bucketCount {
				tab.sweepBucket(stripe*bucketCount+b, linearNow)
			}
		}},
		{"a flush, then lookups", false, flush, func(tab *Table, _ int, key []byte) {
			var res Result
			tab.Execute(&Request{Op: Get, Key: key}, linearNow, &res)
		}},
		{"a flush, then eviction", true, flush, func(tab *Table, stripe int, _ []byte) {
			tab.evictIn(&tab.stripes[stripe], linearNow)
		}},
		{"eviction", true, func(*Table) {}, func(tab *Table, stripe int, _ []byte) {
			tab.evictIn(&tab.stripes[stripe], linearNow)
		}},
	} {
		t.Run(v.name, func(t *testing.T) {
			tab := newTestTable(1<<30, 1000, v.evict)
			defer tab.arena.Close()
			var res Result
			keys := map[string]bool{}
			for i := range 500 {
				keys[string(account(i))] = true
				tab.Execute(&Request{Op: Set, Key: account(i)}, linearNow, &res)
			}
			seen := 0
			tab.Snapshot(linearNow, visiting(func(key []byte, _ *Item) {
				if seen++; seen > 1 {
					return
				}
				v.begin(tab)
				// The stripes are visited in ascending order, so that those above may
				// be locked here.
				first, _ := tab.place(key)
				for i := first + 1; i < stripeCount; i++ {
					for key := range keys {
						if stripe, _ := tab.place([]byte(key)); stripe == i {
							v.bury(tab, i, []byte(key))
						}
					}
				}
			}))
			if seen != len(keys) {
				t.Errorf("%d items visited of %d that were there", seen, len(keys))
			}
			if left := tab.Stats().Items; left > int64(len(keys)/2) {
				t.Errorf("%d items are left: the test shows little", left)
			}
			if err := tab.checkInvariants(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSnapshotCheck holds the comparison against snapshots made by hand.
func TestSnapshotCheck(t *testing.T) {
	rec := newRecording(rand.New(rand.NewPCG(1, 1)), 0)
	put := func(position, id uint64, key, value string, expiry int64) {
		rec.effects = append(rec.effects, logged{position, Put, key, Item{ID: id, CAS: position, Expiry: expiry}, value, true})
	}
	put(1, 1, "a", "1", Never)
	put(2, 2, "b", "2", 1_005)
	put(3, 3, "c", "3", Never)
	a, b := rec.effects[0], rec.effects[1]
	stale := a
	stale.value = "0"
	for _, v := range []struct {
		name  string
		right bool
		items map[string]logged
	}{
		{"exact", true, map[string]logged{"a": a, "b": b}},
		{"without what has expired", true, map[string]logged{"a": a}},
		{"without what did not", false, map[string]logged{"b": b}},
		{"with what came later", false, map[string]logged{"a": a, "c": rec.effects[2]}},
		{"with another value", false, map[string]logged{"a": stale}},
	} {
		err := rec.checkPhotos([]*photo{{position: 2, after: 1_005, items: v.items}})
		if (err == nil) != v.right {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	if err := (&bank{accounts: 2}).balance(&photo{items: map[string]logged{"account-0": {value: "0"}, "account-1": {value: "0"}}}); err == nil {
		t.Error("money lost is not noticed")
	}
}
