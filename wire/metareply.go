package wire

import (
	"encoding/base64"
	"strconv"
)

// AppendMetaGet appends the reply of an mg that found its key. withValue is
// false also if the flag v was given but C matched.
func AppendMetaGet(dst []byte, r *Request, it *Item, withValue bool) []byte {
	dst = appendMetaStatus(dst, it, withValue)
	ttl := it.TTLBefore
	for tok, rest := nextToken(r.Meta.Tokens); len(tok) > 0; tok, rest = nextToken(rest) {
		switch tok[0] {
		case 'T':
			ttl = it.TTLTouched
		case 'N':
			if it.Created {
				ttl = it.TTLVivified
			}
		case 't':
			dst = strconv.AppendInt(append(dst, " t"...), ttl, 10)
		case 's':
			dst = strconv.AppendInt(append(dst, " s"...), int64(it.ValueLen), 10)
		case 'c':
			dst = strconv.AppendUint(append(dst, " c"...), it.CAS, 10)
		case 'f':
			dst = strconv.AppendUint(append(dst, " f"...), uint64(it.Flags), 10)
		case 'l':
			dst = strconv.AppendInt(append(dst, " l"...), it.Idle, 10)
		case 'h':
			dst = appendBool(append(dst, " h"...), it.Fetched)
		default:
			dst = appendEcho(dst, r, tok)
		}
	}
	if it.Lost {
		dst = append(dst, " Z"...)
	}
	if it.Stale {
		dst = append(dst, " X"...)
	}
	if it.Won {
		dst = append(dst, " W"...)
	}
	return appendMetaValue(dst, it, withValue)
}

// AppendMetaArith appends the reply of an ma that counted; the item's value is
// the number alone, without the blanks that may pad it in the store.
func AppendMetaArith(dst []byte, r *Request, it *Item) []byte {
	dst = appendMetaStatus(dst, it, r.Meta.Value)
	ttl := it.TTLBefore
	for tok, rest := nextToken(r.Meta.Tokens); len(tok) > 0; tok, rest = nextToken(rest) {
		switch tok[0] {
		case 'T':
			ttl = it.TTLTouched
		case 'N':
			if it.Created {
				ttl = it.TTLVivified
			}
		case 't':
			dst = strconv.AppendInt(append(dst, " t"...), ttl, 10)
		case 'c':
			dst = strconv.AppendUint(append(dst, " c"...), it.CAS, 10)
		default:
			dst = appendEcho(dst, r, tok)
		}
	}
	return appendMetaValue(dst, it, r.Meta.Value)
}

// AppendMetaSet appends the reply of an ms; size is that of the value it left,
// or was sent, and cas is 0 unless it stored one.
func AppendMetaSet(dst []byte, r *Request, status string, size int, cas uint64) []byte {
	dst = append(dst, status...)
	for tok, rest := nextToken(r.Meta.Tokens); len(tok) > 0; tok, rest = nextToken(rest) {
		switch tok[0] {
		case 'c':
			dst = strconv.AppendUint(append(dst, " c"...), cas, 10)
		case 's':
			dst = strconv.AppendInt(append(dst, " s"...), int64(size), 10)
		default:
			dst = appendEcho(dst, r, tok)
		}
	}
	return append(dst, "\r\n"...)
}

// AppendMetaStatus appends a reply that tells only what the request said: of
// md, and of any meta request that did nothing (EN NF EX NS).
func AppendMetaStatus(dst []byte, r *Request, status string) []byte {
	dst = append(dst, status...)
	for tok, rest := nextToken(r.Meta.Tokens); len(tok) > 0; tok, rest = nextToken(rest) {
		dst = appendEcho(dst, r, tok)
	}
	return append(dst, "\r\n"...)
}

// appendEcho appends what every reply repeats: the opaque token, and the key in
// the form in which it came.
func appendEcho(dst []byte, r *Request, tok []byte) []byte {
	switch tok[0] {
	case 'O':
		dst = append(append(dst, ' '), tok...)
	case 'k':
		dst = append(dst, " k"...)
		if r.Meta.Base64 {
			return append(base64.StdEncoding.AppendEncode(dst, r.Key), " b"...)
		}
		dst = append(dst, r.Key...)
	}
	return dst
}

func appendMetaStatus(dst []byte, it *Item, withValue bool) []byte {
	if !withValue {
		return append(dst, "HD"...)
	}
	return strconv.AppendInt(append(dst, "VA "...), int64(len(it.Value)), 10)
}

func appendMetaValue(dst []byte, it *Item, withValue bool) []byte {
	dst = append(dst, "\r\n"...)
	if withValue {
		dst = append(append(dst, it.Value...), "\r\n"...)
	}
	return dst
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, '1')
	}
	return append(dst, '0')
}
