package weensydb

import (
	"fmt"
	"net"

	"weensydb/wire"
)

// Serve speaks memcached's text and meta protocols on a listener of the
// caller's, until l or the database is closed; it closes l. What it returns then
// wraps net.ErrClosed or ErrClosed.
//
// Any stream will do, such as TLS or a pipe. Config's limits hold, with those of
// other listeners. Where l listens is the caller's decision: Config.Insecure is
// not asked.
func (db *DB) Serve(l net.Listener) error { return db.serve(l, wire.Memcache) }

// ServeWeensy is Serve for the WeensyDB dialect.
func (db *DB) ServeWeensy(l net.Listener) error { return db.serve(l, wire.Weensy) }

func (db *DB) serve(l net.Listener, d wire.Dialect) error {
	db.server.Serve(l, d) // ends for one reason only, and does not say for which
	db.closeMu.RLock()
	defer db.closeMu.RUnlock()
	err := net.ErrClosed
	if db.closed {
		err = ErrClosed
	}
	return fmt.Errorf("serve %s on %s: %w", d, formatAddr(l.Addr()), err)
}
