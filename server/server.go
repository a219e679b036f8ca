package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

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
}

// Server accepts connections and drives their sessions.
type Server struct {
	env env

	done     chan struct{} // closed when Shutdown begins
	sessions sync.WaitGroup
	lingers  chan struct{} // a token for each refused connection that is being closed gently

	mu        sync.Mutex // guards the rest; drainEnd is read without, once done is closed
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

// visitConns visits the connections as they are now.
func (s *Server) visitConns(visit func(id uint64, remote, local string, idle int64)) {
	s.mu.Lock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	now := s.env.Executor.Now()
	for _, c := range conns {
		visit(c.id, address(c.nc.RemoteAddr()), address(c.nc.LocalAddr()), (now-c.session.lastRequest.Load())/1000)
	}
}

// address writes an address as memcached does: with its network first.
func address(a net.Addr) string { return a.Network() + ":" + a.String() }

// Shutdown stops accepting, lets every session answer what it has received, and
// returns when all are closed or ctx ends; then it closes those that are left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing {
		s.closing = true
		s.drainEnd = time.Now().Add(drainQuiet)
		close(s.done)
	}
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.wake()
	}
	s.mu.Unlock()

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
	s.mu.Lock()
	n := len(s.conns)
	for c := range s.conns {
		c.cut.Store(true)
		c.nc.Close()
		c.wake()
	}
	s.mu.Unlock()
	<-all
	s.env.Logger.Warn("closed connections that did not take their replies in time", "connections", n)
	return ctx.Err()
}
