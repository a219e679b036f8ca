//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	snapshotSize    = 1000            // bytes of a value
	snapshotTimeout = 3 * time.Minute // much more than either needs
)

// A saver is a rival with what its snapshots are named.
type saver struct {
	rival
	files string // a pattern, below its directory
	loads bool   // a start reads that file, and not another
}

var savers = []saver{
	{weensyAlways, "weensydb/*.snap", true},
	{weensyNone, "weensydb/*.snap", false}, // it loads as the other
	{redisEverySecond, "dump.rdb", false},  // it loads its log
	{redisMemory, "dump.rdb", true},
}

// snapshotAll measures what a snapshot costs those who use the server meanwhile,
// and then how long one takes to load.
func snapshotAll(ctx context.Context, dir string) error {
	fmt.Printf("\nSnapshots of %s items of %d bytes, half of them compressible, under an open loop of %s operations/s, half of them sets, on %d connections; %v of it before each snapshot are quiet. Load average before: %s.\n\n",
		number(float64(*snapshotN), 0), snapshotSize, number(float64(*rate), 0), *connections, *length, loadAverage())
	fmt.Println("| | | p50, ms | p99, ms | p99.9, ms | most, ms | p99.9 to quiet | took, s | file, GB | resident before, MB | most, MB | more, % | load average |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	var loading []string
	for _, r := range savers {
		if !strings.Contains(r.name, *saverName) {
			continue
		}
		line, err := r.measure(ctx, dir)
		if err != nil {
			return fmt.Errorf("snapshots, %s: %w", r.name, err)
		}
		loading = append(loading, line)
	}
	fmt.Printf("\nStart from that snapshot, after a clean end, until it answers; GB of keys and values.\n\n")
	fmt.Println("| | from the disk, s | s/GB | from the page cache, s | s/GB | processor, s |")
	fmt.Println("|---|---|---|---|---|---|")
	fmt.Print(strings.Join(loading, ""))
	return nil
}

// measure prints what r's snapshots cost, and returns what loading one does.
func (r saver) measure(ctx context.Context, dir string) (loading string, err error) {
	dir, err = os.MkdirTemp(dir, "")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	s, err := r.start(dir, startTimeout)
	if err != nil {
		return "", err
	}
	defer s.end(syscall.SIGKILL)
	if err := s.fill(ctx, *snapshotN, anyValue(snapshotSize)); err != nil {
		return "", err
	}
	if err := s.snapshot(ctx); err != nil { // what comes of the filling is over
		return "", err
	}
	before := loadAverage()
	saves, err := r.underLoad(ctx, s)
	if err != nil {
		return "", err
	}
	file, err := r.size(dir)
	if err != nil {
		return "", err
	}
	printSaves(r.name, saves, file, before)
	if !r.loads {
		return "", nil
	}
	if err := s.snapshot(ctx); err != nil {
		return "", err
	}
	s.end(syscall.SIGTERM)
	return r.load(ctx, dir)
}

// A save is one snapshot.
type save struct {
	quiet, during *hdrhistogram.Histogram
	took          time.Duration
	before, most  int64 // resident memory, in bytes
}

// underLoad has s take snapshots while the load is on.
func (r saver) underLoad(ctx context.Context, s *server) (saves []save, err error) {
	o, err := newOpenLoop(s, *snapshotN, snapshotSize, *rate)
	if err != nil {
		return nil, err
	}
	defer o.close()
	loading, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		err := o.run(loading)
		cancel() // what waits for the load need not wait
		ended <- err
	}()
	for range *rounds {
		var v save
		if v, err = s.save(loading, o); err != nil {
			break
		}
		saves = append(saves, v)
	}
	cancel()
	return saves, errors.Join(<-ended, err)
}

// save measures a quiet time, and then one with a snapshot.
func (s *server) save(ctx context.Context, o *openLoop) (v save, err error) {
	if err := o.settle(ctx); err != nil {
		return v, err
	}
	v.quiet = o.next()
	if err := pause(ctx, *length); err != nil {
		return v, err
	}
	pid := s.cmd.Process.Pid
	if v.before, err = resident(pid, "VmRSS"); err != nil {
		return v, err
	}
	if err := forgetMost(pid); err != nil {
		return v, err
	}
	v.during = o.next()
	began := time.Now()
	err = s.snapshot(ctx)
	v.took = time.Since(began)
	o.next()
	if err != nil {
		return v, err
	}
	if v.most, err = resident(pid, "VmHWM"); err != nil || s.saving == "" {
		return v, err
	}
	copied, err := s.copied()
	v.most += copied
	return v, err
}

