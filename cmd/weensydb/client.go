package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"weensydb/wire"
)

// maxValue bounds a value, read or written, in bytes: no server has larger ones.
const maxValue = 1 << 30

// A client is a connection to a server of either dialect, with one request
// under way at a time.
type client struct {
	addr    string
	conn    net.Conn
	dialect wire.Dialect
	version string // of a memcache listener's server
	timeout time.Duration

	in     []byte // received; consumed up to start
	start  int
	taken  int // bytes from start on that reply occupies
	reply  wire.Reply
	broken bool
}

// dial connects to addr and finds out what is spoken there.
func dial(addr string, timeout time.Duration) (*client, error) {
	network, at := "tcp", addr
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, at = "unix", path
	} else if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, misused("--server %s: write host:port or unix:/path", addr)
	}
	conn, err := net.DialTimeout(network, at, timeout)
	if err != nil {
		return nil, unreachable("no server at %s: start one with 'weensydb serve' or give its address with --server (%w)", addr, cause(err))
	}
	c := &client{addr: addr, conn: conn, timeout: timeout}
	if err := c.detect(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// cause is the innermost error of a network operation, without the addresses
// that the message names already.
func cause(err error) error {
	var syscallErr *os.SyscallError
	var opErr *net.OpError
	switch {
	case errors.As(err, &syscallErr):
		return syscallErr.Err
	case errors.As(err, &opErr):
		return opErr.Err
	}
	return err
}

// detect asks for the version, which only a memcache listener tells. A weensy
// listener answers ERROR, and nothing has happened.
func (c *client) detect() error {
	r, err := c.roundTrip(wire.Memcache.AppendVersion(nil))
	switch {
	case errors.Is(err, wire.ErrReply):
		return unreachable("%s is no WeensyDB or memcached server: it answers in some other protocol", c.addr)
	case err != nil:
		return err
	case r.Kind == wire.ReplyVersion:
		c.dialect, c.version = wire.Memcache, string(r.Rest)
	case r.Kind == wire.ReplyError && len(r.Rest) == 0:
		c.dialect = wire.Weensy
	default:
		return refused("%s says: %s", c.addr, r.Line)
	}
	return nil
}

// alive reports whether the server has kept the connection open. Between
// requests nothing is to be read, so whatever can be is the end, or an error.
func (c *client) alive() bool {
	if c.broken || c.start+c.taken < len(c.in) {
		return false
	}
	// A deadline that has passed would make Read fail before it looked.
	c.conn.SetReadDeadline(time.Now().Add(aliveWait))
	var one [1]byte
	_, err := c.conn.Read(one[:])
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// aliveWait is long enough for a busy machine to get from setting the deadline to
// looking, and too short for a person.
const aliveWait = 20 * time.Millisecond

func (c *client) close() { c.conn.Close() }

// roundTrip sends a request and waits for its first reply.
func (c *client) roundTrip(request []byte) (*wire.Reply, error) {
	c.conn.SetWriteDeadline(time.Now().Add(c.timeout))
	if _, err := c.conn.Write(request); err != nil {
		return nil, c.lost(err)
	}
	return c.receive()
}

// ask sends a request and wants its first reply to be one of the kinds; any
// other reply is an error that says what the server said.
func (c *client) ask(request []byte, kinds ...wire.ReplyKind) (*wire.Reply, error) {
	r, err := c.roundTrip(request)
	if err != nil {
		return nil, err
	}
	return want(r, kinds...)
}

// next waits for a further reply, which must be one of the kinds.
func (c *client) next(kinds ...wire.ReplyKind) (*wire.Reply, error) {
	r, err := c.receive()
	if err != nil {
		return nil, err
	}
	return want(r, kinds...)
}

func want(r *wire.Reply, kinds ...wire.ReplyKind) (*wire.Reply, error) {
	if !slices.Contains(kinds, r.Kind) {
		return nil, refused("%s", r.Line)
	}
	return r, nil
}

// receive waits for the next reply, which is valid until it is called again.
func (c *client) receive() (*wire.Reply, error) {
	c.start += c.taken
	c.taken = 0
	for {
		n, err := wire.ParseReply(c.dialect, c.in[c.start:], maxValue, &c.reply)
		if err == nil && n > 0 {
			c.taken = n
			return &c.reply, nil
		}
		if err == nil {
			err = c.read()
		}
		if err != nil {
			return nil, c.lost(err)
		}
	}
}

// read waits for more bytes.
func (c *client) read() error {
	c.in = c.in[:copy(c.in, c.in[c.start:])]
	c.start = 0
	c.in = slices.Grow(c.in, 4<<10)
	c.conn.SetReadDeadline(time.Now().Add(c.timeout))
	n, err := c.conn.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n > 0 {
		return nil
	}
	return err
}

// lost says that the connection is of no more use, and why.
func (c *client) lost(err error) error {
	c.broken = true
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("it did not answer within %v", c.timeout)
	case errors.Is(err, io.EOF):
		err = errors.New("it closed the connection")
	}
	return unreachable("%s: no reply, so a change may or may not have been made: %w", c.addr, cause(err))
}
