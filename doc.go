// Package weensydb is a key-value database: inside a Go program, on the network
// for clients of memcached's text and meta protocols, and under telnet.
//
// # Embedding
//
// Open with a Config that names no listener gives a database that is only the
// program's own:
//
//	db, err := weensydb.Open(weensydb.Config{Dir: "data", Memory: 256 << 20})
//	...
//	defer db.Close()
//	err = db.Set(ctx, "hello", []byte("Hi"), weensydb.TTL(time.Hour))
//	item, err := db.Get(ctx, "hello")
//
// Every operation is atomic. To change an item by what is in it, read it and let
// CompareAndSwap store it, until nobody has been faster. Increment counts,
// Exchange swaps the values of two keys, All goes through the items.
//
// An operation that fails returns an *OpError, in which errors.Is finds one of
// ErrNotFound, ErrExists, ErrNotStored, ErrNotNumber, ErrNoMemory, ErrTooLarge,
// ErrKey, ErrNoDisk, ErrFailed, ErrUnknownOutcome, ErrClosed, or the context's
// error.
//
// # Serving
//
// Config.Memcache and Config.Weensy name addresses to listen on; DefaultConfig
// gives those that "weensydb serve" starts from. Serve and ServeWeensy take a
// listener that the program has made. All of them, and the program's own calls,
// see the same data. Package weensydb depends on the standard library and one that compresses.
//
// # The life of a request
//
//	bytes --> wire (parse) --> server (session, limits) --+
//	             DB.Get, DB.Set, ... (limits) ------------+--> engine (clock, budgets)
//	                                                                |
//	                                                                v
//	                                          store.Table: decide, admit, append, apply
//	                                                                |
//	                                                                v
//	                                          stable: batch, one sync for many
//	                                                                |
//	             DB.Get, DB.Set, ... return (position reached) <-+--+
//	bytes <-- wire (reply) <-- server (position reached) <-------+
//
// Package wire is pure: bytes to requests, results to bytes. Package server runs
// a session per connection and keeps one client from hurting another. Package
// store is the synchronised state, package stable the log that a crash cannot
// take back. ARCHITECTURE.md tells the same story at length, with the order of
// locks and who may import whom.
package weensydb
