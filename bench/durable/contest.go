//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A contest is one load on several rivals.
type contest struct {
	name    string
	gets    bool // else sets
	slow    bool // on a disk with slow syncs
	rivals  []rival
	against [][2]int // of which rivals the ratio is told
}

var contests = []contest{
	{
		name:    "Sets",
		rivals:  []rival{weensyAlways, redisAlways, weensyNone, redisMemory},
		against: [][2]int{{0, 1}, {0, 2}, {2, 3}},
	},
	{
		name:    "Sets with slow syncs",
		slow:    true,
		rivals:  []rival{weensyAlways, redisAlways, weensyNone},
		against: [][2]int{{0, 1}, {0, 2}},
	},
	{
		name:    "Gets",
		gets:    true,
		rivals:  []rival{weensyAlways, weensyNone, weensyCache, redisAlways},
		against: [][2]int{{0, 1}, {0, 2}, {0, 3}},
	},
}

// play plays c in dir and prints its table.
func (c contest) play(ctx context.Context, dir string, pipeline int) (err error) {
	dir, err = os.MkdirTemp(dir, "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var disk *slowDisk
	if c.slow {
		if disk, err = mountSlow(dir, *syncTime); err != nil {
			return err
		}
		defer disk.unmount()
		dir = disk.mount
	}
	servers, err := c.start(ctx, dir)
	for _, s := range servers {
		defer s.end(syscall.SIGKILL)
	}
	if err != nil {
		return err
	}
	before := loadAverage()
	results := make([][]result, len(servers))
	for round := range *rounds {
		for i := range servers {
			if round%2 == 1 { // whoever is first is last in the next round
				i = len(servers) - 1 - i
			}
			s := servers[i]
			r, err := s.measure(ctx, c.load(s.protocol, pipeline, uint64(round)), *warm, *length, disk)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", s.name, round+1, err)
			}
			results[i] = append(results[i], r)
		}
	}
	fmt.Printf("\n%s, pipeline %d. Load average before: %s.\n\n", c.name, pipeline, before)
	c.print(results)
	return nil
}

// start starts the servers and gives each all keys.
func (c contest) start(ctx context.Context, dir string) (servers []*server, err error) {
	for _, r := range c.rivals {
		own, err := os.MkdirTemp(dir, "")
		if err != nil {
			return servers, err
		}
		s, err := r.start(own, startTimeout)
		if err != nil {
			return servers, err
		}
		servers = append(servers, s)
		if err := s.fill(ctx, *keys, payload(*size)); err != nil {
			return servers, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return servers, nil
}

// startTimeout bounds how long a server without data may take until it answers.
const startTimeout = 30 * time.Second

func (c contest) load(p protocol, pipeline int, round uint64) load {
	l := load{
		connections: *connections, pipeline: pipeline, threads: *threads,
		nextKey: anyOf(*keys, *seed+round),
	}
	v := payload(*size)
	if c.gets {
		l.request, l.reply = newTemplate(p.get(v)), newTemplate(p.gotten(v))
	} else {
		l.request, l.reply = newTemplate(p.set(v)), newTemplate(p.stored(v))
	}
	return l
}

// fill sets n keys, all of them, to a value, and has them counted.
func (s *server) fill(ctx context.Context, n int, value string) error {
	filling, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	inOrder := func() int {
		i := int(next.Add(1)) - 1
		if i >= n-1 {
			cancel()
		}
		return i % n // some are set again by the batches under way
	}
	l := load{
		request: newTemplate(s.set(value)), reply: newTemplate(s.stored(value)),
		connections: *connections, pipeline: 16, threads: 1,
		nextKey: func() func() int { return inOrder },
	}
	generators, err := l.dial(s.addr)
	for _, g := range generators {
		defer g.close()
		err = errors.Join(err, g.run(filling))
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	if items, err := s.items(); err != nil || items != n {
		return fmt.Errorf("it has %d items of %d (error: %v)", items, n, err)
	}
	return nil
}

// print prints a table of the results and the ratios of the rivals.
func (c contest) print(results [][]result) {
	columns := []struct {
		name     string
		of       func(result) float64
		decimals int
	}{
		{"operations/s", func(r result) float64 { return r.rate }, 0},
		{"p50, ms", func(r result) float64 { return r.p50 }, 2},
		{"p99, ms", func(r result) float64 { return r.p99 }, 2},
		{"server, µs", func(r result) float64 { return r.server }, 2},
		{"generator, µs", func(r result) float64 { return r.generator }, 2},
		{"others, %", func(r result) float64 { return r.others }, 1},
		{"slow disk, µs", func(r result) float64 { return r.disk }, 2},
		{"operations a sync", func(r result) float64 { return r.perSync }, 1},
	}
	if !c.slow {
		columns = columns[:len(columns)-2]
	}
	samples := make([][]sample, len(results)) // by rival and column
	header, line := "|", "|---|"
	for _, col := range columns {
		header += " | " + col.name
		line += "---|"
		for i := range results {
			var s sample
			for _, r := range results[i] {
				s = append(s, col.of(r))
			}
			samples[i] = append(samples[i], s)
		}
	}
	fmt.Printf("%s |\n%s\n", header, line)
	for i, r := range c.rivals {
		cells := []string{"| " + r.name}
		for j, col := range columns {
			cells = append(cells, samples[i][j].show(col.decimals))
		}
		fmt.Println(strings.Join(cells, " | "), "|")
	}
	fmt.Println("\n| ratio | operations/s | p99 | server's time |\n|---|---|---|---|")
	for _, pair := range c.against {
		a, b := pair[0], pair[1]
		fmt.Printf("| %s to %s", c.rivals[a].name, c.rivals[b].name)
		for _, j := range []int{0, 2, 3} {
			fmt.Printf(" | %s", samples[a][j].ratios(samples[b][j]).show(2))
		}
		fmt.Println(" |")
	}
}
