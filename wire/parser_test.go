package wire

import (
	"fmt"
	"strings"
	"testing"
)

// describe writes what a request says, but for fields at their zero value.
func describe(r *Request) string {
	var b strings.Builder
	b.WriteString(r.Op.String())
	text := func(name string, v []byte) {
		if len(v) > 0 {
			fmt.Fprintf(&b, " %s=%q", name, v)
		}
	}
	text("key", r.Key)
	text("key2", r.Key2)
	text("keys", r.Keys)
	text("arg", r.Arg)
	text("value", r.Value)
	text("old", r.Old)
	for _, n := range []struct {
		name  string
		value any
		zero  bool
	}{
		{"flags", r.Flags, r.Flags == 0}, {"exptime", r.Exptime, r.Exptime == 0},
		{"delta", r.Delta, r.Delta == 0}, {"compare", r.Compare, r.Compare == 0},
		{"noreply", true, !r.NoReply}, {"wantcas", true, !r.WantCAS}, {"touch", true, !r.Touch},
		{"drop", true, !r.Drop}, {"err", r.Err, r.Err == ""},
	} {
		if !n.zero {
			fmt.Fprintf(&b, " %s=%v", n.name, n.value)
		}
	}
	if m := r.Meta; m.used {
		fmt.Fprintf(&b, " meta={%s}", describeMeta(&m))
	}
	return b.String()
}

// describeMeta names the flags that are set.
func describeMeta(m *Meta) string {
	var words []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"Base64", m.Base64}, {"Quiet", m.Quiet}, {"Value", m.Value}, {"NoBump", m.NoBump}, {"Stale", m.Stale},
		{"Drop", m.Drop}, {"HasCAS", m.HasCAS}, {"HasNew", m.HasNew}, {"HasTouch", m.HasTouch}, {"Vivify", m.Vivify},
		{"Recache", m.Recache}, {"TouchBeforeRecache", m.TouchBeforeRecache}, {"TouchAfterVivify", m.TouchAfterVivify},
		{"Mode=" + string(rune(m.Mode)), m.Mode != 0},
		{fmt.Sprintf("NewCAS=%d", m.NewCAS), m.NewCAS != 0}, {fmt.Sprintf("Initial=%d", m.Initial), m.Initial != 0},
		{fmt.Sprintf("VivifyTTL=%d", m.VivifyTTL), m.VivifyTTL != 0}, {fmt.Sprintf("RecacheTTL=%d", m.RecacheTTL), m.RecacheTTL != 0},
	} {
		if f.set {
			words = append(words, f.name)
		}
	}
	return strings.Join(words, " ")
}

// parseAll feeds in to a Parser, at most step bytes at a time, as a connection
// would, and returns what came out.
func parseAll(d Dialect, in string, step int) (got []string, rest int) {
	p := Parser{Dialect: d, MaxItemSize: 1024}
	var r Request
	var buf []byte
	for {
		n, ok := p.Next(buf, &r)
		if ok {
			got = append(got, describe(&r))
			if r.Op == Hangup || r.Op == Quit {
				return got, 0
			}
		}
		buf = buf[n:]
		if n > 0 || ok {
			continue
		}
		if len(in) == 0 {
			return got, len(buf)
		}
		// Copy, so that a slice kept from an earlier call would show.
		k := min(step, len(in))
		buf = append([]byte(string(buf)), in[:k]...)
		in = in[k:]
	}
}

