package wire

import "math"

// nextToken splits the first token, up to a blank, off line. A token is empty
// only at the end of the line.
func nextToken(line []byte) (token, rest []byte) {
	i := 0
	for i < len(line) && line[i] == ' ' {
		i++
	}
	j := i
	for j < len(line) && line[j] != ' ' {
		j++
	}
	return line[i:j], line[j:]
}

// tokens is a line cut at its blanks; further tokens than fit are not looked at.
type tokens struct {
	n  int
	at [maxTokens][]byte
}

func (t *tokens) split(line []byte) {
	t.n = 0
	for t.n < maxTokens {
		var tok []byte
		if tok, line = nextToken(line); len(tok) == 0 {
			return
		}
		t.at[t.n] = tok
		t.n++
	}
}

// noReply reports whether the last token is the word noreply.
func (t *tokens) noReply() bool {
	return t.n > 0 && string(t.at[t.n-1]) == "noreply"
}

// parseUint parses an unsigned decimal number below or at limit. Digits only.
func parseUint(tok []byte, limit uint64) (uint64, bool) {
	if len(tok) == 0 || len(tok) > 22 { // 22: where memcached stops reading, zeros included
		return 0, false
	}
	var n uint64
	for _, c := range tok {
		d := uint64(c - '0')
		if d > 9 || n > limit/10 || n*10 > limit-d {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// parseInt32 parses what memcached takes for a signed 32-bit number: digits
// with an optional minus sign, at most 11 bytes.
func parseInt32(tok []byte) (int64, bool) {
	if len(tok) > 11 {
		return 0, false
	}
	if len(tok) > 0 && tok[0] == '-' {
		if len(tok) == 1 {
			return 0, true
		}
		n, ok := parseUint(tok[1:], -math.MinInt32)
		return -int64(n), ok
	}
	n, ok := parseUint(tok, math.MaxInt32)
	return int64(n), ok
}

// parseLoose parses as C's strtol does, which memcached uses for the flags and
// the exptime of a storage line: white space and a sign may come first, white
// space ends the number, and what does not fit 64 bits is refused.
func parseLoose(tok []byte) (n uint64, negative, ok bool) {
	for len(tok) > 0 && isSpace(tok[0]) {
		tok = tok[1:]
	}
	if len(tok) > 0 && (tok[0] == '-' || tok[0] == '+') {
		negative = tok[0] == '-'
		tok = tok[1:]
	}
	i := 0
	for ; i < len(tok) && tok[i]-'0' <= 9; i++ {
		d := uint64(tok[i] - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, false, false
		}
		n = n*10 + d
	}
	if i == 0 || i < len(tok) && !isSpace(tok[i]) {
		return 0, false, false
	}
	return n, negative, true
}

// parseFlags parses the client flags of a storage line. Like memcached it keeps
// the lower 32 bits of what fits 64.
func parseFlags(tok []byte) (uint32, bool) {
	n, negative, ok := parseLoose(tok)
	if !ok {
		return 0, false
	}
	if negative {
		n = -n
		if int64(n) < 0 {
			return 0, false
		}
	}
	return uint32(n), true
}

// parseExptime parses the exptime of a storage line. Like memcached it keeps
// the lower 32 bits of what fits 64.
func parseExptime(tok []byte) (int64, bool) {
	n, negative, ok := parseLoose(tok)
	if !ok || !negative && n > math.MaxInt64 || negative && n > -math.MinInt64 {
		return 0, false
	}
	if negative {
		n = -n
	}
	return int64(int32(n)), true
}

// ParseCounter reads a value as incr and decr do: an unsigned decimal, with
// white space allowed around it.
func ParseCounter(value []byte) (uint64, bool) {
	n, negative, ok := parseLoose(value)
	return n, ok && (!negative || n == 0)
}

// isSpace is C's isspace.
func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

// isToken reports whether a flag may begin with c: memcached's tokenizer knows
// letters, digits and what lies between the two alphabets.
func isToken(c byte) bool {
	return c > 64 && c < 123 || c-'0' <= 9
}
