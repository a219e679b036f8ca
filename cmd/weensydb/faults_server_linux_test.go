package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// With the race detector a process sleeps for a second before it ends, unless it
// is told not to. These tests end many.
func init() {
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
}

// lacks ends a test for which this machine is not enough, as a failure where
// everything must run.
func lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("this test needs " + what)
	}
	t.Skip("this test needs " + what)
}

func needTool(t *testing.T, name, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		lacks(t, name+" (Debian package "+debianPackage+")")
	}
}

// A served is a child that has opened its directory and listens.
type served struct {
	*child
	weensy, memcache string // addresses
}

// startServer starts the program on dir, with segments of 4 MiB.
func startServer(t *testing.T, dir string, more ...string) *served {
	t.Helper()
	s := &served{child: start(t, append(serveOn(dir), more...)...)}
	s.weensy = s.expect(`^  weensy +(.*)$`)
	s.memcache = s.expect(`^  memcache +(.*)$`)
	s.expect(`^  stop `)
	return s
}

func serveOn(dir string) []string {
	return []string{"serve", "--dir", dir, "--weensy", "127.0.0.1:0", "--memcache", "127.0.0.1:0", "--memory", "32m"}
}

// kill ends the process with SIGKILL and waits until it is gone.
func (s *served) kill() {
	s.t.Helper()
	s.cmd.Process.Kill() // fails if it has ended
	s.exit()
}

// stop ends the process in order and returns what it said.
func (s *served) stop() string {
	s.t.Helper()
	s.signal(os.Interrupt)
	code, stderr := s.exit()
	if code != exitOK {
		s.t.Errorf("exit code %d:\n%s", code, stderr)
	}
	return stderr
}

// A caller sends requests and reads replies, one after the other.
type caller struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func call(t *testing.T, addr string) *caller {
	t.Helper()
	conn := connect(t, addr)
	return &caller{t, conn, bufio.NewReader(conn)}
}

// ask sends a request and returns the first line of its reply, all of which it
// reads.
func (c *caller) ask(request string) string {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, request); err != nil {
		c.t.Fatal(err)
	}
	first := c.line(request)
	for line := first; strings.HasPrefix(first, "VALUE ") && line != "END"; {
		line = c.line(request)
	}
	return first
}

func (c *caller) line(request string) string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%.60q is answered with %q and %v", request, line, err)
	}
	return strings.TrimRight(line, "\r\n")
}

// wantValue asks memcache for a key and wants the value.
func (c *caller) wantValue(key, want string) {
	c.t.Helper()
	if got, there := c.value(key); !there || got != want {
		c.t.Errorf("%s is %.40q (%d bytes, there: %v), want %.40q (%d bytes)", key, got, len(got), there, want, len(want))
	}
}

// value asks memcache for a value without line breaks.
func (c *caller) value(key string) (value string, there bool) {
	c.t.Helper()
	request := "get " + key + "\r\n"
	if _, err := io.WriteString(c.conn, request); err != nil {
		c.t.Fatal(err)
	}
	switch line := c.line(request); {
	case strings.HasPrefix(line, "VALUE "+key+" "):
		value, there = c.line(request), true
		if end := c.line(request); end != "END" {
			c.t.Fatalf("after the value of %s comes %q", key, end)
		}
	case line != "END":
		c.t.Fatalf("%q is answered with %q", request, line)
	}
	return value, there
}

// until polls until what is said holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("it never came that " + what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
