package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

const replyLimit = 1 << 10 // bytes of a value

// replyTable lists replies as the two servers send them, and what a client reads.
var replyTable = []struct {
	dialect Dialect
	in      string
	want    Reply
}{
	{Weensy, "VALUE hello 3 #1\r\nHi\r\r\n", Reply{Kind: ReplyValue, Key: raw("hello"), Data: raw("Hi\r"), ID: 1}},
	{Weensy, "VALUE k 0 #18446744073709551615\r\n\r\n", Reply{Kind: ReplyValue, Key: raw("k"), ID: math.MaxUint64}},
	{Weensy, "END\r\n", Reply{Kind: ReplyEnd}},
	{Weensy, "STORED #7\r\n", Reply{Kind: ReplyStored, ID: 7}},
	{Weensy, "DELETED #7\r\n", Reply{Kind: ReplyDeleted, ID: 7}},
	{Weensy, "EXCHANGED #7 #8\r\n", Reply{Kind: ReplyExchanged, ID: 7, ID2: 8}},
	{Weensy, "NOT_FOUND\r\n", Reply{Kind: ReplyNotFound}},
	{Weensy, "EXISTS\r\n", Reply{Kind: ReplyExists}},
	{Weensy, "ERROR\r\n", Reply{Kind: ReplyError}},
	{Weensy, "SERVER_ERROR out of memory storing object\r\n", Reply{Kind: ReplyServerError}},

	{Memcache, "VALUE k 4294967295 5\r\nhello\r\n", Reply{Kind: ReplyValue, Key: raw("k"), Data: raw("hello"), Flags: math.MaxUint32}},
	{Memcache, "VALUE k 0 2 12\r\n\r\n\r\n", Reply{Kind: ReplyValue, Key: raw("k"), Data: raw("\r\n"), CAS: 12}},
	{Memcache, "VALUE " + strings.Repeat("k", 250) + " 0 0\r\n\r\n", Reply{Kind: ReplyValue, Key: bytes.Repeat(raw("k"), 250)}},
	{Memcache, "STORED\r\n", Reply{Kind: ReplyStored}},
	{Memcache, "NOT_STORED\r\n", Reply{Kind: ReplyNotStored}},
	{Memcache, "DELETED\r\n", Reply{Kind: ReplyDeleted}},
	{Memcache, "EXCHANGED\r\n", Reply{Kind: ReplyExchanged}},
	{Memcache, "TOUCHED\r\n", Reply{Kind: ReplyTouched}},
	{Memcache, "OK\r\n", Reply{Kind: ReplyOK}},
	{Memcache, "RESET\r\n", Reply{Kind: ReplyReset}},
	{Memcache, "18446744073709551615\r\n", Reply{Kind: ReplyNumber, Number: math.MaxUint64}},
	{Memcache, "STAT pid 12\r\n", Reply{Kind: ReplyStat}},
	{Memcache, "key=a exp=-1 la=1 cas=2 fetch=no cls=1 size=63\r\n", Reply{Kind: ReplyDumped}},
	{Memcache, "key=a exp=-1 la=1 cas=2 fetch=no cls=1 size=61 flags=0 \n", Reply{Kind: ReplyDumped}},
	{Memcache, "VERSION 1.6.45\r\n", Reply{Kind: ReplyVersion}},
	{Memcache, "BUSY currently processing crawler request\r\n", Reply{Kind: ReplyBusy}},
	{Memcache, "CLIENT_ERROR bad data chunk\r\n", Reply{Kind: ReplyClientError}},
	{Memcache, "ERROR Too many open connections\r\n", Reply{Kind: ReplyError}},
	{Memcache, ErrShutdown + "\r\n", Reply{Kind: ReplyServerError}},
	{Memcache, "HD f0 c12\r\n", Reply{Kind: ReplyMetaHeader}},
	{Memcache, "VA 5 f0 c12\r\nhello\r\n", Reply{Kind: ReplyMetaValue, Data: raw("hello")}},
	{Memcache, "EN\r\n", Reply{Kind: ReplyMetaMiss}},
	{Memcache, "NS\r\n", Reply{Kind: ReplyMetaNotStored}},
	{Memcache, "EX\r\n", Reply{Kind: ReplyMetaExists}},
	{Memcache, "NF\r\n", Reply{Kind: ReplyMetaNotFound}},
	{Memcache, "MN\r\n", Reply{Kind: ReplyMetaNoop}},
	{Memcache, "ME k exp=-1 la=1 cas=2 fetch=no cls=1 size=63\r\n", Reply{Kind: ReplyMetaDebug}},
}

