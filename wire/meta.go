package wire

import (
	"encoding/base64"
	"math"
)

// parseMeta parses what follows the command word of a meta request.
func (p *Parser) parseMeta(word byte, rest []byte, r *Request) {
	switch word {
	case 'n':
		r.Op = MetaNoop
	case 'e':
		p.metaDebug(rest, r)
	case 's':
		p.metaSet(rest, r)
	case 'g':
		r.Op = MetaGet
		p.metaKeyed(rest, r)
	case 'd':
		r.Op = MetaDelete
		p.metaKeyed(rest, r)
	case 'a':
		p.metaArith(rest, r)
	}
}

// metaKeyed parses "KEY flag*" of mg and md.
func (p *Parser) metaKeyed(rest []byte, r *Request) {
	key, flags := nextToken(rest)
	if len(key) == 0 {
		r.fail(ErrFormat)
		return
	}
	r.Key = key
	err := r.parseFlags(flags, 2)
	if err == "" && r.Meta.longOpaque {
		err = ErrOpaque
	}
	if err != "" {
		r.fail(err)
	}
}

// metaSet parses "KEY BYTES flag*". Once BYTES is known to be a length, the
// body is swallowed whatever else is wrong.
func (p *Parser) metaSet(rest []byte, r *Request) {
	key, rest := nextToken(rest)
	number, flags := nextToken(rest)
	length, ok := parseInt32(number)
	if !ok || len(number) == 0 || length < 0 || length > math.MaxInt32-2 || !tokensKnown(flags) {
		r.fail(ErrFormat)
		return
	}
	r.Op, r.Key = MetaSet, key
	err := r.parseFlags(flags, 3)
	if err == "" {
		err = r.checkSetMode()
	}
	if err != "" {
		r.fail(err)
	}
	p.announce(r, uint64(length))
}

func (r *Request) checkSetMode() string {
	switch r.Meta.Mode {
	case 0:
		r.Meta.Mode = 'S'
	case 'E', 'A', 'P', 'R', 'S':
	default:
		return ErrSetMode
	}
	if r.Meta.longOpaque {
		return ErrOpaque
	}
	return ""
}

// metaArith parses "KEY flag*" of ma, which words every mistake in the same way.
func (p *Parser) metaArith(rest []byte, r *Request) {
	r.Op, r.Delta = MetaArith, 1
	key, flags := nextToken(rest)
	if len(key) == 0 || !tokensKnown(flags) {
		r.fail(ErrFormat)
		return
	}
	r.Key = key
	if r.parseFlags(flags, 2) != "" {
		r.fail(ErrArithFlag)
		return
	}
	switch r.Meta.Mode {
	case 0, 'I', '+':
		r.Meta.Mode = 'I'
	case 'D', '-':
		r.Meta.Mode = 'D'
	default:
		r.fail(ErrArithMode)
		return
	}
	if r.Meta.longOpaque {
		r.fail(ErrOpaque)
	}
}

// metaDebug parses "KEY [b]".
func (p *Parser) metaDebug(rest []byte, r *Request) {
	r.Op = MetaDebug
	key, flags := nextToken(rest)
	r.Key = key
	if len(key) == 0 || len(key) > MaxKeyLen || !tokensKnown(flags) {
		r.fail(ErrFormat)
		return
	}
	if flag, _ := nextToken(flags); string(flag) == "b" {
		r.Meta.used, r.Meta.Base64 = true, true
		if !r.decodeKey() {
			r.fail(ErrFormat)
		}
	}
}

// tokensKnown reports whether every flag begins with a byte that memcached's
// tokenizer knows; a line with another is refused before anything else.
func tokensKnown(flags []byte) bool {
	for tok, rest := nextToken(flags); len(tok) > 0; tok, rest = nextToken(rest) {
		if !isToken(tok[0]) {
			return false
		}
	}
	return true
}

