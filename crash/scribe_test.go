package crash_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
)

// The keys of the ledger, by groups.
const (
	scribes      = 4  // groups 0 to 3 are their journals: every key is inserted once
	ringGroup    = 10 // keys that are only exchanged
	ringKeys     = 8
	counterGroup = 11 // keys that only count up
	counterKeys  = 4
	markGroup    = 12 // see ledger.mark
)

// burst bounds how many requests are sent before the first reply is read.
const burst = 16

// An entry is a request and its reply, which may be unknown.
type entry struct {
	op  operation
	got answer
}

// A scribe sends requests in bursts, now to the one listener and now to the
// other, and keeps account of them. It lives as long as the server.
type scribe struct {
	author int
	large  bool // values
	line   *line
	rng    *rand.Rand
	tally  *tally
	sent   []entry // in this order
}

// A tally counts the replies that all scribes have.
type tally struct {
	replies atomic.Int64
	enough  int64
	reached chan struct{} // closed when there are enough
}

// run ends when the connection fails.
func (s *scribe) run() error {
	defer s.line.hangUp()
	for {
		answers, err := s.line.askBurst(s.compose(), func(op operation, got answer) {
			s.sent = append(s.sent, entry{op, got})
			if !got.unknown && s.tally.replies.Add(1) == s.tally.enough {
				close(s.tally.reached)
			}
		})
		if err != nil {
			return err
		}
		for _, got := range answers {
			if got.status != isDone {
				return fmt.Errorf("%w: %v", errUnexpected, got)
			}
		}
	}
}

// askBurst sends requests, all to one listener, and then reads the replies.
// Those that do not come are unknown.
func (l *line) askBurst(ops []operation, each func(operation, answer)) (answers []answer, err error) {
	requests := ""
	for _, op := range ops {
		requests += op.encode()
	}
	c := l.conn(ops[0])
	_, err = c.Write([]byte(requests))
	for _, op := range ops {
		got := answer{unknown: true}
		if err == nil {
			if got, err = op.readAnswer(c.in); err != nil {
				got = answer{unknown: true}
			}
		}
		each(op, got)
		answers = append(answers, got)
	}
	return answers, err
}

// compose makes up a burst.
func (s *scribe) compose() (ops []operation) {
	onWeensy, kind := s.rng.IntN(2) == 0, s.rng.IntN(3)
	for range 1 + s.rng.IntN(burst) {
		op := operation{onWeensy: onWeensy, meta: true}
		switch {
		case kind == 0 && !onWeensy:
			op.verb, op.group, op.key, op.delta = askCount, counterGroup, s.rng.IntN(counterKeys), 1+s.rng.Uint64N(9)
			op.meta = s.rng.IntN(2) == 0
		case kind == 1:
			op.verb, op.group, op.key, op.other = askExch, ringGroup, s.rng.IntN(ringKeys), s.rng.IntN(ringKeys)
		default:
			n := int(authored.Add(1))
			op.verb, op.group, op.key, op.value = askSet, s.author, n, s.value(n)
		}
		ops = append(ops, op)
	}
	return ops
}

func (s *scribe) value(n int) string {
	switch {
	case s.large:
		return fmt.Sprintf("%d*%d;", n, 20_000+s.rng.IntN(40_000))
	case s.rng.IntN(10) > 0:
		return fmt.Sprintf("%d*%d;", n, s.rng.IntN(100))
	}
	return fmt.Sprintf("%d*%d;", n, s.rng.IntN(20_000))
}
