package store

// Kind says what an Effect does.
type Kind uint8

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

	// The value is Value followed by Tail, so that append needs no copy before
	// it is admitted.
	Value, Tail []byte

	// NewValue says that the value is not the one that the item had. Unless
	// OwnCAS says that the client gave Item.CAS, the CAS token is then the
	// position of this effect.
	NewValue, OwnCAS bool

	insert bool // the item was absent: it takes the next ID
}

// A Log numbers effects and, if it is a real one, keeps them. Append is called
// under locks: it copies what it needs and does not block.
type Log interface {
	Append(effects []Effect) (position uint64)
}

// Counter is the Log of a database that keeps nothing: it numbers only.
type Counter struct{ position uint64 }

// NewCounter counts on from base. A random base makes it unlikely that a CAS
// token from before a restart matches an item from after it.
func NewCounter(base uint64) *Counter { return &Counter{base} }

// Append numbers effects. The append lock of the Table guards the Counter.
func (c *Counter) Append([]Effect) uint64 {
	c.position++
	return c.position
}
