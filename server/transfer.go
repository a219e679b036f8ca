package server

import (
	"weensydb/lockcheck"
	"weensydb/wire"
)

// A Transfer is a snapshot on its way from the database to a session: what it is,
// and its bytes if they are wanted, in pieces. A goroutine of the database puts,
// the session takes; the session never blocks.
type Transfer struct {
	// WithBytes says that the bytes are wanted.
	WithBytes bool

	wake  func()
	taken chan struct{} // holds one token: the piece has been taken, or nobody will

	mu        lockcheck.Mutex // guards the rest
	failure   string          // the line that says why there is no more
	known     bool            // position and size are
	announced bool            // to the client
	position  uint64
	size      int64
	piece     []byte
	over      bool // the last piece has been put
	closed    bool // the session has gone
}

func newTransfer(withBytes bool, wake func()) *Transfer {
	return &Transfer{WithBytes: withBytes, wake: wake, taken: make(chan struct{}, 1)}
}

// Announce tells which snapshot it is, and its size in bytes.
func (t *Transfer) Announce(position uint64, size int64) {
	t.mu.Lock()
	t.known, t.position, t.size, t.over = true, position, size, !t.WithBytes
	t.mu.Unlock()
	t.wake()
}

// Put passes a piece on, and returns when the session has taken it. It reports
// false if the session has gone.
func (t *Transfer) Put(piece []byte) bool {
	t.mu.Lock()
	t.piece = piece
	t.mu.Unlock()
	t.wake()
	<-t.taken
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.closed
}

// Done says that all pieces have been put.
func (t *Transfer) Done() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	t.wake()
}

// Fail ends the transfer with an error line of the protocol. If bytes have been
// sent already, the connection is closed instead.
func (t *Transfer) Fail(line string) {
	t.mu.Lock()
	t.failure = line
	t.mu.Unlock()
	t.wake()
}

// close lets the database know that the session has gone.
func (t *Transfer) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.release()
}

func (t *Transfer) release() {
	select {
	case t.taken <- struct{}{}:
	default:
	}
}

// ready reports whether the session can go on.
func (t *Transfer) ready() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failure != "" || t.over || t.piece != nil || t.known && !t.announced
}

// transferSome puts what there is of a transfer, which is ready, into the output.
// It reports false if there is no room before some output is taken.
func (s *Session) transferSome() bool {
	t := s.transfer
	t.mu.Lock()
	failure, known, announced, piece := t.failure, t.known, t.announced, t.piece
	t.announced = known
	t.mu.Unlock()
	switch {
	case failure != "" && announced:
		s.ending = true // a backup that is cut short must not look whole
		s.endTransfer()
	case failure != "":
		s.line(failure)
		s.endTransfer()
	case !announced:
		word := "SNAPSHOT"
		if t.WithBytes {
			word = "BACKUP"
		}
		s.out = wire.AppendSnapshot(s.out, word, t.position, t.size)
	case piece != nil:
		return s.takePiece(piece)
	default:
		if t.WithBytes {
			s.line("")
		}
		s.endTransfer()
	}
	s.mark(0)
	return true
}

// takePiece copies a piece to the output.
func (s *Session) takePiece(piece []byte) bool {
	if !s.reserve(len(piece) + replyRoom) {
		if len(s.out) > s.taken {
			return false
		}
		s.ending = true // there is no memory, and a backup that is cut short must not look whole
		s.endTransfer()
		return true
	}
	s.out = append(s.out, piece...)
	s.mark(0)
	s.transfer.mu.Lock()
	s.transfer.piece = nil
	s.transfer.mu.Unlock()
	s.transfer.release()
	return true
}

func (s *Session) endTransfer() {
	s.transfer.close()
	s.transfer = nil
}
