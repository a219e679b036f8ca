package wire

import "testing"

// TestNoAllocation asserts that parsing a request and encoding its reply
// allocates nothing, for the requests that a loaded server sees.
func TestNoAllocation(t *testing.T) {
	item := Item{Value: make([]byte, 100), Flags: 7, ID: 12345, CAS: 1 << 40, TTL: 30}
	for _, c := range []struct {
		name    string
		dialect Dialect
		in      string
		reply   func(dst []byte, r *Request) []byte
	}{
		{"weensy get", Weensy, "get key\r\n", func(dst []byte, r *Request) []byte { return AppendWeensyValue(dst, r.Key, &item) }},
		{"weensy set", Weensy, "set key 5\r\nhello", func(dst []byte, r *Request) []byte { return AppendID(dst, "STORED", 9) }},
		{"weensy cas", Weensy, "cas key 5 2\r\nhelloHi", func(dst []byte, r *Request) []byte { return AppendID(dst, "STORED", 9) }},
		{"get", Memcache, "get key\r\n", func(dst []byte, r *Request) []byte { return AppendValue(dst, r.Key, &item, true) }},
		{"set", Memcache, "set key 0 0 5\r\nhello\r\n", func(dst []byte, r *Request) []byte { return AppendLine(dst, "STORED") }},
		{"incr", Memcache, "incr key 5\r\n", func(dst []byte, r *Request) []byte { return AppendNumber(dst, 12) }},
		{"mg", Memcache, "mg a2V5 b v t f c s k O123\r\n", func(dst []byte, r *Request) []byte { return AppendMetaGet(dst, r, &item, true) }},
		{"ms", Memcache, "ms key 5 T30 c k\r\nhello\r\n", func(dst []byte, r *Request) []byte { return AppendMetaSet(dst, r, "HD", 5, 7) }},
		{"ma", Memcache, "ma key N0 J5 v\r\n", func(dst []byte, r *Request) []byte { return AppendMetaArith(dst, r, &item) }},
	} {
		p := Parser{Dialect: c.dialect, MaxItemSize: 1 << 20}
		in, out := []byte(c.in), make([]byte, 0, 1024)
		var r Request
		allocs := testing.AllocsPerRun(100, func() {
			if n, ok := p.Next(in, &r); !ok || n != len(in) || r.Op == Error {
				t.Fatalf("%s: parsed %d bytes to %s", c.name, n, describe(&r))
			}
			out = c.reply(out[:0], &r)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations per request", c.name, allocs)
		}
	}
}

var sink []byte

// TestAllocationIsSeen proves that the check above can fail.
func TestAllocationIsSeen(t *testing.T) {
	if testing.AllocsPerRun(10, func() { sink = make([]byte, 64) }) == 0 {
		t.Fatal("an allocation was not counted")
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name    string
		dialect Dialect
		in      string
	}{
		{"weensy/get", Weensy, "get key:123456\r\n"},
		{"memcache/get", Memcache, "get key:123456\r\n"},
		{"memcache/set", Memcache, "set key:123456 0 0 5\r\nhello\r\n"},
		{"memcache/mg", Memcache, "mg key:123456 v t f c\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := Parser{Dialect: c.dialect, MaxItemSize: 1 << 20}
			in := []byte(c.in)
			var r Request
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				p.Next(in, &r)
			}
		})
	}
}
