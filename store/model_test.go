package store

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// model is the Table as a plain map: no locks, no positions, nothing lazy. Dead
// items are removed when they die.
type model struct {
	items    map[string]*modelItem
	now      int64
	flushDue int64
	nextID   uint64
	maxItem  int
}

type modelItem struct {
	value  string
	item   Item
	writes int // how often the value changed: stands for the CAS token
}

func (m *model) tick(now int64) {
	m.now = now
	if m.flushDue != 0 && now >= m.flushDue {
		m.items, m.flushDue = map[string]*modelItem{}, 0
	}
	for k, it := range m.items {
		if it.item.Expiry != Never && it.item.Expiry <= now {
			delete(m.items, k)
		}
	}
}

// put gives a key a new value.
func (m *model) put(key, value string, item Item) {
	old := m.items[key]
	n := &modelItem{value: value, item: item, writes: 1}
	if old != nil {
		n.item.ID, n.writes = old.item.ID, old.writes+1
	} else {
		m.nextID++
		n.item.ID = m.nextID
	}
	m.items[key] = n
}

// run carries out req and returns the status and the value that a reader sees
// afterwards.
func (m *model) run(req *Request, tokenMatches bool) Status {
	key, value := string(req.Key), string(req.Value)
	cur := m.items[key]
	fresh := Item{Flags: req.Flags, Expiry: req.Expiry}
	switch req.Op {
	case Get, Peek:
		return m.get(req, cur)
	case Set:
		if req.HasCompare && cur == nil {
			return NotFound
		}
		if req.HasCompare && !tokenMatches {
			return Exists
		}
		m.put(key, value, fresh)
	case Add:
		if cur != nil {
			return NotStored
		}
		m.put(key, value, fresh)
	case Replace:
		if cur == nil {
			return NotStored
		}
		m.put(key, value, fresh)
	case Append, Prepend:
		return m.extend(req, cur)
	case CompareSet:
		if cur == nil {
			return NotFound
		}
		if cur.value != string(req.Old) {
			return Exists
		}
		m.put(key, value, fresh)
	case Delete:
		return m.remove(req, cur)
	case Incr, Decr:
		return m.count(req, cur)
	case Touch:
		if cur == nil {
			return NotFound
		}
		cur.item.Expiry = req.Expiry
	case Exchange:
		other := m.items[string(req.Key2)]
		if cur == nil || other == nil {
			return NotFound
		}
		cur.value, other.value = other.value, cur.value
		cur.item.Flags, other.item.Flags = other.item.Flags, cur.item.Flags
		cur.item.Stale, other.item.Stale = other.item.Stale, cur.item.Stale
		cur.item.Won, other.item.Won = other.item.Won, cur.item.Won
	case Flush:
		if req.Expiry > m.now {
			m.flushDue = req.Expiry
		} else {
			m.items, m.flushDue = map[string]*modelItem{}, 0
		}
	}
	return OK
}

func (m *model) get(req *Request, cur *modelItem) Status {
	if cur == nil && req.Vivify {
		m.put(string(req.Key), "", Item{Expiry: req.VivifyExpiry, Won: true})
		return OK
	}
	if cur == nil {
		return NotFound
	}
	deadline := cur.item.Expiry
	if req.Touch {
		cur.item.Expiry = req.Expiry
		if req.TouchFirst {
			deadline = req.Expiry
		}
	}
	if req.MayWin && cur.item.Stale || req.Recache && deadline != Never && deadline < req.RecacheAt {
		cur.item.Won = true
	}
	return OK
}

func (m *model) extend(req *Request, cur *modelItem) Status {
	if cur == nil && req.Vivify {
		m.put(string(req.Key), string(req.Value), Item{Flags: req.Flags, Expiry: req.VivifyExpiry})
		return OK
	}
	if cur == nil || len(req.Key)+len(cur.value)+len(req.Value) > m.maxItem {
		return NotStored
	}
	joined := cur.value + string(req.Value)
	if req.Op == Prepend {
		joined = string(req.Value) + cur.value
	}
	m.put(string(req.Key), joined, Item{Flags: cur.item.Flags, Expiry: cur.item.Expiry})
	return OK
}

func (m *model) remove(req *Request, cur *modelItem) Status {
	if cur == nil {
		return NotFound
	}
	if !req.Stale && !req.DropValue {
		delete(m.items, string(req.Key))
		return OK
	}
	if req.DropValue {
		m.put(string(req.Key), "", Item{Flags: req.Flags})
		cur = m.items[string(req.Key)]
	}
	if req.Stale {
		cur.item.Stale, cur.item.Won = true, false
	}
	if req.Touch {
		cur.item.Expiry = req.Expiry
	}
	return OK
}

