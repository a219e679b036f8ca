package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// groupKeys is how many keys a history is about. A flush touches all of them, so
// that a history cannot be checked in parts.
const groupKeys = 4

// A cell is one key as the checker knows it. Every result tells an item's ID and
// CAS token, so that nothing has to be guessed.
type cell struct {
	present bool
	value   string
	item    Item // without what is node-local
}

// A world is a state of all keys: what a sequential Table would hold.
type world struct {
	cells    [groupKeys]cell
	flushDue int64
	now      int64 // time never goes back
}

// An action is a request as the checker sees it.
type action struct {
	Request
	key, key2  int
	value, old string
	evicting   bool
	maxItem    int
}

// An outcome is what of a Result the checker looks at.
type outcome struct {
	status          Status
	now             int64 // when the Table says that it happened
	after           int64 // the Table's clock once it had
	position        uint64
	item            Item
	valueLen        int
	value           string
	before          int64
	created, wonNow bool
	number          uint64
	id2             uint64
}

func outcomeOf(t *Table, res *Result) outcome {
	return outcome{
		res.Status, res.Now, t.clock.Load(), res.Position, local(res.Item), res.ValueLen, string(res.Value),
		res.Before, res.Created, res.WonNow, res.Number, res.ID2,
	}
}

// local removes from an item what is node-local and decides nothing.
func local(it Item) Item {
	it.LastAccess, it.Fetched = 0, false
	return it
}

// linearModel is a sequential Table, for porcupine. A step may be ambiguous: time
// may go on after an operation has read the clock, and in a cache any item may
// have been evicted.
var linearModel = (&porcupine.NondeterministicModel{
	Init: func() []interface{} { return []interface{}{world{}} },
	Step: func(state, input, output interface{}) []interface{} {
		var next []interface{}
		w, a, o := state.(world), input.(*action), output.(outcome)
		for _, now := range w.times(a, &o) {
			for evicted := range 4 {
				if evicted > 0 && !a.evicting {
					break
				}
				if w, ok := w.at(now).without(a, evicted).execute(a, &o); ok {
					next = append(next, w)
				}
			}
		}
		return next
	},
	DescribeOperation: func(input, output interface{}) string {
		return input.(*action).String() + " -> " + output.(outcome).String()
	},
}).ToModel()

// times returns the instants at which an operation may have found different
// items alive: when it says, or while it was under way.
func (w world) times(a *action, o *outcome) []int64 {
	times := []int64{max(o.now, w.now)}
	for _, at := range []int64{w.flushDue, w.cells[a.key].item.Expiry, w.cells[a.key2].item.Expiry} {
		if at > times[0] && at <= o.after {
			times = append(times, at)
		}
	}
	return times
}

// at buries what is dead at an instant.
func (w world) at(now int64) world {
	if w.flushDue != 0 && w.flushDue <= now {
		w = world{}
	}
	for i, c := range w.cells {
		if e := c.item.Expiry; e != Never && e <= now {
			w.cells[i] = cell{}
		}
	}
	w.now = now
	return w
}

func (w world) without(a *action, evicted int) world {
	if evicted&1 != 0 {
		w.cells[a.key] = cell{}
	}
	if evicted&2 != 0 {
		w.cells[a.key2] = cell{}
	}
	return w
}

// execute returns the state after a, and whether it explains o.
func (w world) execute(a *action, o *outcome) (world, bool) {
	switch a.Op {
	case Flush:
		if a.Expiry > o.now {
			w.flushDue = a.Expiry
			return w, o.status == OK
		}
		return world{now: w.now}, o.status == OK
	case Exchange:
		return w.exchange(a, o)
	}
	cur := w.cells[a.key]
	if o.status == NoMemory {
		if a.evicting && a.Op == Set {
			w.cells[a.key] = cell{}
		}
		return w, o.item == cur.item
	}
	next, want := cur.decide(a)
	if want.status != o.status || want.created != o.created || want.wonNow != o.wonNow || want.number != o.number || o.before != cur.item.Expiry {
		return w, false
	}
	shown := cur
	if want.wrote && next.present {
		if !want.same && !next.stamp(a, o, &w) {
			return w, false
		}
		shown = next
	}
	if a.Op == Get && o.value != shown.value && !a.NoValue {
		return w, false
	}
	if want.wrote {
		w.cells[a.key] = next
	}
	return w, o.item == shown.item && o.valueLen == len(shown.value)
}

