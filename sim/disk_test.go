package sim

import (
	"bytes"
	"errors"
	"io/fs"
	"syscall"
	"testing"
)

// must ends the test on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// create makes a file whose name is stable, filled with n bytes c, which are not.
func create(t *testing.T, d *Disk, name string, c byte, n int) File {
	t.Helper()
	f, err := d.Create(name)
	must(t, err)
	must(t, d.SyncDir())
	_, err = f.WriteAt(bytes.Repeat([]byte{c}, n), 0)
	must(t, err)
	return f
}

// outcomes counts, over many seeds, what happen returns.
func outcomes(happen func(d *Disk) string) map[string]int {
	counts := map[string]int{}
	for seed := range uint64(300) {
		counts[happen(NewDisk(seed))]++
	}
	return counts
}

// TestWrites: of a write that was not synced every subset of the sectors persists
// at times; of one that was synced all of it, always.
func TestWrites(t *testing.T) {
	for _, synced := range []bool{false, true} {
		got := outcomes(func(d *Disk) string {
			f := create(t, d, "a", 'x', 3*sectorSize)
			if synced {
				must(t, f.Sync())
			}
			content, sectors := d.Crash().Content("a"), ""
			for at := 0; at < 3; at++ {
				one := "-"
				if len(content) > at*sectorSize && content[at*sectorSize] == 'x' {
					one = "x"
				}
				sectors += one
			}
			return sectors
		})
		if want := map[bool]int{false: 8, true: 1}[synced]; len(got) != want || synced && got["xxx"] == 0 {
			t.Errorf("synced %v: %v", synced, got)
		}
	}
}

// TestOverwritten: what was stable stays where a later write did not persist.
func TestOverwritten(t *testing.T) {
	got := outcomes(func(d *Disk) string {
		f := create(t, d, "a", 'x', 2)
		must(t, f.Sync())
		_, err := f.WriteAt([]byte("yy"), 0)
		must(t, err)
		return string(d.Crash().Content("a"))
	})
	if len(got) != 2 || got["xx"] == 0 || got["yy"] == 0 {
		t.Error(got)
	}
}

// TestNames: names that were not synced may be lost, each by itself.
func TestNames(t *testing.T) {
	got := outcomes(func(d *Disk) string {
		must(t, create(t, d, "new", 'x', 1).Sync())
		must(t, create(t, d, "old", 'x', 1).Sync())
		must(t, d.Rename("new", "a"))
		must(t, d.Remove("old"))
		names, err := d.Crash().List()
		must(t, err)
		all := ""
		for _, n := range names {
			all += n + " "
		}
		return all
	})
	if len(got) != 4 || got["new old "] == 0 || got["new "] == 0 || got["a old "] == 0 || got["a "] == 0 {
		t.Error(got)
	}
}

// TestKill: the next process sees all, and a crash may still take it.
func TestKill(t *testing.T) {
	got := outcomes(func(d *Disk) string {
		create(t, d, "a", 'x', 1)
		d = d.Kill()
		if c := d.Content("a"); string(c) != "x" {
			t.Fatalf("killed: %q", c)
		}
		return string(d.Crash().Content("a"))
	})
	if len(got) != 2 {
		t.Error(got)
	}
}

// TestLeftBehind: who uses a disk from before a crash does no harm.
func TestLeftBehind(t *testing.T) {
	old := NewDisk(1)
	f := create(t, old, "a", 'x', 1)
	must(t, f.Sync())
	lock, err := old.Lock()
	must(t, err)
	next := old.Crash()
	if _, err := f.WriteAt([]byte("y"), 0); !errors.Is(err, ErrCrashed) || !old.Crashed() {
		t.Error(err)
	}
	if err := old.SyncDir(); !errors.Is(err, ErrCrashed) {
		t.Error(err)
	}
	_, err = next.Lock()
	must(t, err)
	must(t, lock.Close())
	next.InUse = errors.New("taken")
	if _, err := next.Lock(); err != next.InUse {
		t.Error("the old process gave the new one's lock free:", err)
	}
	if c := next.Content("a"); string(c) != "x" || next.Crashed() {
		t.Errorf("%q", c)
	}
}

// TestCrashAfter: the write at which it happens may persist, or not.
func TestCrashAfter(t *testing.T) {
	got := outcomes(func(d *Disk) string {
		f := create(t, d, "a", 'x', 1)
		d.CrashAfter(1)
		must(t, f.Sync())
		if _, err := f.WriteAt([]byte("y"), 0); !errors.Is(err, ErrCrashed) {
			t.Fatal(err)
		}
		if err := f.Sync(); !errors.Is(err, ErrCrashed) {
			t.Fatal(err)
		}
		return string(d.Crash().Content("a"))
	})
	if len(got) != 2 || got["x"] == 0 || got["y"] == 0 {
		t.Error(got)
	}
}

// TestRefusals: what a test lets a disk refuse or pretend.
func TestRefusals(t *testing.T) {
	d := NewDisk(1)
	d.SetCapacity(4)
	f := create(t, d, "a", 'x', 4)
	if _, err := f.WriteAt([]byte("y"), 4); err != syscall.ENOSPC || d.Used() != 4 {
		t.Error(err, d.Used())
	}
	if _, err := f.WriteAt([]byte("y"), 3); err != nil {
		t.Error("a full disk refuses to write over what is there:", err)
	}
	d.Refuse = func(op, name string) error {
		if op == "sync" && name == "a" {
			return syscall.EIO
		}
		return nil
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	d.Refuse = nil
	d.Lie = func(op, _ string) bool { return op == "sync" }
	must(t, f.Sync())
	if s := d.Stable("a"); len(s) > 0 {
		t.Errorf("%q is stable, although the sync only pretended", s)
	}
	for _, err := range []error{d.Rename("b", "c"), d.Remove("b")} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

// TestContent: a test sees and changes what it wants, behind the program's back.
func TestContent(t *testing.T) {
	d := NewDisk(1)
	d.SetContent("a", []byte("abc"))
	f, err := d.Open("a")
	must(t, err)
	b := make([]byte, 2)
	if _, err := f.ReadAt(b, 1); err != nil || string(b) != "bc" {
		t.Errorf("%q, %v", b, err)
	}
	if d = d.Crash(); string(d.Content("a")) != "abc" {
		t.Error("it was not stable")
	}
	d.Lose("a")
	if d.Content("a") != nil || d.Stable("a") != nil {
		t.Error("it is still there")
	}
}
