package crash_test

import (
	"errors"
	"fmt"
	"strconv"
)

// errAudit is a server that holds what it cannot hold.
var errAudit = errors.New("audit")

// A survey is what a server was found to hold.
type survey struct {
	ring, counters []answer
	journals       map[int]answer // by the keys that were sent
	deleted        []answer       // of keys that were deleted before
}

// position is the newest change that the server is known to have.
func (s survey) position() (newest uint64) {
	for _, answers := range [][]answer{s.ring, s.counters} {
		for _, got := range answers {
			newest = max(newest, got.token)
		}
	}
	for _, got := range s.journals {
		newest = max(newest, got.token)
	}
	return newest
}

// judge compares what a server holds with what scribes have sent to the one
// before it, which held the sums. A crash of a lossy server may have taken back
// all that came after some position.
func judge(s survey, sent [][]entry, sums [counterKeys]uint64, ring map[string]bool, lossy bool) error {
	errs := []error{judgeRing(s.ring, ring), judgeCounters(s, sent, sums, lossy)}
	for _, of := range sent {
		errs = append(errs, judgeJournal(s, of, lossy))
	}
	for _, got := range s.deleted {
		if got.status != isNotFound {
			errs = append(errs, fmt.Errorf("%w: a key that was deleted is back: %v", errAudit, got))
		}
	}
	return errors.Join(errs...)
}

// judgeRing wants the values that were put into the ring, each once.
func judgeRing(found []answer, ring map[string]bool) error {
	seen := map[string]bool{}
	for _, got := range found {
		if got.value == nil || !ring[*got.value] || seen[*got.value] {
			return fmt.Errorf("%w: the exchanges did not keep the values: %v", errAudit, found)
		}
		seen[*got.value] = true
	}
	return nil
}

// judgeCounters wants the sums to have what was acknowledged, and nothing beyond
// what was sent.
func judgeCounters(s survey, sent [][]entry, sums [counterKeys]uint64, lossy bool) error {
	least, most := sums, sums
	position := s.position()
	var values [counterKeys]uint64
	for key, got := range s.counters {
		if got.value == nil {
			return fmt.Errorf("%w: counter %d is gone", errAudit, key)
		}
		var err error
		if values[key], err = strconv.ParseUint(*got.value, 10, 64); err != nil {
			return fmt.Errorf("%w: counter %d: %w", errAudit, key, err)
		}
	}
	shown := map[entry]bool{}
	for _, of := range sent {
		for _, e := range of {
			if e.op.verb != askCount {
				continue
			}
			key := e.op.key
			most[key] += e.op.delta
			if e.got.unknown {
				continue
			}
			if !lossy {
				least[key] += e.op.delta
			}
			sum, err := strconv.ParseUint(*e.got.value, 10, 64)
			twice := entry{operation{key: key}, answer{token: sum}}
			switch reached := values[key] >= sum; {
			case err != nil, sum <= sums[key], shown[twice]:
				return fmt.Errorf("%w: %v was answered %v, which cannot be", errAudit, e.op, e.got)
			case e.got.token != 0 && reached != (e.got.token <= position), !reached && !lossy:
				return fmt.Errorf("%w: %v was answered %v, but with position %d counter %d is %d", errAudit, e.op, e.got, position, key, values[key])
			}
			shown[twice] = true
		}
	}
	for key, value := range values {
		if value < least[key] || value > most[key] {
			return fmt.Errorf("%w: counter %d is %d, not from %d to %d", errAudit, key, value, least[key], most[key])
		}
	}
	return nil
}

// judgeJournal wants, of the insertions of one scribe, a prefix: all that were
// acknowledged, and all up to the newest position.
func judgeJournal(s survey, of []entry, lossy bool) error {
	position := s.position()
	var missing *entry
	for _, e := range of {
		if e.op.verb != askSet {
			continue
		}
		found := s.journals[e.op.key]
		switch there := found.status == isDone; {
		case there && missing != nil:
			return fmt.Errorf("%w: %v is there, but %v, sent before it, is not", errAudit, e.op, missing.op)
		case there && *found.value != e.op.value:
			return fmt.Errorf("%w: %v, but it is %s", errAudit, e.op, *found.value)
		case !there && !e.got.unknown && !lossy:
			return fmt.Errorf("%w: %v was acknowledged, and is lost", errAudit, e.op)
		case !there && e.got.token != 0 && e.got.token <= position:
			return fmt.Errorf("%w: %v was answered %v, and is lost, but position %d is there", errAudit, e.op, e.got, position)
		case !there && missing == nil:
			missing = &e
		}
	}
	return nil
}
