package server

import (
	"math"
	"sync/atomic"

	"weensydb/store"
	"weensydb/wire"
)

const (
	// requestsPerTurn is how many requests of one connection are executed
	// before others have their turn. As memcached's -R.
	requestsPerTurn = 20

	// keysPerTurn is how many keys of one get are looked up before the driver
	// has its turn.
	keysPerTurn = 100

	// highWater is how many bytes of replies may wait before no further
	// request is executed.
	highWater = 32 << 10

	// replyRoom is enough for any reply without its value: two keys of the
	// longest kind as base64, an opaque token, and the numbers.
	replyRoom = 1 << 10

	// valueRoom is enough for what comes before a value or after it: a key, an
	// opaque token, and the numbers.
	valueRoom = 512

	// maxInput is how far the input buffer grows to take a pipeline at once.
	// Only a single larger request makes it grow further.
	maxInput = 32 << 10
)

// Want is what a session needs in order to go on.
type Want uint8

const (
	WantInput Want = iota // more bytes from the client, or to be woken
	WantFlush             // that what it has to say is taken, or to be woken
	WantTurn              // nothing: it has only let others go first
	WantClose             // the end: all is said
)

// Session is the state of one connection: bytes in, bytes out. It does not know
// what drives it. A driver gives it input (Room, Received, EOF), lets it work
// (Step), takes its output (Output, Sent), and is woken when a reply that had
// to wait may go out or a request that waited can go on. Only one goroutine may
// use a Session at a time; wake is called from any.
//
// The order rules: requests of a session take effect in the order sent and are
// answered in that order. A request that waits for the log lets the next one
// execute; one that waits for a condition does not.
type Session struct {
	dialect wire.Dialect
	env     *env
	ticket  Ticket
	wake    func()

	parser wire.Parser
	req    wire.Request
	op     store.Request
	res    store.Result
	number [20]byte // the digits of a counter

	in       []byte // [begin:] is input that is not consumed
	begin    int
	inFull   bool // the last input filled the buffer: a larger one would do better
	eof      bool
	waiting  bool // the request in op waits for the ticket
	held     bool // op waits for room in out
	ending   bool // no further request is executed
	served   uint64
	transfer *Transfer // a snapshot that the client has asked for, or nil
	dump     int       // the next bucket of a dump that is under way, counted from 1

	out    []byte // [taken:] is output that is not sent
	taken  int
	base   uint64 // how many bytes were ever sent before out[0]
	free   uint64 // output up to here may be sent; counted as base is
	marks  []mark
	newest uint64 // the largest position that any reply so far looked at
	stable uint64 // what the log had reached when last asked

	lastRequest atomic.Int64 // Unix ms; statistics read it
}

// maxMarks bounds the marks of a session, which are memory that nobody counts.
const maxMarks = 64

// A mark says that output before end waits for the log to reach position. Both
// grow from mark to mark.
type mark struct{ end, position uint64 }

// newSession returns a session that calls wake, from any goroutine, when a wait
// has ended.
func newSession(d wire.Dialect, e *env, wake func()) *Session {
	s := &Session{dialect: d, env: e, wake: wake}
	s.parser = wire.Parser{Dialect: d, MaxItemSize: e.MaxItemSize}
	s.ticket.wake = wake
	s.res.Room = s.room
	return s
}

// Close gives back what the session holds. Its driver calls it last.
func (s *Session) Close() {
	if s.waiting && !s.ticket.done.Load() {
		s.env.Executor.Abandon(&s.ticket)
	}
	if s.transfer != nil {
		s.endTransfer()
	}
	s.env.Buffers.giveBack(s.in)
	s.env.Buffers.giveBack(s.out)
	s.in, s.out = nil, nil
}

// Begun reports whether a request has begun to arrive and is not complete.
func (s *Session) Begun() bool { return len(s.in) > s.begin || s.parser.Swallowing() }

// Served returns how many requests have begun to be executed or were answered.
func (s *Session) Served() uint64 { return s.served }

// Waiting reports whether a request waits for a condition.
func (s *Session) Waiting() bool {
	return s.waiting && !s.ticket.done.Load() || s.transfer != nil && !s.transfer.ready()
}

// Stuck reports whether there is output and none of it may be sent yet.
func (s *Session) Stuck() bool { return len(s.out) > s.taken && len(s.Output()) == 0 }

// EOF notes that the client sends no more. All that it sent is answered.
func (s *Session) EOF() {
	s.eof = true
	if s.waiting {
		s.env.Executor.Abandon(&s.ticket)
	}
}

// Ended reports whether EOF was called.
func (s *Session) Ended() bool { return s.eof }

