package wire

import "bytes"

// A Parser cuts the bytes of one connection into requests. It holds no bytes
// itself: the caller keeps those that are not consumed at the front of its
// buffer and offers them again with what has arrived since, however little.
// What it returns does not depend on how the bytes were cut.
//
// A request is a line, for some followed by a body. The body of a request that
// is refused is swallowed: its bytes are dropped as they come.
//
//	|<----------- Need ------------->|
//	| line ... \n | body        \r\n | next request ...
//	 0             line               need        (\r\n on Memcache only)
type Parser struct {
	Dialect Dialect

	// MaxItemSize bounds key and value together, in bytes. A body that would
	// exceed it is swallowed and never gathered.
	MaxItemSize int

	begun   bool   // a byte has been seen: the binary protocol shows in the first
	shed    bool   // see Shed
	doomed  bool   // the next result is a Hangup
	scanned int    // so many bytes at the front hold no \n
	line    int    // length of the line, \n included, once it is known to have a body
	body    uint64 // length of the body that the line announced
	swallow uint64 // bytes of a refused body that are still to come
	toks    tokens
}

// Next looks at the front of in. If ok, r is the next request, or the error
// that answers it. The caller drops the first n bytes either way; n is 0 only
// if more input is needed, at least up to Need bytes in all.
func (p *Parser) Next(in []byte, r *Request) (n int, ok bool) {
	switch {
	case p.doomed:
		return p.hangup(r, 0, "line too long")
	case p.swallow > 0:
		n = int(min(uint64(len(in)), p.swallow))
		p.swallow -= uint64(n)
		return n, false
	case len(in) == 0:
		return 0, false
	case !p.begun:
		p.begun = true
		if p.Dialect == Memcache && in[0] == 0x80 {
			return p.hangup(r, len(in), "the client speaks memcached's binary protocol: set it to the text (ASCII) or the meta protocol")
		}
	}
	if p.line == 0 {
		return p.nextLine(in, r)
	}
	if len(in) < p.Need() && !p.shed {
		return 0, false
	}
	p.parseLine(in[:p.line], r)
	return p.finish(in, r)
}

// Need returns how many bytes, from the front of the input, the request that is
// being gathered has at least.
func (p *Parser) Need() int {
	if p.line == 0 {
		return p.scanned + 1
	}
	return p.line + int(p.body)
}

// Swallowing reports whether the next bytes belong to a refused body, so that
// no request has begun.
func (p *Parser) Swallowing() bool { return p.swallow > 0 }

// Shed refuses the request that is being gathered, since there is no memory for
// it: the next call of Next answers it and swallows the rest.
func (p *Parser) Shed() { p.shed = true }

// nextLine handles input of which no complete line was known yet.
func (p *Parser) nextLine(in []byte, r *Request) (n int, ok bool) {
	i := bytes.IndexByte(in[p.scanned:], '\n')
	length := p.scanned + i // of the line, \n not counted
	if i < 0 {
		length = len(in)
	}
	if length > p.maxLine(in) {
		if p.Dialect == Weensy {
			p.doomed = true
			r.reset()
			r.fail(ErrUnknown)
			return len(in), true
		}
		return p.hangup(r, len(in), "line too long")
	}
	if i < 0 {
		if p.shed {
			return p.hangup(r, len(in), "no memory for a long line")
		}
		p.scanned = length
		return 0, false
	}
	p.line = length + 1
	p.parseLine(in[:p.line], r)
	return p.finish(in, r)
}

// maxLine returns the longest line, \n not counted, that may begin like in.
func (p *Parser) maxLine(in []byte) int {
	if p.Dialect == Memcache && (bytes.HasPrefix(in, []byte("get ")) || bytes.HasPrefix(in, []byte("gets "))) {
		return MaxGetLine
	}
	return MaxLine
}

func (p *Parser) hangup(r *Request, n int, why string) (int, bool) {
	r.reset()
	r.Op, r.Err = Hangup, why
	p.doomed = true
	return n, true
}

// parseLine fills r from a complete line and sets p.body.
func (p *Parser) parseLine(line []byte, r *Request) {
	r.reset()
	p.body = 0
	if p.Dialect == Memcache && len(line) < 4 {
		r.fail(ErrFormat) // memcached has no command this short, line end included
		return
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if p.Dialect == Weensy {
		p.parseWeensy(line, r)
	} else {
		p.parseMemcache(line, r)
	}
}

// finish completes a request whose line has been parsed into r: it waits for
// the body, takes it, or begins to swallow it.
func (p *Parser) finish(in []byte, r *Request) (n int, ok bool) {
	line := p.line
	if r.Op != Error && len(in) < p.Need() {
		if !p.shed {
			return 0, false
		}
		r.Drop = r.Op == Set || r.Op == MetaSet
		r.fail(ErrNoMemory)
	}
	p.line, p.scanned, p.shed = 0, 0, false
	if r.Op == Error {
		p.swallow = p.body
		return line, true
	}
	p.takeBody(in[line:line+int(p.body)], r)
	return line + int(p.body), true
}

// takeBody sets the values of r, whose lengths the line gave.
func (p *Parser) takeBody(body []byte, r *Request) {
	switch {
	case r.Op == CompareSet:
		r.Old, r.Value = body[:r.Delta:r.Delta], body[r.Delta:]
		r.Delta = 0
	case p.Dialect == Weensy || len(body) == 0:
		r.Value = body
	case string(body[len(body)-2:]) != "\r\n":
		r.fail(ErrDataChunk)
		r.Drop = false
	default:
		r.Value = body[:len(body)-2]
	}
}

// announce notes that a body of length bytes and the dialect's trailer follows
// the line, and refuses a value that is over the limit.
func (p *Parser) announce(r *Request, length uint64) {
	p.body = length
	if p.Dialect == Memcache {
		p.body += 2 // length is at most 31 bits here
	}
	if r.Op != Error && length > uint64(p.MaxItemSize-min(p.MaxItemSize, len(r.Key))) {
		r.Drop = r.Op == Set || r.Op == MetaSet
		r.fail(ErrTooLarge)
	}
}
