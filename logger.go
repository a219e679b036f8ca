package weensydb

import (
	"context"
	"log/slog"

	"weensydb/lockcheck"
)

// checkedLogger returns l, which under the build tag lockcheck demands at every
// line that no lock is held: most handlers write to a file.
func checkedLogger(l *slog.Logger) *slog.Logger {
	if !lockcheck.Enabled {
		return l
	}
	return slog.New(checkedHandler{l.Handler()})
}

type checkedHandler struct{ slog.Handler }

func (h checkedHandler) Handle(ctx context.Context, r slog.Record) error {
	lockcheck.NoneHeld("log")
	return h.Handler.Handle(ctx, r)
}

func (h checkedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return checkedHandler{h.Handler.WithAttrs(attrs)}
}

func (h checkedHandler) WithGroup(name string) slog.Handler {
	return checkedHandler{h.Handler.WithGroup(name)}
}