// settle returns when no request waits any more that is left from the snapshot
// before, and the load has been on for the time of warm since.
func (o *openLoop) settle(ctx context.Context) error {
	deadline := time.Now().Add(snapshotTimeout)
	for err := pause(ctx, *warm); err != nil || o.late.Load() > int64(*warm/10); err = pause(ctx, *warm/10) {
		if err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it does not keep up with %d operations/s", *rate)
		}
	}
	return pause(ctx, *warm)
}

// pause fails when ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// snapshot has s take a snapshot, and returns when it is done.
func (s *server) snapshot(ctx context.Context) error {
	_, err := s.askFor(snapshotTimeout, s.protocol.save, s.saved)
	if s.saving == "" {
		return err
	}
	for under := "1"; err == nil && under == "1"; {
		if err = pause(ctx, 20*time.Millisecond); err == nil {
			under, err = s.ask(s.saving, "rdb_bgsave_in_progress:")
		}
	}
	if err != nil {
		return err
	}
	if status, err := s.ask(s.saving, "rdb_last_bgsave_status:"); status != "ok" {
		return fmt.Errorf("BGSAVE ended with %q (error: %v)", status, err)
	}
	return nil
}

// copied returns the memory that Redis needed twice, in bytes: what its child
// kept of pages that changed.
func (s *server) copied() (int64, error) {
	text, err := s.ask(s.saving, "rdb_last_cow_size:")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// resident returns a line of /proc/PID/status, in bytes: VmRSS is the resident
// memory, VmHWM the most that it was.
func resident(pid int, name string) (int64, error) {
	text := firstOf(fmt.Sprintf("/proc/%d/status", pid), name)
	n, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	return n << 10, err
}

// forgetMost makes VmRSS the VmHWM of a process (man 5 proc_pid_clear_refs).
func forgetMost(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// size returns the length of the snapshot in dir.
func (r saver) size(dir string) (int64, error) {
	names, err := filepath.Glob(filepath.Join(dir, r.files))
	if err != nil || len(names) != 1 {
		return 0, fmt.Errorf("%s: there is not one file but %d (error: %v)", r.files, len(names), err)
	}
	info, err := os.Stat(names[0])
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func printSaves(name string, saves []save, file int64, load string) {
	var took, before, most, more, ratio sample
	quiet, during := make([]sample, 4), make([]sample, 4)
	for _, v := range saves {
		for i, p := range []float64{50, 99, 99.9, 100} {
			quiet[i] = append(quiet[i], float64(v.quiet.ValueAtQuantile(p))/1e6)
			during[i] = append(during[i], float64(v.during.ValueAtQuantile(p))/1e6)
		}
		took = append(took, v.took.Seconds())
		before = append(before, float64(v.before)/1e6)
		most = append(most, float64(v.most)/1e6)
		more = append(more, 100*(float64(v.most)/float64(v.before)-1))
	}
	ratio = during[2].ratios(quiet[2])
	row := func(label string, s []sample) {
		fmt.Printf("| %s | %s | %s | %s | %s |", label, s[0].show(2), s[1].show(2), s[2].show(2), s[3].show(1))
	}
	row(name+" | quiet", quiet)
	fmt.Println(" | | | | | | |")
	row(" | snapshot", during)
	fmt.Printf(" %s | %s | %.2f | %s | %s | %s | %s |\n",
		ratio.show(2), took.show(1), float64(file)/1e9, before.show(0), most.show(0), more.show(1), load)
}

// load measures how long r needs to start on the data in dir: from the disk, and
// from what the kernel still has in memory.
func (r saver) load(ctx context.Context, dir string) (line string, err error) {
	var cold, cached, processor sample
	for range *rounds {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if _, err = forget(dir); err != nil {
			return "", err
		}
		for _, took := range []*sample{&cold, &cached} {
			answered, used, err := r.restart(dir, *snapshotN)
			if err != nil {
				return "", err
			}
			*took = append(*took, answered.Seconds())
			processor = append(processor, used.Seconds())
		}
	}
	gb := float64(*snapshotN*(len(anyKey)+snapshotSize)) / 1e9
	perGB := func(s sample) string { return number(s.median()/gb, 2) }
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", r.name, cold.show(2), perGB(cold), cached.show(2), perGB(cached), processor.show(2)), nil
}
