package weensydb

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"weensydb/store"
)

// modelKeys is how many keys there are: few, so that operations meet.
const modelKeys = 8

func modelKey(k int) []byte { return fmt.Appendf(nil, "key%d", k) }

// modelMaxItem is the size of the largest item, in bytes.
const modelMaxItem = MinMaxItemSize

// modelItem is what a key holds. Its ID is 0 if it holds nothing.
type modelItem struct {
	value      string
	flags      uint32
	expiry     int64
	id, cas    uint64
	stale, won bool
}

// What an operation gives is not known to the model before the Table told it.
const newID, freshCAS = 1<<64 - 1, 1<<64 - 1

// modelState is the Table as a plain value: a copy of it is a snapshot.
type modelState struct {
	position uint64 // of the record that led to it
	now      int64  // when that happened
	items    [modelKeys]modelItem
	changed  [modelKeys]uint64 // position of the newest change of each key, removals and flushes included
	due      int64             // when a delayed flush happens, or 0
}

// modelRequest is a request on the model's keys.
type modelRequest struct {
	store.Request
	key, key2 int
	noRoom    bool // a Get that finds no room for the value
}

func (r *modelRequest) String() string {
	q := r.Request
	q.Key, q.Key2, q.Value, q.Old = nil, nil, nil, nil
	return fmt.Sprintf("%s, %s, value %q, old %q, %+v", r.Key, r.Key2, r.Value, r.Old, q)
}

// drawRequest draws a request. s is for requests that should succeed.
func drawRequest(rng *rand.Rand, s *modelState, now int64) *modelRequest {
	r := &modelRequest{key: rng.IntN(modelKeys), key2: rng.IntN(modelKeys)}
	expiry := func() int64 {
		if rng.IntN(2) == 0 {
			return store.Never
		}
		return now - 2 + rng.Int64N(30)
	}
	value := func() []byte {
		switch rng.IntN(8) {
		case 0:
			return fmt.Appendf(nil, "%*d", rng.IntN(900), rng.Uint32())
		case 1, 2, 3:
			return fmt.Appendf(nil, "%d", rng.IntN(30))
		default:
			return fmt.Appendf(nil, "v%d", rng.Uint32())
		}
	}
	r.Key, r.Key2 = modelKey(r.key), modelKey(r.key2)
	r.Value, r.Expiry, r.VivifyExpiry = value(), expiry(), expiry()
	r.Flags, r.Delta, r.Initial = rng.Uint32N(3), rng.Uint64N(20), 5
	r.Touch, r.Vivify = rng.IntN(3) == 0, rng.IntN(3) == 0
	switch n := rng.IntN(64); {
	case n < 14:
		r.Op = store.Set
		if r.HasNewCAS = rng.IntN(5) == 0; r.HasNewCAS {
			r.NewCAS = 1<<60 + rng.Uint64N(9)
		}
	case n < 18:
		r.Op = store.Add
	case n < 21:
		r.Op = store.Replace
	case n < 26:
		r.Op = store.Append + store.Op(rng.IntN(2))
	case n < 32:
		r.Op = store.Incr + store.Op(rng.IntN(2))
	case n < 37: // cas
		r.Op, r.HasCompare, r.Compare = store.Set, true, s.items[r.key].cas+rng.Uint64N(2)
	case n < 38:
		r.Op, r.Old = store.CompareSet, []byte(s.items[r.key].value)
	case n < 43:
		r.Op = store.Delete
	case n < 45: // md with stale
		r.Op, r.Stale = store.Delete, true
	case n < 48:
		r.Op = store.Touch
	case n < 56:
		r.Op, r.Touch, r.Vivify, r.noRoom = store.Get, false, false, n == 48
	case n < 59:
		r.Op, r.MayWin, r.Recache, r.RecacheAt, r.TouchFirst = store.Get, true, rng.IntN(2) == 0, now+10, rng.IntN(2) == 0
	case n < 63:
		r.Op = store.Exchange
	default:
		r.Op, r.Expiry = store.Flush, now+rng.Int64N(12)
	}
	return r
}

// at returns the item of a key that is alive, or nil.
func (s *modelState) at(k int, now int64) *modelItem {
	if i := &s.items[k]; i.id != 0 && (i.expiry == store.Never || i.expiry > now) {
		return i
	}
	return nil
}

// run does r, and returns how it ends and whether the log keeps a record of it.
// New IDs and tokens are newID and freshCAS.
func (s *modelState) run(r *modelRequest, now int64) (status store.Status, logged bool) {
	cur := s.at(r.key, now)
	switch r.Op {
	case store.Flush:
		s.due = 0
		if r.Expiry > now {
			s.due = r.Expiry
		} else {
			s.items = [modelKeys]modelItem{}
		}
		return store.OK, true
	case store.Exchange:
		return s.exchange(r, now)
	case store.Add:
		if cur != nil {
			return store.NotStored, false
		}
	case store.Replace:
		if cur == nil {
			return store.NotStored, false
		}
	}
	if cur == nil {
		return s.runAbsent(r)
	}
	next, status, logged := cur.changed(r)
	if logged {
		*cur = next
	}
	return status, logged
}

