package stable

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"weensydb/lockcheck"
)

// Log is a stable log. All methods may be called from any goroutine.
type Log struct {
	options  Options
	fs       FS
	lock     io.Closer
	recovery Recovery
	reopened reopened

	wakeWriter    chan struct{} // holds one token
	wakeAllocator chan struct{} // holds one token
	failed        chan struct{} // closed by fail
	stop          chan struct{} // closed by Close
	running       sync.WaitGroup
	stable        atomic.Uint64

	// Only for the writer (and Open and Close, when there is none):
	controlFile File
	chain       uint32 // checksum of the header of the last batch written
	written     uint64 // position of the last record written
	batches     int64  // written
	woken       []func()

	mu       lockcheck.Mutex // guards the rest
	err      error           // why nothing becomes stable any more
	closing  bool
	fill     *batch   // being filled
	sealed   []*batch // full, in order
	flight   *batch   // being written, or nil
	free     []*batch // to be used again
	segment  *segment // where the next batch begins; nil if there is none yet
	offset   int64    // and where in it, unless fill has records
	spares   []*segment
	retired  []*segment // nothing is added to them any more, but batches for them may be in memory
	newest   uint64     // number of the newest segment
	diskFull bool

	next     uint64 // position
	nextID   uint64
	leftOut  bool // numbers were left out before the next position
	reserved reservations
	unsynced int64 // bytes of records in memory
	hurry    bool  // somebody waits for the bytes to be synced, whatever the mode says
	released bool  // a reservation was given back: who waits for room has to be woken
	control  control
	streams  streams
	kept     keeping
	synced   uint64 // position

	gather gathering
	stabs  []stabilityWaiter
	syncs  []stabilityWaiter
	rooms  []func() // who waits for room
}

// Recovery is what Open found.
type Recovery struct {
	Clean    bool   // the log was closed
	Snapshot uint64 // position of the snapshot it went on from, or 0
	Segments int
	Batches  int64
	Records  int64
	Last     uint64 // position of the last record, which may be in the snapshot only, or 0
	Cut      Cut    // the torn tail
}

// Cut is a torn tail that was overwritten with zeros. Its Bytes are 0 if there
// was none.
type Cut struct {
	File          string
	Offset, Bytes int64
}

// Recovery returns what Open found.
func (l *Log) Recovery() Recovery { return l.recovery }

// NextPosition returns the position that the next record will have.
func (l *Log) NextPosition() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Append adds a record to the log, within the room that was reserved for it, and
// returns its position. It copies the payload. It does not block, and it does not
// fail: if the disk does, the record never becomes stable.
//
// In a stream other than 0, index is one more than the last; or an earlier one,
// and the stream forgets the records that it has from there on. A stream begins
// with any index. A gap is the caller's mistake: Append panics (I8). Stream 0 is not
// indexed, and may have any.
func (l *Log) Append(room Reservation, stream, index uint64, kind byte, payload Payload) (position uint64) {
	r := unwritten{stream, index, kind, payload, payload.Size()}
	size := r.size()
	must(room.taken() && charge(size) <= room.Bytes, "I6: a record without room reserved for it")
	l.mu.Lock()
	l.reserved.remove(room)
	if len(l.rooms) > 0 {
		l.hurry = true // who waits because of the reservation is woken after the sync
	}
	must(l.next <= l.control.positions, "I3: a position that was not claimed")
	position = l.next
	l.next++
	wake := false
	if l.err == nil {
		wake = l.add(&r, size, position)
	}
	l.mu.Unlock()
	if wake {
		signal(l.wakeWriter)
	}
	return position
}

// add puts r into the batch that is being filled, and reports whether the writer
// has to know.
func (l *Log) add(r *unwritten, size int64, position uint64) (wake bool) {
	b := l.fill
	if b.records > 0 && b.end()+size > b.segment.size {
		l.sealFill()
		b, wake = l.fill, true
	}
	if b.records == 0 {
		l.begin(b, size, position)
		wake = true
	}
	end := len(b.data) + int(size)
	b.data = r.appendTo(b.data)
	must(len(b.data) == end, "a payload has the size that it says")
	if r.stream != 0 {
		l.index(b, r, b.data[end-int(size):], position)
	}
	b.records++
	must(b.end() <= b.segment.size, "I6: a record beyond the end of its segment")
	l.unsynced += size
	l.kept.bytes += size
	if l.options.Mode != Always {
		l.stable.Store(position)
	}
	return wake || l.hurry || l.gather.reached(b) || l.claimLow()
}

// begin gives b its place. The writer looks at began, so it is the time.
func (l *Log) begin(b *batch, size int64, position uint64) {
	for l.offset+batchHeaderSize+size > l.segment.size {
		must(len(l.spares) > 0, "I6: no segment for a record that was let in")
		l.retired = append(l.retired, l.segment)
		l.segment, l.offset = l.spares[0], segmentHeaderSize
		l.spares = append(l.spares[:0], l.spares[1:]...)
		signal(l.wakeAllocator)
	}
	b.segment, b.offset, b.first = l.segment, l.offset, position
	b.leftOut, l.leftOut = l.leftOut, false
	b.began = time.Now()
}

// sealFill puts the batch that is being filled behind those that are full.
func (l *Log) sealFill() {
	l.offset = align(l.fill.end())
	l.sealed = append(l.sealed, l.fill)
	if n := len(l.free); n > 0 {
		l.fill, l.free = l.free[n-1], l.free[:n-1]
	} else {
		l.fill = newBatch()
	}
}

// Err returns why nothing becomes stable any more: ErrClosed, or what the disk
// refused. It returns nil while all is well.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Failed returns a channel that is closed when the disk has refused a write or a
// sync. That is final: a second sync may succeed although the data is lost.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// fail makes err final. Who waits for room is woken, to be told; who waits for
// stability never is.
func (l *Log) fail(err error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	l.err = fmt.Errorf("stable: the log has failed for good: %w", err)
	l.stabs, l.syncs = nil, nil
	wake := l.takeRooms()
	l.mu.Unlock()
	l.options.Logger.Error("the stable log has failed; nothing becomes durable any more", "err", err)
	close(l.failed)
	signal(l.wakeWriter)
	signal(l.wakeAllocator)
	wakeAll(wake)
}

// Close makes all that was appended stable, notes that it did, and gives the
// directory free. Nothing may be appended meanwhile or afterwards. A snapshot that
// is being written fails soon, and Close waits for its end. It returns why the log
// had failed, if it had.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return ErrClosed
	}
	l.closing = true
	l.mu.Unlock()
	close(l.stop)
	if l.options.manual {
		l.writeOut()
	} else {
		signal(l.wakeWriter)
		l.running.Wait()
	}
	failure := l.Err()
	if failure == nil {
		failure = l.endCleanly()
	}
	l.mu.Lock()
	if l.err == nil {
		l.err = ErrClosed
	}
	wake := l.takeRooms()
	l.mu.Unlock()
	wakeAll(wake)
	return errors.Join(failure, l.release())
}

// release closes the files.
func (l *Log) release() error {
	var errs []error
	for _, s := range append(append(l.retired, l.spares...), l.segment) {
		if s != nil {
			errs = append(errs, s.file.Close())
		}
	}
	if l.controlFile != nil {
		errs = append(errs, l.controlFile.Close())
	}
	l.reopened.close()
	return errors.Join(append(errs, l.lock.Close())...)
}

// signal leaves a token in c, if there is none.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func wakeAll(wake []func()) {
	lockcheck.NoneHeld("wake")
	for _, w := range wake {
		w()
	}
}
