package server_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"
)

// The sequential specification that the histories are checked against: what
// one group of keys holds, and what each request does to it. It is written
// from the protocol's documents, not from the server, and shares no code with it.
//
// Every request is deterministic given the state, except for two numbers that
// the server chooses: an item's ID and its CAS token. These are opaque; the
// model learns each from the first reply that shows it.

// groupSize bounds the keys that exch may join, since the checker must search
// the interleavings of a whole group.
const groupSize = 4

// A modelItem is what one key holds. Its ID and token outlive it, as the floors of the next.
type modelItem struct {
	exists bool
	value  string
	flags  uint32
	ttl    int64 // seconds; 0 never. The clock of the histories stands still.
	stale  bool
	won    bool
	token  opaque
	id     opaque
}

// put replaces what the key holds.
func (it modelItem) put(value string, flags uint32, ttl int64, newToken uint64) modelItem {
	next := modelItem{exists: true, value: value, flags: flags, token: it.token, id: it.id}
	if !it.exists {
		next.id = it.id.fresh()
	}
	return next.retoken(newToken).live(ttl)
}

// live gives the item ttl seconds, which may be none.
func (it modelItem) live(ttl int64) modelItem {
	it.ttl = ttl
	if ttl < 0 {
		return it.gone()
	}
	return it
}

func (it modelItem) gone() modelItem { return modelItem{token: it.token.fresh(), id: it.id.fresh()} }

func (it modelItem) retoken(newToken uint64) modelItem {
	it.token = it.token.fresh()
	if newToken != 0 {
		it.token = opaque{known: true, value: newToken, floor: it.token.floor}
	}
	return it
}

// A groupState is what the keys of one group hold.
type groupState [groupSize]modelItem

// step applies op to s: the state after it, what the reply must be, and the
// items (of op.key and op.other) whose token and ID that reply may show.
func (s groupState) step(op operation) (next groupState, want status, shown [2]modelItem, marks string) {
	it := s[op.key]
	next = s
	switch op.verb {
	case askGet:
		next[op.key], shown[0], want, marks = it.get(op)
	case askStore:
		next[op.key], want = it.store(op)
		shown[0] = next[op.key]
	case askRemove:
		next[op.key], want = it.remove(op)
		shown[0] = it
	case askCount:
		next[op.key], shown[0], want = it.count(op)
	case askTouch:
		want = isNotFound
		if it.exists {
			next[op.key], want = it.live(op.ttl), isDone
		}
	case askExch:
		want = isNotFound
		if other := s[op.other]; it.exists && other.exists {
			want = isDone
			if op.key != op.other {
				next[op.key], next[op.other] = it.swapped(other), other.swapped(it)
			}
			shown = [2]modelItem{next[op.key], next[op.other]}
		}
	case askSwapValue:
		switch {
		case !it.exists:
			want = isNotFound
		case it.value != op.old:
			want = isPresent
		default:
			next[op.key] = it.put(op.value, 0, 0, 0)
			shown[0] = next[op.key]
		}
	case askFlush:
		for i := range next {
			next[i] = next[i].gone()
		}
	}
	return next, want, shown, marks
}

// swapped is the item after an exchange with other: the values, with their flags
// and marks, change places, ID and expiry stay with the key.
func (it modelItem) swapped(other modelItem) modelItem {
	it.value, it.flags, it.stale, it.won = other.value, other.flags, other.stale, other.won
	return it.retoken(0)
}

func (it modelItem) get(op operation) (next, shown modelItem, want status, marks string) {
	win := false
	if !it.exists {
		if op.create == 0 {
			return it, it, isNotFound, ""
		}
		it, win = it.put("", 0, op.create, op.newToken), true
	} else if op.touch {
		it.ttl = op.ttl
	}
	if op.recache > 0 && !it.won && it.ttl != 0 && it.ttl < op.recache {
		win = true
	}
	if it.won {
		marks += "Z"
	}
	if it.stale {
		marks += "X"
		win = win || !it.won
	}
	shown = it
	if win && op.dialect == inMeta { // others are not told, so they win nothing
		marks += "W"
		it.won = true
	}
	if op.touch && op.ttl < 0 {
		return it.gone(), shown, isDone, marks
	}
	return it, shown, isDone, marks
}

