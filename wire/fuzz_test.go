package wire

import (
	"reflect"
	"strings"
	"testing"
)

// historic are inputs that have hurt memcached, or that come close to a limit.
var historic = []string{
	"set a 0 0 18446744073709551615\r\n", "set a 0 0 4294967294\r\nx\r\n", // lengths that overflow: CVE-2016-8704
	"append a 0 0 -1\r\nx\r\n", "set a 0 0 2147483645\r\n", "ms a 2147483646 c\r\n",
	"get" + strings.Repeat(" ", 4000) + "a\r\n", // many blanks: CVE-2023-46852
	"get a\nset a 0 0 1\nx\r\nmg a\n\n",         // bare \n: CVE-2023-46853
	"get " + strings.Repeat("k", 250) + "\r\n", "get " + strings.Repeat("k", 251) + "\r\n",
	"set a 0 0 0\r\n\r\n", "set k 0 0", "set a 0 0 3\r\nab", "mg Zm9v b\r\nmg Zm9 b\r\nmg = b\r\n",
	"gets " + strings.Repeat("k ", 1500) + "\r\n", strings.Repeat("a", 3000), "incr a " + strings.Repeat("9", 40) + "\r\n",
	"ms a 2 MA N1 T2 O" + strings.Repeat("o", 32) + "\r\nxy\r\n", "mg a" + strings.Repeat(" v", 30) + "\r\n",
	"\x80\x00\x00\x01", "get a HTTP/1.1\r\nfoo HTTP/1.1\r\n", "verbosity\r\nflush_all -1\r\nlru_crawler metadump all\r\n",
	"cas a 3 3\nabcdef", "cas a 9223372036854775807 9223372036854775807\n", "set a 9223372036854775808\n", "  \t\nQ\n",
}

func fuzz(f *testing.F, d Dialect) {
	for _, s := range historic {
		f.Add(s, uint8(1))
		f.Add(s, uint8(5))
	}
	f.Fuzz(func(t *testing.T, in string, step uint8) {
		whole, rest := parseAll(d, in, len(in)+1)
		cut, cutRest := parseAll(d, in, int(step)+1)
		if !reflect.DeepEqual(whole, cut) || rest != cutRest {
			t.Fatalf("%q: whole %q, %d left; in steps of %d: %q, %d left", in, whole, rest, int(step)+1, cut, cutRest)
		}
	})
}

func FuzzWeensy(f *testing.F)   { fuzz(f, Weensy) }
func FuzzMemcache(f *testing.F) { fuzz(f, Memcache) }

// FuzzMetaReply checks that no reply to a meta request can be torn apart by what
// the request said.
func FuzzMetaReply(f *testing.F) {
	f.Add("mg a k O1 t s f c l h v")
	f.Add("ms Zm8= 0 b k c s O2")
	f.Fuzz(func(t *testing.T, line string) {
		p := Parser{Dialect: Memcache, MaxItemSize: 1024}
		var r Request
		n, ok := p.Next([]byte(line+"\r\n\r\n"), &r)
		if !ok || n == 0 || r.Op < MetaGet || r.Op > MetaArith {
			return
		}
		item := Item{Value: []byte("v"), TTL: -1}
		for _, reply := range [][]byte{
			AppendMetaGet(nil, &r, &item, false), AppendMetaSet(nil, &r, "HD", 1, 1),
			AppendMetaStatus(nil, &r, "EN"), AppendMetaArith(nil, &r, &item),
		} {
			want := 1
			if r.Meta.Value && string(reply[:2]) == "VA" {
				want = 2
			}
			if got := strings.Count(string(reply), "\n"); got != want {
				t.Fatalf("%q: %d line ends in %q", line, got, reply)
			}
		}
	})
}
