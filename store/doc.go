// Package store is the Table: what the database knows, under locks. It knows no
// socket, file or clock; time is passed in, in Unix milliseconds.
//
// A request passes four steps, all under the locks of the stripes that its keys
// are in:
//
//	decide   compute the result and the effects from (state, request, now) alone
//	admit    reserve memory; may refuse, and nothing has changed yet
//	append   give the effects to the log, which numbers them: the position
//	apply    make the effects true; cannot fail
//
// An effect carries every field of the item that it leaves. Nothing decides by
// chance, map order, memory pressure or last access, so that a log of requests
// can be decided again elsewhere with the same outcome.
//
// # Terms
//
// A stripe is a part of the keys, chosen by a seeded hash, with a lock of its
// own. A position numbers what was logged. The floor is the position of the
// newest flush: an item whose newest position is below it is dead. An item that
// has expired is dead too. Dead items are as if absent; their memory is
// reclaimed when a request meets them, by Sweep, or when memory runs out.
//
// # Locks
//
// In this order, each once: stripes in ascending order of their index, then the
// append lock. Nothing is called with a lock held that could block.
//
// # Invariants
//
//	I1  an item's ID is not 0, was given by one insertion, and is never given again
//	I2  a stripe's newest position is at least that of each of its items
//	I3  a stripe's bytes are the sum of the cost of its items; the budget has
//	    reserved the sum of all stripes' bytes
//	I4  an effect is applied only if it was decided under the floor that is in
//	    force when it is appended
package store
