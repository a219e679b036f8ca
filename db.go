package weensydb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"

	"weensydb/lockcheck"
	"weensydb/server"
	"weensydb/store"
	"weensydb/wire"
)

// Version of the database.
const Version = "0.1.0"

// protocolVersion is what the version command answers: first the memcached whose
// protocol is spoken, since clients decide by it what they may send.
const protocolVersion = "1.6.45-weensydb-" + Version

// DB is an open database with its listeners, if it has any. Its methods may be
// called from any goroutine.
//
// Each operation takes effect at one instant, entirely or not at all, for other
// goroutines and for clients on the network alike. It does nothing if ctx has
// ended. If ctx ends while the operation, which has taken effect, waits for the
// log, the error is both ErrUnknownOutcome and ctx's.
//
// Keys have 1 to 250 bytes, none of them a blank or a line end. Values are
// copied, in and out. An operation that fails returns an *OpError.
type DB struct {
	config    Config
	engine    *engine
	server    *server.Server
	listeners []*listener
	sweeper   *sweeper
	snapshots *snapshotter // nil in a cache
	serving   sync.WaitGroup
	closeOnce sync.Once
	closeErr  error

	// closeMu guards closed. A method holds it for reading while it is in the
	// Table, whose memory Close gives back, and not while it waits for anything.
	closeMu lockcheck.RWMutex
	closed  bool
}

// listener is an address that is listened on.
type listener struct {
	net.Listener
	dialect wire.Dialect
}

// Open opens the database, and the listeners that c names: none, if Weensy and
// Memcache are empty. All mistakes of c are reported at once. A *ListenError says
// which address cannot be listened on.
func Open(c Config) (*DB, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	c.Logger = checkedLogger(c.Logger)
	c.lowerMaxConns()
	items, buffers := split(c.Memory, c.MaxItemSize)
	engine := &engine{
		now:     c.Now,
		arena:   store.NewArena(items, c.MaxItemSize),
		buffers: server.NewBuffers(buffers),

		maxItemSize: c.MaxItemSize,
	}
	log := &tableLog{}
	options := store.Options{Log: log, Arena: engine.arena, MaxItemSize: int(c.MaxItemSize), Evict: c.Cache}
	if c.Cache {
		// A base below 2^48 leaves room for counting and keeps tokens short.
		options.Log = store.NewCounter(rand.Uint64N(1 << 48))
	}
	engine.table = store.New(options)
	db := &DB{config: c, engine: engine, sweeper: newSweeper(engine)}
	db.closeMu.SetRank(lockcheck.Outermost)
	if !c.Cache {
		if err := db.openLog(log); err != nil {
			engine.arena.Close()
			return nil, err
		}
	}
	db.server = server.New(server.Config{
		Executor:       engine,
		Buffers:        engine.buffers,
		Logger:         c.Logger,
		Version:        protocolVersion,
		Cache:          c.Cache,
		Threads:        runtime.GOMAXPROCS(0),
		MaxItemSize:    int(c.MaxItemSize),
		MaxConns:       c.MaxConns,
		IdleTimeout:    c.IdleTimeout,
		RequestTimeout: c.RequestTimeout,
		WriteTimeout:   c.WriteTimeout,
		Allow:          c.Allow,
	})
	if err := db.listen(); err != nil {
		return nil, errors.Join(err, db.release())
	}
	db.start()
	return db, nil
}

// start serves the listeners, all of which are open.
func (db *DB) start() {
	go db.sweeper.run()
	if db.engine.log != nil {
		go db.watch()
		db.snapshots.start()
	}
	for _, l := range db.listeners {
		db.serving.Add(1)
		go func() {
			defer db.serving.Done()
			if err := db.server.Serve(l.Listener, l.dialect); !errors.Is(err, server.ErrClosed) {
				db.config.Logger.Error("listener failed", "address", l.Addr().String(), "error", err)
			}
		}()
	}
}

// watch ends all sessions when the log fails.
func (db *DB) watch() {
	select {
	case <-db.engine.log.Failed():
		db.server.Abort()
	case <-db.sweeper.quit:
	}
}

// release closes the log and gives back the memory. Nobody uses them any more.
func (db *DB) release() error {
	var err error
	if db.engine.log != nil {
		err = db.engine.log.Close()
	}
	db.engine.arena.Close()
	return err
}

// Close stops accepting, answers what connections have sent, closes them, makes
// durable what is not yet, in every mode, and gives back the memory. It waits for
// clients at most Config.DrainTimeout and then cuts them; its error is then
// context.DeadlineExceeded. If the log has failed it returns why. More calls
// return the same. Other methods, from the moment that Close begins, return
// ErrClosed; those under way end first.
func (db *DB) Close() error {
	db.closeOnce.Do(func() {
		db.closeMu.Lock()
		db.closed = true
		db.closeMu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), db.config.DrainTimeout)
		defer cancel()
		db.closeErr = db.server.Shutdown(ctx)
		db.serving.Wait()
		db.sweeper.stop()
		if db.snapshots != nil {
			db.snapshots.stop()
		}
		db.closeErr = errors.Join(db.closeErr, db.release())
	})
	return db.closeErr
}

// WeensyAddr returns the first address of the WeensyDB dialect as it was bound,
// in the form of Config.Weensy, or "" if there is none.
func (db *DB) WeensyAddr() string { return db.firstAddr(wire.Weensy) }

// MemcacheAddr returns the first address of memcached's protocols as it was
// bound, in the form of Config.Memcache, or "" if there is none.
func (db *DB) MemcacheAddr() string { return db.firstAddr(wire.Memcache) }

func (db *DB) firstAddr(d wire.Dialect) string {
	for _, l := range db.listeners {
		if l.dialect == d {
			return formatAddr(l.Addr())
		}
	}
	return ""
}

// MaxConns returns the bound on connections that is in force: Config.MaxConns,
// or less if the process may not open so many descriptors.
func (db *DB) MaxConns() int { return db.config.MaxConns }

// reservedDescriptors are kept for listeners, files and what the runtime needs.
const reservedDescriptors = 64

// lowerMaxConns makes sure that accepting a connection never fails for lack of
// descriptors.
func (c *Config) lowerMaxConns() {
	limit := descriptorLimit()
	if limit <= 0 || c.MaxConns <= limit-reservedDescriptors {
		return
	}
	lowered := max(1, limit-reservedDescriptors)
	c.Logger.Warn("max conns lowered to what the descriptor limit allows",
		slog.Int("max_conns", lowered), slog.Int("descriptors", limit))
	c.MaxConns = lowered
}

// A ListenError says which address could not be listened on. It unwraps to the
// system's error, such as syscall.EADDRINUSE.
type ListenError struct {
	Listener string // weensy or memcache
	Address  string // as in Config
	Err      error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("%s: cannot listen on %s: %v", e.Listener, e.Address, e.Err)
}

func (e *ListenError) Unwrap() error { return e.Err }
