package crash_test

import (
	"fmt"
	"strconv"

	"github.com/anishathalye/porcupine"
)

// The sequential specification that the histories are checked against: what one
// group of keys holds, and what each request does to it. It is written from the
// protocol's documents and shares no code with the server.

// groupSize bounds the keys that exch may join, since the checker must search
// the interleavings of a whole group.
const groupSize = 4

// A number is an ID or a token: of the server's choice, a new one larger than
// those of the key before it. The model learns it from the first reply that
// shows it.
type number struct {
	value uint64 // 0: not known yet
	floor uint64 // then it is larger than this
}

// fresh is the number after the server has chosen a new one.
func (n number) fresh() number { return number{floor: max(n.floor, n.value)} }

// learn is the number after a reply has shown v, or nothing (0).
func (n number) learn(v uint64) (number, bool) {
	switch {
	case v == 0 || v == n.value:
		return n, true
	case n.value == 0 && v > n.floor:
		return number{value: v}, true
	}
	return n, false
}

// An item is what one key holds. Of one that is not there only the floors are
// left.
type item struct {
	there     bool
	value     string // its tag
	flags     uint32
	life      int
	id, token number
}

func (it item) put(value string, flags uint32, life int) item {
	next := item{there: true, value: value, flags: flags, life: life, id: it.id, token: it.token.fresh()}
	if !it.there {
		next.id = it.id.fresh()
	}
	return next
}

func (it item) gone() item { return item{id: it.id.fresh(), token: it.token.fresh()} }

// swapped is the item after an exchange with other: value and flags change
// places, ID and expiry stay with the key.
func (it item) swapped(other item) item {
	it.value, it.flags, it.token = other.value, other.flags, it.token.fresh()
	return it
}

// count adds or subtracts. The values that clients choose keep their length.
func (it item) count(op operation) (item, status) {
	n, err := strconv.ParseUint(it.value, 10, 64)
	switch {
	case err != nil:
		return it, isNoNumber
	case op.down:
		n -= op.delta
	default:
		n += op.delta
	}
	it.value, it.token = strconv.FormatUint(n, 10), it.token.fresh()
	return it, isDone
}

// A groupState is what the keys of one group hold.
type groupState [groupSize]item

// step is the state after op, and what its reply must be.
func (s groupState) step(op operation) (groupState, status) {
	if op.verb == askFlush {
		for i := range s {
			s[i] = s[i].gone()
		}
		return s, isDone
	}
	it := s[op.key]
	next, want := it, isDone
	switch {
	case op.verb == askAdd && it.there:
		return s, isNotStored
	case op.verb == askSet, op.verb == askAdd:
		next = it.put(op.value, op.flags, op.life)
	case !it.there:
		return s, isNotFound
	case op.verb == askCas && it.token.value != op.token:
		return s, isPresent // a client has its token from a reply: if it were the item's, it would be known
	case op.verb == askCas:
		next = it.put(op.value, op.flags, op.life)
	case op.verb == askSwapValue && it.value != op.old:
		return s, isPresent
	case op.verb == askSwapValue:
		next = it.put(op.value, 0, 0)
	case op.verb == askRemove, op.verb == askTouch && op.life < 0:
		next = it.gone()
	case op.verb == askTouch:
		next.life = op.life
	case op.verb == askCount:
		next, want = it.count(op)
	case op.verb == askExch:
		other := s[op.other]
		if !other.there {
			return s, isNotFound
		}
		if op.key != op.other {
			next, s[op.other] = it.swapped(other), other.swapped(it)
		}
	}
	s[op.key] = next
	return s, want
}

// explain is the states that op with its answer can lead to: none if the answer
// cannot be.
func (s groupState) explain(op operation, got answer) []groupState {
	next, want := s.step(op)
	switch {
	case got.unknown && next == s:
		return []groupState{s}
	case got.unknown:
		return []groupState{s, next}
	case got.status != want:
		return nil
	case want != isDone || op.verb == askFlush:
		return []groupState{next}
	}
	if op.verb == askRemove { // the reply shows the ID that was
		_, ok := s[op.key].id.learn(got.id)
		if next[op.key].id.floor = max(next[op.key].id.floor, got.id); !ok {
			return nil
		}
		return []groupState{next}
	}
	it := &next[op.key]
	if got.value != nil && *got.value != it.value ||
		got.flags != nil && *got.flags != it.flags ||
		got.life != nil && *got.life != it.life {
		return nil
	}
	var ok1, ok2, ok3 bool
	it.id, ok1 = it.id.learn(got.id)
	it.token, ok2 = it.token.learn(got.token)
	next[op.other].id, ok3 = next[op.other].id.learn(got.otherID)
	if !ok1 || !ok2 || !ok3 {
		return nil
	}
	return []groupState{next}
}

// modelFrom is the model of a group that holds s at first.
func modelFrom(s groupState) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{s} },
		Step: func(s, input, output any) (states []any) {
			for _, next := range s.(groupState).explain(input.(operation), output.(answer)) {
				states = append(states, next)
			}
			return states
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v -> %v", input, output) },
	}
	return m.ToModel()
}
