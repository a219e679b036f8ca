package crash_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"weensydb"
)

// TestCrash: nothing acknowledged is lost, nothing else is half there, and no
// reply contradicts what survives.
func TestCrash(t *testing.T) {
	rng := newRand(t)
	for _, sockets := range []bool{false, true} {
		tr := &trial{orders: orders{Dir: newDir(t), Durability: weensydb.DurabilityAlways, Sockets: sockets, Snapshots: sockets}, rng: rng}
		if err := tr.run(t, (*killsFlag+1)/2); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOrderlyStop: that loses nothing, in any mode.
func TestOrderlyStop(t *testing.T) {
	rng := newRand(t)
	for _, durability := range modes {
		t.Run(string(durability), func(t *testing.T) {
			tr := &trial{orders: orders{Dir: newDir(t), Durability: durability}, rng: rng}
			tr.end = tr.stop
			if err := tr.run(t, 2); err != nil {
				t.Fatal(err)
			}
		})
	}
}

var modes = []weensydb.Durability{weensydb.DurabilityAlways, weensydb.DurabilityInterval, weensydb.DurabilityNone}

// TestLedger: at full speed exchanges keep the values, counters add up, and what
// survives is a prefix; in every mode, but in always it has all that was
// acknowledged.
func TestLedger(t *testing.T) {
	rng := newRand(t)
	kills := map[weensydb.Durability]int{
		weensydb.DurabilityAlways:   *killsFlag,
		weensydb.DurabilityInterval: (*killsFlag + 3) / 4,
		weensydb.DurabilityNone:     (*killsFlag + 3) / 4,
	}
	for _, durability := range modes {
		t.Run(string(durability), func(t *testing.T) {
			l := &ledger{orders: orders{Dir: newDir(t), Durability: durability, Snapshots: true}, rng: rng}
			if err := l.run(t, kills[durability]); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestInterval: in that mode what was acknowledged is written soon, though
// nothing follows it and nobody stops the server.
func TestInterval(t *testing.T) {
	o := orders{Dir: newDir(t), Durability: weensydb.DurabilityInterval}
	const value = "written without being asked to"
	set := operation{verb: askSet, onWeensy: true, value: value}
	if _, err := killedAfter(o, set, func() bool { return inFiles(t, o.Dir, value) }); err != nil {
		t.Fatal(err)
	}
	got, err := killedAfter(o, operation{verb: askGet}, func() bool { return true })
	if err != nil || got.value == nil || *got.value != value {
		t.Errorf("got %v (%v), want %q", got, err, value)
	}
}

// killedAfter is the reply of a server that is killed when holds does.
func killedAfter(o orders, op operation, holds func() bool) (got answer, err error) {
	c, err := start(o)
	if err != nil {
		return got, err
	}
	defer c.kill()
	line, err := c.dial()
	if err != nil {
		return got, err
	}
	defer line.hangUp()
	if got, err = line.ask(op); err != nil {
		return got, err
	}
	for deadline := time.Now().Add(longWait); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return got, fmt.Errorf("after %v: still waiting", longWait)
		}
	}
	return got, nil
}

// inFiles reports whether a file of the directory has the text.
func inFiles(t *testing.T, dir, text string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(name string) bool {
		content, _ := os.ReadFile(name) // it may have been renamed
		return bytes.Contains(content, []byte(text))
	})
}
