package weensydb

import (
	"fmt"
	"log/slog"

	"weensydb/stable"
	"weensydb/store"
)

// tableLog is the stable log as the Table sees it.
type tableLog struct{ log *stable.Log }

var verdicts = [...]store.Status{
	stable.OK:     store.OK,
	stable.Wait:   store.LogBusy,
	stable.Full:   store.NoDisk,
	stable.TooBig: store.NoMemory, // cannot be: see Config.segmentSize
	stable.Broken: store.LogFailed,
}

func (l *tableLog) Reserve(size, inserts int) (store.Reservation, store.Status) {
	r, verdict := l.log.Reserve(size, inserts)
	return store.Reservation(r), verdicts[verdict]
}

func (l *tableLog) Release(r store.Reservation) { l.log.Release(stable.Reservation(r)) }

func (l *tableLog) NextID(r store.Reservation) (uint64, store.Reservation) {
	id, rest := l.log.ID(stable.Reservation(r))
	return id, store.Reservation(rest)
}

func (l *tableLog) Append(r store.Reservation, record *store.Record) (position uint64) {
	return l.log.Append(stable.Reservation(r), 0, 0, store.RecordKind, record)
}

// replayRoom is how much more memory than allowed a replay may take: items may
// lie less densely than they did, and those that are not needed any more are
// found later.
func replayRoom(items int64) int64 { return items + items/8 + 64<<20 }

// maxUnsynced bounds the bytes that wait for the disk: small beside the memory,
// and enough for what comes during a sync.
func maxUnsynced(memory int64) int64 { return min(max(memory/16, 1<<20), 16<<20) }

// openLog opens the log and makes true again what it holds.
func (db *DB) openLog(to *tableLog) error {
	c := &db.config
	items := db.engine.arena.Limit()
	db.engine.arena.SetLimit(replayRoom(items))
	log, err := stable.Open(stable.Options{
		Dir:         c.Dir,
		FS:          c.fs,
		SegmentSize: c.SegmentSize,
		Mode:        modes[c.Durability],
		MaxUnsynced: maxUnsynced(c.Memory),
		Logger:      c.Logger,
		Progress:    c.Progress,
		OnSnapshot:  db.load,
		OnRecord:    db.replay,
	})
	if err != nil {
		return fmt.Errorf("open %s: %w", c.Dir, err)
	}
	to.log, db.engine.log = log, log
	db.snapshots = newSnapshotter(db.engine, c)
	db.engine.snapshots = db.snapshots
	db.engine.arena.SetLimit(items)
	if used := db.engine.arena.Used(); used > items {
		c.Logger.Warn("the data takes more memory than is allowed: what needs more is refused until some is deleted", "used", used, "allowed", items)
	}
	if r := log.Recovery(); r.Records > 0 || r.Snapshot > 0 {
		c.Logger.Info("recovered from the log", slog.Int64("records", r.Records), slog.Uint64("snapshot", r.Snapshot), slog.Uint64("position", r.Last), slog.Int("segments", r.Segments), slog.Bool("clean", r.Clean))
	}
	return nil
}

var modes = map[Durability]stable.Mode{
	DurabilityAlways:   stable.Always,
	DurabilityInterval: stable.Interval,
	DurabilityNone:     stable.None,
}

// replay gives a record of the log to the Table.
func (db *DB) replay(r stable.Record) error {
	if r.Stream != 0 || r.Kind != store.RecordKind {
		return fmt.Errorf("its kind, %d of stream %d, is not known", r.Kind, r.Stream)
	}
	return db.engine.table.Replay(r.Position, r.Payload)
}

// Failed returns a channel that is closed when the disk has refused a write or a
// sync of the log. That is final: whatever had not been answered by then has an
// unknown outcome, nothing more is taken, connections are closed, and the process
// should end. A cache has no log and never fails.
func (db *DB) Failed() <-chan struct{} {
	if db.engine.log == nil {
		return nil
	}
	return db.engine.log.Failed()
}

// Err returns why the database has failed, or nil if it has not.
func (db *DB) Err() error {
	select {
	case <-db.Failed():
		return db.engine.log.Err()
	default:
		return nil
	}
}
