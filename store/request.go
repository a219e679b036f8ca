package store

// Op is what a Table is asked to do.
type Op uint8

const (
	Get        Op = iota // read; Touch, Vivify and Recache may make it write
	Peek                 // read without counting as an access
	Set                  // store whatever is there
	Add                  // store if absent
	Replace              // store if present
	Append               // put Value after the present one
	Prepend              // put Value before the present one
	CompareSet           // store if the present value equals Old
	Delete               // remove, or mark stale, or drop the value
	Incr                 // add Delta to a decimal value, wrapping at 2^64
	Decr                 // subtract Delta from a decimal value, stopping at 0
	Touch                // set the expiry
	Exchange             // swap the values and client flags of Key and Key2
	Flush                // kill all items, now or at Expiry
)

// Never is the Expiry of an item that does not expire.
const Never int64 = 0

// Request is one operation. Its slices are not kept. Times are Unix
// milliseconds.
type Request struct {
	Op    Op
	Key   []byte
	Key2  []byte // Exchange
	Value []byte
	Old   []byte // CompareSet
	Flags uint32
	Delta uint64 // Incr, Decr

	// Expiry is that of a stored or touched item; of Flush the time at which it
	// happens, if that is still to come.
	Expiry int64

	// HasCompare makes the operation fail with Exists unless the item's CAS
	// token is Compare. Set and Replace then need the item to be present.
	HasCompare bool
	Compare    uint64

	// HasNewCAS gives what is stored NewCAS instead of its position.
	HasNewCAS bool
	NewCAS    uint64

	// Touch lets Get, Delete with Stale, Incr and Decr set Expiry, too.
	Touch bool

	// Vivify lets Get, Append, Prepend, Incr and Decr create an absent item,
	// which expires at VivifyExpiry: empty and won for a Get, Value for Append
	// and Prepend, Initial for Incr and Decr.
	Vivify       bool
	VivifyExpiry int64
	Initial      uint64

	// MayWin lets a Get win the right to renew an item that is marked stale.
	MayWin bool

	// Recache lets a Get win the right to renew an item that expires before
	// RecacheAt; by the new Expiry if TouchFirst.
	Recache    bool
	RecacheAt  int64
	TouchFirst bool

	NoBump    bool // Get: not an access
	NoValue   bool // Get: the value is not wanted
	Stale     bool // Delete: mark, do not remove. Set with HasCompare: a lower token stores, marked stale
	DropValue bool // Delete: keep the item, with no value, flags or expiry
}

// Status says how an operation ended.
type Status uint8

// Statuses; what a command's reply calls them is for package server to say.
const (
	OK           Status = iota // done
	NotFound                   // the item is absent
	NotStored                  // a condition on presence failed, or the result would be too large
	Exists                     // the CAS token or the value differs
	NonNumeric                 // the value is no decimal number
	NoRoom                     // Room had none for the value; nothing changed
	NoMemory                   // nothing changed but, in a cache, the removal of what a set should have replaced
	NoDisk                     // the log has no room, and the disk has none for it; nothing changed
	LogBusy                    // the log has no room for the moment: nothing happened, execute it again when it has
	LogFailed                  // the log takes nothing any more; nothing changed
	SnapshotBusy               // a snapshot has no room for what would change: nothing happened, execute it again when it has
)

// Again reports whether the request has not happened, but will if it is executed
// again a little later.
func (s Status) Again() bool { return s == LogBusy || s == SnapshotBusy }

// Item is a copy of an item's fields.
type Item struct {
	Flags      uint32
	Expiry     int64 // Unix ms, or Never
	ID         uint64
	CAS        uint64
	Stale      bool // its value is known to be old
	Won        bool // a client has won the right to renew it
	Fetched    bool // it has been read; node-local, decides nothing
	LastAccess int64
}

// Result is what an operation found and left. One Result serves a session for
// its life.
type Result struct {
	Status Status
	Now    int64 // when it took effect

	// Position is the largest that the outcome rests on: a reply waits until
	// the log is stable up to it.
	Position uint64

	// Item is the state that the operation left, but for LastAccess and
	// Fetched, which are from before it.
	Item     Item
	ValueLen int
	Size     int // bytes of memory that the item occupies

	// Value is the value that a Get found, in memory from Room.
	Value []byte

	// Room is asked, under the item's lock, for memory for the value that a Get
	// is about to return. If it returns nil the Get ends with NoRoom, and has
	// not happened. Without a Room the memory is allocated.
	Room func(n int) []byte

	Before  int64  // the item's expiry before the operation
	Created bool   // Vivify created the item
	WonNow  bool   // this Get won the right to renew
	Number  uint64 // of Incr and Decr
	ID2     uint64 // Exchange: the ID of Key2

	// RecordSize and Inserts are what the log should have had room for, if it
	// was busy.
	RecordSize, Inserts int

	effects [2]Effect // room for what is decided, so that nothing is allocated
	n       int
	record  Record
	views   [2]view
	loc     location // where the item is
	digits  [maxCounter + 20]byte
}

func (r *Result) reset(now int64) {
	r.Status, r.Now, r.Position = OK, now, 0
	r.Item, r.Value, r.ValueLen, r.Size = Item{}, nil, 0, 0
	r.Before, r.Created, r.WonNow, r.Number, r.ID2 = 0, false, false, 0, 0
	r.n, r.loc = 0, 0
}

// wait makes it the answer that a snapshot has no room.
func (r *Result) wait(newest, floor uint64) (short int) {
	r.reset(r.Now)
	r.Status, r.Position = SnapshotBusy, max(newest, floor)
	return 0
}
