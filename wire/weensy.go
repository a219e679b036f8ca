package wire

import (
	"bytes"
	"math"
)

// parseWeensy parses a line of the WeensyDB dialect (DIALECT.md), without its
// line end.
func (p *Parser) parseWeensy(line []byte, r *Request) {
	if len(line) == 0 {
		return
	}
	switch line[0] {
	case 'q', 'Q':
		r.Op = Quit
		return
	case ' ', '\t':
		if len(bytes.TrimLeft(line, " \t\r\v\f")) > 0 {
			r.fail(ErrUnknown)
		}
		return
	}
	word, rest := nextWord(line)
	switch {
	case isWord(word, "get"):
		r.Op = Get
		p.weensyKeys(rest, r, false)
	case isWord(word, "set"):
		r.Op = Set
		p.weensySet(rest, r)
	case isWord(word, "delete"):
		r.Op = Delete
		p.weensyKeys(rest, r, false)
	case isWord(word, "exch"):
		r.Op = Exchange
		p.weensyKeys(rest, r, true)
	case isWord(word, "cas"):
		r.Op = CompareSet
		p.weensyCompareSet(rest, r)
	case isWord(word, "snapshot"):
		r.Op = Snapshot
	case isWord(word, "backup"):
		r.Op = Backup
	case len(bytes.TrimLeft(line, "\r\v\f")) == 0:
		// White space only: nothing to answer.
	default:
		r.fail(ErrUnknown)
	}
}

// weensyKeys parses the one or two keys that are all of a request.
func (p *Parser) weensyKeys(rest []byte, r *Request, two bool) {
	r.Key, rest = nextWord(rest)
	if two {
		r.Key2, _ = nextWord(rest)
	}
	if CheckKey(Weensy, r.Key) != nil || two && CheckKey(Weensy, r.Key2) != nil {
		r.fail(ErrUnknown)
	}
}

// weensySet parses "K LEN". A bad key does not keep the body from being
// swallowed: its bytes are a value, never requests.
func (p *Parser) weensySet(rest []byte, r *Request) {
	key, rest := nextWord(rest)
	word, _ := nextWord(rest)
	length, ok := parseLength(word)
	if !ok {
		r.fail(ErrUnknown)
		return
	}
	if r.Key = key; CheckKey(Weensy, key) != nil {
		r.fail(ErrUnknown)
	}
	p.announce(r, length)
}

// weensyCompareSet parses "K OLDLEN NEWLEN".
func (p *Parser) weensyCompareSet(rest []byte, r *Request) {
	key, rest := nextWord(rest)
	oldWord, rest := nextWord(rest)
	newWord, _ := nextWord(rest)
	oldLen, ok1 := parseLength(oldWord)
	newLen, ok2 := parseLength(newWord)
	if !ok1 || !ok2 || oldLen > math.MaxUint64-newLen {
		r.fail(ErrUnknown)
		return
	}
	if r.Key = key; CheckKey(Weensy, key) != nil {
		r.fail(ErrUnknown)
	}
	p.announce(r, max(oldLen, newLen))
	p.body = oldLen + newLen
	r.Delta = oldLen // where the old value ends; see takeBody
}

// parseLength parses a length of any size: whether it is too large is for
// announce to say, since such a body is swallowed.
func parseLength(word []byte) (uint64, bool) {
	return parseUint(word, math.MaxInt64)
}

// nextWord splits the first word, up to a blank or a tab, off line.
func nextWord(line []byte) (word, rest []byte) {
	line = bytes.TrimLeft(line, " \t")
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i:]
	}
	return line, nil
}

// isWord compares without regard to case; want is in lower case.
func isWord(word []byte, want string) bool {
	if len(word) != len(want) {
		return false
	}
	for i := range word {
		if word[i]|0x20 != want[i] {
			return false
		}
	}
	return true
}
