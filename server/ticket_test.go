package server

import (
	"bufio"
	"log/slog"
	"math"
	"net"
	"sync"
	"testing"
	"time"

	"weensydb/store"
	"weensydb/wire"
)

// slowLog is an Executor over a real Table whose log becomes stable when the
// test says so, and in which a touch of the key "lock" waits for a condition.
type slowLog struct {
	table *store.Table

	mu       sync.Mutex // guards the rest
	stable   uint64
	lying    bool // a broken log: it says that all is stable
	wakes    []func()
	executed int
	waiting  []*Ticket

	transfers chan *Transfer
}

func newSlowLog() *slowLog {
	return &slowLog{transfers: make(chan *Transfer, 1), table: store.New(store.Options{
		Log: store.NewCounter(0), Arena: store.NewArena(8<<20, 1<<10), MaxItemSize: 1 << 10,
	})}
}

func (l *slowLog) Now() int64 { return 1_000_000 }

func (l *slowLog) Execute(req *store.Request, res *store.Result, t *Ticket) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.executed++
	l.table.Execute(req, l.Now(), res)
	if req.Op == store.Touch && string(req.Key) == "lock" {
		l.waiting = append(l.waiting, t)
		return false
	}
	return true
}

func (l *slowLog) Abandon(t *Ticket) { l.grant() }

// grant makes the condition true that requests wait for.
func (l *slowLog) grant() {
	l.mu.Lock()
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for _, t := range waiting {
		t.Complete()
	}
}

func (l *slowLog) Stable() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lying {
		return math.MaxUint64
	}
	return l.stable
}

func (l *slowLog) WhenStable(position uint64, wake func()) {
	l.mu.Lock()
	reached := l.stable >= position
	if !reached {
		l.wakes = append(l.wakes, wake)
	}
	l.mu.Unlock()
	if reached {
		wake()
	}
}

// sync makes the log stable up to position.
func (l *slowLog) sync(position uint64) {
	l.mu.Lock()
	l.stable = position
	wakes := l.wakes
	l.wakes = nil
	l.mu.Unlock()
	for _, wake := range wakes {
		wake()
	}
}

func (l *slowLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.executed
}

func (l *slowLog) Scan(int, func([]byte, *store.Item, int)) uint64 { return 0 }
func (l *slowLog) Stats() store.Stats                              { return l.table.Stats() }
func (l *slowLog) ResetStats()                                     {}
func (l *slowLog) Snapshot(t *Transfer)                            { l.transfers <- t }
func (l *slowLog) SetMemory(int64)                                 {}

func testConfig(e Executor) Config {
	return Config{
		Executor: e, Buffers: NewBuffers(1 << 20), Logger: slog.New(slog.DiscardHandler),
		MaxItemSize: 1 << 10, MaxConns: 10, RequestTimeout: time.Minute, WriteTimeout: time.Minute,
	}
}

// drive gives a session input and lets it work until it wants more, and returns
// what it would send.
func drive(s *Session, in string) string {
	for len(in) > 0 {
		n := copy(s.Room(), in)
		s.Received(n)
		in = in[n:]
		for s.Step() == WantTurn {
		}
	}
	for s.Step() == WantTurn {
	}
	out := string(s.Output())
	s.Sent(len(out))
	return out
}

func newTestSession(e Executor) *Session {
	return newSession(wire.Memcache, &env{Config: testConfig(e)}, func() {})
}

