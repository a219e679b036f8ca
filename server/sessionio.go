package server

// Room returns where input may be read to, after Step wanted some. It is empty if
// the session cannot take any before it has gone on.
func (s *Session) Room() []byte {
	if s.eof || s.ending {
		return nil
	}
	if s.waiting || s.held {
		return s.in[len(s.in):cap(s.in)] // op points into the buffer
	}
	rest := len(s.in) - s.begin
	if rest == 0 {
		s.in, s.begin = s.in[:0], 0
		// A connection that idles from here on should not hold on to much.
		if cap(s.in) > maxInput || cap(s.in) > smallBuffer && (!s.inFull || s.env.Buffers.scarce()) {
			s.env.Buffers.giveBack(s.in)
			s.in = nil
		}
	}
	// A request that is larger than the buffer makes it grow by doubling, and
	// only as bytes arrive: announcing a length costs the server nothing.
	need := max(smallBuffer, min(s.parser.Need(), 2*rest))
	if s.inFull {
		need = max(need, min(2*cap(s.in), maxInput))
	}
	if need > cap(s.in) {
		s.growInput(need)
	} else if s.begin > 0 && len(s.in) == cap(s.in) {
		s.in, s.begin = s.in[:copy(s.in[:rest], s.in[s.begin:])], 0
	}
	return s.in[len(s.in):cap(s.in)]
}

// growInput moves the input to a larger buffer. If there is no memory for one
// and the present one is full, the request that is being gathered is refused.
func (s *Session) growInput(n int) {
	larger := s.env.Buffers.lend(n)
	if larger == nil {
		if s.begin == 0 && len(s.in) == cap(s.in) && s.parser.Need() > len(s.in) {
			s.parser.Shed()
		} else if s.begin > 0 {
			s.in, s.begin = s.in[:copy(s.in, s.in[s.begin:])], 0
		}
		return
	}
	larger = append(larger, s.in[s.begin:]...)
	s.env.Buffers.giveBack(s.in)
	s.in, s.begin = larger, 0
}

// Received notes that n bytes have been read to Room.
func (s *Session) Received(n int) {
	s.in = s.in[:len(s.in)+n]
	s.inFull = len(s.in) == cap(s.in)
}

// Output returns the bytes that may be sent now.
func (s *Session) Output() []byte {
	end := int(s.free - s.base)
	if end <= s.taken {
		return nil
	}
	return s.out[s.taken:end]
}

// Sent notes that the first n bytes of Output have been sent.
func (s *Session) Sent(n int) {
	s.taken += n
	if s.taken < len(s.out) {
		return
	}
	s.base += uint64(s.taken)
	s.out, s.taken = s.out[:0], 0
	large := cap(s.out) > highWater || cap(s.out) > smallBuffer && s.env.Buffers.scarce()
	if large && !s.waiting { // a request that waits counts on its room
		s.env.Buffers.giveBack(s.out)
		s.out = nil
	}
}

// roomForReply reports whether any reply without a value fits, so that the next
// request may be executed.
func (s *Session) roomForReply() bool {
	return s.reserve(replyRoom) || len(s.out) == s.taken
}

// reserve makes room for n more bytes of output, if the budget allows it.
func (s *Session) reserve(n int) bool {
	rest := len(s.out) - s.taken
	if cap(s.out)-len(s.out) >= n {
		return true
	}
	if cap(s.out) >= rest+n && s.taken >= cap(s.out)/2 {
		s.moveOutput(s.out[:0])
		return true
	}
	larger := s.env.Buffers.lend(rest + n)
	if larger == nil && cap(s.out) >= rest+n {
		s.moveOutput(s.out[:0])
		return true
	}
	if larger == nil {
		return false
	}
	old := s.out
	s.moveOutput(larger)
	s.env.Buffers.giveBack(old)
	return true
}

// moveOutput copies what is not sent to the front of to.
func (s *Session) moveOutput(to []byte) {
	rest := s.out[s.taken:]
	s.base += uint64(s.taken)
	s.out, s.taken = append(to, rest...), 0
}
