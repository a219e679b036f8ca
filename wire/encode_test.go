package wire

import (
	"bytes"
	"testing"
)

// requestTable lists every request that a client can write, the bytes it must
// become, and what the server's parser must read from them.
var requestTable = []struct {
	dialect Dialect
	got     []byte
	want    string
	request Request
}{
	{Weensy, Weensy.AppendGet(nil, "k"), "get k\r\n", Request{Op: Get, Key: raw("k")}},
	{Weensy, Weensy.AppendSet(nil, "k", raw("Hi\r")), "set k 3\r\nHi\r", Request{Op: Set, Key: raw("k"), Value: raw("Hi\r")}},
	{Weensy, Weensy.AppendSet(nil, "k", nil), "set k 0\r\n", Request{Op: Set, Key: raw("k")}},
	{Weensy, Weensy.AppendDelete(nil, "k"), "delete k\r\n", Request{Op: Delete, Key: raw("k")}},
	{Weensy, Weensy.AppendExchange(nil, "k", "l"), "exch k l\r\n", Request{Op: Exchange, Key: raw("k"), Key2: raw("l")}},
	{Weensy, Weensy.AppendCompareSet(nil, "k", raw("old"), raw("newer")), "cas k 3 5\r\noldnewer",
		Request{Op: CompareSet, Key: raw("k"), Old: raw("old"), Value: raw("newer")}},
	{Weensy, Weensy.AppendQuit(nil), "quit\r\n", Request{Op: Quit}},
	{Weensy, Weensy.AppendVersion(nil), "version\r\n", Request{Op: Error, Err: ErrUnknown}},

	{Memcache, Memcache.AppendGet(nil, "k"), "get k\r\n", Request{Op: Get, Key: raw("k")}},
	{Memcache, Memcache.AppendGets(nil, "k"), "gets k\r\n", Request{Op: Get, WantCAS: true, Key: raw("k")}},
	{Memcache, Memcache.AppendSet(nil, "k", raw("Hi\r")), "set k 0 0 3\r\nHi\r\r\n", Request{Op: Set, Key: raw("k"), Value: raw("Hi\r")}},
	{Memcache, Memcache.AppendSet(nil, "k", nil), "set k 0 0 0\r\n\r\n", Request{Op: Set, Key: raw("k")}},
	{Memcache, Memcache.AppendDelete(nil, "k"), "delete k\r\n", Request{Op: Delete, Key: raw("k")}},
	{Memcache, Memcache.AppendExchange(nil, "k", "l"), "exch k l\r\n", Request{Op: Exchange, Key: raw("k"), Key2: raw("l")}},
	{Memcache, Memcache.AppendCAS(nil, "k", 1<<32-1, raw("v"), 1<<64-1), "cas k 4294967295 0 1 18446744073709551615\r\nv\r\n",
		Request{Op: CAS, Key: raw("k"), Flags: 1<<32 - 1, Value: raw("v"), Compare: 1<<64 - 1}},
	{Memcache, Memcache.AppendIncr(nil, "k", 1<<64-1), "incr k 18446744073709551615\r\n", Request{Op: Incr, Key: raw("k"), Delta: 1<<64 - 1}},
	{Memcache, Memcache.AppendVersion(nil), "version\r\n", Request{Op: Version}},
	{Memcache, Memcache.AppendStats(nil, ""), "stats\r\n", Request{Op: Stats}},
	{Memcache, Memcache.AppendStats(nil, "items"), "stats items\r\n", Request{Op: Stats, Arg: raw("items")}},
	{Memcache, Memcache.AppendMetaDump(nil), "lru_crawler metadump all\r\n", Request{Op: MetaDump}},
	{Memcache, Memcache.AppendQuit(nil), "quit\r\n", Request{Op: Quit}},
}

func raw(s string) []byte { return []byte(s) }

func TestEncode(t *testing.T) {
	for _, c := range requestTable {
		if string(c.got) != c.want {
			t.Errorf("%v: %q, want %q", c.dialect, c.got, c.want)
		}
		p := Parser{Dialect: c.dialect, MaxItemSize: 1 << 20}
		var r Request
		n, ok := 0, false
		for !ok && n < len(c.got) {
			var m int
			m, ok = p.Next(c.got[n:], &r)
			if n += m; m == 0 {
				break
			}
		}
		if !ok || n != len(c.got) || !sameEncoded(&r, &c.request) {
			t.Errorf("%v: the parser reads %q as %v %+v (%d bytes)", c.dialect, c.got, ok, r, n)
		}
	}
}

// sameEncoded compares the fields that a request of encode.go can have.
func sameEncoded(r, want *Request) bool {
	return r.Op == want.Op && r.Err == want.Err && r.WantCAS == want.WantCAS && !r.NoReply &&
		bytes.Equal(r.Key, want.Key) && bytes.Equal(r.Key2, want.Key2) && bytes.Equal(r.Arg, want.Arg) &&
		bytes.Equal(r.Old, want.Old) && bytes.Equal(r.Value, want.Value) &&
		r.Flags == want.Flags && r.Exptime == want.Exptime && r.Delta == want.Delta && r.Compare == want.Compare
}

func TestEncodeAppends(t *testing.T) {
	dst := Memcache.AppendGet(raw("before "), "k")
	if string(dst) != "before get k\r\n" {
		t.Errorf("%q", dst)
	}
}

func TestEncodeAllocates(t *testing.T) {
	buffer := make([]byte, 0, 1<<10)
	value := raw("value")
	allocs := testing.AllocsPerRun(100, func() {
		for _, d := range []Dialect{Weensy, Memcache} {
			dst := d.AppendSet(buffer, "k", value)
			dst = d.AppendCompareSet(dst, "k", value, value)
			dst = d.AppendCAS(dst, "k", 1, value, 2)
			dst = d.AppendGet(dst, "k")
			dst = d.AppendIncr(dst, "k", 7)
			_ = dst
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
