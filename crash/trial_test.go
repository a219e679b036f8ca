package crash_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// livesPerHistory bounds the histories.
const livesPerHistory = 5

// mostReplies bounds how many replies come before the server is killed.
const mostReplies = 300

// A trial is one directory and the servers that live in it one after the other.
type trial struct {
	orders  orders
	rng     *rand.Rand
	lie     liar                      // of the clients; may be nil
	between func(kills int) error     // called while no server lives; may be nil
	end     func(*child, *load) error // ends every life; nil: SIGKILL, mostly

	child   *child
	history *history
	noted   int // entries of history that are in numbers
	numbers *numbers
	figures
}

// figures say how much a trial has tried.
type figures struct {
	kills, early, stops    int // early: before the server had started
	replies, pending       int
	longest                int // history, in requests of all groups
	loading, starting      time.Duration
	slowestStart, checking time.Duration
}

func (f figures) String() string {
	return fmt.Sprintf("%d kills, %d during the start, %d orderly stops; %d replies, %d requests pending; the longest history has %d requests; "+
		"%v under load, %v starting (at most %v), %v checking",
		f.kills, f.early, f.stops, f.replies, f.pending, f.longest, f.loading.Round(time.Millisecond),
		f.starting.Round(time.Millisecond), f.slowestStart.Round(time.Millisecond), f.checking.Round(time.Millisecond))
}

// run has so many servers end, one after the other, and checks what was seen.
// Orderly stops among kills do not count.
func (tr *trial) run(t *testing.T, ends int) error {
	defer func() {
		t.Log(tr.figures)
		if tr.child != nil {
			tr.child.kill()
		}
	}()
	tr.numbers = newNumbers()
	tr.begin(make([]groupState, len(groups)))
	_, err := tr.start()
	for life := 1; err == nil && tr.kills < ends && (tr.end == nil || life <= ends); life++ {
		var held []groupState
		if held, err = tr.live(); err == nil && life%livesPerHistory == 0 {
			err = tr.check()
			tr.begin(held)
		}
	}
	return errors.Join(err, tr.check()) // what is wrong may be a consequence of what the history shows
}

// begin begins a history with what the server holds.
func (tr *trial) begin(held []groupState) { tr.history, tr.noted = newHistory(held), 0 }

// check checks the history.
func (tr *trial) check() error {
	defer func(start time.Time) { tr.checking += time.Since(start) }(time.Now())
	tr.longest = max(tr.longest, len(tr.history.entries))
	return tr.history.check()
}

// live puts load on the server until it ends, and starts another.
func (tr *trial) live() (held []groupState, err error) {
	began := time.Now()
	l, err := startLoad(tr.history, tr.child.addresses, tr.rng, 1+tr.rng.Int64N(mostReplies), tr.lie)
	if err != nil {
		return nil, err
	}
	select {
	case <-l.reached:
	case err := <-l.done:
		return nil, fmt.Errorf("while the server should live: %w", err)
	}
	end := tr.end
	if end == nil && tr.rng.IntN(10) == 0 {
		end = tr.stop // what comes after one that was clean may be killed again
	} else if end == nil {
		end = tr.kill
	}
	if err := end(tr.child, l); err != nil {
		return nil, err
	}
	for range loadClients {
		if err := <-l.done; errors.Is(err, errUnexpected) {
			return nil, err
		}
	}
	tr.loading += time.Since(began)
	tr.replies += int(l.replies.Load())
	tr.pending += tr.history.dead()
	if err := tr.note(); err != nil {
		return nil, err
	}
	if tr.between != nil {
		if err := tr.between(tr.kills); err != nil {
			return nil, err
		}
	}
	return tr.start()
}

// kill kills the server at some moment between the last reply and the next ones.
func (tr *trial) kill(c *child, _ *load) error {
	time.Sleep(time.Duration(tr.rng.IntN(3000)) * time.Microsecond)
	c.kill()
	tr.kills++
	return nil
}

// stop stops the server in order, under load.
func (tr *trial) stop(c *child, _ *load) error {
	tr.stops++
	return c.stop()
}

// start starts a server, perhaps after some that were killed while they
// started, and reads all that it holds.
func (tr *trial) start() (held []groupState, err error) {
	began := time.Now()
	for tr.end == nil && tr.rng.IntN(4) == 0 {
		c, err := spawn(tr.orders)
		if err != nil {
			return nil, err
		}
		time.Sleep(time.Duration(tr.rng.Int64N(int64(tr.slowestStart*3/2 + 5*time.Millisecond))))
		c.kill()
		tr.early++
	}
	last := time.Now()
	if tr.child, err = start(tr.orders); err != nil {
		return nil, err
	}
	tr.starting += time.Since(began)
	tr.slowestStart = max(tr.slowestStart, time.Since(last))
	held, err = tr.read()
	if err == nil {
		err = tr.note()
	}
	tr.numbers.known()
	for group := range held { // a new number is larger than all that were ever seen
		for key := range held[group] {
			it := &held[group][key]
			it.id.floor, it.token.floor = tr.numbers.maxID, tr.numbers.maxTok
		}
	}
	return held, err
}

// read reads every key on both listeners, as a client of the history that is
// alone with the server.
func (tr *trial) read() ([]groupState, error) {
	line, err := tr.child.dial()
	if err != nil {
		return nil, err
	}
	defer line.hangUp()
	id := tr.history.newClient()
	ask := func(op operation) (answer, error) {
		call := tr.history.now()
		got, err := line.ask(op)
		if err == nil {
			tr.history.add(id, op, call, got)
		}
		return got, err
	}
	held := make([]groupState, len(groups))
	for group, kind := range groups {
		for key := range kind.keys {
			op := operation{verb: askGet, meta: true, group: group, key: key}
			whole, err := ask(op)
			if err != nil {
				return nil, err
			}
			op.onWeensy = true
			named, err := ask(op)
			if err != nil {
				return nil, err
			}
			if whole.status != isDone || named.status != isDone {
				continue // that both say so is for the checker
			}
			held[group][key] = item{
				there: true, value: *whole.value, flags: *whole.flags, life: *whole.life,
				id: number{value: named.id}, token: number{value: whole.token},
			}
		}
	}
	return held, nil
}

// note tells numbers of what the history shows.
func (tr *trial) note() error {
	for _, e := range slices.Clip(tr.history.entries[tr.noted:]) {
		if err := tr.numbers.note(e.Input.(operation), e.Output.(answer)); err != nil {
			return err
		}
		tr.noted++
	}
	return nil
}
