// Command hitratio plays the same requests to memcached and to WeensyDB, each
// with the same memory, and compares how many find their key. It starts both.
//
//	go run ./hitratio -memory 64 -seeds 3
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

var (
	memory    = flag.Int("memory", 64, "memory of each server, in MiB")
	seeds     = flag.Int("seeds", 3, "how many streams of each kind to play")
	firstSeed = flag.Uint64("seed", 1, "the first of the seeds")
	only      = flag.String("only", "", "play only the workloads whose name contains this")
	memcached = flag.String("memcached", "memcached", "the `program` to compare with")
	source    = flag.String("source", "..", "the `folder` of WeensyDB's source")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "hitratio:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "hitratio")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	weensydb := filepath.Join(dir, "weensydb")
	build := exec.Command("go", "build", "-o", weensydb, "./cmd/weensydb")
	build.Dir = *source
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	began := time.Now()
	t := &tournament{rivals: rivals(*memcached, weensydb, *memory), dir: dir}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, sz := range allSizes {
		if err := t.playAll(w, sz); err != nil {
			return err
		}
		w.Flush()
	}
	fmt.Printf("%d seeds from %d; %.0f s\n", *seeds, *firstSeed, time.Since(began).Seconds())
	return nil
}

// tournament plays every workload to every rival.
type tournament struct {
	rivals []rival
	dir    string
}

// playAll writes a table for values of one kind of size.
func (t *tournament) playAll(w *tabwriter.Writer, sz sizes) error {
	fit := *memory << 20 / (keyLen + sz.mean)
	fmt.Fprintf(w, "%s\t%s\n", sz.name, strings.Join(names(t.rivals), "\t"))
	held, err := t.fill(w, sz, fit)
	if err != nil {
		return err
	}
	for _, load := range workloads {
		if !strings.Contains(load.name, *only) {
			continue
		}
		ratios := make([][]float64, len(t.rivals))
		for seed := range uint64(*seeds) {
			next := load.keys(rand.New(rand.NewPCG(*firstSeed+seed, 0)), fit, held)
			keys := make([]uint64, (warmFor+playFor)*fit)
			for i := range keys {
				keys[i] = next()
			}
			if err := t.playEach(sz, keys, ratios); err != nil {
				return fmt.Errorf("%s: %w", load.name, err)
			}
		}
		fmt.Fprint(w, load.name)
		for _, r := range ratios {
			slices.Sort(r)
			fmt.Fprintf(w, "\t%.2f (%.2f to %.2f)", r[len(r)/2], r[0], r[len(r)-1])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	return nil
}

// playEach plays keys to all rivals at once and appends to the ratios of each.
func (t *tournament) playEach(sz sizes, keys []uint64, ratios [][]float64) error {
	errs := make([]error, len(t.rivals))
	var playing sync.WaitGroup
	for i, r := range t.rivals {
		playing.Go(func() {
			var ratio float64
			ratio, errs[i] = t.play(r, sz, keys)
			ratios[i] = append(ratios[i], 100*ratio)
		})
	}
	playing.Wait()
	return errors.Join(errs...)
}

// fill writes how many items each rival holds when it is full, and with how much
// resident memory. It returns the most that one of the same memory holds.
func (t *tournament) fill(w *tabwriter.Writer, sz sizes, fit int) (held int, err error) {
	var items, resident string
	keys := make([]uint64, 2*fit)
	for i := range keys {
		keys[i] = uint64(i)
	}
	for i, r := range t.rivals {
		s, err := r.start(t.dir)
		if err != nil {
			return 0, err
		}
		if _, err := s.play(keys, sz.of); err != nil {
			s.stop()
			return 0, err
		}
		stats, err := s.stats()
		rss := s.resident()
		s.stop()
		if err != nil {
			return 0, err
		}
		n, err := strconv.Atoi(stats["curr_items"])
		if err != nil {
			return 0, err
		}
		if i < 2 {
			held = max(held, n)
		}
		items += fmt.Sprintf("\t%d", n)
		resident += fmt.Sprintf("\t%d", rss)
	}
	fmt.Fprintf(w, "items held%s\nresident MiB%s\n", items, resident)
	return held, nil
}

// How long a rival is warmed up and measured, in as many requests as items would
// fit the memory. Some 1 in 5 misses, so that the warm-up fills the memory and
// replaces much of what it holds.
const (
	warmFor = 4
	playFor = 2
)

// play returns the hit ratio of a rival.
func (t *tournament) play(r rival, sz sizes, keys []uint64) (ratio float64, err error) {
	s, err := r.start(t.dir)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	warm := len(keys) / (warmFor + playFor) * warmFor
	before, err := s.play(keys[:warm], sz.of)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", r.name, err)
	}
	o, err := s.play(keys[warm:], sz.of)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", r.name, err)
	}
	if refused := before.refused + o.refused; refused > 0 {
		fmt.Fprintf(os.Stderr, "%s refused %d sets\n", r.name, refused)
	}
	return float64(o.hits) / float64(o.requests), nil
}

func names(rivals []rival) []string {
	var n []string
	for _, r := range rivals {
		n = append(n, r.name)
	}
	return n
}
