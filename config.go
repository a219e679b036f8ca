package weensydb

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"weensydb/stable"
	"weensydb/store"
)

// Durability says what a reply promises about stable storage.
type Durability string

const (
	// DurabilityAlways: a reply means stable storage.
	DurabilityAlways Durability = "always"
	// DurabilityInterval: a crash can take back at most the last second.
	DurabilityInterval Durability = "interval"
	// DurabilityNone: only a clean stop keeps what was written.
	DurabilityNone Durability = "none"
)

// Limits that Validate enforces, and that the defaults respect.
const (
	MinMemory      = 16 << 20  // bytes: every stripe of the Table needs some pages
	MinMaxItemSize = 1 << 10   // bytes: as memcached's -I
	MaxMaxItemSize = 512 << 20 // bytes: the largest buffer holds an item and its request
)

// Config says how a database is opened. It must have a Dir or be a Cache; the zero
// value of every other field is a valid choice. Config{Dir: "data"} is a durable
// database of 64 MiB without listeners.
// DefaultConfig gives what "weensydb serve" starts from.
type Config struct {
	// Weensy are the addresses of the WeensyDB dialect, each "host:port" or
	// "unix:/path". An empty list opens no such listener.
	Weensy []string

	// Memcache are the addresses of memcached's text and meta protocols.
	Memcache []string

	// Dir is the directory of the log. It is made if it is not there; its parent
	// must exist. One process at a time has it. A cache needs none.
	Dir string

	// Durability says what a reply promises. "" means DurabilityAlways.
	Durability Durability

	// SegmentSize of new files of the log, in bytes. One is kept ahead, so that
	// a new database takes twice as much. 0 means an eighth of Memory, from
	// 4 MiB to 64 MiB, and more if two of the largest items need it.
	SegmentSize int64

	// Progress is told how many bytes of how many Open has read of the snapshot,
	// and then of the log. Its calls do not overlap. It may be nil.
	Progress func(done, total int64)

	// Cache makes it a cache: in memory only, evicting when full. Otherwise a
	// full store refuses new values and keeps the old ones.
	Cache bool

	// Memory bounds the items and the connections' buffers together, in bytes.
	// 0 means 64 MiB, as in memcached.
	Memory int64

	// MaxItemSize bounds key and value together, in bytes. 0 means 1 MiB.
	MaxItemSize int64

	// MaxConns bounds the open connections of all listeners together; one more
	// is told so and closed. 0 means 10,000. Either is lowered to what the
	// process's descriptor limit allows.
	MaxConns int

	// IdleTimeout closes a connection that has sent nothing for so long. 0
	// means never.
	IdleTimeout time.Duration

	// RequestTimeout closes a connection whose request, once begun, is not
	// complete after so long. 0 means 30 s.
	RequestTimeout time.Duration

	// WriteTimeout closes a connection that has not taken a reply after so
	// long. 0 means 30 s.
	WriteTimeout time.Duration

	// DrainTimeout bounds how long Close waits for connections to be answered.
	// 0 means 10 s.
	DrainTimeout time.Duration

	// Allow, if not empty, are the networks that may connect over TCP; others
	// are closed at once.
	Allow []netip.Prefix

	// Insecure permits listening beyond loopback with neither TLS nor
	// authentication.
	Insecure bool

	// Logger receives what an operator should know. nil discards it.
	Logger *slog.Logger

	// Now reads the wall clock. nil means time.Now; tests set it.
	Now func() time.Time

	fs stable.FS // tests: the directory, instead of Dir
}

// DefaultConfig is what "weensydb serve" starts from.
func DefaultConfig() Config {
	return Config{
		Weensy:         []string{"127.0.0.1:6162"},
		Memcache:       []string{"127.0.0.1:11211"},
		Dir:            "weensydb-data",
		Durability:     DurabilityAlways,
		Memory:         64 << 20,
		MaxItemSize:    1 << 20,
		MaxConns:       10_000,
		RequestTimeout: 30 * time.Second,
		WriteTimeout:   30 * time.Second,
		DrainTimeout:   10 * time.Second,
	}
}

