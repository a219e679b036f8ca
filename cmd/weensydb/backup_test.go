package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weensydb"
)

// openIn opens a database in a directory and gives its memcache address.
func openIn(t *testing.T, dir string) (db *weensydb.DB, memcache string) {
	t.Helper()
	db, err := weensydb.Open(weensydb.Config{Weensy: []string{"127.0.0.1:0"}, Memcache: []string{"127.0.0.1:0"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, db.MemcacheAddr()
}

// allKinds stores an item of each kind.
func allKinds(t *testing.T, memcache string) {
	t.Helper()
	conn := connect(t, memcache)
	defer conn.Close()
	big := strings.Repeat("\x00\xffbinary", 100_000)
	for _, step := range [][2]string{
		{"set plain 7 0 5\r\nhello\r\n", "STORED\r\n"},
		{"set empty 0 0 0\r\n\r\n", "STORED\r\n"},
		{"set text 4294967295 1000 8\r\na\"\\\n<é>\r\n", "STORED\r\n"},
		{"set far 0 2000000000 1\r\nf\r\n", "STORED\r\n"},
		{fmt.Sprintf("set big 0 0 %d\r\n%s\r\n", len(big), big), "STORED\r\n"},
		{"ms AP9r 1 b E99\r\n1\r\n", "HD\r\n"},
		{"ms stale 1 T900 E5\r\ns\r\n", "HD\r\n"},
		{"md stale I E77\r\n", "HD\r\n"},
		{"ms both 1 F3\r\nb\r\n", "HD\r\n"},
		{"md both I\r\n", "HD\r\n"},
		{"mg both\r\n", "HD X W\r\n"},
		{"mg won N0\r\n", "HD W\r\n"},
		{"ms soon 1 T800\r\nw\r\n", "HD\r\n"},
		{"mg soon R1000\r\n", "HD W\r\n"},
		{"set gone 0 0 1\r\nx\r\n", "STORED\r\n"},
		{"delete gone\r\n", "DELETED\r\n"},
	} {
		talk(t, conn, step[0], step[1])
	}
}

// kinds is how many items allKinds leaves.
const kinds = 10

// exported returns the lines of an export, sorted.
func exported(t *testing.T, addr string) []string {
	t.Helper()
	o := invoke(t, "", "export", "--server", addr)
	if o.code != exitOK || o.stderr != "" {
		t.Fatalf("export: %d %s", o.code, o.stderr)
	}
	return sortedLines(o.stdout)
}

func sortedLines(text string) []string {
	return slices.Sorted(slices.Values(strings.Split(strings.TrimSuffix(text, "\n"), "\n")))
}

// TestBackupRestore: a directory that was made of a backup holds all that there was,
// and what is new in it gets numbers that nothing else has.
func TestBackupRestore(t *testing.T) {
	dir := t.TempDir()
	_, memcache := openIn(t, filepath.Join(dir, "old"))
	allKinds(t, memcache)
	o := invoke(t, "", "snapshot", "--server", memcache)
	if o.code != exitOK || !strings.HasPrefix(o.stdout, "position 1") || !strings.HasSuffix(o.stdout, " bytes\n") {
		t.Errorf("snapshot: %+v", o)
	}
	want := exported(t, memcache)
	if len(want) != kinds {
		t.Errorf("%d items, want %d: %q", len(want), kinds, want)
	}
	file := filepath.Join(dir, "b.backup")
	if o = invoke(t, "", "backup", "--server", memcache, file); o.code != exitOK || !strings.Contains(o.stdout, "10 items: verified") || o.stderr != "" {
		t.Fatalf("backup: %+v", o)
	}
	if o = invoke(t, "", "verify", file); o.code != exitOK || !strings.HasPrefix(o.stdout, "whole: 10 items in ") {
		t.Errorf("verify: %+v", o)
	}
	if o = invoke(t, "", "inspect", file); o.code != exitOK || !strings.Contains(o.stdout, "\nposition  1") || !strings.Contains(o.stdout, "\nwhole: 10 items in ") {
		t.Errorf("inspect: %+v", o)
	}
	items := invoke(t, "", "inspect", "--records", file).stdout
	if n := strings.Count(items, "\n"); n != kinds || !strings.Contains(items, `,"key":"plain","flags":7,`) {
		t.Errorf("inspect --records: %d items: %.1000s", n, items)
	}
	restored := filepath.Join(dir, "new")
	if o = invoke(t, "", "restore", file, restored); o.code != exitOK || !strings.Contains(o.stdout, "serve --dir "+restored) {
		t.Fatalf("restore: %+v", o)
	}
	if o = invoke(t, "", "verify", restored); o.code != exitOK || !strings.HasPrefix(o.stdout, "whole: a snapshot of position 1") {
		t.Errorf("verify the directory: %+v", o)
	}
	db, memcache := openIn(t, restored)
	if got := exported(t, memcache); !slices.Equal(got, want) {
		t.Errorf("restored\n%.2000q\nwant\n%.2000q", got, want)
	}
	o = invoke(t, "", "set", "--server", db.WeensyAddr(), "new", "v")
	var id uint64
	if _, err := fmt.Sscanf(o.stdout, "STORED #%d", &id); err != nil || id < 1<<40 {
		t.Errorf("a new item: %+v", o)
	}
}

// TestBackupFile: what happens to files.
func TestBackupFile(t *testing.T) {
	dir := t.TempDir()
	_, memcache := openIn(t, filepath.Join(dir, "data"))
	t.Setenv("WEENSYDB_SERVER", memcache)
	file := filepath.Join(dir, "there")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"backup FILE", exitUsage, "exists: give another name, or --force"},
		{"export FILE", exitUsage, "exists: give another name, or --force"},
		{"backup DIR", exitUsage, "is a directory"},
		{"backup DIR/no/such", exitUsage, "no such file"},
		{"backup DIR/f", exitOK, "0 items: verified"},
		{"export DIR/g", exitOK, "0 items"},
		{"restore DIR/f DIR", exitUsage, "is not empty"},
		{"restore DIR/f FILE", exitUsage, "not a directory"},
		{"restore DIR/nothing DIR/n", exitUsage, "no such file"},
		{"restore FILE DIR/n", exitRefused, "there is damaged: at byte 4: the file ends within its header"},
		{"restore DIR/f DIR/n", exitOK, "position"}, // what the failed one left is no obstacle
		{"restore DIR/f DIR/n", exitUsage, "is not empty"},
		{"restore DIR/f DIR/data", exitUsage, "is not empty"},
		{"verify DIR/nothing", exitUsage, "no such file or directory"},
		{"verify DIR", exitUsage, "there is no log in it"},
		{"verify DIR/data", exitRefused, "is in use"},
		{"verify FILE", exitRefused, "damaged: "},
		{"backup --force FILE", exitOK, "verified"},
		{"verify FILE", exitOK, "whole: 0 items in 0 blocks"},
	} {
		args := strings.NewReplacer("FILE", file, "DIR", dir).Replace(c.args)
		o := invoke(t, "", strings.Split(args, " ")...)
		if o.code != c.code || !strings.Contains(o.stdout+o.stderr, c.want) {
			t.Errorf("%s: %+v, want %d and %q", c.args, o, c.code, c.want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestBackupPipe: a backup goes through standard output and input as well.
func TestBackupPipe(t *testing.T) {
	dir := t.TempDir()
	_, memcache := openIn(t, filepath.Join(dir, "old"))
	allKinds(t, memcache)
	b := invoke(t, "", "backup", "--server", memcache, "-")
	if b.code != exitOK || b.stderr != "" {
		t.Fatalf("%d %s", b.code, b.stderr)
	}
	if o := invoke(t, b.stdout, "verify", "-"); o.code != exitOK || !strings.HasPrefix(o.stdout, "whole: 10 items") {
		t.Errorf("verify: %+v", o)
	}
	if o := invoke(t, b.stdout, "restore", "-", filepath.Join(dir, "new")); o.code != exitOK {
		t.Errorf("restore: %+v", o)
	}
	if o := invoke(t, b.stdout[:len(b.stdout)-1], "restore", "-", filepath.Join(dir, "cut")); o.code != exitRefused || !strings.Contains(o.stderr, "standard input is damaged") {
		t.Errorf("restore what is cut: %+v", o)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "cut", "*")); len(left) > 1 {
		t.Errorf("left behind, beside the lock: %q", left)
	}
}

// TestBackupDamage flips each byte of a backup, and cuts it everywhere: all commands
// refuse, and name the block.
func TestBackupDamage(t *testing.T) {
	dir := t.TempDir()
	_, memcache := openIn(t, filepath.Join(dir, "data"))
	conn := connect(t, memcache)
	talk(t, conn, "set a 0 0 5\r\nhello\r\n", "STORED\r\n")
	conn.Close()
	whole := []byte(invoke(t, "", "backup", "--server", memcache, "-").stdout)
	step := 5 // package stable looks at each byte; here it is that the commands say so
	if testing.Short() {
		step = 23
	}
	for _, c := range []struct {
		name   string
		damage func(b []byte, i int) []byte
	}{
		{"flip", func(b []byte, i int) []byte { b[i] ^= 0x10; return b }},
		{"cut", func(b []byte, i int) []byte { return b[:i] }},
	} {
		for i := 0; i < len(whole); i += step {
			b := c.damage(bytes.Clone(whole), i)
			commands := [][]string{{"verify", "-"}, {"inspect", "-"}, {"inspect", "--records", "-"}}
			for _, args := range commands[i%3:][:1] { // the parser of the command line is slower than all else
				o := invoke(t, string(b), args...)
				said := o.stdout + o.stderr
				named := strings.Contains(said, "block") || strings.Contains(said, "header") || strings.Contains(said, "footer") ||
					i >= 8 && i < 12 && strings.Contains(said, "format is newer")
				if o.code != exitRefused || !named {
					t.Fatalf("%s byte %d: %q: %+v", c.name, i, args, o)
				}
			}
		}
	}
}

// TestBackupLost: a server that goes away in the middle leaves no file.
func TestBackupLost(t *testing.T) {
	dir := t.TempDir()
	_, memcache := openIn(t, filepath.Join(dir, "data"))
	allKinds(t, memcache)
	whole := invoke(t, "", "backup", "--server", memcache, "-").stdout
	const weensy = "ERROR\r\n"
	reply := func(size int, bytes string) string { return fmt.Sprintf("BACKUP 17 %d\r\n%s", size, bytes) }
	for _, c := range []struct {
		name, reply string
		code        int
		want        string
	}{
		{"whole", reply(len(whole), whole+"\r\n"), exitOK, ""},
		{"a cache", "SERVER_ERROR snapshots need a log\r\n", exitRefused, "SERVER_ERROR snapshots need a log"},
		{"another server", "ERROR\r\n", exitRefused, "ERROR"},
		{"closes at once", "", exitUnreachable, "it closed the connection"},
		{"closes after the line", reply(len(whole), ""), exitUnreachable, "only 0 of"},
		{"closes within", reply(len(whole), whole[:len(whole)/2]), exitUnreachable, fmt.Sprintf("only %d of %d bytes came: it closed the connection", len(whole)/2, len(whole))},
		{"no line end", reply(len(whole), whole), exitUnreachable, "it closed the connection"},
		{"another end", reply(len(whole), whole+"??"), exitUnreachable, "followed by something else"},
		{"too short", reply(len(whole)-1, whole[:len(whole)-1]+"\r\n"), exitRefused, "is damaged: at byte"},
		{"too long", reply(len(whole)+1, whole+"x\r\n"), exitRefused, "something follows the footer"},
		{"nonsense", "BACKUP x\r\n", exitUnreachable, "not a reply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "f")
			for _, command := range []string{"backup", "export"} {
				o := invoke(t, "", command, "--server", script(t, weensy, c.reply), file)
				if o.code != c.code || !strings.Contains(o.stderr, c.want) {
					t.Errorf("%s: %+v, want %d and %q", command, o, c.code, c.want)
				}
				left, _ := filepath.Glob(file + "*")
				if (len(left) == 1) != (c.code == exitOK) {
					t.Errorf("%s: files: %q", command, left)
				}
				os.Remove(file)
			}
		})
	}
}

// TestExportPipe: whoever has seen enough closes the pipe, and nothing is said; any
// other error is told.
func TestExportPipe(t *testing.T) {
	_, memcache := openIn(t, t.TempDir())
	allKinds(t, memcache)
	r, w := pipe(t)
	r.Close()
	var stderr bytes.Buffer
	if code := run([]string{"export", "--server", memcache}, newSession(nil, w, &stderr)); code != exitOK || stderr.Len() > 0 {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	if code := run([]string{"export", "--server", memcache}, newSession(nil, full{}, &stderr)); code != exitRefused || stderr.Len() == 0 {
		t.Errorf("a full disk: exit code %d: %s", code, &stderr)
	}
	if code := run([]string{"backup", "--server", memcache, "-"}, newSession(nil, full{}, io.Discard)); code != exitRefused {
		t.Errorf("a full disk: exit code %d", code)
	}
}
