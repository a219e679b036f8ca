package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"weensydb"
	"weensydb/stable"
	"weensydb/store"
)

// small are the settings of a database whose log is small. Its clock stands still.
func small(dir string) weensydb.Config {
	return weensydb.Config{
		Memcache: []string{"127.0.0.1:0"}, Dir: dir, MaxItemSize: 1 << 10, SegmentSize: 16 << 10,
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC) },
	}
}

// newDirectory plays each kind of effect to a database, and returns a copy of its
// directory, or the directory once it has been closed.
func newDirectory(t *testing.T, clean bool) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	db, err := weensydb.Open(small(dir))
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, db.MemcacheAddr())
	talk(t, conn, "set bin 5 60 4\r\n\x00\xff\"<\r\n", "STORED\r\n")
	talk(t, conn, "set text 0 0 6\r\na\"\n<é\r\n", "STORED\r\n")
	talk(t, conn, "set e 0 0 0\r\n\r\n", "STORED\r\n")
	talk(t, conn, "exch bin text\r\n", "EXCHANGED\r\n")
	talk(t, conn, "ms AP9r 1 b E99\r\n1\r\n", "HD\r\n")
	talk(t, conn, "md text I\r\n", "HD\r\n")
	talk(t, conn, "mg text s\r\n", "HD s4 X W\r\n")
	talk(t, conn, "delete e\r\n", "DELETED\r\n")
	talk(t, conn, "flush_all 100\r\n", "OK\r\n")
	talk(t, conn, "flush_all\r\n", "OK\r\n")
	awaitFile(t, filepath.Join(dir, "0000000000000002.log")) // it is made meanwhile
	taken := dir
	if !clean {
		taken = filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(taken, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	conn.Close()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return taken
}

// awaitFile waits until there is a file.
func awaitFile(t *testing.T, name string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		_, err := os.Stat(name)
		if err == nil {
			return
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// overwrite writes to a file of a directory.
func overwrite(t *testing.T, dir, name string, offset int64, b string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte(b), offset)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

const firstSegment = "0000000000000001.log"

// inspected runs inspect with DIR for the directory in the output, and LOG for
// the identity of the log.
func inspected(t *testing.T, dir string, flags ...string) outcome {
	t.Helper()
	o := invoke(t, "", append([]string{"inspect", dir}, flags...)...)
	identity := regexp.MustCompile(`(?m)^(log +)[0-9a-f]{16}`)
	o.stdout = identity.ReplaceAllString(strings.ReplaceAll(o.stdout, dir, "DIR"), "${1}LOG")
	o.stderr = strings.ReplaceAll(o.stderr, dir, "DIR")
	return o
}

// TestInspectReport: what a person is shown.
func TestInspectReport(t *testing.T) {
	const clean = `log       LOG, format 1
control   both copies are valid
stopped   cleanly, at byte 728 of segment 1
claimed   positions up to 1048586, IDs up to 1048580
next      position 11, ID 5

snapshot                    bytes   raw bytes    blocks    position  state
0000000000000010.snap         217           0         0          10  newest

segment                    bytes        used   batches     records       first        last  state
0000000000000001.log       16384         728        10          10           1          10  current
0000000000000002.log       16384          64         0           0           -           -  spare

whole: a snapshot of position 10, and a log of 10 records in 10 batches
`
	const unclean = `log       LOG, format 1
control   both copies are valid
stopped   not cleanly: killed, or the machine went down
claimed   positions up to 1048576, IDs up to 1048576
next      position 1048577, ID 1048577

segment                    bytes        used   batches     records       first        last  state
`
	const current = "0000000000000001.log       16384         728        10          10           1          10  current\n"
	const spare = "0000000000000002.log       16384          64         0           0           -           -  spare\n"
	for _, c := range []struct {
		name           string
		clean          bool
		damage         func(t *testing.T, dir string)
		code           int
		stdout, stderr string
	}{
		{"clean", true, nil, 0, clean, ""},
		{"unclean", false, nil, 0, unclean + current + spare + "\nwhole: 10 records in 10 batches\n", ""},
		{"a torn tail", false, func(t *testing.T, dir string) { overwrite(t, dir, firstSegment, 728, "torn") }, 0,
			unclean + strings.Replace(current, "current", "torn: 4 bytes from byte 728 on", 1) + spare +
				"\nwhole up to a torn tail of 4 bytes at byte 728 of DIR/0000000000000001.log, which the next start cuts: 10 records in 10 batches\n", ""},
		{"damage", false, func(t *testing.T, dir string) { overwrite(t, dir, firstSegment, 150, "damage") }, 1,
			unclean + "0000000000000001.log       16384         136         1           1           1           1  damaged\n" +
				"\ndamaged: DIR/0000000000000001.log at byte 136: the batch is not whole, but one that was written later follows at byte 208\n", ""},
		{"one copy of the control file", true, func(t *testing.T, dir string) { overwrite(t, dir, "control", 20, "damage") }, 0,
			strings.Replace(clean, "both copies are valid", "one of its two copies is damaged; the next start writes it anew from the other", 1), ""},
		{"both copies", true, func(t *testing.T, dir string) {
			overwrite(t, dir, "control", 20, "damage")
			overwrite(t, dir, "control", 4116, "damage")
		}, 1, "damaged: DIR/control at byte 0: neither of its two copies is valid\n", ""},
		{"a segment is missing", true, func(t *testing.T, dir string) { remove(t, dir, firstSegment) }, 1,
			clean[:strings.Index(clean, firstSegment)] + "\ndamaged: DIR/0000000000000001.log at byte 0: the file is missing\n", ""},
		{"no log", true, func(t *testing.T, dir string) {
			for _, name := range []string{"control", firstSegment, "0000000000000002.log", "0000000000000010.snap"} {
				remove(t, dir, name)
			}
		}, 2, "", "weensydb: DIR is no directory of a server: there is no log in it\n"},
		{"no directory", true, func(t *testing.T, dir string) { remove(t, dir, "") }, 2, "", "weensydb: DIR: there is no such file or directory\n"},
		{"a file", true, func(t *testing.T, dir string) {
			remove(t, dir, "")
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 1, "damaged: DIR at byte 0: the file ends within its header\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := newDirectory(t, c.clean)
			if c.damage != nil {
				c.damage(t, dir)
			}
			o := inspected(t, dir)
			o.stdout = strings.ReplaceAll(o.stdout, `DIR\`, "DIR/")
			if o != (outcome{c.code, c.stdout, c.stderr}) {
				t.Errorf("exit code %d\n%s%s\nwant %d\n%s%s", o.code, o.stdout, o.stderr, c.code, c.stdout, c.stderr)
			}
		})
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// TestInspectInUse: a directory is left to the server that has it.
func TestInspectInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	db, err := weensydb.Open(small(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, flags := range [][]string{nil, {"--records"}} {
		o := inspected(t, dir, flags...)
		if o.code != exitRefused || o.stdout != "" || !strings.HasPrefix(o.stderr, "weensydb: DIR is in use: stop the server first, or inspect a copy") {
			t.Errorf("%+v", o)
		}
	}
}

// TestInspectRecords: each kind of effect, as JSON.
func TestInspectRecords(t *testing.T) {
	want := []string{
		`"effects":[{"kind":"put","key":"bin","flags":5,"expiry":"2026-01-02T03:05:05.678Z","id":1,"cas":1,"value_base64":"AP8iPA=="}]}`,
		`"effects":[{"kind":"put","key":"text","flags":0,"id":2,"cas":2,"value":"a\"\n<é"}]}`,
		`"effects":[{"kind":"put","key":"e","flags":0,"id":3,"cas":3,"value":""}]}`,
		`"effects":[{"kind":"put","key":"bin","flags":0,"expiry":"2026-01-02T03:05:05.678Z","id":1,"cas":4,"value":"a\"\n<é"},` +
			`{"kind":"put","key":"text","flags":5,"id":2,"cas":4,"value_base64":"AP8iPA=="}]}`,
		`"effects":[{"kind":"put","key_base64":"AP9r","flags":0,"id":4,"cas":99,"value":"1"}]}`,
		`"effects":[{"kind":"put","key":"text","flags":5,"id":2,"cas":6,"stale":true,"value_base64":"AP8iPA=="}]}`,
		`"effects":[{"kind":"put","key":"text","flags":5,"id":2,"cas":6,"stale":true,"won":true,"value_base64":"AP8iPA=="}]}`,
		`"effects":[{"kind":"remove","key":"e"}]}`,
		`"effects":[{"kind":"flush_at","at":"2026-01-02T03:05:45.678Z"}]}`,
		`"effects":[{"kind":"flush"}]}`,
	}
	dir := newDirectory(t, false)
	overwrite(t, dir, firstSegment, 728, "torn")
	o := inspected(t, dir, "--records")
	if o.code != 0 || o.stderr != "weensydb: whole up to a torn tail of 4 bytes at byte 728 of DIR/0000000000000001.log, which the next start cuts: 10 records in 10 batches\n" {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
	lines := strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), o.stdout)
	}
	for i, line := range lines {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil || record["position"] != float64(i+1) || record["time"] != "2026-01-02T03:04:05.678Z" || record["segment"] != 1.0 {
			t.Errorf("%v: %s", err, line)
		}
		if !strings.HasSuffix(line, want[i]) {
			t.Errorf("got  %s\nwant %s", line, want[i])
		}
	}

	overwrite(t, dir, firstSegment, 150, "damage")
	o = inspected(t, dir, "--records")
	if o.code != exitRefused || strings.Count(o.stdout, "\n") != 1 || !strings.HasPrefix(o.stderr, "weensydb: damaged: DIR") {
		t.Errorf("damage behind the first record: %+v", o)
	}
}

// TestVerdict: what else can be said of a log.
func TestVerdict(t *testing.T) {
	damage := func(file string) error { return &stable.DamageError{File: file, Offset: 7, Reason: "why"} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "whole: 2 records in 1 batch"},
		{errors.Join(damage("a"), damage("b")), "damaged: a at byte 7: why; b at byte 7: why"},
		{fmt.Errorf("record 3: %w", store.ErrRecord), "damaged: record 3: store: not a record"},
		{fmt.Errorf("%w: a has version 2", stable.ErrVersion), "not readable: stable: the format is newer than this program knows: a has version 2"},
		{syscall.EIO, "not readable: " + syscall.EIO.Error()},
	} {
		if got := verdict(&stable.Inspection{Recovery: stable.Recovery{Records: 2, Batches: 1}}, c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestDumpRefuses: a record that no database of this version has written.
func TestDumpRefuses(t *testing.T) {
	d := &dump{silent: true}
	for _, r := range []stable.Record{{Kind: store.RecordKind + 1}, {Kind: store.RecordKind, Stream: 1}, {Kind: store.RecordKind, Payload: []byte{1, 99}}} {
		if err := d.record(stable.Entry{Record: r}); err == nil || d.failed != nil {
			t.Errorf("%+v: %v, %v", r, err, d.failed)
		}
	}
}

// TestTextOrBytes: what cannot be shown as it is becomes base64, and comes back
// from JSON as it was.
func TestTextOrBytes(t *testing.T) {
	for value, text := range map[string]bool{
		"": true, "plain": true, "two\r\nlines\t": true, "\"\\<&>": true, "日本": true, "\ufffd": true,
		"\x00": false, "\x1b[31m": false, "\xff": false, "é"[:1]: false, "\u2028": false, "\u202e": false, "\x7f": false,
	} {
		shown, bytes := textOrBytes([]byte(value))
		line, err := json.Marshal(dumpedItem{Value: shown, ValueBase64: bytes})
		var back dumpedItem
		if err = errors.Join(err, json.Unmarshal(line, &back)); err != nil {
			t.Fatal(err)
		}
		switch {
		case (shown != nil) != text:
			t.Errorf("%q: text is %v", value, !text)
		case text && *back.Value != value, !text && string(back.ValueBase64) != value:
			t.Errorf("%q: %s", value, line)
		}
	}
}

// newLarge returns a directory with some megabytes of values.
func newLarge(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	c := small(dir)
	c.MaxItemSize, c.SegmentSize = 0, 0
	c.Durability = weensydb.DurabilityNone
	db, err := weensydb.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if err := db.Set(context.Background(), fmt.Sprint(i), bytes.Repeat([]byte("v"), 100_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestInspectPipe: whoever has seen enough of the records closes the pipe, and
// nothing is said about it.
func TestInspectPipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGPIPE, and writing to a closed pipe is another error there")
	}
	dir := newLarge(t)
	seeOne := func(t *testing.T, r *os.File) {
		line, err := bufio.NewReader(r).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, `{"position":`) {
			t.Errorf("%.100q %v", line, err)
		}
		r.Close()
	}
	t.Run("program", func(t *testing.T) {
		r, w := pipe(t)
		var stderr bytes.Buffer
		cmd := exec.Command(os.Args[0], "inspect", "--records", dir)
		cmd.Env = append(os.Environ(), asProgram+"=yes")
		cmd.Stdout, cmd.Stderr = w, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		seeOne(t, r)
		cmd.Wait() // by SIGPIPE, as the system has it
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if stderr.Len() > 0 || !(status.Exited() && status.ExitStatus() == 0) && !(status.Signaled() && status.Signal() == syscall.SIGPIPE) {
			t.Errorf("%v: %s", cmd.ProcessState, &stderr)
		}
	})
	t.Run("another file", func(t *testing.T) {
		r, w := pipe(t)
		var stderr bytes.Buffer
		code := make(chan int)
		go func() { code <- run([]string{"inspect", "--records", dir}, newSession(nil, w, &stderr)) }()
		seeOne(t, r)
		if got := <-code; got != 0 || stderr.Len() > 0 {
			t.Errorf("exit code %d: %s", got, &stderr)
		}
	})
	t.Run("other errors are told", func(t *testing.T) {
		var stderr bytes.Buffer
		code := run([]string{"inspect", "--records", dir}, newSession(nil, full{}, &stderr))
		if code != exitRefused || stderr.String() != "weensydb: "+fs.ErrPermission.Error()+"\n" {
			t.Errorf("exit code %d: %s", code, &stderr)
		}
	})
}

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, fs.ErrPermission }

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// TestInspectStreams: records are printed as they are read.
func TestInspectStreams(t *testing.T) {
	dir := newLarge(t)
	w := new(largestWrite)
	if code := run([]string{"inspect", "--records", dir}, newSession(nil, w, io.Discard)); code != 0 || w.total < 4_000_000 || w.largest > 200_000 {
		t.Errorf("exit code %d, %d bytes, as many as %d at a time", code, w.total, w.largest)
	}
}

type largestWrite struct{ total, largest int }

func (w *largestWrite) Write(b []byte) (int, error) {
	w.total, w.largest = w.total+len(b), max(w.largest, len(b))
	return len(b), nil
}