// runAbsent does r on a key that holds nothing.
func (s *modelState) runAbsent(r *modelRequest) (status store.Status, logged bool) {
	item := modelItem{value: string(r.Value), flags: r.Flags, expiry: r.VivifyExpiry, id: newID, cas: freshCAS}
	switch {
	case r.Op == store.Set && !r.HasCompare || r.Op == store.Add:
		item.expiry = r.Expiry
		if r.HasNewCAS {
			item.cas = r.NewCAS
		}
	case r.Op == store.Append || r.Op == store.Prepend:
		if !r.Vivify {
			return store.NotStored, false
		}
	case r.Op == store.Get && r.Vivify:
		item.value, item.flags, item.won = "", 0, true
	case (r.Op == store.Incr || r.Op == store.Decr) && r.Vivify:
		item.value, item.flags = strconv.FormatUint(r.Initial, 10), 0
	default:
		return store.NotFound, false
	}
	s.items[r.key] = item
	return store.OK, true
}

// changed returns what becomes of an item that is alive. An id of 0: it is removed.
func (i modelItem) changed(r *modelRequest) (next modelItem, status store.Status, logged bool) {
	stored := modelItem{value: string(r.Value), flags: r.Flags, expiry: r.Expiry, id: i.id, cas: freshCAS}
	switch r.Op {
	case store.Set, store.Add, store.Replace:
		if r.HasCompare && (r.Compare != i.cas || r.Compare == 0) {
			return i, store.Exists, false
		}
		if r.HasNewCAS {
			stored.cas = r.NewCAS
		}
	case store.CompareSet:
		if string(r.Old) != i.value {
			return i, store.Exists, false
		}
	case store.Append, store.Prepend:
		if len(r.Key)+len(i.value)+len(r.Value) > modelMaxItem {
			return i, store.NotStored, false
		}
		stored.value, stored.flags, stored.expiry = i.value+string(r.Value), i.flags, i.expiry
		if r.Op == store.Prepend {
			stored.value = string(r.Value) + i.value
		}
	case store.Delete:
		if !r.Stale {
			return modelItem{}, store.OK, true
		}
		stored = i.retouched(r)
		stored.cas, stored.stale, stored.won = freshCAS, true, false
	case store.Incr, store.Decr:
		return i.counted(r)
	case store.Touch:
		stored = i
		stored.expiry = r.Expiry
	case store.Get:
		return i.read(r)
	}
	return stored, store.OK, true
}

// retouched is i with the expiry that r may ask for.
func (i modelItem) retouched(r *modelRequest) modelItem {
	if r.Touch {
		i.expiry = r.Expiry
	}
	return i
}

func (i modelItem) counted(r *modelRequest) (next modelItem, status store.Status, logged bool) {
	fields := strings.Fields(i.value)
	if len(i.value) > 64 || len(fields) == 0 {
		return i, store.NonNumeric, false
	}
	n, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return i, store.NonNumeric, false
	}
	if r.Op == store.Incr {
		n += r.Delta
	} else {
		n -= min(n, r.Delta)
	}
	next = i.retouched(r)
	next.value, next.cas = fmt.Sprintf("%-*d", len(i.value), n), freshCAS
	return next, store.OK, true
}

// read is a Get: it may touch, and win the right to renew.
func (i modelItem) read(r *modelRequest) (next modelItem, status store.Status, logged bool) {
	if r.noRoom {
		return i, store.NoRoom, false
	}
	next = i.retouched(r)
	deadline := i.expiry
	if r.TouchFirst {
		deadline = next.expiry
	}
	soon := r.Recache && deadline != store.Never && deadline < r.RecacheAt
	wins := !i.won && (r.MayWin && i.stale || soon)
	next.won = i.won || wins
	return next, store.OK, r.Touch || wins
}

// exchange swaps what belongs to the values.
func (s *modelState) exchange(r *modelRequest, now int64) (status store.Status, logged bool) {
	a, b := s.at(r.key, now), s.at(r.key2, now)
	switch {
	case a == nil || b == nil:
		return store.NotFound, false
	case a == b:
		return store.OK, false
	}
	x, y := *a, *b
	*a = modelItem{value: y.value, flags: y.flags, stale: y.stale, won: y.won, expiry: x.expiry, id: x.id, cas: freshCAS}
	*b = modelItem{value: x.value, flags: x.flags, stale: x.stale, won: x.won, expiry: y.expiry, id: y.id, cas: freshCAS}
	return store.OK, true
}

// numbered gives s its position, and what is new in it its numbers. before is the
// state that it was made from.
func (s *modelState) numbered(before *modelState, position uint64, now int64, id uint64) {
	s.position, s.now = position, now
	for k := range s.items {
		i := &s.items[k]
		if *i == before.items[k] {
			continue
		}
		s.changed[k] = position
		if i.id == newID {
			i.id = id
		}
		if i.cas == freshCAS {
			i.cas = position
		}
	}
}

// restsOn is the newest position that the outcome of r tells of, when s is what it
// left.
func (s *modelState) restsOn(r *modelRequest) uint64 {
	switch r.Op {
	case store.Flush:
		return s.position
	case store.Exchange:
		return max(s.changed[r.key], s.changed[r.key2])
	}
	return s.changed[r.key]
}
