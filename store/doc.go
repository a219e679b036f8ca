// Package store is the Table: what the database knows, under locks. It knows no
// socket, file or clock; time is passed in, in Unix milliseconds.
//
// # A request
//
// passes four steps, all under the locks of the stripes that its keys are in:
//
//	decide   compute the result and the effects from (state, request, now) alone
//	admit    take the memory; may refuse, and nothing has changed yet
//	append   give the effects to the log, which numbers them: the position
//	apply    make the effects true; cannot fail
//
// An effect carries every field of the item that it leaves. Nothing decides by
// chance, map order, memory pressure or last access, so that a log of requests
// can be decided again elsewhere with the same outcome. A request for which
// there is no memory lets go of its lock, makes room, and decides again.
//
// # Terms
//
//	page      8 KiB of memory that the garbage collector does not look into
//	arena     where pages come from, up to a limit
//	stripe    a part of the keys, with a lock, an index and a log of its own
//	log       the items of a stripe, one behind the other, in a chain of pages
//	index     where in the log the item of a key begins
//	tag       24 bits of a key's hash; other bits choose the stripe
//	bucket    the tags of a stripe that agree in their first 4 bits: the unit of
//	          scanning and sweeping, so that no lock is held for long
//	position  the number of a change in the (stable) log
//	floor     the position of the newest flush: older items are dead
//	dead      flushed, expired, or replaced: as if absent
//
// # In memory
//
//	            stripe 57                               pages of its log
//	 index: sorted by tag, with gaps         tail                            head
//	+----+----+----+----+----+----+        +--------------+ next +--------------+
//	|    | 03 | 07 |    | 0b | 0b |        | hdr          |----->| hdr          |
//	+----+-|--+-|--+----+-|--+-|--+        | item item x  |<-----| ..value item |
//	       |    |         |    |           | x item val...| prev | item -->     |
//	       |    +---------|----|---------> +--------------+      +--------------+
//	       +--------------+----+-------------------------------------> x: dead
//
// An item is added at the head of its stripe's log: 18 bytes, its optional
// fields, the key, the value. The value may go on in the next page; so values of
// any size fit without a gap and without size classes. (The index entry is 8
// bytes: tag, page, offset.) An item whose new state has the same size is
// written over; otherwise the new one is added and the old one is dead. A page in
// which nothing is alive goes back to the arena at once. A page with little in it
// is emptied by copying (compact.go) when memory runs out, or by Sweep.
//
// # Why not something simpler
//
// A Go map of items costs some 200 bytes an item, doubles its table in one go,
// and has the collector visit every item in every cycle. Size classes, as
// memcached's slabs, strand memory that is free in the wrong class. One log for
// all stripes would need a lock order between the log and the stripes on every
// write and every move. Pages mapped so that values are contiguous would be
// simpler to read from, but only on systems that let one map memory twice.
//
// # Locks
//
// In this order, each once: the snapshot lock; stripes in ascending order; the
// append lock; the arena's grow lock and then its own. Nothing is called with a
// stripe locked that could block. rank.go has the order as numbers; the build
// tag lockcheck checks it.
//
// # Invariants
//
//	I1  an item's ID is not 0, was given by one insertion, and is never given again
//	I2  a stripe's newest position is at least that of each of its items
//	I3  the pages that the arena has handed out are those that the stripes hold
//	I4  an effect is applied only if it was decided under the floor that is in
//	    force when it is appended
//	I5  the entries of an index stand in the order of their tags, none before its
//	    home, and no gap between an entry and its home
//	I6  a page counts the bytes of the items in it that the index knows; a page
//	    other than the head of its chain has some
//	I7  a page other than the head of its chain, with at least an eighth dead, is
//	    in the list of its level, and no other page is in a list
//
// # Reading the package
//
// request.go and effect.go say what goes in and out; decide.go is what each
// operation means; table.go is the four steps; index.go, item.go, pages.go and
// log.go are the memory; room.go, compact.go and evict.go make room in it;
// snapshot.go sees the state of one instant.
package store