// TestReplyWaitsForTheLog shows the order rules: a reply, a miss and a refusal
// included, goes out when the log is stable up to what it looked at; until then
// the next request executes, and its reply waits behind.
func TestReplyWaitsForTheLog(t *testing.T) {
	l := newSlowLog()
	s := newTestSession(l)
	if out := drive(s, "get a\r\nset a 0 0 1\r\nx\r\nadd a 0 0 1\r\ny\r\nversion\r\n"); out != "END\r\n" {
		t.Fatalf("the miss rests on nothing and may go; what comes after may not: %q", out)
	}
	if l.count() != 3 {
		t.Fatalf("%d requests executed: one that waits for the log must not hold up the next", l.count())
	}
	if out := drive(s, "set b 0 0 1\r\nx\r\nget b\r\n"); out != "" {
		t.Fatalf("sent before it was stable: %q", out)
	}
	l.sync(1)
	if out := drive(s, ""); out != "STORED\r\nNOT_STORED\r\nVERSION \r\n" {
		t.Fatalf("after position 1: %q", out)
	}
	l.sync(2)
	if out := drive(s, ""); out != "STORED\r\nVALUE b 0 1\r\nx\r\nEND\r\n" {
		t.Fatalf("after position 2: %q", out)
	}
	// A miss rests on the deletion that caused it.
	if out := drive(s, "delete a noreply\r\nget a\r\n"); out != "" {
		t.Fatalf("a miss was sent that a crash could take back: %q", out)
	}
	l.sync(3)
	if out := drive(s, ""); out != "END\r\n" {
		t.Fatalf("after position 3: %q", out)
	}
}

// TestNoReplyKeepsItsPlace: mn answers when all before it is stable, also what
// asked for no reply.
func TestNoReplyKeepsItsPlace(t *testing.T) {
	l := newSlowLog()
	s := newTestSession(l)
	if out := drive(s, "set a 0 0 1 noreply\r\nx\r\nmn\r\n"); out != "" {
		t.Fatalf("mn overtook a set without a reply: %q", out)
	}
	l.sync(1)
	if out := drive(s, ""); out != "MN\r\n" {
		t.Fatalf("got %q", out)
	}
	for range 10_000 {
		drive(s, "set a 0 0 1 noreply\r\nx\r\n")
	}
	if len(s.marks) > 1 || cap(s.out) > smallBuffer {
		t.Fatalf("requests without replies piled up: %d marks, %d bytes", len(s.marks), cap(s.out))
	}
}

// TestLyingLogIsCaught is the broken variant of the two tests above: with a log
// that says too early that it is stable, replies do go out too early.
func TestLyingLogIsCaught(t *testing.T) {
	l := newSlowLog()
	l.lying = true
	if out := drive(newTestSession(l), "set a 0 0 1\r\nx\r\n"); out != "STORED\r\n" {
		t.Fatalf("the tests above would not see a reply that is sent too early: %q", out)
	}
}

// TestConditionHoldsUpTheNext: a request that waits for a condition does not let
// the next one execute, and EOF ends the wait.
func TestConditionHoldsUpTheNext(t *testing.T) {
	for _, eof := range []bool{false, true} {
		l := newSlowLog()
		s := newTestSession(l)
		if out := drive(s, "touch lock 0\r\nget a\r\nget b\r\n"); out != "" || l.count() != 1 || !s.Waiting() {
			t.Fatalf("sent %q, executed %d", out, l.count())
		}
		if eof {
			s.EOF()
		} else {
			l.grant()
		}
		if out := drive(s, ""); out != "NOT_FOUND\r\nEND\r\nEND\r\n" {
			t.Fatalf("eof %v: got %q", eof, out)
		}
	}
}

// TestDriverIsWoken: over a socket, a reply that waits is sent when the log says
// so, although the client sends nothing more and no thread waits for it.
func TestDriverIsWoken(t *testing.T) {
	l := newSlowLog()
	srv := New(testConfig(l))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(ln, wire.Memcache)
	defer srv.Shutdown(t.Context())
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	replies := bufio.NewReader(c)
	for i := uint64(1); i <= 200; i++ {
		before := l.count()
		c.Write([]byte("set a 0 0 1\r\nx\r\n"))
		for l.count() == before {
			time.Sleep(50 * time.Microsecond)
		}
		go l.sync(i) // races with the driver going back to read
		if line, err := replies.ReadString('\n'); err != nil || line != "STORED\r\n" {
			t.Fatalf("request %d: %q %v", i, line, err)
		}
	}
	c.Write([]byte("touch lock 0\r\nmn\r\n"))
	for done := false; !done; {
		l.mu.Lock()
		done = len(l.waiting) == 1
		l.mu.Unlock()
	}
	l.grant()
	for _, want := range []string{"NOT_FOUND\r\n", "MN\r\n"} {
		if line, err := replies.ReadString('\n'); err != nil || line != want {
			t.Fatalf("got %q %v, want %q", line, err, want)
		}
	}
}
