package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// A logged effect is a copy of all that an Effect says.
type logged struct {
	position uint64
	kind     Kind
	key      string
	item     Item
	value    string
	insert   bool
}

// recording is a Log that keeps what it is given, in memory. Its positions have
// gaps, as those of a real log have. The append lock of the Table guards it.
type recording struct {
	effects  []logged
	records  []kept
	position uint64
	id       uint64
	rand     *rand.Rand
	yield    float64
}

// A kept record is its bytes and its position.
type kept struct {
	position uint64
	bytes    []byte
}

// keep keeps r as bytes, too, if the room that the Table asks for is enough.
func (l *recording) keep(r *Record) {
	if b := r.AppendTo(nil); len(b) == r.Size() && len(b) <= r.maxSize() {
		l.records = append(l.records, kept{l.position, b})
	}
}

func newRecording(r *rand.Rand, yield float64) *recording {
	return &recording{rand: rand.New(rand.NewPCG(r.Uint64(), 3)), yield: yield}
}

func (l *recording) Reserve(int, int) (Reservation, Status) { return Reservation{}, OK }
func (l *recording) Release(Reservation)                    {}

func (l *recording) NextID(r Reservation) (uint64, Reservation) {
	l.id++
	return l.id, r
}

// Append yields now and then, so that requests meet in the middle.
func (l *recording) Append(_ Reservation, r *Record) uint64 {
	l.position += 1 + l.rand.Uint64N(3)
	l.keep(r)
	for i := range r.Effects {
		e := &r.Effects[i]
		it := local(e.Item)
		if e.FreshCAS {
			it.CAS = l.position
		}
		l.effects = append(l.effects, logged{l.position, e.Kind, string(e.Key), it, string(e.AppendValue(nil)), e.insert})
	}
	if l.rand.Float64() < l.yield {
		runtime.Gosched()
	}
	return l.position
}

// A replica is what replaying a log gives: a plain map.
type replica struct {
	items    map[string]logged
	flushDue int64
	lastID   uint64
	position uint64
}

func newReplica() *replica { return &replica{items: map[string]logged{}} }

// apply makes the next effect true. It checks that IDs and positions are never
// given twice.
func (m *replica) apply(e logged) error {
	if e.position < m.position {
		return fmt.Errorf("position %d after %d", e.position, m.position)
	}
	m.position = e.position
	switch e.kind {
	case Put:
		old, known := m.items[e.key]
		switch {
		case e.insert && e.item.ID != m.lastID+1:
			return fmt.Errorf("at %d %q takes ID %d, the last is %d", e.position, e.key, e.item.ID, m.lastID)
		case e.insert:
			m.lastID = e.item.ID
		case !known || old.item.ID != e.item.ID:
			return fmt.Errorf("at %d %q has ID %d, before it had %d", e.position, e.key, e.item.ID, old.item.ID)
		}
		m.items[e.key] = e
	case Remove:
		if m.items[e.key].item.ID != e.item.ID {
			return fmt.Errorf("at %d %q is removed with ID %d, it has %d", e.position, e.key, e.item.ID, m.items[e.key].item.ID)
		}
		delete(m.items, e.key)
	case FlushAt:
		m.flushDue = e.item.Expiry
	case FlushIt:
		clear(m.items)
		m.flushDue = 0
	default:
		return fmt.Errorf("at %d an effect of kind %d", e.position, e.kind)
	}
	return nil
}