// withDefaults replaces zero values by what they stand for.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	setDefault(&c.Durability, d.Durability)
	setDefault(&c.Memory, d.Memory)
	setDefault(&c.MaxItemSize, d.MaxItemSize)
	setDefault(&c.MaxConns, d.MaxConns)
	setDefault(&c.RequestTimeout, d.RequestTimeout)
	setDefault(&c.WriteTimeout, d.WriteTimeout)
	setDefault(&c.DrainTimeout, d.DrainTimeout)
	setDefault(&c.SegmentSize, segmentSize(c.Memory, c.MaxItemSize))
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// segmentSize returns the default size of the log's files: that of few files for
// much memory, and of little space for little, in which a record of two items
// has room.
func segmentSize(memory, maxItemSize int64) int64 {
	size := min(max(memory/8, 4<<20), 64<<20)
	return max(size-size%stable.SectorSize, leastSegmentSize(maxItemSize))
}

// leastSegmentSize holds the largest record.
func leastSegmentSize(maxItemSize int64) int64 {
	return stable.LeastSegmentSize(store.MaxRecordSize(int(maxItemSize)))
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports every mistake at once, joined, each naming its field.
func (c Config) Validate() error {
	var errs []error
	mistake := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	seen := map[string]bool{}
	for _, addr := range append(append([]string{}, c.Weensy...), c.Memcache...) {
		if err := c.checkAddress(addr); err != nil {
			errs = append(errs, err)
		}
		if seen[addr] && !strings.HasSuffix(addr, ":0") {
			mistake("address %q is given twice", addr)
		}
		seen[addr] = true
	}
	if _, known := modes[c.Durability]; !known && c.Durability != "" {
		mistake("durability %q is none of always, interval, none", c.Durability)
	}
	if c.Dir == "" && c.fs == nil && !c.Cache {
		mistake("there is no directory for the log: name one, or make it a cache")
	}
	if c.Memory != 0 && c.Memory < MinMemory {
		mistake("memory %d is below the least, %d bytes", c.Memory, int64(MinMemory))
	}
	if c.MaxItemSize != 0 && (c.MaxItemSize < MinMaxItemSize || c.MaxItemSize > MaxMaxItemSize) {
		mistake("max item size %d is outside %d to %d bytes", c.MaxItemSize, int64(MinMaxItemSize), int64(MaxMaxItemSize))
	}
	d := c.withDefaults()
	if c.Memory >= 0 && d.MaxItemSize > d.Memory/8 {
		mistake("max item size %d is more than an eighth of memory %d", d.MaxItemSize, d.Memory)
	}
	if least := leastSegmentSize(d.MaxItemSize); d.SegmentSize < least || d.SegmentSize > stable.MaxSegmentSize || d.SegmentSize%stable.SectorSize != 0 {
		mistake("segment size %d is not a multiple of %d from %d to %d", c.SegmentSize, stable.SectorSize, least, int64(stable.MaxSegmentSize))
	}
	if c.MaxConns < 0 {
		mistake("max conns %d is negative", c.MaxConns)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"idle timeout", c.IdleTimeout}, {"request timeout", c.RequestTimeout},
		{"write timeout", c.WriteTimeout}, {"drain timeout", c.DrainTimeout},
	} {
		if d.value < 0 {
			mistake("%s %v is negative", d.name, d.value)
		}
	}
	return errors.Join(errs...)
}

// checkAddress reports whether addr can be listened on, and may be.
func (c Config) checkAddress(addr string) error {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		if path == "" {
			return fmt.Errorf("address %q names no socket: write unix:/path", addr)
		}
		return nil
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address %q is neither host:port nor unix:/path: %w", addr, err)
	}
	if !c.Insecure && !isLoopback(host) {
		return fmt.Errorf("address %q is reachable from other machines, and there is neither TLS nor authentication: listen on 127.0.0.1, or say --insecure", addr)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