func TestParser(t *testing.T) {
	long := strings.Repeat("k", 250)
	for _, c := range []struct {
		dialect Dialect
		in      string
		want    []string
	}{
		{Weensy, "get a\nGET\t a  b c\r\n", []string{`get key="a"`, `get key="a"`}},
		{Weensy, "set a 3\r\nHi\rset b 0\nget b\n", []string{`set key="a" value="Hi\r"`, `set key="b"`, `get key="b"`}},
		{Weensy, "cas k 2 3\nabcdeget k\n", []string{`compare-set key="k" value="cde" old="ab"`, `get key="k"`}},
		{Weensy, "\r\n \t\n x\nset " + long + " 1\nzset " + long + "k 1\nzset a -1\nset a 1x\n", []string{
			"nothing", "nothing", "error err=ERROR", `set key="` + long + `" value="z"`, `error key="` + long + `k" err=ERROR`,
			"error err=ERROR", "error err=ERROR"}},
		{Weensy, "set a 1025\n" + strings.Repeat("x", 1025) + "exch a b\nQuestion\n", []string{
			`error key="a" drop=true err=` + ErrTooLarge, `exch key="a" key2="b"`, "quit"}},
		{Weensy, strings.Repeat("x", 2049), []string{"error err=ERROR", "hangup err=line too long"}},
		{Memcache, "set a 5 -1 2 noreply\r\nxy\r\nget a  b\n", []string{
			`set key="a" value="xy" flags=5 exptime=-1 noreply=true`, `get key="a" keys="  b"`}},
		{Memcache, "set a 0 0 2\r\nxyz\r\nget a\r\n", []string{`error key="a" err=` + ErrDataChunk, "error err=" + ErrFormat, `get key="a"`}},
		{Memcache, "cas a 0 0 1 x\r\nz\r\nadd a 0 0 2147483646\r\nmn\r\n", []string{
			`error key="a" err=` + ErrFormat, "error err=" + ErrFormat, "mn"}},
		{Memcache, "delete a 0 noreply\r\ndelete a 1\r\nincr a 18446744073709551616\r\ntouch a 2147483648\r\n", []string{
			`delete key="a" noreply=true`, `error key="a" err=` + ErrDeleteUsage, `error key="a" err=` + ErrDelta, `error key="a" err=` + ErrExptime}},
		{Memcache, "mg Zm9v b v q O12\r\nms k 1 MA T30 N-1\r\nz\r\nma k MX\r\nmd k q q\r\nmg k !\r\nmg k Z\r\n", []string{
			`mg key="foo" meta={Base64 Quiet Value}`,
			`ms key="k" value="z" exptime=30 meta={HasTouch Vivify TouchBeforeRecache Mode=A VivifyTTL=-1}`,
			`error key="k" delta=1 err=` + ErrArithMode + ` meta={Mode=X}`,
			`error key="k" err=` + ErrDuplicateFlag + ` meta={Quiet}`,
			`error key="k" err=` + ErrFormat + ` meta={}`,
			`error key="k" err=` + ErrInvalidFlag + ` meta={}`,
		}},
		{Memcache, " flush_all 5 noreply\r\nexch a noreply\r\nfoo HTTP/1.1\r\n", []string{
			"flush_all exptime=5 noreply=true", `exch key="a" key2="noreply"`, "hangup err=the client speaks HTTP"}},
		{Memcache, "\x80\x01", []string{"hangup err=the client speaks memcached's binary protocol: set it to the text (ASCII) or the meta protocol"}},
	} {
		for _, step := range []int{1, 2, 3, 7, 1 << 20} {
			got, rest := parseAll(c.dialect, c.in, step)
			if rest != 0 || fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%v %.60q in steps of %d:\ngot  %q, %d bytes left\nwant %q", c.dialect, c.in, step, got, rest, c.want)
			}
		}
	}
}

// TestShed checks that a request for which there is no memory is refused and its
// body swallowed, wherever it was cut.
func TestShed(t *testing.T) {
	const in = "set a 0 0 5 \r\nhello\r\nmn\r\n"
	for cut := len("set a 0 0 5 \r\n"); cut < len("set a 0 0 5 \r\nhello\r\n"); cut++ {
		p := Parser{Dialect: Memcache, MaxItemSize: 100}
		var r Request
		if n, ok := p.Next([]byte(in[:cut]), &r); n != 0 || ok {
			t.Fatalf("cut at %d: got a request before its body", cut)
		}
		p.Shed()
		buf := []byte(in[:cut])
		n, ok := p.Next(buf, &r)
		if !ok || r.Err != ErrNoMemory || string(r.Key) != "a" || !r.Drop {
			t.Fatalf("cut at %d: got %s", cut, describe(&r))
		}
		buf = []byte(in[n:])
		for ok = false; !ok; buf = buf[n:] {
			n, ok = p.Next(buf, &r)
		}
		if r.Op != MetaNoop {
			t.Fatalf("cut at %d: the body was not swallowed: %s", cut, describe(&r))
		}
	}
}
