package stable

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Mode says what Stable means.
type Mode int

const (
	// Always: a record is stable when it has been synced. A crash loses nothing
	// that was stable.
	Always Mode = iota
	// Interval: a record is stable at once, and synced within Options.Interval if
	// the disk keeps up. A crash loses at most that.
	Interval
	// None: a record is stable at once, and synced when much has come together,
	// and at Close. A crash loses whatever it happens to lose.
	None
)

// Options of a log.
type Options struct {
	// Dir is the directory; it is made if it is not there. Unused with an FS.
	Dir string
	// FS is the directory behind an interface. Default: Dir of this machine.
	FS FS
	// SegmentSize of new segments, in bytes; a multiple of SectorSize. It bounds the size
	// of a record (see MaxPayload), and one segment is kept ahead. Default 64 MiB.
	SegmentSize int64
	// Mode of durability. Default Always.
	Mode Mode
	// Interval of mode Interval. Default one second.
	Interval time.Duration
	// MaxUnsynced bounds the bytes in memory that are not synced; at the bound
	// Reserve tells to wait. A single larger record is let in. Default 16 MiB.
	MaxUnsynced int64
	// Logger is told what recovery found and what the disk refuses. Default
	// slog.Default().
	Logger *slog.Logger
	// OnSnapshot is given the newest snapshot, if there is one, while Open runs. It
	// reads all Blocks. An error ends Open. If it is nil, the blocks are checked.
	OnSnapshot func(*Snapshot) error
	// OnRecord is given every record of the log after the snapshot's position, in
	// order, while Open runs. The payload is valid during the call. An error ends Open.
	// May be nil.
	OnRecord func(Record) error
	// Progress is told how many bytes of how many Open has read. May be nil.
	Progress func(done, total int64)

	claimBlock uint64 // how many numbers are claimed at a time; 1<<20
	manual     bool   // tests: no goroutines, the test makes the steps
	unchained  bool   // tests: a broken variant that accepts a batch without its chain
	stale      bool   // tests: a broken variant of streams, while Open runs
	twice      bool   // tests: a broken variant that hands out records that a snapshot holds
	hasty      bool   // tests: a broken variant that publishes a snapshot before the log is durable
}

// MaxSegmentSize is the largest SegmentSize, in bytes: the length of a batch has
// 32 bits.
const MaxSegmentSize = 1 << 31

const (
	defaultSegmentSize = 64 << 20
	minSegmentSize     = 1 << 10
	defaultMaxUnsynced = 16 << 20
	defaultClaimBlock  = 1 << 20
)

// complete checks o and fills in what is left open.
func (o Options) complete() (Options, error) {
	if o.SegmentSize == 0 {
		o.SegmentSize = defaultSegmentSize
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.MaxUnsynced == 0 {
		o.MaxUnsynced = defaultMaxUnsynced
	}
	if o.claimBlock == 0 {
		o.claimBlock = defaultClaimBlock
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	var errs []error
	if o.Dir == "" && o.FS == nil {
		errs = append(errs, errors.New("stable: no directory"))
	}
	if o.SegmentSize < minSegmentSize || o.SegmentSize > MaxSegmentSize || o.SegmentSize%SectorSize != 0 {
		errs = append(errs, fmt.Errorf("stable: segment size %d is not a multiple of %d from %d to %d", o.SegmentSize, SectorSize, minSegmentSize, MaxSegmentSize))
	}
	if o.Mode < Always || o.Mode > None {
		errs = append(errs, fmt.Errorf("stable: unknown mode %d", o.Mode))
	}
	if o.Interval < 0 || o.MaxUnsynced < 0 {
		errs = append(errs, errors.New("stable: a negative interval or bound"))
	}
	return o, errors.Join(errs...)
}

// MaxPayload returns the length of the longest payload that segments of a size
// can hold, in bytes.
func MaxPayload(segmentSize int64) int {
	return int(segmentSize - segmentHeaderSize - batchHeaderSize - maxRecordOverhead)
}

// LeastSegmentSize returns the size of the smallest segments that can hold a
// payload of that length. Both are in bytes.
func LeastSegmentSize(payload int) int64 {
	size := segmentHeaderSize + charge(int64(payload)+maxRecordOverhead)
	return max(minSegmentSize, (size+SectorSize-1)/SectorSize*SectorSize)
}
