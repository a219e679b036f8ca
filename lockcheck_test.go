//go:build lockcheck

package weensydb

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"weensydb/lockcheck"
)

// TestCloseMu: whoever holds closeMu for reading neither waits for the disk nor
// comes back for it.
func TestCloseMu(t *testing.T) {
	db, err := Open(Config{Dir: t.TempDir(), Memory: 64 << 20, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		broken func()
		want   string
	}{
		{"the log is opened", func() { db.openLog(new(tableLog)) }, "mkdir while"},
		{"listeners are opened", func() { db.listen() }, "listen while"},
		{"a line is logged", func() { db.config.Logger.With("a", 1).WithGroup("b").Error("c") }, "log while"},
		{"a method is called", func() { db.Get(context.Background(), "a") }, "a lock of rank 1 taken while"},
		{"a wait ends at once", func() { db.engine.WhenStable(0, func() {}) }, "wake while"},
	} {
		db.closeMu.RLock()
		got := lockcheck.Catch(c.broken)
		db.closeMu.RUnlock()
		if !strings.HasPrefix(got, "lockcheck: "+c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
