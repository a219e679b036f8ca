package wire

import (
	"bytes"
	"math"
)

// parseMemcache parses a line of memcached's text protocols, classic and meta
// (MEMCACHED.md), without its line end. The order of the checks is memcached
// 1.6.45's: it decides which of several mistakes is named.
func (p *Parser) parseMemcache(line []byte, r *Request) {
	word := line
	if i := bytes.IndexByte(line, ' '); i >= 0 {
		word = line[:i]
	}
	rest := line[len(word):]
	switch string(word) {
	case "get", "gets":
		r.Op, r.WantCAS = Get, len(word) == 4
		p.classicGet(rest, r)
	case "set":
		p.classicStore(rest, r, Set)
	case "mg", "md", "ma", "me", "ms", "mn":
		p.parseMeta(word[1], rest, r)
	case "add":
		p.classicStore(rest, r, Add)
	case "replace":
		p.classicStore(rest, r, Replace)
	case "append":
		p.classicStore(rest, r, Append)
	case "prepend":
		p.classicStore(rest, r, Prepend)
	case "cas":
		p.classicStore(rest, r, CAS)
	case "delete":
		p.classicDelete(rest, r)
	case "incr":
		p.classicArith(rest, r, Incr)
	case "decr":
		p.classicArith(rest, r, Decr)
	case "touch":
		p.classicTouch(rest, r)
	case "gat", "gats":
		r.Op, r.WantCAS, r.Touch = Get, len(word) == 4, true
		p.classicGat(rest, r)
	case "exch":
		p.classicExchange(rest, r)
	case "stats":
		r.Op = Stats
		r.Arg, _ = nextToken(rest)
	case "version":
		r.Op = Version
	case "snapshot":
		r.Op = Snapshot
	case "backup":
		r.Op = Backup
	case "quit":
		r.Op = Quit
	default:
		p.parseAdmin(line, r)
	}
}

// classicGet parses the keys of get and gets. Each is checked before the first
// is looked up, since an error is the only reply of a request that has one.
func (p *Parser) classicGet(keys []byte, r *Request) {
	r.Keys = keys
	if !r.NextKey() {
		r.fail(ErrFormat)
		return
	}
	for key, rest := r.Key, r.Keys; len(key) > 0; key, rest = nextToken(rest) {
		if len(key) > MaxKeyLen {
			r.fail(ErrFormat)
			return
		}
	}
}

// classicGat parses "EXPTIME KEY+".
func (p *Parser) classicGat(rest []byte, r *Request) {
	exptime, keys := nextToken(rest)
	p.classicGet(keys, r)
	if len(r.Key) == 0 {
		return
	}
	var ok bool
	if r.Exptime, ok = parseInt32(exptime); !ok {
		r.fail(ErrExptime)
	}
}

// classicStore parses "KEY FLAGS EXPTIME BYTES [CAS] [noreply]". Once BYTES is
// known to be a length, the body is swallowed whatever else is wrong.
func (p *Parser) classicStore(rest []byte, r *Request, op Op) {
	t := &p.toks
	t.split(rest)
	if t.n < 4 {
		r.fail(ErrFormat)
		return
	}
	length, ok := parseInt32(t.at[3])
	if !ok || length < 0 || length > math.MaxInt32-2 {
		r.fail(ErrFormat)
		return
	}
	r.Op, r.Key, r.NoReply = op, t.at[0], t.noReply()
	p.storeNumbers(t, r)
	p.announce(r, uint64(length))
}

// storeNumbers parses the numbers of a storage line but for its length.
func (p *Parser) storeNumbers(t *tokens, r *Request) {
	var ok1, ok2 bool
	r.Flags, ok1 = parseFlags(t.at[1])
	r.Exptime, ok2 = parseExptime(t.at[2])
	ok := ok1 && ok2 && len(r.Key) <= MaxKeyLen
	if ok && r.Op == CAS {
		if ok = t.n > 4; ok {
			r.Compare, ok = parseUint(t.at[4], math.MaxUint64)
		}
	}
	if !ok {
		r.fail(ErrFormat)
	}
}

