package weensydb

import (
	"errors"
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"weensydb/sim"
	"weensydb/store"
)

// open opens the database and checks what it holds. A crash meanwhile is no
// error.
func (w *world) open() error {
	w.free.Store(true)
	var records []record
	if w.flaw != nil && w.flaw.recovered != nil {
		records = recordsOf(w.disk)
	}
	w.config.fs = w.disk
	db, err := Open(w.config)
	synctest.Wait() // until the log has its spare segment
	w.disk.CrashAfter(-1)
	if err == nil {
		w.db = db
		w.free.Store(w.disk.Crashed())
		if w.flaw != nil && w.flaw.recovered != nil {
			w.flaw.recovered(w, records)
		}
		if err = w.recovered(); err != nil {
			return errors.Join(err, w.stop())
		}
		return nil
	}
	if errors.Is(err, sim.ErrCrashed) {
		return nil
	}
	return fmt.Errorf("opening: %w", err)
}

// recovered compares what the log holds with what it must.
func (w *world) recovered() error {
	r := w.db.engine.log.Recovery()
	if r.Cut.Bytes > 0 {
		w.cut++
	}
	if r.Last < w.told {
		return fmt.Errorf("the log ends at position %d: a reply rested on %d", r.Last, w.told)
	}
	i := slices.IndexFunc(w.history, func(s modelState) bool { return s.position == r.Last })
	if i < 0 {
		return fmt.Errorf("the log ends at position %d, which was never given", r.Last)
	}
	if i+1 < len(w.history) {
		w.lost++
	}
	w.history = append(w.history[:0], w.history[i])
	w.told = r.Last // Open has synced what it read
	if next := w.db.engine.log.NextPosition(); next <= w.given {
		return fmt.Errorf("positions go on at %d: %d was given, and would be twice", next, w.given)
	}
	if w.rng.IntN(4) == 0 {
		w.clock.Add(-w.rng.Int64N(20)) // the machine's clock was wrong before, or is now
	}
	// Time resumes from the records, or from a snapshot, which may know a later one.
	clock := w.db.engine.table.Clock(0)
	if clock < w.history[0].now || clock > w.now {
		return fmt.Errorf("time resumes from %d, not from %d to %d", clock, w.history[0].now, w.now)
	}
	w.now = clock
	for k := range modelKeys {
		get := &modelRequest{Request: store.Request{Op: store.Get, Key: modelKey(k), NoBump: true}, key: k}
		if err := w.execute(get); err != nil {
			return fmt.Errorf("recovered up to position %d: %w", r.Last, err)
		}
	}
	return nil
}

// close closes the database, during which the disk may crash.
func (w *world) close() error {
	var err error
	closed := make(chan struct{})
	go func() {
		err = w.db.Close()
		close(closed)
	}()
	for ended := false; !ended && !w.disk.Crashed(); {
		w.letGo()
		synctest.Wait()
		select {
		case <-closed:
			ended = true
		case <-time.After(time.Millisecond): // of the bubble: the log's writer may wait for more to come
		}
	}
	w.letAllGo()
	<-closed
	w.collect()
	waiting := len(w.replies)
	w.db, w.replies = nil, nil
	if w.disk.Crashed() {
		w.fall()
		return nil
	}
	if err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	if waiting > 0 {
		return fmt.Errorf("the database is closed, and %d replies were never given", waiting)
	}
	w.told = w.present().position // in all modes
	if w.rng.IntN(2) == 0 {
		w.disk = w.disk.Crash() // which a clean stop survives
	}
	return nil
}

// stop ends the machine or the process, and removes what is left of it.
func (w *world) stop() error {
	w.fall()
	w.letAllGo()
	if w.db == nil {
		return nil
	}
	w.collect()
	if err := w.db.Close(); err == nil {
		return errors.New("a database closed cleanly, on a disk that had crashed")
	}
	w.db, w.replies = nil, nil
	return nil
}

// fall is the crash itself.
func (w *world) fall() {
	w.crashes++
	if w.rng.IntN(4) == 0 {
		w.disk = w.disk.Kill()
	} else {
		w.disk = w.disk.Crash()
	}
}
