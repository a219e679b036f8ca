//go:build lockcheck

package server

import (
	"net"
	"strings"
	"testing"

	"weensydb/lockcheck"
	"weensydb/wire"
)

// TestChecked: every socket call of a server panics with a lock held. The
// connection of this test is none of a client's, so that nothing waits.
func TestChecked(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := checked(inner)
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{})
	s.listeners[l] = struct{}{}
	s.conns[&conn{server: s, nc: nc}] = struct{}{}
	for _, c := range []struct {
		name   string
		broken func()
		want   string
	}{
		{"accept", func() { l.Accept() }, "accept"},
		{"read", func() { nc.Read(make([]byte, 1)) }, "read"},
		{"write", func() { nc.Write([]byte("a")) }, "write"},
		{"close gently", func() { closeGently(nc, lingerTime) }, "shutdown"},
		{"close", func() { nc.Close() }, "close"},
		{"refuse", func() { s.refuse(nc) }, "write"},
		{"stop accepting with the server locked", func() {
			for l := range s.listeners {
				l.Close()
			}
		}, "close"},
		{"cut the connections with the server locked", func() {
			for c := range s.conns {
				c.nc.Close()
			}
		}, "close"},
	} {
		s.mu.Lock()
		got := lockcheck.Catch(c.broken)
		s.mu.Unlock()
		if !strings.HasPrefix(got, "lockcheck: "+c.want+" while a lock without rank") {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	if got := lockcheck.Catch(func() { closeGently(nc, 0); l.Close() }); got != "" {
		t.Error(got)
	}
	if err := s.Serve(inner, wire.Memcache); err == nil {
		t.Error("a closed listener was served")
	}
}