// parseFlags parses the flags of a meta request; before says how many tokens
// stand before them. It returns the error to answer with: the first that stops
// the parser, else the last that does not.
func (r *Request) parseFlags(flags []byte, before int) (err string) {
	m := &r.Meta
	m.used, m.Tokens = true, flags
	if !tokensKnown(flags) || len(r.Key) > MaxKeyLen {
		return ErrFormat
	}
	n := before
	for tok, rest := nextToken(flags); len(tok) > 0; tok, rest = nextToken(rest) {
		n++
	}
	if n > MaxMetaTokens {
		return ErrManyFlags
	}
	var seen [128]bool
	for tok, rest := nextToken(flags); len(tok) > 0; tok, rest = nextToken(rest) {
		if seen[tok[0]] {
			return ErrDuplicateFlag
		}
		seen[tok[0]] = true
		switch e := r.parseFlag(tok[0], tok[1:]); e {
		case "":
		case ErrInvalidFlag:
			return e
		case ErrFormat: // memcached has no words of its own for this one
			if err == "" {
				err = e
			}
		default:
			err = e
		}
	}
	return err
}

// parseFlag parses one flag and its argument.
func (r *Request) parseFlag(flag byte, arg []byte) (err string) {
	m, ok := &r.Meta, true
	err = ErrBadToken
	switch flag {
	case 'k', 's', 't', 'c', 'f', 'l', 'h', 'P', 'L':
	case 'b':
		m.Base64, err = true, ErrKeyDecode
		ok = r.decodeKey()
	case 'q':
		m.Quiet = true
	case 'v':
		m.Value = true
	case 'u':
		m.NoBump = true
	case 'x':
		m.Drop = true
	case 'I':
		m.Stale = true
	case 'O':
		m.longOpaque = 1+len(arg) > MaxOpaque
	case 'M':
		m.Mode = ' '
		if len(arg) > 0 {
			m.Mode = arg[0]
		}
	case 'N':
		m.Vivify = true
		m.VivifyTTL, ok = parseArgInt32(arg)
		m.TouchAfterVivify = false
	case 'T':
		m.HasTouch = true
		r.Exptime, ok = parseArgInt32(arg)
		m.TouchAfterVivify = m.Vivify
		m.TouchBeforeRecache = !m.Recache
	case 'R':
		m.Recache = true
		m.RecacheTTL, ok = parseArgInt32(arg)
	case 'C':
		m.HasCAS = true
		r.Compare, ok = parseUint(arg, math.MaxUint64)
	case 'E':
		m.HasNew = true
		m.NewCAS, ok = parseUint(arg, math.MaxUint64)
	case 'F':
		err = ErrFormat
		var n uint64
		n, ok = parseUint(arg, math.MaxUint32)
		ok = ok && len(arg) <= 11
		r.Flags = uint32(n)
	case 'J':
		err = "CLIENT_ERROR invalid numeric initial value"
		m.Initial, ok = parseUint(arg, math.MaxUint64)
	case 'D':
		err = "CLIENT_ERROR invalid numeric delta value"
		r.Delta, ok = parseUint(arg, math.MaxUint64)
	default:
		return ErrInvalidFlag
	}
	if ok {
		return ""
	}
	return err
}

func parseArgInt32(arg []byte) (int64, bool) {
	if len(arg) == 0 {
		return 0, false
	}
	return parseInt32(arg)
}

// decodeKey replaces the key by what its base64 stands for. Like memcached it
// skips bytes that are not of the alphabet; unlike it, it wants the padding to
// be right.
func (r *Request) decodeKey() bool {
	var clean [MaxKeyLen]byte
	n := 0
	for _, c := range r.Key {
		if c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '+' || c == '/' || c == '=' {
			clean[n] = c
			n++
		}
	}
	if n == 0 {
		return false
	}
	n, err := base64.StdEncoding.Decode(r.keybuf[:], clean[:n])
	r.Key = r.keybuf[:n]
	return err == nil && n > 0
}
