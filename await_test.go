package weensydb

import (
	"context"
	"errors"
	"testing"

	"weensydb/server"
)

// slowLog is a log that is stable only up to what the test says.
type slowLog struct {
	server.Executor
	stable uint64
	waits  chan func() // what it is to call, once it is stable
	asked  uint64
}

func (l *slowLog) Stable() uint64 { return l.stable }

func (l *slowLog) WhenStable(position uint64, wake func()) {
	l.asked = position
	l.waits <- wake
}

// TestAwait: a method returns when the log has reached its position, not before,
// or when its context ends.
func TestAwait(t *testing.T) {
	log := &slowLog{stable: 7, waits: make(chan func(), 2)}
	if err := await(t.Context(), log, nil, 7); err != nil || len(log.waits) > 0 {
		t.Errorf("for what is stable: %v, %d waits", err, len(log.waits))
	}
	ended := make(chan error)
	go func() { ended <- await(t.Context(), log, nil, 8) }()
	wake := <-log.waits
	select {
	case err := <-ended:
		t.Fatalf("it ended with %v before the log was stable", err)
	default:
	}
	wake()
	if err := <-ended; err != nil || log.asked != 8 {
		t.Errorf("it asked for %d and ended with %v", log.asked, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- await(ctx, log, nil, 9) }()
	wake = <-log.waits
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("a context that ends: %v", err)
	}

	failed := make(chan struct{})
	close(failed)
	go func() { ended <- await(t.Context(), log, failed, 9) }()
	if err := <-ended; !errors.Is(err, ErrFailed) || !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("a log that fails: %v", err)
	}
	wake() // nobody is there any more
}