// Step executes what can be executed and says what the session needs next.
func (s *Session) Step() Want {
	if s.env.aborted.Load() && !s.ending {
		s.abort()
	}
	s.settle()
	turn := requestsPerTurn
	for !s.ending {
		switch {
		case len(s.out)-s.taken >= highWater:
			return WantFlush
		case turn == 0:
			s.env.stats.yields.Add(1)
			return WantTurn
		case s.waiting && !s.ticket.done.Load():
			return WantInput
		case s.waiting:
			s.waiting = false
			if s.res.Status.Again() || s.reply() {
				s.execute()
			}
			continue
		case s.held:
			if !s.roomForReply() {
				return WantFlush
			}
			if s.execute(); s.held {
				return WantFlush
			}
			continue
		case s.transfer != nil:
			if !s.transfer.ready() {
				return WantInput
			}
			if !s.transferSome() {
				return WantFlush
			}
			turn--
			continue
		case s.dump > 0:
			s.dumpBucket()
			turn--
			continue
		}
		if !s.roomForReply() {
			return WantFlush
		}
		n, ok := s.parser.Next(s.in[s.begin:], &s.req)
		s.begin += n
		switch {
		case ok:
			turn--
			s.served++
			s.handle()
		case n == 0 && s.eof:
			s.ending = true
		case n == 0:
			return WantInput
		}
	}
	s.settle()
	if len(s.out) > s.taken {
		return WantFlush
	}
	return WantClose
}

// handle begins the request that was just parsed.
func (s *Session) handle() {
	now := s.env.Executor.Now()
	s.lastRequest.Store(now)
	if !s.plan(now) {
		s.answer()
		return
	}
	s.execute()
}

// execute runs op, and then goes on with the next key of the request as long as
// there is room for its reply. It leaves waiting or held set if it has to be
// called again.
func (s *Session) execute() {
	for key := 0; ; key++ {
		s.held = false
		s.ticket.done.Store(false)
		s.waiting = !s.env.Executor.Execute(&s.op, &s.res, &s.ticket)
		if s.waiting {
			if s.eof {
				s.env.Executor.Abandon(&s.ticket)
			}
			return
		}
		if !s.reply() {
			return
		}
		if s.held = key == keysPerTurn || len(s.out)-s.taken >= highWater || !s.roomForReply(); s.held {
			return
		}
	}
}

// reply answers what was executed, and reports whether there is a next key.
func (s *Session) reply() bool {
	switch s.res.Status {
	case store.NoRoom:
		if s.held = len(s.out) > s.taken; s.held {
			return false // it has not happened: once the output is taken, it may
		}
		s.line(wire.ErrNoMemoryGet)
	case store.NoDisk:
		s.errorLine(wire.ErrNoDisk)
	case store.LogFailed:
		s.errorLine(wire.ErrStorage)
	default:
		s.encode()
		s.mark(s.res.Position)
		return s.nextKey()
	}
	s.mark(s.res.Position)
	return false
}

// abort ends the session although it may have replies that wait for the log,
// which has failed: nobody knows whether what they say is true.
func (s *Session) abort() {
	s.stable = s.env.Executor.Stable()
	unknown := s.Waiting() || s.newest > s.stable
	s.settle()
	if s.waiting {
		s.env.Executor.Abandon(&s.ticket)
	}
	if s.transfer != nil {
		s.endTransfer()
	}
	s.out = s.out[:max(s.taken, int(s.free-s.base))]
	s.marks, s.waiting, s.held, s.ending = nil, false, false, true
	if unknown && s.reserve(replyRoom) {
		s.out = wire.AppendLine(s.out, wire.ErrOutcome)
	}
	s.free = s.base + uint64(len(s.out))
}

// room makes room for a value of n bytes behind the words that come before it.
// It is called with a lock of the database held.
func (s *Session) room(n int) []byte {
	if !s.reserve(valueRoom + n + valueRoom) {
		return nil
	}
	at := len(s.out) + valueRoom
	return s.out[at : at : at+n]
}

// mark notes that the output so far waits for position, and for all that went
// before. A request without a reply leaves its position to the next that has one.
func (s *Session) mark(position uint64) {
	s.newest = max(s.newest, position)
	end := s.base + uint64(len(s.out))
	n := len(s.marks)
	switch {
	case end == s.free || n > 0 && end == s.marks[n-1].end:
	case n == 0 && s.newest <= s.stable:
		s.free = end
	case n > 0 && s.marks[n-1].position == s.newest:
		s.marks[n-1].end = end
	case n == maxMarks:
		s.marks[n-1] = mark{end, s.newest} // some replies go out a little later
	default:
		s.marks = append(s.marks, mark{end, s.newest})
		if n == 0 {
			s.env.Executor.WhenStable(s.newest, s.wake)
		}
	}
}

// settle frees the output for which the log is now far enough, and asks to be
// woken for the next.
func (s *Session) settle() {
	if s.stable == math.MaxUint64 {
		return // there is no log
	}
	s.stable = s.env.Executor.Stable()
	n := 0
	for n < len(s.marks) && s.marks[n].position <= s.stable {
		s.free = s.marks[n].end
		n++
	}
	if n == 0 {
		return
	}
	s.marks = s.marks[:copy(s.marks, s.marks[n:])]
	if len(s.marks) > 0 {
		s.env.Executor.WhenStable(s.marks[0].position, s.wake)
	}
}