func TestReplies(t *testing.T) {
	for _, c := range replyTable {
		line, _, _ := strings.Cut(c.in, "\n")
		line = strings.TrimSuffix(line, "\r")
		_, rest, _ := strings.Cut(line, " ")
		c.want.Line, c.want.Rest = raw(line), raw(rest)
		var r Reply
		n, err := ParseReply(c.dialect, raw(c.in+"tail"), replyLimit, &r)
		if n != len(c.in) || err != nil || !sameReply(&r, &c.want) {
			t.Errorf("%v %q: %d %v %+v", c.dialect, c.in, n, err, r)
		}
		for cut := range len(c.in) {
			if n, err := ParseReply(c.dialect, raw(c.in[:cut]), replyLimit, &r); n != 0 || err != nil {
				t.Errorf("%v %q, of which %d bytes: %d %v", c.dialect, c.in, cut, n, err)
			}
		}
	}
}

func sameReply(r, want *Reply) bool {
	return r.Kind == want.Kind && bytes.Equal(r.Line, want.Line) && bytes.Equal(r.Rest, want.Rest) &&
		bytes.Equal(r.Key, want.Key) && bytes.Equal(r.Data, want.Data) &&
		r.ID == want.ID && r.ID2 == want.ID2 && r.CAS == want.CAS && r.Number == want.Number && r.Flags == want.Flags
}

func TestRepliesRefused(t *testing.T) {
	for _, c := range []struct {
		dialect Dialect
		in      string
		want    error
	}{
		{Weensy, "\r\n", ErrReply},
		{Weensy, "\n", ErrReply},
		{Weensy, "END\n", ErrReply},
		{Memcache, "12\n", ErrReply},
		{Weensy, "end\r\n", ErrReply},
		{Weensy, "VALUE\r\n", ErrReply},
		{Weensy, "VALUE k 5\r\n", ErrReply},
		{Weensy, "VALUE k 5 7\r\n", ErrReply},
		{Weensy, "VALUE k 0 5 7\r\n", ErrReply},
		{Weensy, "VALUE k -1 #7\r\n", ErrReply},
		{Weensy, "VALUE k 1 #7\r\nabc", ErrReply},
		{Weensy, "VALUE k 1025 #7\r\n", ErrReplyLength},
		{Weensy, "VALUE k 18446744073709551615 #7\r\n", ErrReplyLength},
		{Weensy, "VALUE k 18446744073709551616 #7\r\n", ErrReply},
		{Weensy, "VALUE " + strings.Repeat("k", 251) + " 1 #7\r\n", ErrReply},
		{Weensy, "STORED\r\n", ErrReply},
		{Weensy, "STORED #\r\n", ErrReply},
		{Weensy, "EXCHANGED #1\r\n", ErrReply},
		{Weensy, "EXCHANGED #1 #2 #3\r\n", ErrReply},
		{Memcache, "STORED #7\r\n", ErrReply},
		{Memcache, "VALUE k 0 5 #7\r\n", ErrReply},
		{Memcache, "VALUE k 0\r\n", ErrReply},
		{Memcache, "VALUE k 4294967296 0\r\n", ErrReply},
		{Memcache, "VALUE k x 0 7\r\n", ErrReply},
		{Memcache, "VALUE k 0 0 7 8\r\n", ErrReply},
		{Memcache, "VALUE k 0 9223372036854775807\r\n", ErrReplyLength},
		{Memcache, "VA\r\n", ErrReply},
		{Memcache, "VA 1025 f0\r\n", ErrReplyLength},
		{Memcache, "VA 1\r\nabc", ErrReply},
		{Memcache, "-1\r\n", ErrReply},
		{Memcache, "18446744073709551616\r\n", ErrReply},
		{Memcache, "HTTP/1.1 400 Bad Request\r\n", ErrReply},
		{Memcache, "-ERR unknown command 'version'\r\n", ErrReply},
		{Memcache, strings.Repeat("x", MaxLine+2), ErrReply},
	} {
		var r Reply
		if n, err := ParseReply(c.dialect, raw(c.in), replyLimit, &r); n != 0 || !errors.Is(err, c.want) {
			t.Errorf("%v %q: %d %v, want %v", c.dialect, c.in, n, err, c.want)
		}
	}
}

