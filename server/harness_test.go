package server_test

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"weensydb"
)

// longWait is how long a test waits for what must happen: long enough for a
// loaded machine, since nothing is measured by it.
const longWait = 30 * time.Second

// newSeed is the one that -seed gives, or a new one.
func newSeed(t *testing.T) uint64 {
	n := *seed
	if n == 0 {
		n = rand.Uint64() >> 16
	}
	t.Logf("reproduce with -run '^%s$' -seed %d", t.Name(), n)
	return n
}

// openWith opens a database as openDB does, after adjust has had its say about
// the configuration.
func openWith(t testing.TB, adjust func(*weensydb.Config)) *weensydb.DB {
	t.Helper()
	config := weensydb.Config{
		Weensy:       []string{"127.0.0.1:0"},
		Memcache:     []string{"127.0.0.1:0"},
		Dir:          t.TempDir(),
		Memory:       64 << 20,
		DrainTimeout: 5 * time.Second,
	}
	if adjust != nil {
		adjust(&config)
	}
	db, err := weensydb.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// A conn is a client's connection. Its methods fail the test and belong in the
// test's own goroutine; other goroutines use its fields.
type conn struct {
	net.Conn
	in *bufio.Reader
}

// dial connects to addr, "host:port" or "unix:/path", until the test ends.
func dial(t testing.TB, addr string) *conn {
	t.Helper()
	c, err := connect(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// connect is dial for other goroutines. Unless they say otherwise, all must be
// over after longWait.
func connect(addr string) (*conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	wrapped := &conn{c, bufio.NewReader(c)}
	return wrapped, wrapped.extend()
}

// extend gives the connection another longWait for what follows.
func (c *conn) extend() error { return c.SetDeadline(time.Now().Add(longWait)) }

// send writes the request as it stands.
func (c *conn) send(t testing.TB, request string) {
	t.Helper()
	c.extend()
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatalf("send %.60q: %v", request, err)
	}
}

// expect reads as many bytes as want has, and wants those.
func (c *conn) expect(t testing.TB, want string) {
	t.Helper()
	c.extend()
	if got, err := c.take(len(want)); got != want {
		t.Fatalf("got %.200q (%v), want %.200q", got, err, want)
	}
}

// expectEOF wants the server to have closed the connection, nothing more sent.
func (c *conn) expectEOF(t testing.TB) {
	t.Helper()
	c.extend()
	if line, err := readLine(c.in); line != "" || err == nil || isTimeout(err) {
		t.Fatalf("got %.60q (%v), want the connection closed", line, err)
	}
}

// take reads n bytes, or as many as come.
func (c *conn) take(n int) (string, error) {
	buf := make([]byte, n)
	n, err := io.ReadFull(c.in, buf)
	return string(buf[:n]), err
}

// ask sends a request and wants the reply.
func (c *conn) ask(t testing.TB, request, want string) {
	t.Helper()
	c.send(t, request)
	c.expect(t, want)
}

// readLine reads a line and drops its end.
func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	return strings.TrimSuffix(line, "\r\n"), err
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// watchdog panics with the stacks of all goroutines if stop is not called in
// time. A deadlock shows there.
func watchdog(limit time.Duration) (stop func() bool) {
	return time.AfterFunc(limit, func() {
		debug.SetTraceback("all")
		panic("nothing moves: see the goroutines")
	}).Stop
}

// eventually polls until holds says nothing is wrong any more.
func eventually(t testing.TB, holds func() error) {
	t.Helper()
	deadline := time.Now().Add(longWait)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after %v: %v", longWait, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
