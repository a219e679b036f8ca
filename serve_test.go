package weensydb_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"weensydb"
)

// TestServe: listeners of the embedder speak their dialects and see the data of
// the program's own calls; Close ends them and the connections.
func TestServe(t *testing.T) {
	ctx, db := t.Context(), openEmbedded(t, weensydb.Config{})
	ended := make(chan error, 2)
	memcache, weensy := listenLoopback(t), listenLoopback(t)
	go func() { ended <- db.Serve(memcache) }()
	go func() { ended <- db.ServeWeensy(weensy) }()
	must(t, db.Set(ctx, "greeting", []byte("Hi"), weensydb.Flags(5)))

	client := dialLoopback(t, memcache.Addr())
	converse(t, client, "get greeting\r\n", "VALUE greeting 5 2\r\nHi\r\nEND\r\n")
	converse(t, client, "set reply 9 0 5\r\nHello\r\n", "STORED\r\n")
	converse(t, dialLoopback(t, weensy.Addr()), "get greeting\r\n", "VALUE greeting 2 #1\r\nHi\r\nEND\r\n")
	if it, err := db.Get(ctx, "reply"); err != nil || string(it.Value) != "Hello" || it.Flags != 9 || it.ID != 2 {
		t.Errorf("what the client stored: %+v, %v", it, err)
	}
	must(t, db.Close())
	for range 2 {
		if err := receive(t, ended); !errors.Is(err, weensydb.ErrClosed) {
			t.Errorf("serve ended with %v", err)
		}
	}
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection: %v, want its end", err)
	}
}

// TestServeListenerClosed: closing the listener ends Serve and leaves the
// database, and the connections, as they are.
func TestServeListenerClosed(t *testing.T) {
	db := openEmbedded(t, weensydb.Config{})
	l := listenLoopback(t)
	ended := make(chan error, 1)
	go func() { ended <- db.Serve(l) }()
	client := dialLoopback(t, l.Addr())
	converse(t, client, "mn\r\n", "MN\r\n")
	must(t, l.Close())
	err := receive(t, ended)
	if !errors.Is(err, net.ErrClosed) || errors.Is(err, weensydb.ErrClosed) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("serve ended with %v", err)
	}
	converse(t, client, "mn\r\n", "MN\r\n")
	must(t, db.Set(t.Context(), "a", nil))
}

func receive(t *testing.T, errs <-chan error) error {
	t.Helper()
	select {
	case err := <-errs:
		return err
	case <-time.After(longWait):
		t.Fatal("it does not end")
		return nil
	}
}

func dialLoopback(t *testing.T, addr net.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(longWait)))
	return conn
}

// converse sends a request and wants the reply.
func converse(t *testing.T, conn net.Conn, request, want string) {
	t.Helper()
	_, err := io.WriteString(conn, request)
	must(t, err)
	got := make([]byte, len(want))
	n, err := io.ReadFull(conn, got)
	if err != nil || string(got) != want {
		t.Fatalf("%q: got %q (%v), want %q", request, got[:n], err, want)
	}
}
