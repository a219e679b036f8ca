package server

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"weensydb/store"
	"weensydb/wire"
)

// busyLog is a slowLog that has no room for a set as long as the test says so.
type busyLog struct {
	*slowLog
	busy bool // guarded by mu
}

func (l *busyLog) Execute(req *store.Request, res *store.Result, t *Ticket) bool {
	l.mu.Lock()
	if l.busy && req.Op == store.Set {
		res.Status = store.LogBusy
		l.waiting = append(l.waiting, t)
		l.mu.Unlock()
		return false
	}
	l.mu.Unlock()
	return l.slowLog.Execute(req, res, t)
}

// Abandon: such a wait ends by itself.
func (l *busyLog) Abandon(*Ticket) {}

// makeRoom ends the waits. Those who waited may find no room again.
func (l *busyLog) makeRoom(busy bool) {
	l.mu.Lock()
	l.busy = busy
	l.mu.Unlock()
	l.grant()
}

// TestBusyLog: a request that finds no room in the log has not happened. It is
// executed when there is room, before the next one, and also if the client has
// sent its last meanwhile.
func TestBusyLog(t *testing.T) {
	for _, eof := range []bool{false, true} {
		l := &busyLog{slowLog: newSlowLog(), busy: true}
		s := newTestSession(l)
		if out := drive(s, "get a\r\nset a 0 0 1\r\nx\r\nget a\r\n"); out != "END\r\n" || l.count() != 1 || !s.Waiting() {
			t.Fatalf("sent %q, executed %d", out, l.count())
		}
		if eof {
			s.EOF()
		}
		l.makeRoom(true)
		if out := drive(s, ""); out != "" || !s.Waiting() {
			t.Fatalf("eof %v: others took the room, and it sent %q", eof, out)
		}
		l.makeRoom(false)
		if out := drive(s, ""); out != "" || l.count() != 3 {
			t.Fatalf("eof %v: sent %q before it was stable, executed %d", eof, out, l.count())
		}
		l.sync(1)
		if out := drive(s, ""); out != "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n" {
			t.Fatalf("eof %v: got %q", eof, out)
		}
		if s.Close(); eof && s.Step() != WantClose {
			t.Error("it does not end after all is said")
		}
	}
}

// serveOn starts a server over e and connects to it.
func serveOn(t *testing.T, e Executor) (*Server, *bufio.Reader, net.Conn) {
	srv := New(testConfig(e))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(ln, wire.Memcache)
	t.Cleanup(func() { srv.Shutdown(t.Context()) })
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return srv, bufio.NewReader(c), c
}

// TestBusyLogAtTheEnd: a stop waits for the request that waits for room.
func TestBusyLogAtTheEnd(t *testing.T) {
	l := &busyLog{slowLog: newSlowLog(), busy: true}
	srv, replies, c := serveOn(t, l)
	io.WriteString(c, "set a 0 0 1\r\nx\r\n")
	l.awaitWaiting()
	ended := make(chan error)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	<-srv.done
	l.makeRoom(false)
	l.awaitCount(1)
	l.sync(1)
	if got, err := io.ReadAll(replies); string(got) != "STORED\r\n" || err != nil {
		t.Errorf("got %q %v", got, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// awaitWaiting returns when a request waits for a condition.
func (l *slowLog) awaitWaiting() {
	for done := false; !done; time.Sleep(50 * time.Microsecond) {
		l.mu.Lock()
		done = len(l.waiting) > 0
		l.mu.Unlock()
	}
}

// awaitCount returns when so many requests have been executed.
func (l *slowLog) awaitCount(n int) {
	for l.count() < n {
		time.Sleep(50 * time.Microsecond)
	}
}

// TestAbort: when the log has failed, what is stable is still said, what waits is
// not, and the client is told that nobody knows.
func TestAbort(t *testing.T) {
	const unknown = wire.ErrOutcome + "\r\n"
	for _, c := range []struct {
		name, send string
		executed   int
		want       string
	}{
		{"nothing waits", "get a\r\n", 1, "END\r\n"},
		{"a set waits", "get a\r\nset a 0 0 1\r\nx\r\n", 2, "END\r\n" + unknown},
		{"a miss waits", "set a 0 0 1 noreply\r\nx\r\ndelete a noreply\r\nget a\r\n", 3, unknown},
		{"what waits has no reply", "set a 0 0 1 noreply\r\nx\r\n", 1, unknown},
		{"the first of two is stable", "set a 0 0 1\r\nx\r\nset b 0 0 1\r\nx\r\n", 2, "STORED\r\n" + unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newSlowLog()
			srv, replies, conn := serveOn(t, l)
			io.WriteString(conn, c.send)
			l.awaitCount(c.executed)
			if c.executed == 2 && c.want == "STORED\r\n"+unknown {
				l.sync(1)
			}
			srv.Abort()
			if got, err := io.ReadAll(replies); string(got) != c.want || err != nil {
				t.Errorf("got %q %v, want %q", got, err, c.want)
			}
		})
	}
}
