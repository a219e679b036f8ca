package weensydb_test

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"weensydb"
)

// TestClosed: after Close every method answers ErrClosed, whatever it is given.
func TestClosed(t *testing.T) {
	db := openEmbedded(t, weensydb.Config{})
	must(t, db.Set(t.Context(), "a", []byte("1")))
	must(t, db.Set(t.Context(), "b", []byte("1")))
	must(t, db.Close())
	for _, key := range []string{"a", "bad key"} {
		for _, op := range operationsOn(key) {
			wantError(t, op.call(t.Context(), db), op.name, op.key, weensydb.ErrClosed)
		}
	}
	if _, err := db.Get(t.Context(), "a"); err.Error() != `Get "a": the database is closed` {
		t.Errorf("the message is %q", err)
	}
	for _, serve := range []func(net.Listener) error{db.Serve, db.ServeWeensy} {
		l := listenLoopback(t)
		if err := serve(l); !errors.Is(err, weensydb.ErrClosed) {
			t.Errorf("serve: %v", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener was left open: %v", err)
		}
	}
	must(t, db.Close())
}

// TestCloseUnderWay closes while every method is in use: each call either does
// its work or answers ErrClosed. One that went on in memory that is given back
// would crash the test.
func TestCloseUnderWay(t *testing.T) {
	for range 10 {
		db, err := weensydb.Open(weensydb.Config{Dir: t.TempDir()})
		must(t, err)
		must(t, db.Set(t.Context(), "b", []byte("1")))
		for i := range 100 {
			must(t, db.Set(t.Context(), fmt.Sprintf("a%d", i), make([]byte, 1000)))
		}
		var calls, begun sync.WaitGroup
		ops := operationsOn("a")
		begun.Add(len(ops))
		for _, op := range ops {
			calls.Go(func() {
				err := op.call(t.Context(), db)
				begun.Done()
				for deadline := time.Now().Add(longWait); !errors.Is(err, weensydb.ErrClosed); {
					if err = op.call(t.Context(), db); time.Now().After(deadline) {
						t.Errorf("%s still answers %v", op.name, err)
						return
					}
				}
			})
		}
		begun.Wait()
		var closes sync.WaitGroup
		for range 2 {
			closes.Go(func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
				if _, err := db.Get(t.Context(), "b"); !errors.Is(err, weensydb.ErrClosed) {
					t.Errorf("after Close: %v", err)
				}
			})
		}
		closes.Wait()
		calls.Wait()
	}
}

// listenLoopback opens a listener until the test ends.
func listenLoopback(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}
