package wire

// The error lines, as memcached 1.6.45 words them: clients match on the bytes.
// Those about disks are ours.
const (
	ErrUnknown       = "ERROR"
	ErrFormat        = "CLIENT_ERROR bad command line format"
	ErrDeleteUsage   = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"
	ErrDataChunk     = "CLIENT_ERROR bad data chunk"
	ErrExptime       = "CLIENT_ERROR invalid exptime argument"
	ErrDelta         = "CLIENT_ERROR invalid numeric delta argument"
	ErrNonNumeric    = "CLIENT_ERROR cannot increment or decrement non-numeric value"
	ErrDuplicateFlag = "CLIENT_ERROR duplicate flag"
	ErrInvalidFlag   = "CLIENT_ERROR invalid flag"
	ErrManyFlags     = "CLIENT_ERROR options flags are too long"
	ErrBadToken      = "CLIENT_ERROR bad token in command line format"
	ErrKeyDecode     = "CLIENT_ERROR error decoding key"
	ErrOpaque        = "CLIENT_ERROR opaque token too long"
	ErrSetMode       = "CLIENT_ERROR invalid mode for ms M token"
	ErrArithMode     = "CLIENT_ERROR invalid mode for ma M token"
	ErrArithFlag     = "CLIENT_ERROR invalid or duplicate flag"
	ErrTooLarge      = "SERVER_ERROR object too large for cache"
	ErrNoMemory      = "SERVER_ERROR out of memory storing object"
	ErrNoMemoryGet   = "SERVER_ERROR out of memory writing get response"
	ErrNoDisk        = "SERVER_ERROR out of disk space"
	ErrStorage       = "SERVER_ERROR storage has failed"
	ErrOutcome       = "SERVER_ERROR outcome unknown"
	ErrNoLog         = "SERVER_ERROR snapshots need a log"
	ErrShutdown      = "SERVER_ERROR: shutdown not enabled"
	ErrBadClass      = "BADCLASS invalid class id"
	ErrManyConns     = "ERROR Too many open connections"
)
