//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// A load is what the connections ask for, again and again: each sends pipeline
// requests in one write, and the next when it has all the replies.
type load struct {
	request, reply template
	connections    int
	pipeline       int
	threads        int // that the connections are spread over
	nextKey        func() func() int
}

// generator is one thread with its connections. There is no goroutine for a
// connection and no poller of the runtime: on a machine that is shared with the
// server, whatever the generator takes is missing there.
type generator struct {
	load
	epoll   int
	conns   map[int32]*connection
	latency *hdrhistogram.Histogram // of the replies that are measured, in ns
	from    time.Time               // replies are measured from then
	to      time.Time               // until then
}

// connection has one batch of requests under way.
type connection struct {
	fd       int
	key      func() int
	out, in  []byte
	expected []byte // the replies to the batch
	got      int    // bytes of them
	sent     time.Time
}

const (
	slowest   = 10 * time.Second // latency that can still be told
	ioTimeout = 30 * time.Second // without any reply, the server hangs
)

// dial connects the generators of l to a server.
func (l load) dial(addr *net.TCPAddr) ([]*generator, error) {
	generators := make([]*generator, l.threads)
	for i := range generators {
		epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return generators[:i], err
		}
		generators[i] = &generator{
			load: l, epoll: epoll, conns: map[int32]*connection{},
			latency: hdrhistogram.New(1000, int64(slowest), 3),
		}
	}
	for i := range l.connections {
		if err := generators[i%l.threads].connect(addr); err != nil {
			return generators, err
		}
	}
	return generators, nil
}

func (g *generator) connect(addr *net.TCPAddr) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	g.conns[int32(fd)] = &connection{fd: fd, key: g.nextKey(), in: make([]byte, 64<<10)}
	to := &unix.SockaddrInet4{Port: addr.Port}
	copy(to.Addr[:], addr.IP.To4())
	return errors.Join(
		unix.Connect(fd, to),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20), // a batch is sent at once
		unix.SetNonblock(fd, true),
		unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}),
	)
}

func (g *generator) close() {
	for _, c := range g.conns {
		unix.Close(c.fd)
	}
	unix.Close(g.epoll)
}

// run sends batches until ctx is done, and then waits for what is under way.
func (g *generator) run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, c := range g.conns {
		if err := g.send(c); err != nil {
			return err
		}
	}
	events := make([]unix.EpollEvent, len(g.conns))
	for busy := len(g.conns); busy > 0; {
		n, err := unix.EpollWait(g.epoll, events, int(ioTimeout.Milliseconds()))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("no reply for %v", ioTimeout)
		}
		for _, e := range events[:n] {
			c := g.conns[e.Fd]
			done, err := g.receive(c)
			if err != nil {
				return err
			}
			if done && ctx.Err() != nil {
				busy--
			} else if done {
				if err := g.send(c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// send sends the next batch of c, if there are keys for it.
func (g *generator) send(c *connection) error {
	c.out, c.expected, c.got = c.out[:0], c.expected[:0], 0
	for range g.pipeline {
		key := c.key()
		c.out = g.request.append(c.out, key)
		c.expected = g.reply.append(c.expected, key)
	}
	c.sent = time.Now()
	return c.write()
}

// write sends what is in c.out.
func (c *connection) write() error {
	n, err := unix.Write(c.fd, c.out)
	if err == nil && n < len(c.out) {
		err = fmt.Errorf("the socket took %d bytes of %d", n, len(c.out))
	}
	return err
}

// receive reads replies, and reports whether they are all there.
func (g *generator) receive(c *connection) (done bool, err error) {
	n, err := c.read()
	if err != nil {
		return false, err
	}
	before := (c.got - n) / len(g.reply.text)
	replies := c.got/len(g.reply.text) - before
	if now := time.Now(); replies > 0 && now.After(g.from) && now.Before(g.to) {
		took := min(now.Sub(c.sent), slowest)
		if err := g.latency.RecordValues(int64(took), int64(replies)); err != nil {
			return false, err
		}
	}
	return c.got == len(c.expected), nil
}

// read reads n bytes, and holds them against what is expected.
func (c *connection) read() (n int, err error) {
	n, err = unix.Read(c.fd, c.in)
	switch {
	case err == unix.EAGAIN:
		return 0, nil
	case err != nil:
		return 0, err
	case n == 0:
		return 0, errors.New("the server closed a connection")
	}
	want := c.expected[c.got:]
	if n > len(want) || !bytes.Equal(c.in[:n], want[:n]) {
		return 0, fmt.Errorf("the server answered %.100q, and not %.100q", c.in[:n], want)
	}
	c.got += n
	return n, nil
}

// anyOf returns keys below n at random, others for each connection.
func anyOf(n int, seed uint64) func() func() int {
	connection := uint64(0)
	return func() func() int {
		connection++
		random := rand.New(rand.NewPCG(seed, connection))
		return func() int { return random.IntN(n) }
	}
}