func (m *model) count(req *Request, cur *modelItem) Status {
	if cur == nil && req.Vivify {
		m.put(string(req.Key), strconv.FormatUint(req.Initial, 10), Item{Expiry: req.VivifyExpiry})
		return OK
	}
	if cur == nil {
		return NotFound
	}
	number, _, _ := strings.Cut(cur.value, " ") // as memcached, which looks no further
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return NonNumeric
	}
	if req.Op == Incr {
		n += req.Delta
	} else {
		n -= min(n, req.Delta)
	}
	if req.Touch {
		cur.item.Expiry = req.Expiry
	}
	cur.value = fmt.Sprintf("%-*d", len(cur.value), n)
	return OK
}

// same compares a result with the model's item of the key.
func (m *model) same(key string, res *Result) error {
	it := m.items[key]
	if it == nil {
		if res.Status != NotFound {
			return fmt.Errorf("%q: status %d, the model has no such item", key, res.Status)
		}
		return nil
	}
	got, want := res.Item, it.item
	got.CAS, got.LastAccess, got.Fetched = 0, 0, false
	if res.Status != OK || string(res.Value) != it.value || got != want {
		return fmt.Errorf("%q: status %d, %q %+v; the model has %q %+v", key, res.Status, res.Value, got, it.value, want)
	}
	return nil
}

func newTestTable(memory int64, maxItem int, evict bool) *Table {
	return New(Options{
		Log: NewCounter(0), Arena: NewArena(memory, int64(maxItem)), MaxItemSize: maxItem, Evict: evict,
	})
}

var testKeys = []string{"a", "b", "c", "d"}

func drawRequest(r *rapid.T, now int64) *Request {
	expiry := rapid.OneOf(rapid.Just(Never), rapid.Int64Range(now-5, now+20))
	key := func(label string) []byte { return []byte(rapid.SampledFrom(testKeys).Draw(r, label)) }
	req := &Request{
		Op:  rapid.SampledFrom([]Op{Get, Set, Set, Add, Replace, Append, Prepend, CompareSet, Delete, Incr, Decr, Touch, Exchange, Flush}).Draw(r, "op"),
		Key: key("key"), Key2: key("key2"),
		Value:  []byte(rapid.SampledFrom([]string{"", "0", "7", "10", "18446744073709551615", "hello", "a longer value"}).Draw(r, "value")),
		Old:    []byte(rapid.SampledFrom([]string{"", "7", "hello"}).Draw(r, "old")),
		Flags:  rapid.Uint32Range(0, 3).Draw(r, "flags"),
		Delta:  rapid.SampledFrom([]uint64{0, 1, 3, 1 << 63}).Draw(r, "delta"),
		Expiry: expiry.Draw(r, "expiry"),
		Touch:  rapid.Bool().Draw(r, "touch"),
		Vivify: rapid.Bool().Draw(r, "vivify"), VivifyExpiry: expiry.Draw(r, "vivifyExpiry"), Initial: 5,
		MayWin: rapid.Bool().Draw(r, "mayWin"), Recache: rapid.Bool().Draw(r, "recache"), RecacheAt: now + 10, TouchFirst: rapid.Bool().Draw(r, "touchFirst"),
		Stale: rapid.Bool().Draw(r, "stale"), DropValue: rapid.Bool().Draw(r, "drop"),
	}
	if req.Op == Flush && rapid.IntRange(0, 3).Draw(r, "now") > 0 {
		req.Expiry = now + 5 // mostly later: an empty Table shows little
	}
	req.HasCompare = req.Op == Set && rapid.IntRange(0, 3).Draw(r, "compare") == 0
	req.Stale = req.Stale && req.Op == Delete
	return req
}

// TestModel runs random requests against the Table and a plain map.
func TestModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab := newTestTable(1<<30, 60, false)
		m := &model{items: map[string]*modelItem{}, maxItem: 60}
		var res Result
		now := int64(1000)
		cas := map[uint64]bool{}
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			now += rapid.Int64Range(0, 3).Draw(r, "passed")
			m.tick(now)
			req := drawRequest(r, now)
			matches := false
			if req.HasCompare {
				tab.Execute(&Request{Op: Peek, Key: req.Key}, now, &res)
				req.Compare = res.Item.CAS
				if matches = rapid.Bool().Draw(r, "matches") && res.Status == OK; !matches {
					req.Compare++
				}
			}
			want := m.run(req, matches)
			tab.Execute(req, now, &res)
			if res.Status != want {
				r.Fatalf("%+v: status %d, the model says %d", req, res.Status, want)
			}
			if res.n > 0 && res.effects[0].FreshCAS && res.Status == OK {
				if res.Item.CAS != 0 && cas[res.Item.CAS] {
					r.Fatalf("%+v: CAS token %d was given before", req, res.Item.CAS)
				}
				cas[res.Item.CAS] = true
			}
			m.tick(now)
			for _, key := range testKeys {
				tab.Execute(&Request{Op: Get, Key: []byte(key), NoBump: true}, now, &res)
				if err := m.same(key, &res); err != nil {
					r.Fatalf("after %+v at %d: %v", req, now, err)
				}
			}
			if err := tab.checkInvariants(); err != nil {
				r.Fatalf("after %+v: %v", req, err)
			}
		}
	})
}
