package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// comparable makes of an exported line what an import keeps: all but the ID, and the
// second after which the item expires.
func comparable(t *testing.T, line string) string {
	t.Helper()
	var l itemLine
	if err := json.Unmarshal([]byte(line), &l); err != nil {
		t.Fatal(err)
	}
	l.ID = 0
	if l.Expiry != "" {
		at, err := time.Parse(time.RFC3339, l.Expiry)
		if err != nil {
			t.Fatal(err)
		}
		l.Expiry = at.Add(time.Second - 1).Truncate(time.Second).Format(time.RFC3339)
	}
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func comparables(t *testing.T, lines []string) []string {
	var all []string
	for _, line := range lines {
		all = append(all, comparable(t, line))
	}
	slices.Sort(all)
	return all
}

// TestExportImport: all that an import can keep is in the other server, also after
// it was done twice.
func TestExportImport(t *testing.T) {
	_, from := openIn(t, t.TempDir())
	_, to := openIn(t, t.TempDir())
	allKinds(t, from)
	file := filepath.Join(t.TempDir(), "f")
	if o := invoke(t, "", "export", "--server", from, file); o.code != exitOK || !strings.Contains(o.stdout, "10 items of position 16") {
		t.Fatalf("export: %+v", o)
	}
	want := comparables(t, exported(t, from))
	for range 2 {
		if o := invoke(t, "", "import", "--server", to, file); o != (outcome{0, "10 items imported\n", ""}) {
			t.Fatalf("import: %+v", o)
		}
		if got := comparables(t, exported(t, to)); !slices.Equal(got, want) {
			t.Errorf("imported\n%.3000s\nwant\n%.3000s", got, want)
		}
	}

	// What inspect prints of a backup can be imported, too.
	backup := invoke(t, "", "backup", "--server", from, "-").stdout
	lines := invoke(t, backup, "inspect", "--records", "-").stdout
	if o := invoke(t, lines, "import", "--server", to); o.code != exitOK || o.stdout != "10 items imported\n" {
		t.Errorf("import of inspect's lines: %+v", o)
	}
}

// TestImportLines: what is wrong with a line is told with its number, and the others
// are imported all the same.
func TestImportLines(t *testing.T) {
	_, memcache := openIn(t, t.TempDir())
	for _, c := range []struct{ line, want string }{
		{`{"key":"k","value":"v"}`, ""},
		{"", ""},
		{`{"key_base64":"AP8=","value_base64":"AP8=","flags":7,"cas":9,"stale":true,"won":true,"expiry":"2199-01-01T00:00:00+01:00"}`, ""},
		{`{"key":"k","value":"v"`, "unexpected EOF"},
		{`{"key":"k","value":"v"} {}`, "something follows the object"},
		{`["k"]`, "cannot unmarshal array"},
		{`{"key":"k","value":"v","flag":7}`, `unknown field "flag"`},
		{`{"key":"k","value":7}`, "cannot unmarshal number"},
		{`{"key":"k","value":"v","flags":4294967296}`, "cannot unmarshal number 4294967296"},
		{`{"key":"k","value":"v","flags":-1}`, "cannot unmarshal number -1"},
		{`{"key":"k","value":"v","expiry":"tomorrow"}`, `expiry "tomorrow" is no time such as 2026`},
		{`{"value":"v"}`, "it has no key"},
		{`{"key":"k"}`, `key "k": it has no value`},
		{`{"key":"k","key_base64":"aw==","value":"v"}`, "both key and key_base64"},
		{`{"key":"k","value":"v","value_base64":"dg=="}`, "both value and value_base64"},
		{`{"key":"k","value_base64":"!"}`, "illegal base64"},
		{`{"key":"","value":"v"}`, "a key has 1 to 250 bytes, not 0"},
		{`{"key":"` + strings.Repeat("k", 251) + `","value":"v"}`, "a key has 1 to 250 bytes, not 251"},
		{`{"key":"` + strings.Repeat(" ", 200) + `","value":"v"}`, "is too long for that"},
		{"{\"key\":\"k\",\"value\":\"\xff\"}", "it is not UTF-8"},
		{`{"key":"k","value":"` + strings.Repeat("v", 2<<20) + `"}`, "SERVER_ERROR object too large for cache"},
	} {
		input := "\n" + c.line + "\n" + `{"key":"last","value":"x"}`
		o := invoke(t, input, "import", "--server", memcache)
		switch {
		case c.want == "":
			if o.code != exitOK || !strings.HasPrefix(o.stdout, fmt.Sprint(strings.Count(c.line, "{")+1, " item")) || o.stderr != "" {
				t.Errorf("%.100s: %+v", c.line, o)
			}
		case o.code != exitRefused || !strings.HasPrefix(o.stdout, "1 item imported\n1 not imported: ") ||
			!strings.HasPrefix(o.stderr, "weensydb: line 2") || !strings.Contains(o.stderr, c.want) || strings.Count(o.stderr, "\n") != 1:
			t.Errorf("%.100s: %+v, want %q", c.line, o, c.want)
		}
	}
	if o := invoke(t, "", "get", "--server", memcache, "last"); o.stdout != "x" {
		t.Errorf("the last line: %+v", o)
	}

	o := invoke(t, strings.Repeat("bad\n", 1000), "import", "--server", memcache)
	if o.code != exitRefused || o.stdout != "0 items imported\n1000 not imported: not readable\n" || strings.Count(o.stderr, "\n") != maxTold+1 {
		t.Errorf("many bad lines: %+v", o)
	}
	o = invoke(t, `{"key":"k","value":"v","expiry":"1960-01-01T00:00:00Z"}`, "import", "--server", memcache)
	if o != (outcome{0, "0 items imported\n1 left out: expired\n", ""}) {
		t.Errorf("an expired item: %+v", o)
	}
	o = invoke(t, `{"key":"k","value":"v","expiry":"2099-01-01T00:00:00Z"}`, "import", "--server", memcache)
	if o.code != exitOK || !strings.Contains(o.stdout, "1 of those imported expire on 2038-01-19") {
		t.Errorf("an item that lives longer than the protocol: %+v", o)
	}
}

// TestImportMistakes: command lines that cannot work.
func TestImportMistakes(t *testing.T) {
	weensy, memcache := open(t)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--server", weensy}, exitUsage, "speaks the WeensyDB dialect"},
		{[]string{"--server", memcache, "/no/such"}, exitUsage, "no such file"},
		{[]string{"--server", memcache, t.TempDir()}, exitRefused, "is a directory"},
		{[]string{"--server", memcache, "--from-memcached", memcache}, exitUsage, "is the server that the items would go to"},
		{[]string{"--server", memcache, "--from-memcached", weensy}, exitUsage, "speaks the WeensyDB dialect"},
		{[]string{"--server", memcache, "--from-memcached", "x:1", "f"}, exitUsage, "not both"},
		{[]string{"--server", memcache, "--from-memcached", "localhost"}, exitUsage, "write host:port"},
		{[]string{"--server", memcache, "--from-memcached", "unix:/no/such"}, exitUnreachable, "--from-memcached: no server at unix:/no/such"},
	} {
		o := invoke(t, "", append([]string{"import"}, c.args...)...)
		if o.code != c.code || !strings.Contains(o.stderr, c.want) {
			t.Errorf("%q: %+v, want %d and %q", c.args, o, c.code, c.want)
		}
	}
}

