package server

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"weensydb/store"
	"weensydb/wire"
)

// A session says the same whatever happens around it: here its input comes in
// random pieces, its output is taken in random pieces, the log is behind, and
// any request may have to wait. The reference takes one line after the other.

// weather is an Executor over a Table of its own, and all that a session is
// exposed to. Without randomness nothing ever waits.
type weather struct {
	Executor // what is not below is never asked for
	table    *store.Table
	session  *Session
	random   *rand.Rand
	lying    bool // broken: it says that all is stable

	stable  uint64
	due     uint64 // the position that wakes the session
	pending func() // completes the request that waits, or nil
	effects []effect
}

// An effect says that output from start on rests on position.
type effect struct{ start, position uint64 }

func (w *weather) Now() int64 { return 1_000_000 }

func (w *weather) Execute(req *store.Request, res *store.Result, t *Ticket) bool {
	if t != nil && w.random != nil && w.random.IntN(8) == 0 {
		w.pending = func() { w.Execute(req, res, nil); t.Complete() }
		return false
	}
	w.table.Execute(req, w.Now(), res)
	w.effects = append(w.effects, effect{w.session.base + uint64(len(w.session.out)), res.Position})
	return true
}

// Abandon comes too late: the condition has just become true.
func (w *weather) Abandon(*Ticket) {
	if w.pending != nil {
		w.pending()
		w.pending = nil
	}
}

func (w *weather) Stable() uint64 {
	if w.random == nil || w.lying {
		return math.MaxUint64
	}
	return w.stable
}

func (w *weather) WhenStable(position uint64, _ func()) { w.due = position }

// change lets some of what is awaited happen, or not.
func (w *weather) change() {
	switch {
	case w.random == nil:
	case w.random.IntN(4) == 0:
		w.stable += w.random.Uint64N(4)
	case w.random.IntN(4) == 0:
		w.Abandon(nil)
	}
}

// piece returns how many of n bytes move at a time.
func (w *weather) piece(n int) int {
	if w.random == nil || w.random.IntN(4) == 0 {
		return n
	}
	return w.random.IntN(n + 1)
}

// checkSent returns an error if output up to end rests on what a crash takes back.
func (w *weather) checkSent(end int) error {
	for ; len(w.effects) > 0 && w.effects[0].start < uint64(end); w.effects = w.effects[1:] {
		if e := w.effects[0]; w.random != nil && e.position > w.stable {
			return fmt.Errorf("byte %d rests on position %d and was sent when %d was stable", e.start, e.position, w.stable)
		}
	}
	return nil
}

// give passes some of in to the session, which wants it, and returns the rest.
func (w *weather) give(in string) (rest string) {
	if in == "" {
		w.session.EOF()
	}
	room := w.session.Room()
	if line := strings.IndexByte(in, '\n') + 1; w.random == nil && line > 0 {
		room = room[:min(len(room), line)]
	}
	n := copy(room[:w.piece(len(room))], in)
	w.session.Received(n)
	return in[n:]
}

// answers returns what a session says to in. Its buffers have limit bytes.
func (w *weather) answers(d wire.Dialect, in string, limit int64) (string, error) {
	arena := store.NewArena(64<<20, 1<<17)
	defer arena.Close()
	w.table = store.New(store.Options{Log: store.NewCounter(0), Arena: arena, MaxItemSize: 1 << 17})
	e := &env{Config: testConfig(w)}
	e.MaxItemSize, e.Buffers = 1<<17, NewBuffers(limit)
	s := newSession(d, e, func() {})
	w.session = s
	var said []byte
	for still, left := 0, len(in); still < 10_000; still++ {
		want := s.Step()
		out := s.Output()
		out = out[:w.piece(len(out))]
		said = append(said, out...)
		s.Sent(len(out))
		if err := w.checkSent(len(said)); err != nil {
			return "", err
		}
		switch {
		case want == WantClose:
			s.Close()
			if lent := e.Buffers.lent.Load(); lent != 0 {
				return "", fmt.Errorf("%d bytes of buffers are lent to nobody", lent)
			}
			return string(said), nil
		case want == WantInput:
			in = w.give(in)
		case want == WantFlush && s.Stuck() && w.due <= w.stable:
			return "", errors.New("output waits, and nobody will wake the session")
		}
		if len(out) > 0 || len(in) < left || want == WantTurn {
			still, left = 0, len(in)
		}
		w.change()
	}
	return "", errors.New("it goes round, and nothing moves")
}