// keyed splits a line that has a key and at least min tokens after the command
// word, and reports whether r is still in order.
func (p *Parser) keyed(rest []byte, r *Request, op Op, min int) bool {
	t := &p.toks
	t.split(rest)
	if t.n < min {
		r.fail(ErrFormat)
		return false
	}
	r.Op, r.Key, r.NoReply = op, t.at[0], t.noReply()
	if len(r.Key) > MaxKeyLen {
		r.fail(ErrFormat)
		return false
	}
	return true
}

// classicDelete parses "KEY [0] [noreply]": old clients send a hold time of 0.
func (p *Parser) classicDelete(rest []byte, r *Request) {
	if !p.keyed(rest, r, Delete, 1) {
		return
	}
	t := &p.toks
	extra := t.n - 1
	if extra > 0 && string(t.at[1]) == "0" {
		extra--
	}
	if r.NoReply && extra > 0 {
		extra--
	}
	if extra > 0 {
		r.fail(ErrDeleteUsage)
	}
}

func (p *Parser) classicArith(rest []byte, r *Request, op Op) {
	if !p.keyed(rest, r, op, 2) {
		return
	}
	var ok bool
	if r.Delta, ok = parseUint(p.toks.at[1], math.MaxUint64); !ok {
		r.fail(ErrDelta)
	}
}

func (p *Parser) classicTouch(rest []byte, r *Request) {
	if !p.keyed(rest, r, Touch, 2) {
		return
	}
	var ok bool
	if r.Exptime, ok = parseInt32(p.toks.at[1]); !ok {
		r.fail(ErrExptime)
	}
}

// classicExchange parses "K1 K2 [noreply]" (DIALECT.md, "Extensions").
func (p *Parser) classicExchange(rest []byte, r *Request) {
	if !p.keyed(rest, r, Exchange, 2) {
		return
	}
	if r.Key2 = p.toks.at[1]; len(r.Key2) > MaxKeyLen {
		r.fail(ErrFormat)
	}
	r.NoReply = r.NoReply && p.toks.n > 2 // a key may be called noreply
}

// parseAdmin parses the rare commands, which memcached finds by their first
// token, so that blanks may stand before them; and all that it does not know.
func (p *Parser) parseAdmin(line []byte, r *Request) {
	t := &p.toks
	t.split(line)
	r.NoReply = t.noReply()
	if t.n == 0 {
		r.fail(ErrUnknown)
		return
	}
	switch string(t.at[0]) {
	case "flush_all":
		p.flushAll(t, r)
	case "lru_crawler":
		p.crawler(t, r)
	case "verbosity":
		r.Op = Verbosity
		if _, ok := t.uint32(1); !ok {
			r.fail(ErrFormat)
		}
	case "cache_memlimit":
		r.Op = MemLimit
		var ok bool
		if r.Delta, ok = t.uint32(1); !ok {
			r.fail(ErrUnknown)
		}
	case "shutdown":
		r.fail(ErrShutdown)
	default:
		if t.n > 1 && bytes.HasPrefix(t.at[t.n-1], []byte("HTTP/")) {
			r.Op, r.Err = Hangup, "the client speaks HTTP"
			p.doomed = true
			return
		}
		r.fail(ErrUnknown)
	}
}

// flushAll parses "[DELAY] [noreply]".
func (p *Parser) flushAll(t *tokens, r *Request) {
	r.Op = FlushAll
	bare := 1
	if r.NoReply {
		bare = 2
	}
	if t.n != bare {
		var ok bool
		if r.Exptime, ok = parseInt32(t.at[1]); !ok {
			r.fail(ErrExptime)
		}
	}
}

// crawler parses the two dumps that tools list keys with. memcached also takes
// a slab class instead of all or hash; all items are in class 1 here.
func (p *Parser) crawler(t *tokens, r *Request) {
	r.NoReply = false
	switch {
	case t.n != 3:
		r.fail(ErrUnknown)
		return
	case string(t.at[1]) == "metadump":
		r.Op = MetaDump
	case string(t.at[1]) == "mgdump":
		r.Op = MGDump
	default:
		r.fail(ErrUnknown)
		return
	}
	switch string(t.at[2]) {
	case "all", "hash", "1":
	default:
		r.fail(ErrBadClass)
	}
}

// uint32 parses token i of a line.
func (t *tokens) uint32(i int) (uint64, bool) {
	if i >= t.n || len(t.at[i]) > 11 {
		return 0, false
	}
	return parseUint(t.at[i], math.MaxUint32)
}
