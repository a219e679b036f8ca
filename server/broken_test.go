package server_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"weensydb/server"
	"weensydb/store"
	"weensydb/wire"
)

// The checks of histories and of storms must be able to fail: here they face a
// database in which one command drops its lock between reading and writing.

// A tornExecutor carries out the requests in torn as several: what it reads may
// no longer be so when it writes.
type tornExecutor struct {
	table *store.Table
	torn  store.Op
}

func (e *tornExecutor) Now() int64 { return stoppedClock().UnixMilli() }

func (e *tornExecutor) Execute(req *store.Request, res *store.Result, _ *server.Ticket) bool {
	switch {
	case req.Op == store.Incr && req.Op == e.torn:
		e.tornIncr(req, res)
	case req.Op == store.Exchange && req.Op == e.torn && !bytes.Equal(req.Key, req.Key2):
		e.tornExchange(req, res)
	default:
		e.table.Execute(req, e.Now(), res)
	}
	return true
}

func (e *tornExecutor) tornIncr(req *store.Request, res *store.Result) {
	e.table.Execute(&store.Request{Op: store.Get, Key: req.Key}, e.Now(), res)
	n, err := strconv.ParseUint(string(res.Value), 10, 64)
	if res.Status != store.OK || err != nil || req.HasCompare || req.HasNewCAS {
		e.table.Execute(req, e.Now(), res) // whatever is said to it then
		return
	}
	n += req.Delta
	set := store.Request{
		Op: store.Set, Key: req.Key, Value: strconv.AppendUint(nil, n, 10), Flags: res.Item.Flags, Expiry: res.Item.Expiry,
	}
	runtime.Gosched()
	e.table.Execute(&set, e.Now(), res)
	res.Number = n
}

func (e *tornExecutor) tornExchange(req *store.Request, res *store.Result) {
	var other store.Result
	e.table.Execute(&store.Request{Op: store.Get, Key: req.Key}, e.Now(), res)
	e.table.Execute(&store.Request{Op: store.Get, Key: req.Key2}, e.Now(), &other)
	if res.Status != store.OK || other.Status != store.OK {
		res.Status = store.NotFound
		return
	}
	set1 := store.Request{Op: store.Set, Key: req.Key, Value: other.Value, Flags: other.Item.Flags, Expiry: res.Item.Expiry}
	set2 := store.Request{Op: store.Set, Key: req.Key2, Value: res.Value, Flags: res.Item.Flags, Expiry: other.Item.Expiry}
	runtime.Gosched()
	e.table.Execute(&set1, e.Now(), res)
	e.table.Execute(&set2, e.Now(), &other)
	res.ID2 = other.Item.ID
}

func (e *tornExecutor) Abandon(*server.Ticket)           {}
func (e *tornExecutor) Stable() uint64                   { return math.MaxUint64 }
func (e *tornExecutor) WhenStable(_ uint64, wake func()) { wake() }
func (e *tornExecutor) Stats() store.Stats               { return e.table.Stats() }
func (e *tornExecutor) ResetStats()                      { e.table.ResetStats() }
func (e *tornExecutor) Snapshot(t *server.Transfer)      { t.Fail("SERVER_ERROR none") }
func (e *tornExecutor) SetMemory(n int64)                { e.table.SetMemory(n) }
func (e *tornExecutor) Scan(bucket int, visit func([]byte, *store.Item, int)) uint64 {
	return e.table.Scan(bucket, e.Now(), visit)
}

// serveTorn serves a database whose command torn drops its lock.
func serveTorn(t *testing.T, torn store.Op) addresses {
	t.Helper()
	const maxItemSize = 1 << 20
	arena := store.NewArena(64<<20, maxItemSize)
	s := server.New(server.Config{
		Executor: &tornExecutor{torn: torn, table: store.New(store.Options{
			Log: store.NewCounter(0), Arena: arena, MaxItemSize: maxItemSize,
		})},
		Buffers: server.NewBuffers(32 << 20), Logger: slog.New(slog.DiscardHandler), Version: "torn", Threads: 1,
		MaxItemSize: maxItemSize, MaxConns: 100, RequestTimeout: longWait, WriteTimeout: longWait,
	})
	var addrs [2]string
	served := make(chan error, 2)
	for i, dialect := range []wire.Dialect{wire.Weensy, wire.Memcache} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs[i] = l.Addr().String()
		go func() { served <- s.Serve(l, dialect) }()
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		for range addrs {
			<-served
		}
	})
	return addresses{addrs[0], addrs[1]}
}

// brokenTries bounds how many histories or storms may miss what is broken. Most
// find it at once.
const brokenTries = 50

// contended is a history with much of what the broken commands do; alone is the
// same with nobody who could come in between.
var (
	contended = shape{clients: 8, steps: 15, groups: []groupKind{{keys: 2, joined: true, counters: true}}}
	alone     = shape{clients: 1, steps: 200, groups: contended.groups}
)

func TestBrokenIncrIsCaught(t *testing.T) { expectViolation(t, store.Incr) }
func TestBrokenExchIsCaught(t *testing.T) { expectViolation(t, store.Exchange) }

func expectViolation(t *testing.T, torn store.Op) {
	first := newSeed(t)
	if err := judge(t, torn, first, alone); err != nil {
		t.Fatalf("without concurrency nothing is wrong with it, but: %v", err)
	}
	for try := range brokenTries {
		var found *violation
		if err := judge(t, torn, first+uint64(try), contended); !errors.As(err, &found) {
			continue
		}
		if found.result != porcupine.Illegal {
			t.Fatal(found)
		}
		t.Logf("found in history %d", try+1)
		return
	}
	t.Fatalf("%d histories of a database whose command drops its lock, and nothing found", brokenTries)
}

// judge records and checks one history of a broken database.
func judge(t *testing.T, torn store.Op, seed uint64, of shape) error {
	t.Helper()
	at := serveTorn(t, torn)
	h, err := record(at, seed, of)
	if err != nil {
		t.Fatal(err)
	}
	return h.check()
}

func TestBrokenExchIsCaughtByStorm(t *testing.T) {
	at, first := serveTorn(t, store.Exchange), newSeed(t)
	for try := range brokenTries {
		if err := exchStorm(at, first+uint64(try), 10); errors.Is(err, errLostOrDoubled) {
			t.Logf("found by storm %d: %v", try+1, err)
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("%d storms in a database whose exch drops its locks, and nothing found", brokenTries)
}
