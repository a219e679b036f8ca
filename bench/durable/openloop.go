//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// An openLoop sends requests at their times, whatever the server does: one that
// finds no connection free waits for one, and its latency counts from its time
// all the same. (A load whose clients wait for replies asks less of a server that
// stalls, and so hides the stall.) It is one thread.
type openLoop struct {
	generator
	every      time.Duration // between two requests
	sets, gets exchange
	random     *rand.Rand
	idle       []*connection
	record     atomic.Pointer[hdrhistogram.Histogram] // of the replies that come now
	late       atomic.Int64                           // how late the newest request was sent, in ns
}

// exchange is a request and its reply.
type exchange struct{ request, reply template }

// newOpenLoop connects to s. Half of the requests are sets, of n keys.
func newOpenLoop(s *server, n, size, rate int) (*openLoop, error) {
	l := load{connections: *connections, pipeline: 1, threads: 1, nextKey: anyOf(n, *seed)}
	generators, err := l.dial(s.addr)
	if err != nil {
		for _, g := range generators {
			g.close()
		}
		return nil, err
	}
	v := anyValue(size)
	o := &openLoop{
		generator: *generators[0],
		every:     time.Second / time.Duration(rate),
		sets:      exchange{newTemplate(s.set(v)), newTemplate(s.stored(v))},
		gets:      exchange{newTemplate(s.get(v)), newTemplate(s.gotten(v))},
		random:    rand.New(rand.NewPCG(*seed, 0)),
	}
	for _, c := range o.conns {
		o.idle = append(o.idle, c)
	}
	o.next()
	return o, nil
}

// next returns a new histogram that takes the replies from now on. That of
// before may still get one: read it when run has returned.
func (o *openLoop) next() *hdrhistogram.Histogram {
	h := hdrhistogram.New(1000, int64(slowest), 3)
	o.record.Store(h)
	return h
}

// run sends until ctx is done, and then waits for what is under way.
func (o *openLoop) run(ctx context.Context) error {
	runtime.LockOSThread()                                                 // for good: nobody else wants a thread that was changed
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil { // ns
		return err
	}
	events := make([]unix.EpollEvent, len(o.conns))
	poll := []unix.PollFd{{Fd: int32(o.epoll), Events: unix.POLLIN}}
	due, heard := time.Now(), time.Now()
	for {
		for len(o.idle) > 0 && !due.After(time.Now()) && ctx.Err() == nil {
			if err := o.ask(due); err != nil {
				return err
			}
			due = due.Add(o.every)
		}
		if ctx.Err() != nil && len(o.idle) == len(o.conns) {
			return nil
		}
		wait := ioTimeout
		if len(o.idle) > 0 && ctx.Err() == nil {
			wait = max(0, time.Until(due))
		}
		timeout := unix.NsecToTimespec(int64(wait))
		if _, err := unix.Ppoll(poll, &timeout, nil); err != nil && err != unix.EINTR {
			return err
		}
		n, err := unix.EpollWait(o.epoll, events, 0)
		if err != nil && err != unix.EINTR {
			return err
		}
		if n > 0 {
			heard = time.Now()
		} else if time.Since(heard) > ioTimeout {
			return fmt.Errorf("no reply for %v", ioTimeout)
		}
		for _, e := range events[:max(n, 0)] {
			if err := o.hear(o.conns[e.Fd]); err != nil {
				return err
			}
		}
	}
}

// ask sends the request whose time was due on the connection that has been idle
// for longest.
func (o *openLoop) ask(due time.Time) error {
	c := o.idle[0]
	o.idle = o.idle[1:]
	x, key := &o.sets, c.key()
	if o.random.IntN(2) == 0 {
		x = &o.gets
	}
	c.out = x.request.append(c.out[:0], key)
	c.expected, c.got = x.reply.append(c.expected[:0], key), 0
	c.sent = due
	o.late.Store(int64(time.Since(due)))
	return c.write()
}

// hear reads what came of a reply.
func (o *openLoop) hear(c *connection) error {
	if _, err := c.read(); err != nil || c.got < len(c.expected) {
		return err
	}
	o.idle = append(o.idle, c)
	return o.record.Load().RecordValue(int64(min(time.Since(c.sent), slowest)))
}
