package wire

// Op is what a request asks for. The word on the wire may differ: the dialect's
// set and memcached's set are one Op with different fields.
type Op uint8

// The requests of both listeners. Which fields of Request each fills is said
// beside it; Key is filled by all that name a key.
const (
	Nothing    Op = iota // a blank line of the dialect: no reply, no effect
	Error                // Err is the reply; with Drop, Key's old value goes under --cache
	Get                  // Keys after Key; CAS wanted: gets; Touch: gat, gats (Exptime)
	Set                  // Flags Exptime Value
	Add                  // as Set
	Replace              // as Set
	Append               // Value
	Prepend              // Value
	CAS                  // as Set; Compare
	CompareSet           // the dialect's cas: Old Value
	Delete               //
	Incr                 // Delta
	Decr                 // Delta
	Touch                // Exptime
	Exchange             // Key2
	FlushAll             // Exptime: delay in seconds
	MetaGet              // Meta
	MetaSet              // Meta Value
	MetaDelete           // Meta
	MetaArith            // Meta
	MetaDebug            //
	MetaNoop             //
	Stats                // Arg
	Version              //
	Verbosity            //
	MemLimit             // Delta: megabytes
	MetaDump             // lru_crawler metadump
	MGDump               // lru_crawler mgdump
	Snapshot             // make the state durable as a file
	Backup               // and send it
	Quit                 // the server closes once all before it is answered
	Hangup               // the server closes with a log line: Err says why
	opCount
)

var opNames = [opCount]string{
	"nothing", "error", "get", "set", "add", "replace", "append", "prepend", "cas", "compare-set", "delete", "incr", "decr",
	"touch", "exch", "flush_all", "mg", "ms", "md", "ma", "me", "mn", "stats", "version", "verbosity", "cache_memlimit",
	"metadump", "mgdump", "snapshot", "backup", "quit", "hangup",
}

// String returns the word of the protocol.
func (op Op) String() string { return opNames[op] }

// Request is one parsed request. Its slices point into the input or into the
// Request itself and are valid until either is used again. One Request serves a
// connection for its life: nothing is allocated per request.
type Request struct {
	Op      Op
	NoReply bool // classic noreply: no reply, not even an error's; meta q: see Meta
	WantCAS bool // Get: gets, gats
	Touch   bool // Get: gat, gats
	Drop    bool // Error: it was a set or an ms, so under --cache the old value goes

	Key     []byte // decoded, if it came as base64
	Key2    []byte
	Keys    []byte // Get: what follows Key in the line; see NextKey
	Arg     []byte
	Value   []byte
	Old     []byte
	Flags   uint32
	Exptime int64  // seconds, as sent
	Delta   uint64 //
	Compare uint64 // the CAS token to compare with
	Err     string // without its \r\n

	Meta Meta

	keybuf [MaxKeyLen]byte // a decoded key
}

// reset empties r but for its key buffer, which needs no emptying.
func (r *Request) reset() {
	r.Op, r.NoReply, r.WantCAS, r.Touch, r.Drop = Nothing, false, false, false, false
	r.Key, r.Key2, r.Keys, r.Arg, r.Value, r.Old = nil, nil, nil, nil, nil, nil
	r.Flags, r.Exptime, r.Delta, r.Compare, r.Err = 0, 0, 0, 0, ""
	if r.Meta.used {
		r.Meta = Meta{}
	}
}

// fail turns r into an error reply.
func (r *Request) fail(err string) {
	r.Op, r.Err = Error, err
}

// NextKey takes the next key of a Get from Keys and reports whether there is one.
func (r *Request) NextKey() bool {
	r.Key, r.Keys = nextToken(r.Keys)
	return len(r.Key) > 0
}

// Meta is what the flags of a meta request say (MEMCACHED.md, "Meta").
type Meta struct {
	used       bool
	longOpaque bool // O is too long: said only if nothing else is wrong

	Tokens []byte // the flags as sent, for the reply, which repeats some in order

	Base64   bool // b: the key came, and goes back, as base64
	Quiet    bool // q
	Value    bool // v
	NoBump   bool // u
	Stale    bool // I
	Drop     bool // x
	HasCAS   bool // C: Request.Compare
	HasNew   bool // E: NewCAS
	HasTouch bool // T: Request.Exptime
	Vivify   bool // N: VivifyTTL
	Recache  bool // R: RecacheTTL

	// TouchBeforeRecache and TouchAfterVivify say in which order T came: the
	// flags act in the order sent.
	TouchBeforeRecache bool
	TouchAfterVivify   bool

	Mode       byte // M: one of EAPRS for ms, I or D for ma
	NewCAS     uint64
	Initial    uint64 // J
	VivifyTTL  int64  // seconds, as sent
	RecacheTTL int64  // seconds, as sent
}
