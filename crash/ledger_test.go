package crash_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"weensydb"
)

// A ledger is one directory and the servers that live in it one after the
// other, at full speed and without a model.
type ledger struct {
	orders orders
	rng    *rand.Rand

	child   *child
	numbers *numbers
	ring    map[string]bool
	sums    [counterKeys]uint64 // as they were read last
	deleted []operation         // reads of what was deleted last
	figures
	kept, lost int // insertions that were acknowledged
}

func (l *ledger) lossy() bool { return l.orders.Durability != weensydb.DurabilityAlways }

// run has so many servers killed.
func (l *ledger) run(t *testing.T, kills int) error {
	defer func() {
		t.Logf("%d kills, %d replies, %d requests pending; of acknowledged insertions %d kept and %d taken back; %v under load, %v starting (at most %v), %v checking",
			l.kills, l.replies, l.pending, l.kept, l.lost, l.loading.Round(time.Millisecond),
			l.starting.Round(time.Millisecond), l.slowestStart.Round(time.Millisecond), l.checking.Round(time.Millisecond))
		if l.child != nil {
			l.child.kill()
		}
	}()
	l.numbers, l.ring = newNumbers(), map[string]bool{}
	if err := l.open(); err != nil {
		return err
	}
	for range kills {
		// What is to be lost by a lossy server is what came since an orderly stop.
		if l.lossy() || l.rng.IntN(4) == 0 {
			if err := l.restart(); err != nil {
				return err
			}
		}
		sent, err := l.load()
		if err != nil {
			return err
		}
		if err := l.start(); err != nil {
			return err
		}
		if err := l.audit(sent, l.lossy()); err != nil {
			return err
		}
		if _, _, err := l.mark(); err != nil {
			return err
		}
		if err := l.clear(sent); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) start() (err error) {
	began := time.Now()
	l.child, err = start(l.orders)
	l.starting += time.Since(began)
	l.slowestStart = max(l.slowestStart, time.Since(began))
	return err
}

// open starts the first server and puts values into the ring and the counters.
func (l *ledger) open() error {
	if err := l.start(); err != nil {
		return err
	}
	line, err := l.child.dial()
	if err != nil {
		return err
	}
	defer line.hangUp()
	var ops []operation
	for key := range ringKeys {
		value := fmt.Sprintf("ring %d*%d;", key, 1000*key)
		l.ring[value] = true
		ops = append(ops, operation{verb: askSet, meta: true, group: ringGroup, key: key, value: value, flags: uint32(key)})
	}
	for key := range counterKeys {
		ops = append(ops, operation{verb: askSet, meta: true, group: counterGroup, key: key, value: "0"})
	}
	_, err = line.askBurst(ops, func(operation, answer) {})
	return err
}

// load lets the scribes loose on the server until it is killed.
func (l *ledger) load() (sent [][]entry, err error) {
	began := time.Now()
	most := int64(2000)
	if l.lossy() {
		most = 400 // of large values, so that what is written now and then is written
	}
	count := &tally{enough: 1 + l.rng.Int64N(most), reached: make(chan struct{})}
	done := make(chan error, scribes)
	all := make([]*scribe, scribes)
	for author := range all {
		line, err := l.child.dial()
		if err != nil {
			return nil, err
		}
		all[author] = &scribe{author: author, large: l.lossy(), line: line, tally: count,
			rng: rand.New(rand.NewPCG(l.rng.Uint64(), l.rng.Uint64()))}
	}
	for _, s := range all {
		go func() { done <- s.run() }()
	}
	select {
	case <-count.reached:
	case err := <-done:
		return nil, fmt.Errorf("while the server should live: %w", err)
	}
	time.Sleep(time.Duration(l.rng.IntN(3000)) * time.Microsecond) // the moment is to be a random one
	l.child.kill()
	for range all {
		if err := <-done; errors.Is(err, errUnexpected) {
			return nil, err
		}
	}
	for _, s := range all {
		sent = append(sent, s.sent)
	}
	l.kills++
	l.loading += time.Since(began)
	l.replies += int(count.replies.Load())
	return sent, nil
}

// audit reads all that the server holds and judges it.
func (l *ledger) audit(sent [][]entry, lossy bool) error {
	began := time.Now()
	for _, of := range sent {
		for _, e := range of {
			if err := l.numbers.note(e.op, e.got); err != nil {
				return err
			}
		}
	}
	line, err := l.child.dial()
	if err != nil {
		return err
	}
	defer line.hangUp()
	s, err := l.survey(line, sent)
	if err != nil {
		return err
	}
	l.numbers.known()
	if err := judge(s, sent, l.sums, l.ring, lossy); err != nil {
		return err
	}
	for key, got := range s.counters {
		fmt.Sscan(*got.value, &l.sums[key])
	}
	for _, of := range sent {
		for _, e := range of {
			switch {
			case e.got.unknown:
				l.pending++
			case e.op.verb == askSet && s.journals[e.op.key].status == isDone:
				l.kept++
			case e.op.verb == askSet:
				l.lost++
			}
		}
	}
	l.checking += time.Since(began)
	return nil
}

// survey reads all that the server holds.
func (l *ledger) survey(line *line, sent [][]entry) (s survey, err error) {
	read := func(group, key int) operation { return operation{verb: askGet, meta: true, group: group, key: key} }
	keys := func(group, n int) (ops []operation) {
		for key := range n {
			ops = append(ops, read(group, key))
		}
		return ops
	}
	var journals []operation
	for _, of := range sent {
		for _, e := range of {
			if e.op.verb == askSet {
				journals = append(journals, read(e.op.group, e.op.key))
			}
		}
	}
	ring, err1 := l.read(line, keys(ringGroup, ringKeys))
	counters, err2 := l.read(line, keys(counterGroup, counterKeys))
	deleted, err3 := l.read(line, l.deleted)
	found, err4 := l.read(line, journals)
	s = survey{ring: ring, counters: counters, deleted: deleted, journals: map[int]answer{}}
	for i, got := range found {
		s.journals[journals[i].key] = got
	}
	return s, errors.Join(err1, err2, err3, err4)
}

// read reads keys on both listeners and notes their numbers.
func (l *ledger) read(line *line, ops []operation) (all []answer, err error) {
	for some := range slices.Chunk(ops, burst) {
		note := func(op operation, got answer) { err = errors.Join(err, l.numbers.note(op, got)) }
		answers, err1 := line.askBurst(some, note)
		onWeensy := slices.Clone(some)
		for i := range onWeensy {
			onWeensy[i].onWeensy = true
		}
		named, err2 := line.askBurst(onWeensy, note)
		if err = errors.Join(err, err1, err2); err != nil {
			return nil, err
		}
		for i, got := range answers {
			if got.status != named[i].status {
				return nil, fmt.Errorf("%w: the listeners disagree on %v: %v and %v", errAudit, some[i], got, named[i])
			}
		}
		all = append(all, answers...)
	}
	return all, nil
}

// clear deletes the journals, lest they fill the memory.
func (l *ledger) clear(sent [][]entry) error {
	line, err := l.child.dial()
	if err != nil {
		return err
	}
	defer line.hangUp()
	l.deleted = nil
	var removes []operation
	for _, of := range sent {
		for _, e := range of {
			if e.op.verb == askSet {
				removes = append(removes, operation{verb: askRemove, onWeensy: true, group: e.op.group, key: e.op.key})
				l.deleted = append(l.deleted, operation{verb: askGet, meta: true, group: e.op.group, key: e.op.key})
			}
		}
	}
	for some := range slices.Chunk(removes, burst) {
		if _, err := line.askBurst(some, func(operation, answer) {}); err != nil {
			return err
		}
	}
	return nil
}

// restart stops the server in order and starts another: nothing is lost, and
// the numbers go on where they were.
func (l *ledger) restart() error {
	id, token, err := l.mark()
	if err != nil {
		return err
	}
	if err := l.child.stop(); err != nil {
		return err
	}
	if err := l.start(); err != nil {
		return err
	}
	nextID, nextToken, err := l.mark()
	if err == nil && (nextID != id+1 || nextToken != token+1) {
		err = fmt.Errorf("%w: after an orderly stop ID %d and token %d were followed by %d and %d", errNumber, id, token, nextID, nextToken)
	}
	return errors.Join(err, l.audit(nil, false))
}

// mark inserts a key and returns its numbers. Between an audit and the next
// they must be larger than all that was seen before.
func (l *ledger) mark() (id, token uint64, err error) {
	line, err := l.child.dial()
	if err != nil {
		return 0, 0, err
	}
	defer line.hangUp()
	set := operation{verb: askSet, onWeensy: true, group: markGroup, key: int(authored.Add(1)), value: "mark"}
	get := operation{verb: askGet, group: markGroup, key: set.key}
	named, err1 := line.ask(set)
	seen, err2 := line.ask(get)
	return named.id, seen.token, errors.Join(err1, err2, l.numbers.note(set, named), l.numbers.note(get, seen))
}
