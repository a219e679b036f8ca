package crash_test

import (
	"errors"
	"os"
	"testing"

	"github.com/anishathalye/porcupine"

	"weensydb"
)

// Broken variants: the harness must catch each.

// liars are clients that lie now and then.
var liars = map[string]liar{
	"an acknowledged write is dropped": func(c *client, op operation) (answer, bool, error) {
		return answer{}, op.verb == askSet && c.chance(10), nil
	},
	"half an exchange": func(c *client, op operation) (answer, bool, error) {
		if op.verb != askExch || op.key == op.other || c.chance(50) {
			return answer{}, false, nil
		}
		got, err := c.line.ask(operation{verb: askGet, onWeensy: true, group: op.group, key: op.other})
		if err != nil || got.status != isDone {
			return answer{}, false, err
		}
		_, err = c.line.ask(operation{verb: askSet, onWeensy: true, group: op.group, key: op.key, value: *got.value})
		return answer{}, true, err
	},
	"a miss told as a hit": func(c *client, op operation) (answer, bool, error) {
		if op.verb != askGet {
			return answer{}, false, nil
		}
		got, err := c.line.ask(op)
		if last := c.seen[op.key].value; got.status == isNotFound && last != "" {
			got = answer{value: &last}
		}
		return got, true, err
	},
	"a hit told as a miss": func(c *client, op operation) (answer, bool, error) {
		if op.verb != askGet || !c.chance(20) {
			return answer{}, false, nil
		}
		_, err := c.line.ask(op)
		return answer{status: isNotFound}, true, err
	},
	"a refusal that was none": func(c *client, op operation) (answer, bool, error) {
		if op.verb != askAdd {
			return answer{}, false, nil
		}
		_, err := c.line.ask(op)
		return answer{status: isNotStored}, true, err
	},
	"counted twice": func(c *client, op operation) (answer, bool, error) {
		if op.verb != askCount {
			return answer{}, false, nil
		}
		got, err := c.line.ask(op)
		if err == nil && got.status == isDone {
			_, err = c.line.ask(op)
		}
		return got, true, err
	},
	"a flush of all but one key": func(c *client, op operation) (answer, bool, error) {
		if op.verb != askFlush {
			return answer{}, false, nil
		}
		for group, kind := range groups {
			for key := range kind.keys {
				remove := operation{verb: askRemove, group: group, key: key}
				if group+key == 0 {
					remove = operation{verb: askSet, key: key, value: "spared;"}
				}
				if _, err := c.line.ask(remove); err != nil {
					return answer{}, false, err
				}
			}
		}
		return answer{}, true, nil
	},
}

// TestCatchesLies: without a crash.
func TestCatchesLies(t *testing.T) {
	for name, lie := range liars {
		t.Run(name, func(t *testing.T) {
			tr := &trial{orders: orders{Dir: newDir(t), Durability: weensydb.DurabilityNone}, rng: newRand(t), lie: lie}
			err := tr.talk(t, 3000)
			wantViolation(t, err)
		})
	}
	t.Run("the truth", func(t *testing.T) {
		tr := &trial{orders: orders{Dir: newDir(t), Durability: weensydb.DurabilityNone}, rng: newRand(t)}
		if err := tr.talk(t, 3000); err != nil {
			t.Error(err)
		}
	})
}

// wantViolation wants the checker to have decided, and against the history.
func wantViolation(t *testing.T, err error) {
	t.Helper()
	var found *violation
	if !errors.As(err, &found) || found.result != porcupine.Illegal {
		t.Errorf("want a violation, got %v", err)
	}
}

// talk records a history without a crash and checks it.
func (tr *trial) talk(t *testing.T, replies int64) error {
	tr.begin(make([]groupState, len(groups)))
	c, err := start(tr.orders)
	if err != nil {
		return err
	}
	defer c.kill()
	tr.child = c
	l, err := startLoad(tr.history, c.addresses, tr.rng, replies, tr.lie)
	if err != nil {
		return err
	}
	var errs []error
	left := loadClients
	select {
	case <-l.reached:
	case err := <-l.done:
		errs, left = append(errs, err), left-1
	}
	l.stopped.Store(true)
	for range left {
		errs = append(errs, <-l.done)
	}
	if _, err := tr.read(); err != nil {
		return err
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	defer func() { t.Logf("%d requests, %v checking", tr.longest, tr.checking) }()
	return tr.check()
}

// caughtWithin is the number of kills within which a broken server must be caught.
const caughtWithin = 10

// TestCatchesLoss: a server that replies before it has written loses writes.
func TestCatchesLoss(t *testing.T) {
	tr := &trial{orders: orders{Dir: newDir(t), Durability: weensydb.DurabilityNone}, rng: newRand(t)}
	tr.end = tr.kill
	wantViolation(t, tr.run(t, caughtWithin))
}

// TestCatchesRollback: a directory that is replaced by an older copy of itself
// is refused, or what is missing is found.
func TestCatchesRollback(t *testing.T) {
	dir := newDir(t)
	tr := &trial{orders: orders{Dir: dir, Durability: weensydb.DurabilityAlways}, rng: newRand(t)}
	tr.end = tr.kill
	tr.between = func(kills int) error {
		switch kills {
		case 1:
			return os.CopyFS(dir+".old", os.DirFS(dir))
		case 3:
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			return os.Rename(dir+".old", dir)
		}
		return nil
	}
	err := tr.run(t, 5)
	var found *violation
	if !errors.Is(err, errNumber) && !errors.Is(err, errNoStart) && !errors.As(err, &found) {
		t.Errorf("nobody noticed: %v", err)
	}
}
