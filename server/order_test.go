package server_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"weensydb"
)

// What was sent is answered, all of it and in order, also by halves of a
// connection; what was not sent has no effect.

// TestHalfClose sends far more than any buffer holds, closes its half, and only
// then starts to read.
func TestHalfClose(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "memcache")
	db := openWith(t, func(c *weensydb.Config) {
		c.Memcache = []string{"127.0.0.1:0"}
		c.Weensy = []string{"127.0.0.1:0", "unix:" + socket}
	})
	const requests = 20_000
	for _, test := range []struct{ name, addr, request, reply string }{
		{"weensy", db.WeensyAddr(), "set w%d 2\r\nhi", "STORED #%d\r\n"},
		{"memcache", db.MemcacheAddr(), "mg m%d Oo%[1]d v k\r\n", "EN Oo%d k%s\r\n"},
		{"unix socket", "unix:" + socket, "exch u%d x\r\n", "NOT_FOUND\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, test.addr)
			sent := make(chan error, 1)
			go func() {
				var all strings.Builder
				for i := range requests {
					fmt.Fprintf(&all, test.request, i+1)
				}
				_, err := c.Write([]byte(all.String()))
				if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && err == nil {
					err = half.CloseWrite()
				}
				sent <- err
			}()
			for i := range requests {
				c.expect(t, replyText(test.reply, i+1))
			}
			c.expectEOF(t)
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
}

// replyText fills in the number, and a key if there is a place for one.
func replyText(format string, n int) string {
	switch strings.Count(format, "%") {
	case 0:
		return format
	case 1:
		return fmt.Sprintf(format, n)
	}
	return fmt.Sprintf(format, n, fmt.Sprint("m", n))
}

// TestOrder mixes requests that have a reply with those that have none.
func TestOrder(t *testing.T) {
	db := openWith(t, nil)
	c := dial(t, db.MemcacheAddr())
	for i := range 1000 {
		c.send(t, fmt.Sprintf("set k 0 0 4 noreply\r\n%04d\r\nget k\r\nincr k 1 noreply\r\nmg k v q\r\ndelete k noreply\r\n"+
			"mg k v q\r\nadd k 0 0 1 noreply\r\n7\r\nmd k q\r\nmn\r\n", i))
		c.expect(t, fmt.Sprintf("VALUE k 0 4\r\n%04d\r\nEND\r\nVA 4\r\n%-4d\r\nMN\r\n", i, i+1))
	}
}

// TestHangUpWithinABody: a request that is not complete has no effect.
func TestHangUpWithinABody(t *testing.T) {
	db := openWith(t, nil)
	observer := dial(t, db.MemcacheAddr())
	for _, test := range []struct{ addr, request string }{
		{db.WeensyAddr(), "set k 10\r\n123456789"},
		{db.WeensyAddr(), "cas there 3 3\r\nolfne"},
		{db.WeensyAddr(), "cas there 3 3\r\noldne"},
		{db.WeensyAddr(), "delete there"},
		{db.WeensyAddr(), "exch there other\r"},
		{db.MemcacheAddr(), "set k 0 0 10\r\n123456789"},
		{db.MemcacheAddr(), "set k 0 0 10\r\n1234567890"},
		{db.MemcacheAddr(), "set k 0 0 10\r\n1234567890\r"},
		{db.MemcacheAddr(), "append there 0 0 2\r\nxx\r"},
		{db.MemcacheAddr(), "ms k 10\r\n12345"},
		{db.MemcacheAddr(), "delete there\r"},
		{db.MemcacheAddr(), "flush_all"},
	} {
		t.Run(test.request, func(t *testing.T) {
			observer.ask(t, "set there 0 0 3\r\nold\r\nset other 0 0 1\r\no\r\n", "STORED\r\nSTORED\r\n")
			c := dial(t, test.addr)
			c.send(t, test.request)
			hangUp(t, c)
			expectConnections(t, observer, 1)
			observer.ask(t, "get k there other\r\n", "VALUE there 0 3\r\nold\r\nVALUE other 0 1\r\no\r\nEND\r\n")
		})
	}
}

// hangUp closes c's half and waits until the server has closed the other: it has
// then seen all that was sent.
func hangUp(t *testing.T, c *conn) {
	t.Helper()
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.expectEOF(t)
	c.Close()
}