// stamp gives a cell that was written the token and, if it is new, the ID that
// the outcome shows, and reports whether they are possible.
func (c *cell) stamp(a *action, o *outcome, w *world) bool {
	c.item.CAS = o.position
	if a.HasNewCAS {
		c.item.CAS = a.NewCAS
	}
	if c.item.ID != 0 {
		return true
	}
	c.item.ID = o.item.ID
	for _, other := range w.cells {
		if other.present && other.item.ID == o.item.ID {
			return false
		}
	}
	return o.item.ID != 0
}

// A ruling is what an operation on one key comes to.
type ruling struct {
	status          Status
	wrote           bool
	same            bool // the item keeps its token
	created, wonNow bool
	number          uint64
}

// decide is what request.go says of each operation on one key.
func (c cell) decide(a *action) (cell, ruling) {
	fresh := cell{present: true, value: a.value, item: Item{Flags: a.Flags, Expiry: a.Expiry, ID: c.item.ID}}
	vivified := cell{present: true, item: Item{Expiry: a.VivifyExpiry}}
	wrote := ruling{wrote: true}
	switch {
	case a.Op == Get && c.present:
		return c.get(a)
	case a.Op == Add && c.present:
		return c, ruling{status: NotStored}
	case a.Op == Add, a.Op == Set && !a.HasCompare:
		return fresh, wrote
	case c.present:
		return c.change(a, fresh)
	case a.Op == Replace && !a.HasCompare:
		return c, ruling{status: NotStored}
	case a.Op == Get && a.Vivify:
		vivified.item.Won = true
		return vivified, ruling{wrote: true, created: true, wonNow: true}
	case (a.Op == Append || a.Op == Prepend) && a.Vivify:
		vivified.value, vivified.item.Flags = a.value, a.Flags
		return vivified, wrote
	case a.Op == Append || a.Op == Prepend:
		return c, ruling{status: NotStored}
	case (a.Op == Incr || a.Op == Decr) && a.Vivify:
		vivified.value = strconv.FormatUint(a.Initial, 10)
		return vivified, ruling{wrote: true, created: true, number: a.Initial}
	}
	return c, ruling{status: NotFound}
}

// change is decide for what needs a present item.
func (c cell) change(a *action, fresh cell) (cell, ruling) {
	wrote := ruling{wrote: true}
	differs := a.HasCompare && a.Compare != c.item.CAS
	switch a.Op {
	case Set, Replace:
		switch {
		case differs && a.Stale && a.Compare != 0 && a.Compare < c.item.CAS:
			fresh.item.Expiry, fresh.item.Stale, fresh.item.Won = c.item.Expiry, true, c.item.Won
		case differs || a.HasCompare && a.Compare == 0:
			return c, ruling{status: Exists}
		}
		return fresh, wrote
	case CompareSet:
		if c.value != a.old {
			return c, ruling{status: Exists}
		}
		return fresh, wrote
	case Append, Prepend:
		switch {
		case differs && a.Compare != 0:
			return c, ruling{status: Exists}
		case len(a.Key)+len(c.value)+len(a.value) > a.maxItem:
			return c, ruling{status: NotStored}
		case a.Op == Append:
			fresh.value = c.value + a.value
		default:
			fresh.value = a.value + c.value
		}
		fresh.item.Flags, fresh.item.Expiry = c.item.Flags, c.item.Expiry
		return fresh, wrote
	case Touch:
		c.item.Expiry = a.Expiry
		return c, ruling{wrote: true, same: true}
	case Delete:
		if differs {
			return c, ruling{status: Exists}
		}
		return c.remove(a), wrote
	}
	return c.count(a, differs)
}

