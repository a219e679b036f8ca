package server_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"weensydb"
)

// The limits on a connection: each closes the one that breaks it, and no other.

// shortly is a limit that a test runs into. Nothing is asserted about how
// exactly it is kept.
const shortly = 200 * time.Millisecond

// connections asks the server how many there are, this one included.
func connections(t testing.TB, c *conn) (n int) {
	t.Helper()
	c.send(t, "stats\r\n")
	for {
		line, err := readLine(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if line == "END" {
			return n
		}
		if value, ok := strings.CutPrefix(line, "STAT curr_connections "); ok {
			fmt.Sscan(value, &n)
		}
	}
}

// expectConnections waits until the server has n connections, that of c among them.
func expectConnections(t testing.TB, c *conn, n int) {
	t.Helper()
	eventually(t, func() error {
		if now := connections(t, c); now != n {
			return fmt.Errorf("%d connections, want %d", now, n)
		}
		return nil
	})
}

func TestRequestTimeout(t *testing.T) {
	db := openWith(t, func(c *weensydb.Config) { c.RequestTimeout = shortly })
	bystander := dial(t, db.MemcacheAddr())
	bystander.ask(t, "mn\r\n", "MN\r\n")
	tests := []struct{ name, addr, begun, reply string }{
		{"half a line", db.MemcacheAddr(), "get k", ""},
		{"half a body", db.MemcacheAddr(), "set k 0 0 10\r\nabc", ""},
		{"a body but for its line end", db.MemcacheAddr(), "set k 0 0 3\r\nabc", ""},
		{"half a body that is swallowed", db.MemcacheAddr(), "set k 0 0 9999999\r\nabc", "SERVER_ERROR object too large for cache\r\n"},
		{"half a meta body", db.MemcacheAddr(), "ms k 10\r\nabc", ""},
		{"after a whole request", db.MemcacheAddr(), "mn\r\nget k", "MN\r\n"},
		{"half a line", db.WeensyAddr(), "get k", ""},
		{"half a body", db.WeensyAddr(), "set k 10\r\nabc", ""},
		{"half a second body", db.WeensyAddr(), "cas k 3 3\r\nabcd", ""},
	}
	culprits := make([]*conn, len(tests))
	for i, test := range tests { // all at once, so that they break the limit together
		culprits[i] = dial(t, test.addr)
		culprits[i].send(t, test.begun)
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			culprits[i].expect(t, test.reply)
			culprits[i].expectEOF(t)
		})
	}
	t.Run("bytes that trickle in do not prolong it", func(t *testing.T) {
		c := dial(t, db.MemcacheAddr())
		c.send(t, "set k 0 0 1000000\r\n")
		eventually(t, func() error {
			if _, err := c.Write([]byte("x")); err == nil {
				return fmt.Errorf("it still takes bytes")
			}
			return nil
		})
	})
	// It has been idle for longer than a request may take, which is no offence.
	bystander.ask(t, "get k\r\n", "END\r\n")
}

func TestIdleTimeout(t *testing.T) {
	db := openWith(t, func(c *weensydb.Config) { c.IdleTimeout = shortly })
	stop, busy := make(chan struct{}), sync.WaitGroup{}
	busy.Go(func() {
		c, err := connect(db.MemcacheAddr())
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for before, last := time.Now(), time.Now(); ; before, last = last, time.Now() {
			_, _ = c.Write([]byte("mn\r\n"))
			line, err := readLine(c.in)
			if err != nil && time.Since(before) > shortly {
				return // the machine paused: it was idle
			}
			if line != "MN" {
				t.Errorf("a client that is not idle: %q (%v)", line, err)
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for _, addr := range []string{db.WeensyAddr(), db.MemcacheAddr()} {
		dial(t, addr).expectEOF(t)
		c := dial(t, addr)
		c.send(t, "get k\r\n")
		c.expect(t, "END\r\n")
		c.expectEOF(t)
	}
	close(stop)
	busy.Wait()
}

func TestWriteTimeout(t *testing.T) {
	db := openWith(t, func(c *weensydb.Config) { c.WriteTimeout = shortly })
	bystander := dial(t, db.MemcacheAddr())
	bystander.ask(t, "set big 0 0 1000000\r\n"+strings.Repeat("b", 1_000_000)+"\r\n", "STORED\r\n")
	for _, addr := range []string{db.WeensyAddr(), db.MemcacheAddr()} {
		c := dial(t, addr)
		c.send(t, strings.Repeat("get big\r\n", 100))
		expectConnections(t, bystander, 1)
	}
	t.Run("one that takes them is not closed", func(t *testing.T) {
		c := dial(t, db.MemcacheAddr())
		reply := "VALUE big 0 1000000\r\n" + strings.Repeat("b", 1_000_000) + "\r\nEND\r\n"
		for start, last := time.Now(), time.Now(); time.Since(start) < 3*shortly; last = time.Now() {
			c.send(t, strings.Repeat("get big\r\n", 3))
			got, err := c.take(3 * len(reply))
			if err != nil && time.Since(last) > shortly {
				t.Skip("the machine paused: it did not take them")
			}
			if got != strings.Repeat(reply, 3) {
				t.Fatalf("%d bytes (%v)", len(got), err)
			}
		}
	})
}

func TestMaxConns(t *testing.T) {
	const limit, more = 40, 200
	const refusal = "ERROR Too many open connections\r\n"
	db := openWith(t, func(c *weensydb.Config) { c.MaxConns = limit })
	at := addresses{db.WeensyAddr(), db.MemcacheAddr()}
	var admitted []*conn
	for i := range limit {
		addr, _ := at.of(i)
		c := dial(t, addr)
		c.ask(t, "get k\r\n", "END\r\n")
		admitted = append(admitted, c)
	}
	for i := range more {
		addr, _ := at.of(i)
		c := dial(t, addr)
		c.expect(t, refusal)
		c.expectEOF(t)
	}
	for _, c := range admitted {
		c.ask(t, "get k\r\n", "END\r\n")
	}
	admitted[0].Close()
	eventually(t, func() error {
		c := dial(t, db.MemcacheAddr())
		c.send(t, "get k\r\n")
		line, err := readLine(c.in)
		if line != "END" {
			return fmt.Errorf("a place is free, but %q (%v)", line, err)
		}
		return nil
	})
}

func TestAllow(t *testing.T) {
	for _, test := range []struct {
		allow   string
		allowed bool
	}{
		{"127.0.0.0/8", true},
		{"10.0.0.0/8", false},
		{"::/0", false},
	} {
		t.Run(test.allow, func(t *testing.T) {
			db := openWith(t, func(c *weensydb.Config) { c.Allow = []netip.Prefix{netip.MustParsePrefix(test.allow)} })
			for _, addr := range []string{db.WeensyAddr(), db.MemcacheAddr()} {
				c := dial(t, addr)
				if test.allowed {
					c.ask(t, "get k\r\n", "END\r\n")
					continue
				}
				_, _ = c.Write([]byte("get k\r\n"))
				c.expectEOF(t)
			}
		})
	}
}