// checkWeather compares a run through random weather with the reference.
func checkWeather(d wire.Dialect, in string, seed uint64) error {
	want, err1 := new(weather).answers(d, in, 64<<20)
	random := rand.New(rand.NewPCG(seed, 1))
	got, err2 := (&weather{random: random}).answers(d, in, 64<<20)
	// With little memory the answers differ, but it comes to its end.
	_, err3 := (&weather{random: random}).answers(d, in, int64(seed%(1<<18)))
	if got != want && err1 == nil && err2 == nil {
		err2 = fmt.Errorf("got\n%.2000q, want\n%.2000q", got, want)
	}
	return errors.Join(err1, err2, err3)
}

// forms are requests: %[1]s and %[2]s are keys, %[3]s a value of %[4]d bytes.
var forms = map[wire.Dialect][]string{
	wire.Weensy: {"get %[1]s", "delete %[1]s", "exch %[1]s %[2]s", "set %[1]s %[4]d\r\n%[3]s", "cas %[1]s 1 %[4]d\r\n7%[3]s", "bad", ""},
	wire.Memcache: {
		"get %[1]s", "gets %[1]s %[2]s a b c d a b", "gat 9 %[1]s %[2]s", "delete %[1]s noreply", "exch %[1]s %[2]s", "incr %[1]s 1", "bad",
		"set %[1]s 0 0 %[4]d\r\n%[3]s", "set %[1]s 1 0 %[4]d noreply\r\n%[3]s", "append %[1]s 0 0 %[4]d\r\n%[3]s", "set %[1]s 0 0 1\r\n22",
		"mg %[1]s v k c q Oab", "mg %[1]s N30 t", "ms %[1]s %[4]d q\r\n%[3]s", "md %[1]s q", "ma %[1]s N0 J5 v", "mn", "touch %[1]s 0",
	},
}

// someRequests returns a stream, some of whose replies are larger than highWater.
func someRequests(d wire.Dialect, random *rand.Rand) string {
	var in strings.Builder
	for range 1 + random.IntN(100) {
		form := forms[d][random.IntN(len(forms[d]))]
		key1, key2 := string(rune('a'+random.IntN(6))), string(rune('a'+random.IntN(6)))
		size := []int{0, 1, 2, 300, 3000, 40000, 140000}[random.IntN(7)]
		// The last index lets a form leave others out.
		fmt.Fprintf(&in, form+"%[5]s\r\n", key1, key2, strings.Repeat("7", size), size, "")
	}
	return in.String()
}

func TestSessionInAnyWeather(t *testing.T) {
	first := rand.Uint64()
	for seed := first; seed != first+200; seed++ {
		d := wire.Dialect(seed % 2)
		if err := checkWeather(d, someRequests(d, rand.New(rand.NewPCG(seed, 0))), seed); err != nil {
			t.Fatalf("seed %d, %v: %v", seed, d, err)
		}
	}
}

// TestLyingWeatherIsNoticed is the broken variant: a log that says too early
// that it is stable.
func TestLyingWeatherIsNoticed(t *testing.T) {
	w := &weather{lying: true, random: rand.New(rand.NewPCG(1, 1))}
	if said, err := w.answers(wire.Memcache, strings.Repeat("set a 0 0 1\r\nx\r\n", 100), 1<<20); err == nil {
		t.Errorf("%q was sent, and that was not noticed", said)
	}
}

func FuzzSession(f *testing.F) {
	f.Add("set a 1\r\nxget a\r\ncas a 1 1\r\nxydelete a\r\nexch a b\r\n", uint64(1), uint8(wire.Weensy))
	f.Add("set a 0 0 1\r\n1\r\ngets a b a\r\nincr a 2 noreply\r\nmg a v k\r\nms b 0 q\r\n\r\nmn\r\nquit\r\n", uint64(2), uint8(wire.Memcache))
	f.Fuzz(func(t *testing.T, in string, seed uint64, d uint8) {
		if strings.Contains(in, "stats") || strings.Contains(in, "lru_crawler") || strings.Contains(in, "cache_memlimit") {
			t.Skip("these are about more than the requests")
		}
		if err := checkWeather(wire.Dialect(d%2), in, seed); err != nil {
			t.Fatal(err)
		}
	})
}
