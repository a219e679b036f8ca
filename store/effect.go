package store

// Kind says what an Effect does.
type Kind uint8

// The kinds of effects.
const (
	Put     Kind = iota + 1 // the item is now this
	Remove                  // the item is gone
	FlushAt                 // a flush will happen at Item.Expiry; 0: none will
	FlushIt                 // everything before this position is dead
)

// Effect is one change, complete: it says what is true after it, not what
// changed. The log keeps effects, and applying them in the order of their
// positions gives the state again.
type Effect struct {
	Kind Kind
	Key  []byte
	Item Item

	// FreshCAS says that the item's CAS token is the position of this effect,
	// whatever Item.CAS says.
	FreshCAS bool

	arena  *Arena   // where the blobs of parts are
	parts  [2]piece // the value
	insert bool     // the item was absent: it takes the next ID
	chain  int      // which of its stripe's chains has been prepared for it
	same   bool     // the value is the one that the item has
}

// ValueLen returns the length of the value, in bytes.
func (e *Effect) ValueLen() int { return e.parts[0].len() + e.parts[1].len() }

// AppendValue appends the value to dst. It may be called only until Append of
// the Log returns.
func (e *Effect) AppendValue(dst []byte) []byte {
	for _, p := range e.parts {
		if p.bytes != nil {
			dst = append(dst, p.bytes...)
		} else if p.blob.n > 0 {
			dst = e.arena.appendBlob(dst, p.blob)
		}
	}
	return dst
}

// ownCAS reports whether the CAS token has to be kept beside the position.
func (e *Effect) ownCAS() bool { return !e.FreshCAS }

// A Log numbers what happens and, if it is a real one, keeps it. It is called
// under locks and does not block.
type Log interface {
	// Reserve takes room for one record of at most size bytes, and for inserts
	// calls of NextID. A status other than OK is the answer to the request:
	// nothing was taken.
	Reserve(size, inserts int) (Reservation, Status)

	// Release gives back a reservation that is not needed.
	Release(Reservation)

	// NextID numbers an item, and returns what is left of the reservation.
	NextID(Reservation) (uint64, Reservation)

	// Append copies the record to the room that was reserved for it.
	Append(Reservation, *Record) (position uint64)
}

// A Reservation is the room for one record. Its fields are for the Log; it is
// used up by one Append or one Release.
type Reservation struct {
	Bytes int64
	IDs   uint64
}

// Counter is the Log of a database that keeps nothing: it numbers only. The
// append lock of the Table guards it.
type Counter struct{ position, id uint64 }

// NewCounter counts on from base. A random base makes it unlikely that a CAS
// token from before a restart matches an item from after it.
func NewCounter(base uint64) *Counter { return &Counter{position: base} }

// Reserve always succeeds.
func (c *Counter) Reserve(int, int) (Reservation, Status) { return Reservation{}, OK }

// Release does nothing.
func (c *Counter) Release(Reservation) {}

// NextID counts items.
func (c *Counter) NextID(r Reservation) (uint64, Reservation) {
	c.id++
	return c.id, r
}

// Append counts records.
func (c *Counter) Append(Reservation, *Record) uint64 {
	c.position++
	return c.position
}
