//go:build lockcheck

package lockcheck

import (
	"os"
	"strings"
	"sync"
	"testing"
)

// reader locks for reading.
type reader struct{ m *RWMutex }

func (r reader) Lock()   { r.m.RLock() }
func (r reader) Unlock() { r.m.RUnlock() }

// writeFile makes a call of the operating system, as the code does.
func writeFile(t *testing.T) {
	NoneHeld("write")
	if err := os.WriteFile(t.TempDir()+"/file", nil, 0o600); err != nil {
		t.Error(err)
	}
}

func TestChecks(t *testing.T) {
	const (
		order      = "lockcheck: a lock "
		write      = "lockcheck: write while "
		notHeld    = "lockcheck: unlocked by "
		noRank     = "a lock without rank, taken at "
		ofThisFile = "on_test.go:"
	)
	var low, high, last, other Mutex
	var outer RWMutex
	outer.SetRank(Outermost)
	low.SetRank(Outermost + 1)
	high.SetRank(Outermost + 2)
	for _, c := range []struct {
		name  string
		locks []sync.Locker // taken in this order, and given back in it
		f     func()
		want  []string
	}{
		{"nothing", nil, func() { writeFile(t) }, nil},
		{"ascending", []sync.Locker{&outer, &low, &high, &last}, func() {}, nil},
		{"ascending, read", []sync.Locker{reader{&outer}, &low, &high}, func() {}, nil},
		{"taken again", []sync.Locker{&low}, func() { low.Unlock(); low.Lock() }, nil},
		{"after another has gone", []sync.Locker{&low, &high}, func() { high.Unlock(); high.Lock() }, nil},

		{"descending", []sync.Locker{&high}, low.Lock, []string{order, "of rank 2 taken while", "of rank 3", ofThisFile}},
		{"twice", []sync.Locker{&low}, low.Lock, []string{order}},
		{"twice, read", []sync.Locker{reader{&outer}}, outer.RLock, []string{order}},
		{"written while read", []sync.Locker{reader{&outer}}, outer.Lock, []string{order}},
		{"outermost inside", []sync.Locker{&last}, outer.RLock, []string{order, noRank}},
		{"ranked after the last", []sync.Locker{&last}, high.Lock, []string{order, noRank}},
		{"two without rank", []sync.Locker{&last}, other.Lock, []string{order, noRank}},

		{"write, locked", []sync.Locker{&low}, func() { writeFile(t) }, []string{write, "of rank 2", ofThisFile}},
		{"write, locked without rank", []sync.Locker{&last}, func() { writeFile(t) }, []string{write, noRank, ofThisFile}},
		{"write, locked to read", []sync.Locker{reader{&outer}}, func() { writeFile(t) }, []string{write}},
		{"write, one of two given back", []sync.Locker{&low, &high}, func() {
			high.Unlock()
			defer high.Lock()
			writeFile(t)
		}, []string{write, "of rank 2"}},

		{"given back twice", nil, low.Unlock, []string{notHeld}},
		{"given back twice, read", nil, outer.RUnlock, []string{notHeld}},
	} {
		for _, l := range c.locks {
			l.Lock()
		}
		got := Catch(c.f)
		for _, l := range c.locks {
			l.Unlock()
		}
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q, want %q", c.name, got, want)
			}
		}
		if len(c.want) == 0 && got != "" {
			t.Errorf("%s: %s", c.name, got)
		}
		if len(held) > 0 {
			t.Fatalf("%s: still held: %v", c.name, held)
		}
	}
}

// TestEachGoroutine: what one holds is no matter for another.
func TestEachGoroutine(t *testing.T) {
	var mine, other Mutex
	mine.Lock()
	defer mine.Unlock()
	text := make(chan string)
	go func() {
		text <- Catch(func() {
			writeFile(t)
			other.Lock()
			defer other.Unlock()
		})
	}()
	if got := <-text; got != "" {
		t.Error(got)
	}
}
