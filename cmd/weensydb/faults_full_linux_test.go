package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const outOfSpace = "SERVER_ERROR out of disk space"

// A smallDisk is a tmpfs, with a file that takes its room from others.
type smallDisk struct {
	t      *testing.T
	path   string
	filler string
}

func mountSmallDisk(t *testing.T, size string) *smallDisk {
	t.Helper()
	if os.Geteuid() != 0 {
		lacks(t, "root, to mount a tmpfs")
	}
	path := t.TempDir()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size="+size); err != nil {
		lacks(t, fmt.Sprintf("root that may mount a tmpfs: %v", err))
	}
	t.Cleanup(func() {
		if syscall.Unmount(path, 0) != nil { // a child that was killed just now may still be there
			syscall.Unmount(path, syscall.MNT_DETACH)
		}
	})
	return &smallDisk{t, path, filepath.Join(path, "filler")}
}

// fill takes all the room there is.
func (d *smallDisk) fill() {
	d.t.Helper()
	f, err := os.OpenFile(d.filler, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for _, step := range []int{1 << 20, 4 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, step))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			d.t.Fatal(err)
		}
	}
}

// giveBack frees some bytes of what fill has taken.
func (d *smallDisk) giveBack(n int64) {
	d.t.Helper()
	info, err := os.Stat(d.filler)
	if err == nil {
		err = os.Truncate(d.filler, info.Size()-n)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// fillLog fills the disk and then the log, with ever smaller values, until it
// takes not a single byte. It returns what was stored.
func (d *smallDisk) fillLog(s *served) map[string]string {
	d.t.Helper()
	stored := map[string]string{}
	c := call(d.t, s.weensy)
	for _, size := range []int{256 << 10, 8 << 10, 500, 1} {
		for reply := ""; reply != outOfSpace; {
			d.fill() // the log may have given back half of a segment
			key := fmt.Sprintf("k%d", len(stored))
			value := strings.Repeat("v", size)
			reply = c.ask(fmt.Sprintf("set %s %d\r\n%s", key, size, value))
			switch {
			case strings.HasPrefix(reply, "STORED #"):
				stored[key] = value
			case reply != outOfSpace:
				d.t.Fatalf("a set of %d bytes is answered with %q", size, reply)
			}
		}
	}
	return stored
}

// changes are requests that need the log; %d in them is another number each time.
var changes = map[string][]string{
	"weensy": {"set x%[1]d 1\r\nx", "exch s%[1]d s0", "cas s%[1]d 1 1\r\n5x", "delete s%[1]d"},
	"memcache": {
		"set x%[1]d 0 0 1\r\nx", "add y%[1]d 0 0 1\r\ny", "append s%[1]d 0 0 1\r\nx", "incr n%[1]d 1", "decr n%[1]d 1",
		"touch s%[1]d 1000", "gat 1000 s%[1]d", "exch s%[1]d s0", "ms z%[1]d 1\r\nz", "ma n%[1]d", "mg s%[1]d T1000", "md s%[1]d",
		"delete s%[1]d", "flush_all 10000%[1]d", "flush_all",
	},
}

// scratch is how many keys there are for changes: a few still fit where a set
// does not.
const scratch = 50

func setScratch(c *caller) {
	for i := range scratch {
		for _, key := range []string{"s", "n"} {
			if reply := c.ask(fmt.Sprintf("set %s%d 0 0 1\r\n5\r\n", key, i)); reply != "STORED" {
				c.t.Fatal(reply)
			}
		}
	}
}

// wantRefusals makes every change until it is refused for want of space.
func wantRefusals(t *testing.T, s *served) {
	t.Helper()
	for listener, addr := range map[string]string{"weensy": s.weensy, "memcache": s.memcache} {
		c := call(t, addr)
		for _, change := range changes[listener] {
			for i, reply := 1, ""; reply != outOfSpace; i++ {
				request := change
				if strings.Contains(change, "%") {
					request = fmt.Sprintf(change, i)
				}
				if listener == "memcache" || !strings.Contains(request, "\n") {
					request += "\r\n"
				}
				if reply = c.ask(request); i == scratch || strings.HasPrefix(reply, "ERROR") || strings.HasPrefix(reply, "CLIENT_ERROR") {
					t.Errorf("%s: %q is answered with %q", listener, request, reply)
					break
				}
			}
		}
	}
}

func wantAll(t *testing.T, s *served, stored map[string]string) {
	t.Helper()
	c := call(t, s.memcache)
	for key, value := range stored {
		c.wantValue(key, value)
	}
	if reply := call(t, s.weensy).ask("get k0\r\n"); !strings.HasPrefix(reply, fmt.Sprintf("VALUE k0 %d #", len(stored["k0"]))) {
		t.Errorf("weensy has %q", reply)
	}
	if reply := c.ask("get missing\r\n"); reply != "END" {
		t.Errorf("a miss is %q", reply)
	}
}

// TestFullDisk: other files fill the disk. What would need more of the log is
// refused, reads go on, a restart works, and when there is room again, writes go
// on by themselves.
func TestFullDisk(t *testing.T) {
	d := mountSmallDisk(t, "20m")
	dir := filepath.Join(d.path, "data")
	s := startServer(t, dir)
	setScratch(call(t, s.memcache))
	stored := d.fillLog(s)
	wantRefusals(t, s)
	wantAll(t, s, stored)
	s.expect(`WARN.*the disk is full`)
	until(t, "others have the room of a segment that was begun", func() bool {
		_, err := os.Stat(filepath.Join(dir, "new.tmp"))
		return os.IsNotExist(err)
	})

	d.fill()
	s.kill()
	d.fill()
	s = startServer(t, dir)
	wantRefusals(t, s)
	wantAll(t, s, stored)

	d.giveBack(6 << 20)
	c := call(t, s.memcache)
	until(t, "writes go on by themselves", func() bool { return c.ask("set more 0 0 4\r\nmore\r\n") == "STORED" })
	stored["more"] = "more"
	if stderr := s.stop(); !strings.Contains(stderr, "there is room on the disk again") {
		t.Errorf("it says nothing of the room:\n%s", stderr)
	}
	s = startServer(t, dir)
	wantAll(t, s, stored)
	s.stop()
}

// TestFullDiskFirstStart: a log that cannot be made is a clear error; one for
// which there are no segments refuses writes until there are.
func TestFullDiskFirstStart(t *testing.T) {
	d := mountSmallDisk(t, "20m")
	dir := filepath.Join(d.path, "data")
	d.fill()
	code, stderr := start(t, serveOn(dir)...).exit()
	if code != exitRefused || !strings.Contains(stderr, dir) || !strings.Contains(stderr, "no space left on device") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	d.giveBack(1 << 20)
	s := startServer(t, dir)
	c := call(t, s.weensy)
	if set, get := c.ask("set k 1\r\nx"), c.ask("get k\r\n"); set != outOfSpace || get != "END" {
		t.Errorf("without a segment a set is answered with %q, a get with %q", set, get)
	}
	d.giveBack(10 << 20)
	until(t, "writes begin by themselves", func() bool { return strings.HasPrefix(c.ask("set k 1\r\nx"), "STORED #") })
	s.kill()
	s = startServer(t, dir)
	call(t, s.memcache).wantValue("k", "x")
	s.stop()
}
