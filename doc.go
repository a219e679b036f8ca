// Package weensydb is a networked key-value database that one can telnet to and
// that clients of memcached's text and meta protocols use unchanged.
//
// Open assembles the parts and serves the listeners that Config names:
//
//	db, err := weensydb.Open(weensydb.DefaultConfig())
//	...
//	err = db.Close()
//
// # The life of a request
//
//	bytes --> wire (parse) --> server (session, limits) --> engine (clock, budgets)
//	                                                          |
//	                                                          v
//	                                        store.Table: decide, admit, append, apply
//	                                                          |
//	bytes <-- wire (reply) <-- server (position reached) <----+
//
// Package wire is pure: bytes to requests, results to bytes. Package server runs
// a session per connection and keeps one client from hurting another. Package
// store is the synchronised state. ARCHITECTURE.md tells the same story at
// length, with the order of locks and who may import whom.
package weensydb
