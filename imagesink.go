package weensydb

import (
	"runtime"
	"sync"

	"weensydb/lockcheck"
	"weensydb/store"
)

// blockSize is how many bytes of items go into one block of a snapshot: enough to
// compress well, and so few that a processor is not busy with one for long.
const blockSize = 64 << 10

// An imageSink gathers the items of a snapshot in blocks and has them written.
// Items come with locks of the Table held, so there is always room for them; but
// at the bound the Table waits with what can wait.
type imageSink struct {
	bound int // bytes
	write func(block []byte) error

	mu    lockcheck.Mutex // guards the rest
	bytes int             // in blocks
	block []byte          // being filled
	full  [][]byte        // in the order in which they were filled
	free  [][]byte        // to be used again
	waits []func()        // who waits for room, without blocking
	items int64
	err   error // of the first write that failed; later blocks are dropped
	ended bool  // no more items come

	room   sync.Cond // bytes has become less
	filled sync.Cond // there is a full block, or ended
}

func newImageSink(bound int, write func([]byte) error) *imageSink {
	s := &imageSink{bound: bound, write: write}
	s.room.L, s.filled.L = &s.mu, &s.mu
	return s
}

// sink is what the Table sees.
func (s *imageSink) sink() store.Sink {
	return store.Sink{Item: s.item, Room: s.hasRoom, Await: s.await}
}

func (s *imageSink) item(position uint64, r *store.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.block)
	s.block = store.AppendItem(s.block, position, r)
	s.bytes += len(s.block) - before
	s.items++
	if len(s.block) >= blockSize {
		s.sealLocked()
	}
}

// sealLocked puts the block that is being filled behind those that are full.
func (s *imageSink) sealLocked() {
	s.full = append(s.full, s.block)
	s.block = nil
	if n := len(s.free); n > 0 {
		s.block, s.free = s.free[n-1], s.free[:n-1]
	}
	s.filled.Signal()
}

func (s *imageSink) hasRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes < s.bound
}

// await returns when there is room for a bucket: half of it is for changes, which
// must not wait for what can.
func (s *imageSink) await() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.bytes >= s.bound/2 {
		s.room.Wait()
	}
}

// whenRoom calls wake once, when there is room: at once if there is.
func (s *imageSink) whenRoom(wake func()) {
	s.mu.Lock()
	wait := s.bytes >= s.bound
	if wait {
		s.waits = append(s.waits, wake)
	}
	s.mu.Unlock()
	if !wait {
		wake()
	}
}

// drain writes blocks until no more come. Several goroutines may.
func (s *imageSink) drain() {
	for {
		block, err := s.next()
		if block == nil {
			return
		}
		if err == nil {
			err = s.write(block)
		}
		s.written(block, err)
		runtime.Gosched() // requests come first
	}
}

// next returns a full block, or nil when all are written, and the first error.
func (s *imageSink) next() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.full) == 0 {
		if s.ended {
			return nil, s.err
		}
		s.filled.Wait()
	}
	block := s.full[0]
	s.full = append(s.full[:0], s.full[1:]...)
	return block, s.err
}

// maxKeptBlock is the size of the largest block whose memory is used again.
const maxKeptBlock = 4 * blockSize

func (s *imageSink) written(block []byte, err error) {
	s.mu.Lock()
	s.bytes -= len(block)
	if s.err == nil {
		s.err = err
	}
	if cap(block) <= maxKeptBlock {
		s.free = append(s.free, block[:0])
	}
	var waits []func()
	if s.bytes < s.bound {
		waits, s.waits = s.waits, nil
	}
	if s.bytes < s.bound/2 {
		s.room.Broadcast()
	}
	s.mu.Unlock()
	for _, wake := range waits {
		wake()
	}
}

// end says that no more items come.
func (s *imageSink) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.block) > 0 {
		s.sealLocked()
	}
	s.ended = true
	s.filled.Broadcast()
}

// failure returns the first error, and how many items there were.
func (s *imageSink) failure() (items int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.items, s.err
}
