//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// result is what one round of one rival came to.
type result struct {
	rate      float64 // operations per second
	p50, p99  float64 // latency in ms
	server    float64 // processor time of the server per operation, in µs
	generator float64 // that of the generator, likewise
	disk      float64 // that of the process that is the slow disk
	others    float64 // percent of all processors that went to anything else
	perSync   float64 // operations per sync, on a slow disk
}

// reading is the state of all counters at one moment.
type reading struct {
	at                            time.Time
	server, own, disk, everything time.Duration // processor time
	syncs                         int64
}

func (s *server) read(disk *slowDisk) (r reading, err error) {
	var errs [5]error
	r.server, errs[0] = processorTime(s.cmd.Process.Pid)
	r.own, errs[1] = processorTime(os.Getpid())
	r.everything, errs[2] = machineTime()
	if disk != nil {
		r.disk, errs[3] = processorTime(disk.cmd.Process.Pid)
		r.syncs, errs[4] = disk.syncs()
	}
	r.at = time.Now()
	return r, errors.Join(errs[:]...)
}

// measure puts l on s, and looks away for the time of warm. A disk that is not
// nil is the one that s is on.
func (s *server) measure(ctx context.Context, l load, warm, length time.Duration, disk *slowDisk) (result, error) {
	generators, err := l.dial(s.addr)
	for _, g := range generators {
		defer g.close()
	}
	if err != nil {
		return result{}, err
	}
	loading, cancel := context.WithCancel(ctx)
	defer cancel()
	from := time.Now().Add(warm)
	ended := make(chan error, len(generators))
	for _, g := range generators {
		g.from, g.to = from, from.Add(length)
		go func() { ended <- g.run(loading) }()
	}
	var readings [2]reading
	errs := make([]error, 0, len(readings)+len(generators))
	for i, moment := range []time.Time{from, from.Add(length)} {
		select {
		case err := <-ended: // before it was told to, or all were
			return result{}, errors.Join(err, ctx.Err())
		case <-time.After(time.Until(moment)):
		}
		readings[i], err = s.read(disk)
		errs = append(errs, err)
	}
	cancel()
	latency := generators[0].latency
	for i, g := range generators {
		errs = append(errs, <-ended)
		if i > 0 {
			latency.Merge(g.latency)
		}
	}
	return summary(readings[0], readings[1], latency), errors.Join(errs...)
}

func summary(before, after reading, latency *hdrhistogram.Histogram) result {
	operations := float64(latency.TotalCount())
	elapsed := after.at.Sub(before.at)
	server, own, disk := after.server-before.server, after.own-before.own, after.disk-before.disk
	others := after.everything - before.everything - server - own - disk
	r := result{
		rate:      operations / elapsed.Seconds(),
		p50:       float64(latency.ValueAtQuantile(50)) / 1e6,
		p99:       float64(latency.ValueAtQuantile(99)) / 1e6,
		server:    float64(server.Microseconds()) / operations,
		generator: float64(own.Microseconds()) / operations,
		disk:      float64(disk.Microseconds()) / operations,
		others:    100 * max(0, others.Seconds()) / elapsed.Seconds() / processors(),
	}
	if syncs := after.syncs - before.syncs; syncs > 0 {
		r.perSync = operations / float64(syncs)
	}
	return r
}
