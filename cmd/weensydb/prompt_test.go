package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"weensydb"
)

func TestSplitWords(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
		err  error
	}{
		{"", nil, nil},
		{" \t\r\n", nil, nil},
		{"get k\n", []string{"get", "k"}, nil},
		{" set  k\tv ", []string{"set", "k", "v"}, nil},
		{`set k "a b"`, []string{"set", "k", "a b"}, nil},
		{`set k 'a "b" \n'`, []string{"set", "k", `a "b" \n`}, nil},
		{`set k "it's"`, []string{"set", "k", "it's"}, nil},
		{`set k ""`, []string{"set", "k", ""}, nil},
		{`set k a"b c"d`, []string{"set", "k", "ab cd"}, nil},
		{`set k a\ b\n\r\t\\\"\'`, []string{"set", "k", "a b\n\r\t\\\"'"}, nil},
		{`set k "a\nb"`, []string{"set", "k", "a\nb"}, nil},
		{`set k "a`, nil, errQuote},
		{`set k 'a`, nil, errQuote},
		{`set k a\`, nil, errEscape},
		{`set k \x`, nil, errEscape},
	} {
		got, err := splitWords(c.line)
		if err != c.err || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q %v, want %q %v", c.line, got, err, c.want, c.err)
		}
	}
}

// testPrompt is a prompt whose output is kept.
func testPrompt(server string) (p *prompt, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	p = newPrompt(newSession(nil, stdout, stderr), target{Server: server, Timeout: patience})
	return p, stdout, stderr
}

func TestComplete(t *testing.T) {
	p, _, _ := testPrompt("")
	for _, c := range []struct {
		line string
		want []string
	}{
		{"s", []string{"set", "snapshot", "stats"}},
		{"qu", []string{"quit"}},
		{"bogus", nil},
		{"help s", []string{"set", "snapshot", "stats"}},
		{"stats s", []string{"settings", "slabs", "sizes"}},
		{"stats items ", nil},
		{"get --", []string{"--server", "--timeout"}},
		{"get k", nil},
		{"bogus --", nil},
	} {
		var got []string
		pairs := p.complete(c.line)
		for i := 0; i < len(pairs); i += 2 {
			got = append(got, pairs[i])
		}
		slices.Sort(got)
		if slices.Sort(c.want); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
	if got := p.complete(""); len(got) != 2*len(p.model.Children) {
		t.Errorf("an empty line: %q", got)
	}
	if got := p.complete("set"); len(got) != 2 || got[1] != "Store a value." {
		t.Errorf("what set means: %q", got)
	}
}

func TestHint(t *testing.T) {
	p, _, _ := testPrompt("")
	for line, want := range map[string]string{
		"":               "",
		"se":             "set",
		"s":              "set  stats  snapshot",
		"set":            "set KEY [VALUE]: Store a value.",
		"set k v":        "set KEY [VALUE]: Store a value.",
		" exch a":        "exch KEY1 KEY2: Swap the values of two keys in one atomic step.",
		"exit":           "quit: Leave.",
		"bogus":          "",
		"bogus argument": "no such command: type 'help'",
	} {
		if got := p.hint(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestCliLines: the prompt as a script uses it.
func TestCliLines(t *testing.T) {
	weensy, memcache := open(t)
	for _, c := range []struct {
		lines, stdout, stderr string
		code                  int
	}{
		{"", "", "", exitOK},
		{"set k \"a b\"\nget k\n\nexch k k\nset k -\nget k", "STORED #1\na b\nEXCHANGED #1 #1\nSTORED #1\n-\n", "", exitOK},
		{"get missing\nget k\nbogus\n", "-\n", "NOT_FOUND\nunexpected argument bogus (type 'help')\n", exitRefused},
		{"bogus\nget missing\n", "", "unexpected argument bogus (type 'help')\nNOT_FOUND\n", exitUsage},
		{"get k\nquit\nget k\n", "-\n", "", exitOK},
		{"exit\nget k\n", "", "", exitOK},
		{"set k\n", "", "set wants a value after the key; in quotes, if it has blanks\n", exitUsage},
		{"get k\nget\n", "-\n", "expected \"<KEY>\" (type 'help')\n", exitUsage},
		{"set k v\nset k\n", "STORED #1\n", "set wants a value after the key; in quotes, if it has blanks\n", exitUsage},
		{"set k -\n", "STORED #1\n", "", exitOK},
		{"get 'k\n", "", "a quote is not closed\n", exitUsage},
		{"keys --server " + memcache + "\n", "k\n", "", exitOK},
	} {
		o := invoke(t, c.lines, "cli", "--server", weensy)
		if o != (outcome{c.code, c.stdout, c.stderr}) {
			t.Errorf("%q: %+v, want %+v", c.lines, o, c)
		}
	}
}

// TestCliTimeout: the prompt's is its commands'.
func TestCliTimeout(t *testing.T) {
	o := invoke(t, "ping\n", "cli", "--server", silent(t), "--timeout", "50ms")
	if o.code != exitUnreachable || !strings.Contains(o.stderr, "within 50ms") {
		t.Errorf("%+v", o)
	}
}

func TestCliHelp(t *testing.T) {
	for lines, want := range map[string]string{
		"help\n":      "quit",
		"help set\n":  "weensydb> set <KEY>",
		"set --help":  "weensydb> set <KEY>",
		"help help\n": "[<COMMAND>]",
	} {
		o := invoke(t, lines, "cli", "--server", "127.0.0.1:1")
		if o.code != exitOK || !strings.Contains(o.stdout, want) {
			t.Errorf("%q: %+v, want %q", lines, o, want)
		}
	}
}

// TestReconnect: a server that went away is noticed before a command is sent to
// it, and the command goes to its successor.
func TestReconnect(t *testing.T) {
	addr := "unix:" + filepath.Join(shortDir(t), "s")
	open := func() *weensydb.DB {
		db, err := weensydb.Open(weensydb.Config{Weensy: []string{addr}, Dir: t.TempDir(), DrainTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	p, stdout, stderr := testPrompt(addr)
	defer p.session.close()
	step := func(line, wantOut, wantErr string) {
		t.Helper()
		p.do(line)
		if stdout.String() != wantOut || !strings.Contains(stderr.String(), wantErr) || (stderr.Len() == 0) != (wantErr == "") {
			t.Errorf("%q: %q and %q, want %q and %q", line, stdout, stderr, wantOut, wantErr)
		}
		stdout.Reset()
		stderr.Reset()
	}
	db := open()
	step("set k v", "STORED #1\n", "")
	step("get k", "v\n", "")
	db.Close()
	db = open()
	step("set k w", "STORED #1\n", "was lost; connecting again")
	db.Close()
	step("get k", "", "no server at "+addr)
	db = open()
	step("get k", "", "NOT_FOUND")
	db.Close()
}

func TestHistoryFile(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("AppData", home)
	for range 2 {
		path, err := historyFile()
		if err != nil || !strings.HasPrefix(path, home) {
			t.Fatalf("%q %v", path, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
			t.Errorf("%s has mode %v", path, mode)
		}
	}
}