// flaky is a server of the memcache listener that answers so many stores, and then
// closes.
func flaky(t *testing.T, stores int) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			lines := bufio.NewScanner(conn)
			for left := stores; left > 0 && lines.Scan(); {
				switch {
				case strings.HasPrefix(lines.Text(), "version"):
					io.WriteString(conn, "VERSION 1.6.99\r\n")
				case strings.HasPrefix(lines.Text(), "ms "):
					io.WriteString(conn, "HD\r\n")
					left--
				}
			}
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

// TestImportServerGone: it is told how many items the server had taken, and nothing
// hangs, however much there was to send.
func TestImportServerGone(t *testing.T) {
	line := `{"key":"k","value":"` + strings.Repeat("v", 1000) + `"}` + "\n"
	for _, lines := range []int{8, 10_000} {
		o := invoke(t, strings.Repeat(line, lines), "import", "--server", flaky(t, 7))
		if o.code != exitUnreachable || o.stdout != "" || !strings.Contains(o.stderr, "the import has ended early: 7 items imported") {
			t.Errorf("%d lines: %+v", lines, o)
		}
	}
}

// TestImportSlowInput: what was read is stored before more is waited for.
func TestImportSlowInput(t *testing.T) {
	weensy, memcache := open(t)
	r, w := pipe(t)
	code := make(chan int)
	go func() {
		code <- run([]string{"import", "--server", memcache}, newSession(r, io.Discard, io.Discard))
	}()
	for i := range 3 {
		fmt.Fprintf(w, "{\"key\":\"k%d\",\"value\":\"v\"}\n", i)
		for end := time.Now().Add(patience); invoke(t, "", "get", "--server", weensy, fmt.Sprint("k", i)).stdout != "v"; {
			if time.Now().After(end) {
				t.Fatal("the item is not there")
			}
		}
	}
	w.Close()
	if got := <-code; got != exitOK {
		t.Errorf("exit code %d", got)
	}
}