// TestReplyLimits shows lengths at the limit and the largest limit there is.
func TestReplyLimits(t *testing.T) {
	var r Reply
	full := fmt.Sprintf("VALUE k 0 %d\r\n%s\r\n", replyLimit, strings.Repeat("x", replyLimit))
	if n, err := ParseReply(Memcache, raw(full), replyLimit, &r); n != len(full) || err != nil {
		t.Errorf("a value of the limit: %d %v", n, err)
	}
	huge := fmt.Sprintf("VALUE k 0 %d\r\nxy", math.MaxInt)
	if n, err := ParseReply(Memcache, raw(huge), math.MaxInt, &r); n != 0 || err != nil {
		t.Errorf("a value of MaxInt bytes: %d %v, want more input", n, err)
	}
	if _, err := ParseReply(Memcache, raw("VALUE k 0 1\r\n"), -1, &r); !errors.Is(err, ErrReplyLength) {
		t.Errorf("a limit below 0: %v", err)
	}
}

func TestRepliesAllocate(t *testing.T) {
	var ins [][]byte
	for _, c := range replyTable {
		ins = append(ins, raw(c.in))
	}
	var r Reply
	allocs := testing.AllocsPerRun(100, func() {
		for i, in := range ins {
			if n, err := ParseReply(replyTable[i].dialect, in, replyLimit, &r); n == 0 || err != nil {
				t.Fatalf("%q: %v", in, err)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzReplies(f *testing.F) {
	for _, c := range replyTable {
		f.Add(c.dialect == Memcache, raw(c.in), 9)
	}
	f.Add(true, raw("VALUE k 0 9223372036854775807\r\nx\r\n"), 20)
	f.Add(false, raw("VALUE k 18446744073709551615 #1\r\n"), 30)
	f.Add(false, bytes.Repeat(raw("x"), MaxLine+2), MaxLine)
	f.Fuzz(func(t *testing.T, memcache bool, in []byte, cut int) {
		d := Weensy
		if memcache {
			d = Memcache
		}
		var whole, part Reply
		n, err := ParseReply(d, in, replyLimit, &whole)
		switch {
		case n < 0 || n > len(in):
			t.Fatalf("%d bytes of %d consumed", n, len(in))
		case err != nil && n != 0:
			t.Fatalf("%d bytes consumed with %v", n, err)
		case n > 0 && (len(whole.Line) == 0 || len(whole.Data) > replyLimit):
			t.Fatalf("%+v", whole)
		}
		if len(in) == 0 {
			return
		}
		cut = int(uint(cut) % uint(len(in)))
		m, cutErr := ParseReply(d, in[:cut:cut], replyLimit, &part)
		switch {
		case m > 0 && (m != n || !sameReply(&whole, &part)):
			t.Fatalf("%d bytes: %+v; the first %d: %d %+v", n, whole, cut, m, part)
		case cutErr != nil && !errors.Is(err, cutErr):
			t.Fatalf("%v, but the first %d bytes: %v", err, cut, cutErr)
		case err == nil && n > 0 && n <= cut && m == 0:
			t.Fatalf("%d bytes suffice, but of %d none is consumed", n, cut)
		}
	})
}