func (c cell) get(a *action) (cell, ruling) {
	r := ruling{same: true}
	deadline := c.item.Expiry
	if a.Touch {
		c.item.Expiry, r.wrote = a.Expiry, true
		if a.TouchFirst {
			deadline = a.Expiry
		}
	}
	soon := a.Recache && deadline != Never && deadline < a.RecacheAt
	if !c.item.Won && (a.MayWin && c.item.Stale || soon) {
		c.item.Won, r.wonNow, r.wrote = true, true, true
	}
	return c, r
}

func (c cell) remove(a *action) cell {
	if !a.Stale && !a.DropValue {
		return cell{}
	}
	if a.DropValue {
		c.value, c.item = "", Item{ID: c.item.ID, Flags: a.Flags}
	}
	if a.Stale {
		c.item.Stale, c.item.Won = true, false
	}
	if a.Touch {
		c.item.Expiry = a.Expiry
	}
	return c
}

func (c cell) count(a *action, differs bool) (cell, ruling) {
	if differs && a.Compare != 0 && c.value != "" {
		return c, ruling{status: Exists}
	}
	number, _, _ := strings.Cut(c.value, " ")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || len(c.value) > maxCounter {
		return c, ruling{status: NonNumeric}
	}
	if a.Op == Incr {
		n += a.Delta
	} else {
		n -= min(n, a.Delta)
	}
	c.value = fmt.Sprintf("%-*d", len(c.value), n)
	if a.Touch {
		c.item.Expiry = a.Expiry
	}
	return c, ruling{wrote: true, number: n}
}

func (w world) exchange(a *action, o *outcome) (world, bool) {
	one, two := w.cells[a.key], w.cells[a.key2]
	switch {
	case o.status == NoMemory:
		return w, true
	case !one.present || !two.present:
		return w, o.status == NotFound
	case o.status != OK || o.id2 != two.item.ID:
		return w, false
	case a.key == a.key2:
		return w, o.item == one.item
	}
	x, y := two, one
	x.item.ID, x.item.Expiry, x.item.CAS = one.item.ID, one.item.Expiry, o.position
	y.item.ID, y.item.Expiry, y.item.CAS = two.item.ID, two.item.Expiry, o.position
	w.cells[a.key], w.cells[a.key2] = x, y
	return w, o.item == x.item
}

var opNames = [...]string{
	"get", "peek", "set", "add", "replace", "append", "prepend", "compareset", "delete", "incr", "decr", "touch", "exchange", "flush",
}

func (a *action) String() string {
	r := a.Request
	s := fmt.Sprintf("%s %d", opNames[a.Op], a.key)
	show := func(when bool, name string, v interface{}) {
		if when {
			s += fmt.Sprintf(" %s=%v", name, v)
		}
	}
	show(a.Op == Exchange, "with", a.key2)
	show(a.value != "", "value", shorten(a.value))
	show(a.Op == CompareSet, "old", shorten(a.old))
	show(r.HasCompare, "compare", r.Compare)
	show(r.Delta != 0, "delta", r.Delta)
	show(r.Expiry != 0, "expiry", r.Expiry)
	show(r.Vivify, "vivify", r.VivifyExpiry)
	show(r.Stale, "stale", true)
	show(r.DropValue, "drop", true)
	show(r.Touch, "touch", true)
	return s
}

func (o outcome) String() string {
	return fmt.Sprintf("status %d at %d..%d, position %d, %q of %d, %+v, was to expire at %d, created %v, won %v, number %d, other ID %d",
		o.status, o.now, o.after, o.position, shorten(o.value), o.valueLen, o.item, o.before, o.created, o.wonNow, o.number, o.id2)
}

func shorten(s string) string {
	if len(s) <= 30 {
		return s
	}
	return fmt.Sprintf("%s... (%d)", s[:20], len(s))
}