// TestLineReader: lines that the buffer does not hold, and those that are too long.
func TestLineReader(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, c := range []struct {
		input string
		want  []string // "!" stands for a line that is too long
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a\n", []string{"a\n"}},
		{"\n\na\n\nb", []string{"\n", "\n", "a\n", "\n", "b"}},
		{long[:39] + "\n" + long[:16] + "\nz", []string{long[:39] + "\n", long[:16] + "\n", "z"}},
		{"a\n" + long + "\nb\n", []string{"a\n", "!", "b\n"}},
		{long, []string{"!"}},
		{long + "\n" + long + "\n", []string{"!", "!"}},
	} {
		l := &lineReader{in: bufio.NewReaderSize(strings.NewReader(c.input), 16), max: 40}
		var got []string
		for {
			line, err := l.next()
			if err == errLongLine {
				line = []byte("!")
			} else if err != nil {
				break
			}
			if got = append(got, string(line)); l.number != int64(len(got)) {
				t.Errorf("%q: line %d has number %d", c.input, len(got), l.number)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.input, got, c.want)
		}
	}
	failing := &lineReader{in: bufio.NewReader(io.MultiReader(strings.NewReader("a"), brokenFile{}))}
	if _, err := failing.next(); err != errBrokenFile {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

type brokenFile struct{}

var errBrokenFile = errors.New("broken")

func (brokenFile) Read([]byte) (int, error) { return 0, errBrokenFile }

func TestExptime(t *testing.T) {
	const now = 1_800_000_000_500 // Unix ms
	for _, c := range []struct {
		expiry        int64
		want          int64
		expired, late bool
	}{
		{expiry: 0, want: 0},
		{expiry: now, expired: true},
		{expiry: now - 1, expired: true},
		{expiry: now + 1, want: 1_800_000_001},
		{expiry: now + 500, want: 1_800_000_001},
		{expiry: now + 501, want: 1_800_000_002},
		{expiry: math.MaxInt32 * 1000, want: math.MaxInt32},
		{expiry: math.MaxInt32*1000 + 1, want: math.MaxInt32, late: true},
	} {
		it := movedItem{expiry: c.expiry}
		if got, expired, late := it.exptime(now); expired != c.expired || late != c.late || !expired && got != c.want {
			t.Errorf("%+v: %d %v %v", c, got, expired, late)
		}
	}
}

// FuzzItemLine: no line makes parseItemLine panic, and what it accepts comes back as
// it was.
func FuzzItemLine(f *testing.F) {
	f.Add([]byte(`{"key":"k","flags":7,"expiry":"2026-01-01T00:00:00.001Z","id":1,"cas":9,"stale":true,"won":true,"value":"v"}`))
	f.Add([]byte(`{"key_base64":"AA==","value_base64":""}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		it, err := parseItemLine(line)
		if err != nil {
			return
		}
		l := itemLine{dumpedItem: dumpedItem{Flags: it.flags, CAS: it.cas, Stale: it.stale, Won: it.won}}
		l.Key, l.KeyBase64 = textOrBytes(it.key)
		l.Value, l.ValueBase64 = textOrBytes(it.value)
		again, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseItemLine(again)
		back.expiry = it.expiry
		if err != nil || !bytes.Equal(back.key, it.key) || !bytes.Equal(back.value, it.value) || back.flags != it.flags || back.cas != it.cas {
			t.Errorf("%q: %q: %v", line, again, err)
		}
	})
}
