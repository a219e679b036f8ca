package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// script is a server that sends a reply for whatever it is sent: one for each
// read. It closes after the last.
func script(t *testing.T, replies ...string) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			for _, reply := range replies {
				if _, err := conn.Read(make([]byte, 1<<10)); err != nil {
					break
				}
				io.WriteString(conn, reply)
			}
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

// silent is a server that says nothing.
func silent(t *testing.T) (addr string) {
	return listen(t, "127.0.0.1:0") // the system accepts, nobody answers
}

// TestOddServers: what a command says when the other side is not what it should
// be.
func TestOddServers(t *testing.T) {
	const weensy = "ERROR\r\n" // the dialect's answer to version
	dead := filepath.Join(shortDir(t), "s")
	for _, c := range []struct {
		name, addr string
		code       int
		want       string
	}{
		{"nobody", "unix:" + dead, exitUnreachable, "no server at unix:" + dead + ": start one with 'weensydb serve'"},
		{"a web server", script(t, "HTTP/1.1 400 Bad Request\r\n"), exitUnreachable, "some other protocol"},
		{"another store", script(t, "-ERR unknown command 'version'\r\n"), exitUnreachable, "some other protocol"},
		{"silence", silent(t), exitUnreachable, "it did not answer within 50ms"},
		{"full", script(t, "ERROR Too many open connections\r\n"), exitRefused, "says: ERROR Too many open connections"},
		{"closes at once", script(t, ""), exitUnreachable, "it closed the connection"},
		{"closes within a value", script(t, weensy, "VALUE k 5 #1\r\nab"), exitUnreachable, "it closed the connection"},
		{"a value without end", script(t, weensy, "VALUE k 99999999999 #1\r\n"), exitUnreachable, "longer than the limit"},
		{"nonsense", script(t, weensy, "VALUE k x #1\r\n"), exitUnreachable, "not a reply"},
		{"out of memory", script(t, weensy, "SERVER_ERROR out of memory writing get response\r\n"), exitRefused, "SERVER_ERROR out of memory"},
		{"no end", script(t, weensy, "VALUE k 1 #1\r\nx\r\nSTORED #1\r\n"), exitRefused, "STORED #1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			timeout := patience.String()
			if c.name == "silence" {
				timeout = "50ms"
			}
			o := invoke(t, "", "get", "--server", c.addr, "--timeout", timeout, "k")
			if o.code != c.code || o.stdout != "" || !strings.Contains(o.stderr, c.want) {
				t.Errorf("%+v, want %d and %q", o, c.code, c.want)
			}
		})
	}
}

// TestLongReplies: a value that comes in many pieces, and a dump whose lines are
// cut anywhere.
func TestLongReplies(t *testing.T) {
	addr, _ := open(t)
	value := strings.Repeat("0123456789", 50_000)
	if o := invoke(t, value, "set", "--server", addr, "k"); o.code != exitOK {
		t.Fatal(o)
	}
	if o := invoke(t, "", "get", "--server", addr, "k"); o.stdout != value {
		t.Errorf("%d bytes come back as %d", len(value), len(o.stdout))
	}
}

func TestAlive(t *testing.T) {
	addr, _ := open(t)
	c, err := dial(addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	if !c.alive() {
		t.Error("a connection that nobody closed")
	}
	c.conn.Close()
	if c.alive() {
		t.Error("a closed connection")
	}
	c, err = dial(script(t, "ERROR\r\n"), patience) // which closes afterwards
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for end := time.Now().Add(patience); c.alive(); {
		if time.Now().After(end) {
			t.Fatal("a connection that the server closed is taken for alive")
		}
	}
}

func TestIsTerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.CreateTemp(t.TempDir(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, f := range []any{null, file, &strings.Reader{}} {
		if isTerminal(f) {
			t.Errorf("%v is no terminal", f)
		}
	}
}
