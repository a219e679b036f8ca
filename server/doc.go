// Package server is the database on a network: listeners, connections, and the
// limits that keep one client from hurting another.
//
// # The life of a request
//
//	driver (conn.go)       reads bytes into the session's buffer
//	Session.Step           parses a request (package wire)
//	Session.plan           translates it for the database
//	Executor.Execute       runs it at one instant, or lets it wait for a condition
//	Session.encode         puts the reply into the session's output
//	Session.mark           notes the log position that the reply rests on
//	Session.settle         lets it go once the log is stable up to there
//	driver                 writes it
//
// A Session is a state machine that does not know its driver: no goroutine, no
// socket, no clock. The portable driver is a goroutine per connection.
//
// # Limits
//
// Of one connection: a request line (wire.MaxLine), a value (MaxItemSize), the
// replies that may wait (highWater and one value), the requests per turn, the
// time for a request, for a reply, and for idling. Of all connections together:
// their number, and the memory of their buffers beyond a few KiB each (Buffers).
//
// # Locks
//
// Server.mu guards the listeners and the connections. It is held for map
// operations only, never across a system call that can block.
package server
