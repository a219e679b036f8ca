package server

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"weensydb/lockcheck"
	"weensydb/wire"
)

// Config says what a Server serves and within which limits. Every field must be
// set, but for Allow and IdleTimeout.
type Config struct {
	Executor       Executor
	Buffers        *Buffers
	Logger         *slog.Logger
	Version        string
	Cache          bool // a set that fails removes the old value
	Threads        int  // for statistics
	MaxItemSize    int  // bytes of key and value together
	MaxConns       int
	IdleTimeout    time.Duration // 0: never
	RequestTimeout time.Duration
	WriteTimeout   time.Duration
	Allow          []netip.Prefix // empty: anyone
}

// env is what all sessions of a Server share.
type env struct {
	Config
	stats      stats
	hangups    hangups
	visitConns func(visit func(id uint64, remote, local string, idle int64))
	aborted    atomic.Bool // the log has failed; see Session.abort
}

// Server accepts connections and drives their sessions.
type Server struct {
	env env

	done     chan struct{} // closed when Shutdown begins
	sessions sync.WaitGroup
	lingers  chan struct{} // a token for each refused connection that is being closed gently

	mu        lockcheck.Mutex // guards the rest; drainEnd is read without, once done is closed
	closing   bool
	drainEnd  time.Time // what has arrived by then is answered; set when closing is
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	nextConn  uint64
}

// maxLingers bounds how many refused connections are closed gently at a time.
const maxLingers = 64

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("server: closed")

// New returns a Server that serves nothing yet.
func New(c Config) *Server {
	s := &Server{
		env:       env{Config: c},
		done:      make(chan struct{}),
		lingers:   make(chan struct{}, maxLingers),
		listeners: map[net.Listener]struct{}{},
		conns:     map[*conn]struct{}{},
	}
	s.env.stats.started = time.Now()
	s.env.visitConns = s.visitConns
	return s
}

// Serve accepts connections of one dialect until Shutdown, and closes l.
func (s *Server) Serve(l net.Listener, d wire.Dialect) error {
	l = checked(l)
	defer l.Close()
	if !s.addListener(l) {
		return ErrClosed
	}
	defer s.removeListener(l)
	pause := time.Duration(0)
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			s.accept(c, d)
		case s.stopped(), errors.Is(err, net.ErrClosed):
			return ErrClosed
		default:
			// Out of descriptors, most likely: wait for some to be closed.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.env.Logger.Warn("cannot accept a connection", "error", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-s.done:
			}
		}
	}
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

func (s *Server) stopped() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// accept starts a session for c, or refuses it.
func (s *Server) accept(nc net.Conn, d wire.Dialect) {
	if !s.allowed(nc) {
		s.env.stats.rejected.Add(1)
		nc.Close()
		return
	}
	c := newConn(s, nc, d)
	if !s.addConn(c) {
		if s.stopped() {
			nc.Close()
			return
		}
		s.env.stats.rejected.Add(1)
		s.refuse(nc)
		return
	}
	s.env.stats.accepted.Add(1)
	go c.serve()
}

// allowed reports whether the peer is in one of the allowed networks.
func (s *Server) allowed(nc net.Conn) bool {
	addr, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok || len(s.env.Allow) == 0 {
		return true
	}
	ip := addr.AddrPort().Addr().Unmap().WithZone("")
	for _, prefix := range s.env.Allow {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

func (s *Server) addConn(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || len(s.conns) >= s.env.MaxConns {
		return false
	}
	s.nextConn++
	c.id = s.nextConn
	s.conns[c] = struct{}{}
	s.sessions.Add(1)
	s.env.stats.conns.Add(1)
	return true
}

func (s *Server) removeConn(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.env.stats.conns.Add(-1)
	s.sessions.Done()
}

// refuse tells a client that there are too many, and closes.
func (s *Server) refuse(nc net.Conn) {
	nc.SetDeadline(time.Now().Add(lingerTime))
	nc.Write(wire.AppendLine(nil, wire.ErrManyConns)) // fits the empty send buffer
	select {
	case s.lingers <- struct{}{}:
		go func() {
			closeGently(nc, lingerTime)
			<-s.lingers
		}()
	default:
		nc.Close()
	}
}

// connsNow returns the connections as they are now. What is done with them may
// take a system call, and no lock is held across one.
func (s *Server) connsNow() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// visitConns visits the connections as they are now.
func (s *Server) visitConns(visit func(id uint64, remote, local string, idle int64)) {
	conns := s.connsNow()
	now := s.env.Executor.Now()
	for _, c := range conns {
		visit(c.id, address(c.nc.RemoteAddr()), address(c.nc.LocalAddr()), (now-c.session.lastRequest.Load())/1000)
	}
}

// address writes an address as memcached does: with its network first.
func address(a net.Addr) string { return a.Network() + ":" + a.String() }

// Abort is for when the log has failed: it stops accepting, and ends all sessions
// as fast as they take what may still be said. Shutdown waits for them.
func (s *Server) Abort() {
	s.env.aborted.Store(true)
	s.stopAccepting()
}

// Shutdown stops accepting, lets every session answer what it has received, and
// returns when all are closed or ctx ends; then it closes those that are left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopAccepting()
	all := make(chan struct{})
	go func() {
		s.sessions.Wait()
		close(all)
	}()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
	}
	conns := s.connsNow()
	for _, c := range conns {
		c.cut.Store(true)
		c.nc.Close()
		c.wake()
	}
	<-all
	s.env.Logger.Warn("closed connections that did not take their replies in time", "connections", len(conns))
	return ctx.Err()
}

// stopAccepting closes the listeners and tells all connections.
func (s *Server) stopAccepting() {
	for _, l := range s.close() {
		l.Close()
	}
	for _, c := range s.connsNow() {
		c.wake()
	}
}

// close notes that the server is closing: from now on there are no new listeners
// and connections. It returns the listeners that there are.
func (s *Server) close() []net.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.closing = true
		s.drainEnd = time.Now().Add(drainQuiet)
		close(s.done)
	}
	return slices.Collect(maps.Keys(s.listeners))
}
