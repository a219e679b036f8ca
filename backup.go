package weensydb

import (
	"context"
	"errors"
	"io"
	"strings"

	"weensydb/server"
	"weensydb/stable"
	"weensydb/wire"
)

// Snapshot writes all that there is to the directory, at one instant and while
// the database goes on, so that the log can be cut and the next Open is faster. It
// happens by itself when the log has grown, and at Close. If ctx ends, the
// snapshot may be taken all the same.
func (db *DB) Snapshot(ctx context.Context) error {
	db.closeMu.RLock()
	closed := db.closed
	db.closeMu.RUnlock()
	switch {
	case closed:
		return ErrClosed
	case db.snapshots == nil:
		return ErrNoLog
	}
	done := make(chan error, 1)
	db.snapshots.request(func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Backup takes a Snapshot and writes its bytes to w. "weensydb restore" makes a
// directory of them.
func (db *DB) Backup(ctx context.Context, w io.Writer) error {
	if err := db.Snapshot(ctx); err != nil {
		return err
	}
	s, err := db.engine.log.OpenSnapshot()
	if err != nil {
		return err
	}
	err = copyTo(s, func(piece []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := w.Write(piece)
		return err
	})
	return errors.Join(err, s.Close())
}

// Snapshot begins one for a client.
func (e *engine) Snapshot(t *server.Transfer) {
	if e.snapshots == nil {
		t.Fail(wire.ErrNoLog)
		return
	}
	e.snapshots.request(func(err error) {
		if err != nil {
			t.Fail("SERVER_ERROR no snapshot: " + oneLine(err))
			return
		}
		e.snapshots.send(t)
	})
}

// send tells t of the newest snapshot, and has its bytes sent if they are wanted.
func (s *snapshotter) send(t *server.Transfer) {
	snapshot, err := s.log.OpenSnapshot()
	if err != nil {
		t.Fail("SERVER_ERROR no snapshot: " + oneLine(err))
		return
	}
	t.Announce(snapshot.Position, snapshot.Size)
	if !t.WithBytes {
		s.close(snapshot)
		return
	}
	s.sending.Go(func() {
		defer s.close(snapshot)
		err := copyTo(snapshot, func(piece []byte) error {
			if !t.Put(piece) {
				return errGone
			}
			return nil
		})
		if err != nil {
			t.Fail("SERVER_ERROR the backup is cut short") // the connection is closed
			return
		}
		t.Done()
	})
}

// oneLine makes a reply of an error.
func oneLine(err error) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(err.Error()) }

// errGone: the client of a backup has gone.
var errGone = errors.New("the client has gone")

func (s *snapshotter) close(snapshot *stable.Snapshot) {
	if err := snapshot.Close(); err != nil {
		s.logger.Warn("a snapshot cannot be closed", "err", err)
	}
}