func (it modelItem) store(op operation) (modelItem, status) {
	if !it.exists {
		switch {
		case op.token != 0 && (op.mode == 'S' || op.mode == 'R'):
			return it, isNotFound
		case op.mode == 'R', (op.mode == 'A' || op.mode == 'P') && op.create == 0:
			return it, isNotStored
		case op.mode == 'A' || op.mode == 'P':
			return it.put(op.value, op.flags, op.create, op.newToken), isDone
		}
		return it.put(op.value, op.flags, op.ttl, op.newToken), isDone
	}
	order := 0
	if op.token != 0 {
		order = it.token.compare(op.token)
	}
	switch {
	case op.mode == 'E':
		return it, isNotStored
	case order < 0 && op.stale && (op.mode == 'S' || op.mode == 'R'):
		next := it.put(op.value, op.flags, it.ttl, op.newToken)
		next.stale, next.won = true, it.won
		return next, isDone
	case order != 0:
		return it, isPresent
	case op.mode == 'A':
		return it.put(it.value+op.value, it.flags, it.ttl, op.newToken), isDone
	case op.mode == 'P':
		return it.put(op.value+it.value, it.flags, it.ttl, op.newToken), isDone
	}
	return it.put(op.value, op.flags, op.ttl, op.newToken), isDone
}

func (it modelItem) remove(op operation) (modelItem, status) {
	switch {
	case !it.exists:
		return it, isNotFound
	case op.token != 0 && it.token.compare(op.token) != 0:
		return it, isPresent
	case !op.drop && !op.stale:
		return it.gone(), isDone
	}
	if op.drop {
		it.value, it.flags, it.ttl, it.stale, it.won = "", 0, op.ttl, false, false
	}
	if op.stale {
		if op.touch {
			it.ttl = op.ttl
		}
		it.stale, it.won = true, false
	}
	return it.retoken(op.newToken), isDone
}

// count adds to or subtracts from a decimal number. What the reply shows is
// the bare number, what is stored keeps the old length.
func (it modelItem) count(op operation) (next, shown modelItem, want status) {
	if !it.exists {
		if op.create == 0 {
			return it, it, isNotFound
		}
		it = it.put(strconv.FormatUint(op.initial, 10), 0, op.create, op.newToken)
		return it, it, isDone
	}
	if it.value != "" && op.token != 0 && it.token.compare(op.token) != 0 {
		return it, it, isPresent // nothing is no number, whatever its token
	}
	n, err := strconv.ParseUint(strings.TrimRight(it.value, " "), 10, 64)
	switch {
	case err != nil:
		return it, it, isNoNumber
	case !op.down:
		n += op.delta
	case n < op.delta:
		n = 0
	default:
		n -= op.delta
	}
	length := len(it.value)
	it = it.retoken(op.newToken)
	it.value = strconv.FormatUint(n, 10)
	shown = it
	it.value = fmt.Sprintf("%-*s", length, it.value)
	return it, shown, isDone
}

// explain reports whether got is what op gives in s, and the state after it,
// with what it taught.
func (s groupState) explain(op operation, got answer) (bool, groupState) {
	next, want, shown, marks := s.step(op)
	if got.unknown {
		return true, next
	}
	if got.status != want || got.marks != nil && *got.marks != marks {
		return false, s
	}
	it := shown[0]
	if got.value != nil && *got.value != it.value ||
		got.flags != nil && *got.flags != it.flags ||
		got.ttl != nil && *got.ttl != it.ttl {
		return false, s
	}
	ok := next.learn(op.key, it, got.token, got.id) &&
		next.learn(op.other, shown[1], nil, got.otherID)
	return ok, next
}

// learn checks the token and the ID that a reply showed for item it, and keeps
// them if the key still holds that item.
func (s *groupState) learn(key int, it modelItem, token, id *uint64) bool {
	if token != nil {
		known, ok := it.token.learn(*token)
		if !ok {
			return false
		}
		s[key].token = s[key].token.taught(it.token, known)
	}
	if id != nil {
		known, ok := it.id.learn(*id)
		if !ok {
			return false
		}
		s[key].id = s[key].id.taught(it.id, known)
	}
	return true
}

// groupModel is what the checker wants: groups of keys are independent of each other.
var groupModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		var groups [][]porcupine.Operation
		for _, op := range history {
			g := op.Input.(operation).group
			for len(groups) <= g {
				groups = append(groups, nil)
			}
			groups[g] = append(groups[g], op)
		}
		return groups
	},
	Init: func() interface{} { return groupState{} },
	Step: func(s, input, output interface{}) (bool, interface{}) {
		return s.(groupState).explain(input.(operation), output.(answer))
	},
	DescribeOperation: func(input, output interface{}) string {
		return fmt.Sprintf("%v -> %v", input.(operation), output.(answer))
	},
}
