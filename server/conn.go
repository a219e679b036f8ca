package server

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"weensydb/wire"
)

// conn is the portable driver: a goroutine that reads, lets the session work,
// and writes. While it waits for input it can be woken, so that a reply that had
// to wait needs no thread of its own: wake makes the pending read time out.
type conn struct {
	id      uint64
	server  *Server
	nc      net.Conn
	session *Session

	deadline bool   // the read deadline is set, or wake may have set it
	served   uint64 // how many requests the session had served when last asked
	begun    time.Time
	drained  int // how often it was read since the end of the drain

	cut     atomic.Bool // the server has closed nc
	woken   atomic.Bool
	wakings chan struct{} // of one: for the waits that do not read
}

const (
	// lingerTime is how long a closed connection may take to go away by itself.
	lingerTime = time.Second

	// lingerBytes is how much of what a client still sends is dropped before
	// the connection is cut.
	lingerBytes = 1 << 20

	// drainQuiet is how long a shutdown waits for what clients have sent to
	// arrive. It is one moment for all: a client that goes on asking must not
	// keep the server from stopping.
	drainQuiet = 50 * time.Millisecond

	// drainReads is how often a connection is read after that moment, for what
	// the kernel holds already: more than its buffer can be, in maxInput.
	drainReads = 256

	// drainRead is how long such a read may take. What is there is read at once;
	// the rest is for a machine so busy that the goroutine waits for its turn.
	drainRead = 100 * time.Millisecond

	// writePiece is how much of a reply a client must take within WriteTimeout,
	// in bytes: a large reply may take longer.
	writePiece = 64 << 10
)

// longAgo is a deadline that makes a pending read end at once.
var longAgo = time.Unix(1, 0)

func newConn(s *Server, nc net.Conn, d wire.Dialect) *conn {
	c := &conn{server: s, nc: nc, wakings: make(chan struct{}, 1)}
	c.session = newSession(d, &s.env, c.wake)
	c.session.lastRequest.Store(s.env.Executor.Now())
	return c
}

// wake makes the driver look at its session again. It may be called from any
// goroutine, also when the connection is closed already.
//
// The driver sets its read deadline, then looks at woken, then reads. If it
// finds woken unset, this store comes later, and so does the deadline of wake,
// which then ends the read.
func (c *conn) wake() {
	c.woken.Store(true)
	c.nc.SetReadDeadline(longAgo)
	select {
	case c.wakings <- struct{}{}:
	default:
	}
}

// serve drives the session to its end.
func (c *conn) serve() {
	defer c.server.removeConn(c)
	defer c.session.Close()
	err := c.loop()
	switch {
	case err == nil && c.server.stopped():
		closeGently(c.nc, drainQuiet)
		return
	case err == nil:
		closeGently(c.nc, lingerTime)
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.server.env.stats.kicked.Add(1)
		c.server.env.Logger.Info("connection closed: it took too long", "connection", c.id, "remote", address(c.nc.RemoteAddr()))
	}
	c.nc.Close()
}

// loop returns nil when all is said, and an error if the connection is no good
// any more.
func (c *conn) loop() error {
	for !c.cut.Load() {
		if c.woken.Swap(false) {
			c.deadline = true
		}
		want := c.session.Step()
		if want != WantTurn || len(c.session.Output()) >= highWater {
			if err := c.flush(); err != nil {
				return err
			}
		}
		switch want {
		case WantClose:
			return nil
		case WantTurn:
			runtime.Gosched()
		case WantFlush:
			if c.session.Stuck() {
				c.await()
			}
		case WantInput:
			if err := c.read(); err != nil {
				return err
			}
		}
	}
	return net.ErrClosed
}

// await waits to be woken, without reading.
func (c *conn) await() {
	if !c.woken.Load() {
		<-c.wakings
	}
}

// flush writes what may be sent. The client must take each piece within
// WriteTimeout.
func (c *conn) flush() error {
	out := c.session.Output()
	if len(out) == 0 {
		return nil
	}
	for len(out) > 0 {
		piece := out[:min(len(out), writePiece)]
		c.nc.SetWriteDeadline(time.Now().Add(c.server.env.WriteTimeout))
		n, err := c.nc.Write(piece)
		c.session.Sent(n)
		c.server.env.stats.written.Add(uint64(n))
		if err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// read waits for input, for a wake-up, or for the end of the time that the
// client has.
func (c *conn) read() error {
	room := c.session.Room()
	if len(room) == 0 {
		switch {
		case c.session.Waiting() && c.server.stopped() && !c.session.Ended():
			c.session.EOF()
		case c.session.Waiting():
			c.await() // that the client has gone would not be noticed here
		}
		return nil
	}
	deadline, draining := c.readDeadline()
	if c.deadline || !deadline.IsZero() {
		c.nc.SetReadDeadline(deadline)
		c.deadline = !deadline.IsZero()
	}
	if c.woken.Load() {
		return nil
	}
	n, err := c.nc.Read(room)
	if n > 0 {
		c.session.Received(n)
		c.server.env.stats.read.Add(uint64(n))
		return nil
	}
	switch {
	case errors.Is(err, io.EOF):
		c.session.EOF()
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && (deadline.IsZero() || time.Now().Before(deadline)):
		c.deadline = true // that of wake, which may come after its mark was seen
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && draining:
		c.session.EOF() // what has arrived is all that is answered
		return nil
	}
	return err
}

// readDeadline returns when the client must have sent something. When the
// server stops, that is soon.
func (c *conn) readDeadline() (deadline time.Time, draining bool) {
	env := &c.server.env
	served := c.session.Served()
	switch {
	case c.server.stopped():
		return c.drainDeadline(), true
	case c.session.Waiting():
		return time.Time{}, false
	case c.session.Begun():
		if c.begun.IsZero() || served != c.served {
			c.begun, c.served = time.Now(), served
		}
		return c.begun.Add(env.RequestTimeout), false
	}
	c.begun = time.Time{}
	if env.IdleTimeout > 0 {
		return time.Now().Add(env.IdleTimeout), false
	}
	return time.Time{}, false
}

// drainDeadline returns until when a connection is read while the server stops.
func (c *conn) drainDeadline() time.Time {
	soon := time.Now().Add(drainRead)
	if soon.Before(c.server.drainEnd) {
		return c.server.drainEnd
	}
	if c.drained++; c.drained > drainReads {
		c.session.EOF()
	}
	return soon
}

// closeGently closes the sending side first and drops what the client still
// sends for a while: closing at once would make the kernel reset the connection,
// and the last reply might be lost with it.
func closeGently(nc net.Conn, within time.Duration) {
	if half, ok := nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		nc.SetReadDeadline(time.Now().Add(within))
		io.CopyN(io.Discard, nc, lingerBytes)
	}
	nc.Close()
}
