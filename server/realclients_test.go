package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"weensydb"
)

// wantError wants an error of the client's own, or nil.
func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

func wantItem(t *testing.T, what string, it *memcache.Item, err error, value string, flags uint32) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	} else if string(it.Value) != value || it.Flags != flags {
		t.Errorf("%s: value %q flags %d, want %q and %d", what, it.Value, it.Flags, value, flags)
	}
}

// TestGomemcache uses every operation of a real client.
func TestGomemcache(t *testing.T) {
	clock := &fakeClock{now: epoch}
	db := openDB(t, weensydb.Config{Now: clock.Now})
	c := memcache.New(db.MemcacheAddr())
	c.Timeout = patience
	defer c.Close()

	item := func(key, value string) *memcache.Item {
		return &memcache.Item{Key: key, Value: []byte(value), Flags: 7}
	}
	wantError(t, "ping", c.Ping(), nil)
	_, err := c.Get("a")
	wantError(t, "get of a missing key", err, memcache.ErrCacheMiss)

	wantError(t, "replace of a missing key", c.Replace(item("a", "x")), memcache.ErrNotStored)
	wantError(t, "append to a missing key", c.Append(item("a", "x")), memcache.ErrNotStored)
	wantError(t, "prepend to a missing key", c.Prepend(item("a", "x")), memcache.ErrNotStored)
	wantError(t, "add", c.Add(item("a", "b")), nil)
	wantError(t, "add of a present key", c.Add(item("a", "x")), memcache.ErrNotStored)
	wantError(t, "append", c.Append(item("a", "c")), nil)
	wantError(t, "prepend", c.Prepend(item("a", "a")), nil)
	it, err := c.Get("a")
	wantItem(t, "get", it, err, "abc", 7)
	wantError(t, "replace", c.Replace(item("a", "new")), nil)
	wantError(t, "set", c.Set(item("b", "")), nil)

	many, err := c.GetMulti([]string{"a", "none", "b"})
	if err != nil || len(many) != 2 {
		t.Errorf("get of three keys: %v, %v, want the two that are there", many, err)
	}
	wantItem(t, "the first", many["a"], err, "new", 7)
	wantItem(t, "the last", many["b"], err, "", 7)

	gomemcacheCAS(t, c)
	gomemcacheCounts(t, c)
	gomemcacheTime(t, c, clock)

	wantError(t, "delete", c.Delete("a"), nil)
	wantError(t, "delete of a missing key", c.Delete("a"), memcache.ErrCacheMiss)
	wantError(t, "delete of all", c.DeleteAll(), nil)
	_, err = c.Get("b")
	wantError(t, "get after it", err, memcache.ErrCacheMiss)
	wantError(t, "set", c.Set(item("b", "x")), nil)
	wantError(t, "flush", c.FlushAll(), nil)
	_, err = c.Get("b")
	wantError(t, "get after it", err, memcache.ErrCacheMiss)

	large := make([]byte, 1<<20)
	if err := c.Set(&memcache.Item{Key: "large", Value: large}); err == nil {
		t.Error("set of 1 MiB and a key: no error")
	}
	large = large[:1<<20-len("large")]
	wantError(t, "set of a large value", c.Set(&memcache.Item{Key: "large", Value: large}), nil)
	it, err = c.Get("large")
	wantItem(t, "get of it", it, err, string(large), 0)
}

func gomemcacheCAS(t *testing.T, c *memcache.Client) {
	mine, err := c.Get("a")
	wantError(t, "get", err, nil)
	theirs, err := c.Get("a")
	wantError(t, "get", err, nil)
	theirs.Value = []byte("theirs")
	wantError(t, "cas", c.CompareAndSwap(theirs), nil)
	mine.Value = []byte("mine")
	wantError(t, "cas that comes too late", c.CompareAndSwap(mine), memcache.ErrCASConflict)
	it, err := c.Get("a")
	wantItem(t, "get", it, err, "theirs", 7)
	wantError(t, "delete", c.Delete("a"), nil)
	wantError(t, "cas of a missing key", c.CompareAndSwap(it), memcache.ErrCacheMiss)
	wantError(t, "set", c.Set(it), nil)
}

func gomemcacheCounts(t *testing.T, c *memcache.Client) {
	_, err := c.Increment("n", 1)
	wantError(t, "increment of a missing key", err, memcache.ErrCacheMiss)
	wantError(t, "set", c.Set(&memcache.Item{Key: "n", Value: []byte("10")}), nil)
	if n, err := c.Increment("n", 32); n != 42 || err != nil {
		t.Errorf("increment: %d, %v, want 42", n, err)
	}
	if n, err := c.Decrement("n", 50); n != 0 || err != nil {
		t.Errorf("decrement below 0: %d, %v, want 0", n, err)
	}
	if _, err := c.Increment("a", 1); err == nil {
		t.Error("increment of what is no number: no error")
	}
}

