//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func processors() float64 { return float64(runtime.NumCPU()) }

// heading says by which command, where, when, and with what the figures were
// made.
func heading(dir string) (string, error) {
	kind, err := fileSystem(dir)
	if err != nil {
		return "", err
	}
	took, err := timeSync(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "```\n$ cd bench && go run ./durable %s\n```\n\n", quoted(os.Args[1:]))
	fmt.Fprintf(&b, "%s. %d processors, %s, %s, %s; write and fdatasync of 4 KiB: %.2f ms.\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), firstOf("/proc/cpuinfo", "model name"), kernel(), kind, ms(took))
	fmt.Fprintf(&b, "WeensyDB %s, %s; %s.\n", revision(), runtime.Version(), redisVersion())
	fmt.Fprintf(&b, "%d connections, values of %d bytes, %s keys; %d rounds of %v, %v of warm-up each; median (least to most). Processor time is that of one operation.\n",
		*connections, *size, number(float64(*keys), 0), *rounds, *length, *warm)
	return b.String(), nil
}

// quoted returns args as one types them.
func quoted(args []string) string {
	words := slices.Clone(args)
	for i, w := range words {
		if strings.ContainsAny(w, " *'\"$") || w == "" {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// slowHeading says what a slow disk does to a sync beside what it should: how
// long one takes when it waits for nothing, and when it waits.
func slowHeading(dir string) (string, error) {
	below, err := timeSync(dir)
	if err != nil {
		return "", err
	}
	took := make([]time.Duration, 2)
	for i, sync := range []time.Duration{0, *syncTime} {
		if took[i], err = timeSlowSync(dir, sync); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("Slow syncs: a FUSE file system over the same disk. Write and fdatasync of 4 KiB: %.2f ms below it, %.2f ms through it without a wait, %.2f ms with the wait until %v have passed.\n",
		ms(below), ms(took[0]), ms(took[1]), *syncTime), nil
}

func timeSlowSync(dir string, sync time.Duration) (time.Duration, error) {
	dir, err := os.MkdirTemp(dir, "")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	disk, err := mountSlow(dir, sync)
	if err != nil {
		return 0, err
	}
	defer disk.unmount()
	return timeSync(disk.mount)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// fileSystem names the file system of dir, and refuses one in memory: nothing
// is durable there, and a sync takes no time.
func fileSystem(dir string) (string, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
		unix.OVERLAYFS_SUPER_MAGIC: "overlayfs", unix.F2FS_SUPER_MAGIC: "f2fs",
	}
	switch name, ok := names[int64(s.Type)]; {
	case s.Type == unix.TMPFS_MAGIC || s.Type == unix.RAMFS_MAGIC:
		return "", fmt.Errorf("%s is in memory, where a sync costs nothing; give a folder on a disk with -dir", dir)
	case name == "ext4" && !hasJournal(dir):
		return "ext4 without a journal", nil
	case ok:
		return name, nil
	}
	return fmt.Sprintf("file system %#x", s.Type), nil
}

// hasJournal reports whether the ext4 of dir has a journal, as almost all have:
// without one, the sync of a file that has grown is cheaper.
func hasJournal(dir string) bool {
	var s unix.Stat_t
	if unix.Stat(dir, &s) != nil {
		return true
	}
	device, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(s.Dev), unix.Minor(s.Dev)))
	if err != nil {
		return true
	}
	task, err := os.ReadFile(filepath.Join("/sys/fs/ext4", filepath.Base(device), "journal_task"))
	return err != nil || !strings.HasPrefix(string(task), "<none>")
}

// loadAverage returns that of the last minute.
func loadAverage() string {
	content, _ := os.ReadFile("/proc/loadavg")
	average, _, _ := strings.Cut(string(content), " ")
	return average
}

// firstOf returns the value of the first line of a file that begins with a name.
func firstOf(file, name string) string {
	content, _ := os.ReadFile(file)
	for line := range strings.Lines(string(content)) {
		if label, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(label) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "Linux"
	}
	return "Linux " + unix.ByteSliceToString(u.Release[:])
}

// revision names the commit of WeensyDB's source.
func revision() string {
	out, err := exec.Command("git", "-C", *source, "describe", "--always", "--dirty").Output()
	if err != nil {
		return "of unknown revision"
	}
	return strings.TrimSpace(string(out))
}

// redisVersion returns such as "redis-server 7.0.15".
func redisVersion() string {
	out, _ := exec.Command(*redisServer, "--version").Output()
	for _, field := range strings.Fields(string(out)) {
		if version, ok := strings.CutPrefix(field, "v="); ok {
			return filepath.Base(*redisServer) + " " + version
		}
	}
	return *redisServer + " of unknown version"
}
