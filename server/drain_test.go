package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"weensydb"
)

// TestDrainAnswers: what the server has received when it is told to stop is
// answered before it closes.
func TestDrainAnswers(t *testing.T) {
	const requests = 100
	db := openWith(t, func(c *weensydb.Config) { c.DrainTimeout = longWait })
	idle := dial(t, db.WeensyAddr())
	idle.ask(t, "get k\r\n", "END\r\n")
	busy := dial(t, db.MemcacheAddr())
	busy.ask(t, "set big 0 0 100000\r\n"+strings.Repeat("b", 100_000)+"\r\n", "STORED\r\n")
	// The replies are far more than the buffers between hold, so that most of
	// the requests are still to be executed when Close begins.
	busy.send(t, strings.Repeat("get big\r\n", requests))
	reply := "VALUE big 0 100000\r\n" + strings.Repeat("b", 100_000) + "\r\nEND\r\n"
	busy.expect(t, reply)
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	idle.expectEOF(t)
	for range requests - 1 {
		busy.expect(t, reply)
	}
	busy.expectEOF(t)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	for _, addr := range []string{db.WeensyAddr(), db.MemcacheAddr()} {
		if c, err := connect(addr); err == nil {
			c.Close()
			t.Errorf("%s still listens", addr)
		}
	}
}

// TestDrainAnswersBacklog: also what the system has received and the server has
// not read yet, because the client was slow to take its replies.
func TestDrainAnswersBacklog(t *testing.T) {
	const requests = 20_000
	db := openWith(t, func(c *weensydb.Config) { c.DrainTimeout = longWait })
	idle := dial(t, db.WeensyAddr())
	idle.ask(t, "get k\r\n", "END\r\n")
	slow := dial(t, db.MemcacheAddr())
	value := strings.Repeat("v", 1000)
	slow.ask(t, "set some 0 0 1000\r\n"+value+"\r\n", "STORED\r\n")
	slow.send(t, strings.Repeat("get some\r\n", requests))
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	idle.expectEOF(t)
	for range requests {
		slow.expect(t, "VALUE some 0 1000\r\n"+value+"\r\nEND\r\n")
	}
	slow.expectEOF(t)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestDrainEnds: clients that do not take their replies, or do not finish what
// they began, cannot hold the server longer than its limit.
func TestDrainEnds(t *testing.T) {
	db, err := weensydb.Open(weensydb.Config{Memcache: []string{"127.0.0.1:0"}, Dir: t.TempDir(), Memory: 64 << 20, DrainTimeout: shortly})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, db.MemcacheAddr())
	c.ask(t, "set big 0 0 1000000\r\n"+strings.Repeat("b", 1_000_000)+"\r\n", "STORED\r\n")
	c.send(t, strings.Repeat("get big\r\n", 200))
	for _, half := range []string{"get k", "set k 0 0 1000\r\nabc"} {
		dial(t, db.MemcacheAddr()).send(t, half)
	}
	start := time.Now()
	if err := db.Close(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v, want that the limit was reached", err)
	}
	if took := time.Since(start); took > longWait/2 {
		t.Errorf("close took %v, with a limit of %v", took, shortly)
	}
}

// TestDrainUnderLoad closes while clients write: each gets whole replies, in
// order, and then the end.
func TestDrainUnderLoad(t *testing.T) {
	db := openWith(t, nil)
	errs, begun := make(chan error), make(chan struct{}, 8)
	for client := range 8 {
		go func() { errs <- writeUntilEOF(db.MemcacheAddr(), client, begun) }()
	}
	for range 8 {
		<-begun
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func writeUntilEOF(addr string, client int, begun chan<- struct{}) error {
	c, err := connect(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for n := 0; ; n++ {
		want := fmt.Sprintf("VALUE k%d 0 6\r\n%06d\r\nEND\r\n", client, n)
		if _, err := fmt.Fprintf(c, "set k%d 0 0 6 noreply\r\n%06d\r\nget k%d\r\n", client, n, client); err != nil {
			return nil
		}
		got, err := c.take(len(want))
		switch {
		case got == "" && err != nil && !isTimeout(err):
			return nil
		case got != want:
			return fmt.Errorf("client %d: %q (%v), want %q", client, got, err, want)
		}
		if n == 10 {
			begun <- struct{}{}
		}
	}
}
