package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"weensydb"
)

// open opens a database and gives its two addresses.
func open(t *testing.T) (weensy, memcache string) {
	t.Helper()
	db, err := weensydb.Open(weensydb.Config{Weensy: []string{"127.0.0.1:0"}, Memcache: []string{"127.0.0.1:0"}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.WeensyAddr(), db.MemcacheAddr()
}

var itemID = regexp.MustCompile(` #\d+`)

// TestCommands plays the same commands to both listeners. They differ in the
// IDs, which the WeensyDB dialect alone tells.
func TestCommands(t *testing.T) {
	steps := []struct {
		args   string // cut at blanks
		stdin  string
		code   int
		stdout string
		stderr string
	}{
		{args: "get k", code: 1, stderr: "NOT_FOUND"},
		{args: "set k v", stdout: "STORED #1\n"},
		{args: "get k", stdout: "v"},
		{args: "set l -- -5", stdout: "STORED #2\n"},
		{args: "get l", stdout: "-5"},
		{args: "set l", stdin: "a\r\n\x00b\n", stdout: "STORED #2\n"},
		{args: "get l", stdout: "a\r\n\x00b\n"},
		{args: "set e -", stdin: "", stdout: "STORED #3\n"},
		{args: "get e", stdout: ""},
		{args: "exch k l", stdout: "EXCHANGED #1 #2\n"},
		{args: "get k", stdout: "a\r\n\x00b\n"},
		{args: "exch k missing", code: 1, stderr: "NOT_FOUND"},
		{args: "cas l v w", stdout: "STORED #2\n"},
		{args: "cas l v w", code: 1, stderr: "EXISTS"},
		{args: "cas missing v w", code: 1, stderr: "NOT_FOUND"},
		{args: "get l", stdout: "w"},
		{args: "delete l", stdout: "DELETED #2\n"},
		{args: "delete l", code: 1, stderr: "NOT_FOUND"},
		{args: "incr n", code: 1, stderr: "NOT_FOUND"},
		{args: "set n 9", stdout: "STORED #4\n"},
		{args: "incr n", stdout: "10\n"},
		{args: "incr n 90", stdout: "100\n"},
		{args: "incr n 18446744073709551615", stdout: "99\n"},
		{args: "get n", stdout: "99 "},
		{args: "incr n 0", stdout: "99\n"},
		{args: "incr k", code: 1, stderr: "cannot increment or decrement non-numeric value"},
		{args: "set n 000000000000000000001", stdout: "STORED #4\n"},
		{args: "incr n", stdout: "2\n"},
		{args: "get n", stdout: "2" + strings.Repeat(" ", 20)},
		{args: "incr n 18446744073709551616", code: 2, stderr: "18446744073709551616"},
		{args: "get " + strings.Repeat("k", 251), code: 2, stderr: "a key has 1 to 250 bytes"},
		{args: "delete a\nb", code: 2, stderr: "no white space"},
		{args: "ping", stdout: "?"},
	}
	weensy, memcache := open(t)
	_, other := open(t)
	for _, listener := range []struct {
		name, addr string
		ids        bool
	}{{"weensy", weensy, true}, {"memcache", other, false}} {
		t.Run(listener.name, func(t *testing.T) {
			t.Setenv("WEENSYDB_SERVER", listener.addr)
			for _, step := range steps {
				if !listener.ids {
					step.stdout = itemID.ReplaceAllString(step.stdout, "")
				}
				if step.stdout == "?" {
					step.stdout = ""
				}
				o := invoke(t, step.stdin, strings.Split(step.args, " ")...)
				if step.args == "ping" {
					if !strings.Contains(o.stdout, listener.addr+" answered") || !strings.Contains(o.stdout, listener.name) {
						t.Errorf("ping: %+v", o)
					}
					continue
				}
				if o.code != step.code || o.stdout != step.stdout || !strings.Contains(o.stderr, step.stderr) || (o.stderr == "") != (step.stderr == "") {
					t.Errorf("%q: %+v, want %+v", step.args, o, step)
				}
			}
		})
	}
	if o := invoke(t, "", "get", "--server", memcache, "k"); o.stdout != "a\r\n\x00b\n" {
		t.Errorf("what the dialect stored, memcache gets: %+v", o)
	}
}

// TestIncrRace: no addition is lost, although the dialect has none.
func TestIncrRace(t *testing.T) {
	weensy, _ := open(t)
	if o := invoke(t, "", "set", "--server", weensy, "n", "0"); o.code != exitOK {
		t.Fatal(o)
	}
	const clients, times = 8, 50
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			c, err := dial(weensy, patience)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.close()
			for range times {
				if _, err := c.incr("n", 1); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if o, want := invoke(t, "", "get", "--server", weensy, "n"), fmt.Sprint(clients*times); o.stdout != want {
		t.Errorf("%d clients added 1 %d times each: %s, want %s", clients, times, o.stdout, want)
	}
}

func TestIncremented(t *testing.T) {
	for _, c := range []struct {
		value string
		delta uint64
		sum   uint64
		text  string
		ok    bool
	}{
		{"1", 2, 3, "3", true},
		{"99", 1, 100, "100", true},
		{"18446744073709551615", 2, 1, "1" + strings.Repeat(" ", 19), true},
		{"9 ", 1, 10, "10", true},
		{"007", 1, 8, "8  ", true},
		{"", 1, 0, "", false},
		{"x", 1, 0, "", false},
		{"-1", 1, 0, "", false},
		{"18446744073709551616", 1, 0, "", false},
	} {
		sum, text, ok := incremented([]byte(c.value), c.delta)
		if sum != c.sum || string(text) != c.text || ok != c.ok {
			t.Errorf("%q + %d = %d %q %v, want %+v", c.value, c.delta, sum, text, ok, c)
		}
	}
}

// TestListing: what only a memcache listener tells.
func TestListing(t *testing.T) {
	weensy, memcache := open(t)
	c, err := dial(weensy, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	want := []string{"a%20b", "key=", "ümlaut"}
	for i := range 500 {
		want = append(want, fmt.Sprintf("many:%d", i))
	}
	for _, key := range want {
		if _, err := c.set(key, []byte("v")); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	list := func(args ...string) []string {
		o := invoke(t, "", append([]string{"keys", "--server", memcache}, args...)...)
		if o.code != exitOK {
			t.Errorf("keys %q: %+v", args, o)
		}
		return slices.Sorted(slices.Values(strings.Fields(o.stdout)))
	}
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("keys: %q", got)
	}
	if got := list("a%"); !slices.Equal(got, []string{"a%20b"}) {
		t.Errorf("keys with a prefix: %q", got)
	}
	if got := list("nothing:"); len(got) > 0 {
		t.Errorf("keys that are not there: %q", got)
	}
	for _, c := range []struct {
		args []string
		code int
		want string // in what is printed
	}{
		{[]string{"stats", "--server", memcache}, exitOK, fmt.Sprintf("\ncurr_items %d\n", len(want))},
		{[]string{"stats", "--server", memcache, "reset"}, exitOK, "RESET\n"},
		{[]string{"stats", "--server", memcache, "bogus"}, exitRefused, "stats bogus: ERROR"},
		{[]string{"stats", "--server", memcache, "a\nb"}, exitUsage, "no such statistics"},
		{[]string{"version", "--server", memcache}, exitOK, "client " + weensydb.Version + "\nserver 1.6.45-weensydb-" + weensydb.Version + "\n"},
		{[]string{"keys", "--server", weensy}, exitUsage, "give the address of the memcache listener, such as --server 127.0.0.1:11211"},
		{[]string{"stats", "--server", weensy}, exitUsage, "--server 127.0.0.1:11211"},
		{[]string{"version", "--server", weensy}, exitUsage, "--server 127.0.0.1:11211"},
	} {
		o := invoke(t, "", c.args...)
		if o.code != c.code || !strings.Contains(o.stdout+o.stderr, c.want) {
			t.Errorf("%q: %+v, want %d and %q", c.args, o, c.code, c.want)
		}
	}
}

// shortDir is a directory whose sockets' paths are short enough on any system.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "w")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestUnixSocket(t *testing.T) {
	addr := "unix:" + filepath.Join(shortDir(t), "s")
	db, err := weensydb.Open(weensydb.Config{Weensy: []string{addr}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if o := invoke(t, "", "set", "--server", addr, "k", "v"); o.stdout != "STORED #1\n" {
		t.Errorf("%+v", o)
	}
}