// replay applies all that was logged.
func (l *recording) replay() (*replica, error) {
	m := newReplica()
	for _, e := range l.effects {
		if err := m.apply(e); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// check compares the Table, which must be at rest, with the replayed log.
func (l *recording) check(t *Table, now int64) error {
	now = t.advance(now)
	t.flushWhenDue(now)
	m, err := l.replay()
	if err != nil {
		return err
	}
	if due := t.flushDue.Load(); due != m.flushDue {
		return fmt.Errorf("a flush is due at %d, replayed at %d", due, m.flushDue)
	}
	dumped, err := dump(t, now)
	if err != nil {
		return err
	}
	for key, e := range m.items {
		if e.item.Expiry != Never && e.item.Expiry <= now {
			delete(m.items, key)
		}
	}
	if err := sameItems(dumped, m.items); err != nil {
		return err
	}
	return l.checkBytes(t, now, m.items)
}

// checkBytes replays the records to a new Table and wants the items.
func (l *recording) checkBytes(t *Table, now int64, want map[string]logged) error {
	replayed := New(Options{Log: &Counter{}, Arena: NewArena(256<<20, 1<<20), MaxItemSize: t.maxItemSize})
	defer replayed.arena.Close()
	for _, e := range l.records {
		if err := replayed.Replay(e.position, e.bytes); err != nil {
			return fmt.Errorf("record at %d: %w", e.position, err)
		}
	}
	if len(l.records) > 0 && replayed.last != t.last {
		return fmt.Errorf("the last position is %d, replayed %d", t.last, replayed.last)
	}
	got, err := dump(replayed, now)
	if err != nil {
		return err
	}
	if err := sameItems(got, want); err != nil {
		return fmt.Errorf("replayed from bytes: %w", err)
	}
	return nil
}

// sameItems compares what a Table held with what was replayed.
func sameItems(got, want map[string]logged) error {
	for key, w := range want {
		g, ok := got[key]
		if !ok {
			return fmt.Errorf("%q is missing; replayed, it is %q %+v since %d", key, shorten(w.value), w.item, w.position)
		}
		if g.item != w.item || g.value != w.value {
			return fmt.Errorf("%q is %q %+v; replayed, it is %q %+v since %d", key, shorten(g.value), g.item, shorten(w.value), w.item, w.position)
		}
	}
	for key, g := range got {
		if _, ok := want[key]; !ok {
			return fmt.Errorf("%q is %q %+v; replayed, it is absent", key, shorten(g.value), g.item)
		}
	}
	return nil
}

// dump reads a whole Table by Scan, and each value by Get.
func dump(t *Table, now int64) (map[string]logged, error) {
	items := map[string]logged{}
	for b := range Buckets {
		t.Scan(b, now, func(key []byte, it *Item, _ int) {
			items[string(key)] = logged{item: local(*it)}
		})
	}
	if n := t.scanned(now); n != len(items) {
		return nil, fmt.Errorf("Scan visits %d items, %d different ones", n, len(items))
	}
	var res Result
	for key, e := range items {
		t.Execute(&Request{Op: Get, Key: []byte(key), NoBump: true}, now, &res)
		if res.Status != OK || local(res.Item) != e.item {
			return nil, fmt.Errorf("%q: Scan has %+v, Get status %d, %+v", key, e.item, res.Status, res.Item)
		}
		e.value = string(res.Value)
		items[key] = e
	}
	return items, nil
}

func (t *Table) scanned(now int64) (n int) {
	for b := range Buckets {
		t.Scan(b, now, func([]byte, *Item, int) { n++ })
	}
	return n
}

// checkNumbers checks that no position and no ID was given twice. What a cache
// has evicted is inserted again under a new ID.
func (l *recording) checkNumbers() error {
	var lastID, last uint64
	for i, e := range l.effects {
		paired := i > 0 && l.effects[i-1].position == e.position // by Exchange
		if e.position <= last && !paired {
			return fmt.Errorf("position %d after %d", e.position, last)
		}
		last = e.position
		if e.insert {
			if e.item.ID != lastID+1 {
				return fmt.Errorf("at %d %q takes ID %d, the last is %d", e.position, e.key, e.item.ID, lastID)
			}
			lastID = e.item.ID
		}
	}
	return nil
}

// TestReplay compares Tables that many goroutines have changed with what was
// logged.
func TestReplay(t *testing.T) {
	r := newRand(t)
	rounds, steps := 12, 400
	if testing.Short() {
		rounds, steps = 4, 200
	}
	for i := range rounds {
		s := &setting{workers: 8, steps: steps, ops: allOps, moving: i%2 == 1, disturbed: true, yield: 0.05}
		if i%4 >= 2 {
			s.values, s.pages = largeValues, 14
		}
		tab, rec := s.newTable(r)
		h := record(tab, s, (*Table).Execute, r)
		if err := rec.check(tab, h.clock.Load()); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if err := rec.checkNumbers(); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if err := tab.checkInvariants(); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		tab.arena.Close()
	}
}

// TestDeterministic executes the same requests on Tables that hash differently
// and of which one is swept, compacted and short of pages: all must answer and
// log the same.
func TestDeterministic(t *testing.T) {
	r := newRand(t)
	s := &setting{workers: 1, steps: 4000, ops: allOps, values: largeValues, moving: true}
	calm, calmLog := s.newTable(rand.New(rand.NewPCG(5, 5)))
	busy, busyLog := s.newTable(rand.New(rand.NewPCG(5, 5)))
	busy.arena.SetLimit(int64(busy.arena.reserve+40) * PageSize)
	h := &history{setting: s, table: calm, keys: groupOf(calm)}
	h.clock.Store(linearNow)
	w := &worker{history: h, rand: r}
	var one, two Result
	for i := range s.steps {
		a, now := w.draw(), w.now()
		calm.Execute(&a.Request, now, &one)
		busy.Execute(&a.Request, now, &two)
		if got, want := outcomeOf(busy, &two), outcomeOf(calm, &one); sansPosition(got) != sansPosition(want) {
			t.Fatalf("step %d: %v\nis   %v\nelse %v", i, a, got, want)
		}
		w.tokens[a.key], w.values[a.key] = one.Item.CAS, string(one.Value)
		busy.Sweep(now, 50)
		busy.makeRoom(1, now)
	}
	if len(calmLog.effects) != len(busyLog.effects) {
		t.Fatalf("%d effects, else %d", len(busyLog.effects), len(calmLog.effects))
	}
	for i, e := range calmLog.effects {
		if e != busyLog.effects[i] {
			t.Fatalf("effect %d is %+v, else %+v", i, busyLog.effects[i], e)
		}
	}
	if busy.Stats().Bytes > int64(40*PageSize) {
		t.Error("the busy Table was not bounded")
	}
}

// sansPosition removes the position of what changed nothing: it is that of
// other keys of the stripe, which differ with the hash.
func sansPosition(o outcome) outcome {
	o.position = 0
	return o
}
