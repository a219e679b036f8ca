package server

import (
	"log/slog"
	"sync/atomic"

	"weensydb/wire"
)

// hangups logs connections that are closed for what their client speaks: at most
// one a second, since whoever can connect can make them.
type hangups struct {
	last   atomic.Int64 // Unix ms
	silent atomic.Int64 // how many were not logged since
}

// hangupPause is the least time between two lines, in ms.
const hangupPause = 1000

func (h *hangups) log(l *slog.Logger, now int64, d wire.Dialect, reason string) {
	last := h.last.Load()
	if now-last < hangupPause || !h.last.CompareAndSwap(last, now) {
		h.silent.Add(1)
		return
	}
	l.Info("connection closed", "listener", d.String(), "reason", reason, "others", h.silent.Swap(0))
}
