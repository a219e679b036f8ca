package stable

import (
	"errors"

	"weensydb/lockcheck"
)

// snapshotStep is how much of a snapshot is synced at a time: a sync of all of it
// would hold up those of the batches.
const snapshotStep = 4 << 20

// SnapshotWriter writes a snapshot. Its use ends with Commit or Abort; Close of
// the log waits for that.
type SnapshotWriter struct {
	log      *Log
	file     File // closed by Commit and Abort
	header   snapshotHeader
	logBytes int64 // that were appended to the log when the snapshot began

	mu       lockcheck.Mutex // guards the rest
	err      error           // the first
	at       int64           // where the next block begins
	number   uint64          // of the next block
	previous uint32          // checksum of the header of the last one
	raw      uint64          // bytes
	unsynced int64
	free     [][]byte // buffers
}

// CreateSnapshot begins a snapshot. The error is ErrSnapshot if one is being
// written, and what Err returns if the log has failed or is closed. A disk that
// refuses a snapshot is no failure of the log.
func (l *Log) CreateSnapshot() (*SnapshotWriter, error) {
	if err := l.beginSnapshot(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	w := &SnapshotWriter{log: l, header: snapshotHeader{l.control.identity, random()}, logBytes: l.kept.bytes}
	l.mu.Unlock()
	w.at, w.number = snapshotHeaderSize, 1
	var err error
	if w.file, err = l.fs.Create(temporarySnapshot); err == nil {
		_, err = w.file.WriteAt(w.header.encode(), 0)
	}
	if err != nil {
		w.note(err)
		w.Abort()
		return nil, err
	}
	return w, nil
}

// beginSnapshot lets in one at a time, and none when the log ends.
func (l *Log) beginSnapshot() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return l.err
	case l.closing:
		return ErrClosed
	case l.kept.writing:
		return ErrSnapshot
	}
	l.kept.writing = true
	l.running.Add(1)
	return nil
}

// endSnapshot lets in the next one, and the log end.
func (l *Log) endSnapshot() {
	l.mu.Lock()
	l.kept.writing = false
	l.mu.Unlock()
	signal(l.wakeWriter) // it may have stayed for this
	l.running.Done()
}

// goesOn returns why a snapshot need not go on.
func (l *Log) goesOn() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && l.closing {
		return ErrClosed
	}
	return l.err
}

// Block writes a block. It may be called from several goroutines, each of which
// compresses its own; raw is not kept. It blocks on the disk. After an error
// nothing but Abort is of use.
func (w *SnapshotWriter) Block(raw []byte) error {
	must(len(raw) > 0 && len(raw) <= MaxBlock, "a block of a snapshot has a length from 1 to MaxBlock")
	if err := w.log.goesOn(); err != nil {
		return w.note(err)
	}
	_, err := w.append(raw, 0)
	return err
}

// append writes a block and returns where it begins.
func (w *SnapshotWriter) append(raw []byte, flags uint32) (at int64, err error) {
	lockcheck.NoneHeld("write")
	b, h := pack(w.buffer(), raw, flags)
	at, syncs, err := w.place(&h, b)
	if err == nil {
		_, err = w.file.WriteAt(b, at)
	}
	if err == nil && syncs {
		err = w.file.Sync()
	}
	w.giveBack(b)
	return at, w.note(err)
}

// place gives a block its number and its place, and says whether it is time to
// sync: others write beside it meanwhile, and sync in their turn.
func (w *SnapshotWriter) place(h *blockHeader, b []byte) (at int64, syncs bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, false, w.err
	}
	h.salt, h.number, h.previous = w.header.salt, w.number, w.previous
	w.previous = h.encode(b)
	at = w.at
	w.at, w.number = w.at+int64(len(b)), w.number+1
	if h.flags&^blockCompressed == 0 {
		w.raw += uint64(h.raw)
	}
	if w.unsynced += int64(len(b)); w.unsynced >= snapshotStep {
		w.unsynced, syncs = 0, true
	}
	return at, syncs, nil
}

// note keeps the first error.
func (w *SnapshotWriter) note(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	return err
}

func (w *SnapshotWriter) buffer() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.free)
	if n == 0 {
		return nil
	}
	b := w.free[n-1]
	w.free = w.free[:n-1]
	return b
}

func (w *SnapshotWriter) giveBack(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cap(b) <= maxKeptBuffer {
		w.free = append(w.free, b)
	}
}

// Abort ends the snapshot without one. What there was before stays as it was.
func (w *SnapshotWriter) Abort() {
	l := w.log
	err := w.err // no Block is under way any more
	if w.file != nil {
		w.file.Close() // the file goes: its error tells nothing
	}
	if e := ignoreMissing(l.fs.Remove(temporarySnapshot)); e != nil {
		err = errors.Join(err, e) // Open removes it
	}
	if err != nil && l.goesOn() == nil {
		l.options.Logger.Warn("a snapshot failed; the log goes on, and keeps all that it has", "err", err)
	}
	l.endSnapshot()
}

// Commit ends the snapshot: it holds what all records up to a position left, and
// meta, of at most MaxMeta bytes, is the caller's. It makes the log durable up to
// there, whatever its mode, and then the snapshot; and drops what is not needed any
// more: older snapshots, and segments that hold no later record. After an error
// what there was before is there, and the log goes on; unless the log failed, for
// the disk refused to sync the directory or the control file.
func (w *SnapshotWriter) Commit(position uint64, meta []byte) error {
	l := w.log
	info, err := w.finish(position, meta)
	if err == nil && !l.options.hasty {
		err = l.Sync(position)
	}
	if err == nil {
		err = l.fs.Rename(temporarySnapshot, info.Name)
	}
	if err == nil {
		err = l.fs.SyncDir()
		if err != nil && !isFull(err) {
			l.fail(err)
		}
	}
	if err != nil {
		w.note(err)
		w.Abort()
		return err
	}
	defer l.endSnapshot()
	return l.published(info, w.logBytes)
}

// finish writes what comes behind the blocks, and syncs it all. Windows does not
// rename open files: it is closed.
func (w *SnapshotWriter) finish(position uint64, meta []byte) (info SnapshotInfo, err error) {
	must(len(meta) <= MaxMeta, "the meta of a snapshot is at most MaxMeta")
	f := footer{position: position}
	w.log.mu.Lock()
	f.positions, f.ids = w.log.control.positions, w.log.control.ids
	newest := w.log.kept.newest.Position
	must(newest <= position && position < w.log.next, "I10: the position of a snapshot is not before the last one, and was given")
	w.log.mu.Unlock()
	if f.meta, err = w.append(meta, blockIsMeta); err != nil {
		return info, err
	}
	f.at, f.blocks, f.raw = w.at, w.number-1, w.raw
	if _, err = w.append(f.encode(), blockIsFooter); err != nil {
		return info, err
	}
	if err = w.file.Sync(); err != nil {
		return info, err
	}
	err = w.file.Close()
	w.file = nil
	return f.describe(w.header.identity), err
}