func gomemcacheTime(t *testing.T, c *memcache.Client, clock *fakeClock) {
	wantError(t, "set", c.Set(&memcache.Item{Key: "short", Value: []byte("x"), Expiration: 10}), nil)
	wantError(t, "touch", c.Touch("short", 20), nil)
	wantError(t, "touch of a missing key", c.Touch("none", 20), memcache.ErrCacheMiss)
	clock.Advance(15 * time.Second)
	it, err := c.GetAndTouch("short", 30)
	wantItem(t, "get and touch", it, err, "x", 0)
	_, err = c.GetAndTouch("none", 30)
	wantError(t, "get and touch of a missing key", err, memcache.ErrCacheMiss)
	clock.Advance(29 * time.Second)
	it, err = c.Get("short")
	wantItem(t, "get in the last second", it, err, "x", 0)
	clock.Advance(time.Second)
	_, err = c.Get("short")
	wantError(t, "get when it has expired", err, memcache.ErrCacheMiss)
}

// TestMemccapable runs libmemcached's test of servers, its ASCII part.
func TestMemccapable(t *testing.T) {
	needProgram(t, "memccapable", "libmemcached-tools")
	host, port, err := net.SplitHostPort(openDB(t, weensydb.Config{}).MemcacheAddr())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("memccapable", "-h", host, "-p", port, "-a").CombinedOutput()
	if err != nil {
		t.Errorf("memccapable: %v\n%s", err, out)
	}
}

// monitored are the statistics that monitoring reads (MEMCACHED.md, "Limits and
// defaults that clients know").
var monitored = []string{
	"pid", "uptime", "time", "version", "pointer_size", "curr_connections", "total_connections", "rejected_connections",
	"cmd_get", "cmd_set", "cmd_flush", "cmd_touch", "cmd_meta", "get_hits", "get_misses", "get_expired", "get_flushed",
	"delete_misses", "delete_hits", "incr_misses", "incr_hits", "decr_misses", "decr_hits", "cas_misses", "cas_hits",
	"cas_badval", "touch_hits", "touch_misses", "bytes_read", "bytes_written", "limit_maxbytes", "threads", "conn_yields",
	"curr_items", "total_items", "bytes", "evictions", "idle_kicks",
}

// stats asks for the statistics.
func (p *peer) stats() (map[string]string, error) {
	conn, err := net.Dial("tcp", p.memcache)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(p.patience))
	if _, err := conn.Write([]byte("stats\r\n")); err != nil {
		return nil, err
	}
	stats := map[string]string{}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if lines.Text() == "END" {
			return stats, nil
		}
		words := strings.SplitN(lines.Text(), " ", 3)
		if len(words) != 3 || words[0] != "STAT" {
			return nil, fmt.Errorf("%q is no line of stats", lines.Text())
		}
		stats[words[1]] = words[2]
	}
	return nil, fmt.Errorf("stats has no END")
}

// TestMonitoredStats wants all of them, and each counter to count.
func TestMonitoredStats(t *testing.T) {
	p := &peer{memcache: openDB(t, weensydb.Config{}).MemcacheAddr(), now: time.Now, patience: patience}
	names := func() map[string]string {
		stats, err := p.stats()
		if err != nil {
			t.Fatal(err)
		}
		return stats
	}
	before := names()
	for _, name := range monitored {
		if _, ok := before[name]; !ok {
			t.Errorf("stats has no %s", name)
		}
	}
	const work = "# MEMCACHED.md\nlistener: memcache\n" +
		"> set a 0 0 1\n> x\nSTORED\n> get a none\n...\nEND\n> gets a\n...\nEND\n> mg a v\n...\nx\n" +
		"> set n 0 0 1\n> 1\nSTORED\n> incr n 1\n2\n> decr n 1\n1\n> incr none 1\nNOT_FOUND\n> decr none 1\nNOT_FOUND\n" +
		"> cas a 0 0 1 999999999\n> x\nEXISTS\n> cas none 0 0 1 1\n> x\nNOT_FOUND\n> touch a 0\nTOUCHED\n> touch none 0\nNOT_FOUND\n" +
		"> delete none\nNOT_FOUND\n> delete n\nDELETED\n"
	c, err := parseConversation("work", work)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.hold(c, whole); err != nil {
		t.Fatal(err)
	}
	after := names()
	for name, want := range map[string]string{
		"cmd_set": "4", "cmd_touch": "2", "get_misses": "1", "delete_misses": "1", "delete_hits": "1",
		"incr_misses": "1", "incr_hits": "1", "decr_misses": "1", "decr_hits": "1", "cas_misses": "1", "cas_badval": "1",
		"cas_hits": "0", "touch_hits": "1", "touch_misses": "1", "curr_items": "1", "total_items": "2", "get_hits": "3", "cmd_get": "4",
	} {
		if after[name] != want {
			t.Errorf("%s is %s, want %s", name, after[name], want)
		}
	}
	if !slices.Contains([]string{"32", "64"}, after["pointer_size"]) {
		t.Errorf("pointer_size is %s", after["pointer_size"])
	}
}
