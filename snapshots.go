package weensydb

import (
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"weensydb/lockcheck"
	"weensydb/stable"
	"weensydb/store"
)

// A snapshotter takes snapshots: when somebody asks for one, when the log has
// grown, and at a stop. One is taken at a time; who asks meanwhile shares the next.
type snapshotter struct {
	table       *store.Table
	log         *stable.Log
	now         func() int64
	logger      *slog.Logger
	bound       int   // bytes of items in memory that are not written
	segmentSize int64 // bytes

	current atomic.Pointer[imageSink] // of the one that is being taken, or nil
	wanted  chan struct{}             // holds one token
	quit    chan struct{}
	running sync.WaitGroup
	sending sync.WaitGroup // of backups

	mu       lockcheck.Mutex // guards the rest
	requests []func(error)
	stopped  bool
}

const (
	// snapshotPause is how often it looks whether the log has grown.
	snapshotPause = time.Second

	// snapshotRetry is how long it waits after one has failed, unless asked.
	snapshotRetry = time.Minute

	// leastLog is how many segments the log has at least before it is cut.
	leastLog = 4
)

func newSnapshotter(e *engine, c *Config) *snapshotter {
	return &snapshotter{
		table: e.table, log: e.log, now: e.Now, logger: c.Logger, bound: int(maxUnsynced(c.Memory)), segmentSize: c.SegmentSize,
		wanted: make(chan struct{}, 1), quit: make(chan struct{}),
	}
}

// start begins to look at the log.
func (s *snapshotter) start() {
	s.running.Go(func() {
		tick := time.NewTicker(snapshotPause)
		defer tick.Stop()
		var pause time.Time // no attempt by itself before
		for {
			select {
			case <-s.quit:
				return
			case <-s.wanted:
			case now := <-tick.C:
				if now.Before(pause) || !s.grown() {
					continue
				}
			}
			if err := s.take(1); err != nil {
				pause = time.Now().Add(snapshotRetry)
			}
		}
	})
}

// grown reports whether the log has become longer than the snapshot: a start
// would read as much again.
func (s *snapshotter) grown() bool {
	newest, _ := s.log.NewestSnapshot()
	return s.log.SinceSnapshot() > max(leastLog*s.segmentSize, newest.Size)
}

// request has one taken of what there is now, and done called, from another
// goroutine.
func (s *snapshotter) request(done func(error)) {
	s.mu.Lock()
	stopped := s.stopped
	if !stopped {
		s.requests = append(s.requests, done)
	}
	s.mu.Unlock()
	if stopped {
		done(ErrClosed)
		return
	}
	select {
	case s.wanted <- struct{}{}:
	default:
	}
}

// take takes one, with a number of goroutines that compress and write, and tells
// who has asked for it before.
func (s *snapshotter) take(workers int) error {
	s.mu.Lock()
	requests := s.requests
	s.requests = nil
	s.mu.Unlock()
	err := s.snapshot(workers)
	if err != nil {
		s.logger.Warn("no snapshot: the log stays as long as it is", "err", err)
	}
	for _, done := range requests {
		done(err)
	}
	return err
}

func (s *snapshotter) snapshot(workers int) error {
	began := time.Now()
	w, err := s.log.CreateSnapshot()
	if err != nil {
		return err
	}
	sink := newImageSink(s.bound, w.Block)
	s.current.Store(sink)
	var writers sync.WaitGroup
	for range workers {
		writers.Go(sink.drain)
	}
	image := s.table.Snapshot(s.now(), sink.sink())
	sink.end()
	writers.Wait()
	s.current.Store(nil)
	items, err := sink.failure()
	if err != nil {
		w.Abort()
		return err
	}
	if err := w.Commit(image.Position, image.AppendTo(nil)); err != nil {
		return err
	}
	info, _ := s.log.NewestSnapshot()
	s.logger.Info("snapshot taken", "position", info.Position, "items", items, "bytes", info.Size, "took", time.Since(began).Round(time.Millisecond).String())
	return nil
}

// whenRoom calls wake when a snapshot lets a change through that found no room.
func (s *snapshotter) whenRoom(wake func()) {
	if sink := s.current.Load(); sink != nil {
		sink.whenRoom(wake)
		return
	}
	wake()
}

// stop ends it, after a last snapshot if a start would have to read much of the
// log without. Nothing changes any more.
func (s *snapshotter) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	close(s.quit)
	s.running.Wait()
	s.sending.Wait()
	newest, _ := s.log.NewestSnapshot()
	s.mu.Lock()
	asked := len(s.requests) > 0
	s.mu.Unlock()
	if since := s.log.SinceSnapshot(); s.log.Err() == nil && (asked || since > newest.Size/stopShare) {
		s.take(runtime.GOMAXPROCS(0))
	}
}

// stopShare: at a stop a log is left that is at most this part of the snapshot,
// since to write all for a few changes would take longer than to read them.
const stopShare = 8

// load reads the snapshot that the log goes on from.
func (db *DB) load(s *stable.Snapshot) error {
	image, err := store.ParseImage(s.Meta)
	if err != nil {
		return err
	}
	table := db.engine.table
	var done atomic.Int64
	turn := make(chan struct{}, 1) // to report: the others go on
	err = s.Blocks(runtime.GOMAXPROCS(0), func(block []byte) error {
		err := store.Items(block, table.Restore)
		done.Add(int64(len(block)))
		select {
		case turn <- struct{}{}:
			if db.config.Progress != nil {
				db.config.Progress(done.Load(), s.Raw)
			}
			<-turn
		default:
		}
		return err
	})
	if err == nil {
		table.Resume(image)
	}
	return err
}

// copyTo gives put the bytes of a snapshot, a piece at a time. The piece
// is put's until it is called again.
func copyTo(s *stable.Snapshot, put func(piece []byte) error) error {
	const piece = 16 << 10
	var pieces [2][piece]byte
	for at, i := int64(0), 0; at < s.Size; i = 1 - i {
		b := pieces[i][:min(piece, s.Size-at)]
		if _, err := s.ReadAt(b, at); err != nil && err != io.EOF {
			return err
		}
		if err := put(b); err != nil {
			return err
		}
		at += int64(len(b))
	}
	return nil
}
