package wire

import (
	"encoding/base64"
	"strconv"
)

// Item is what replies tell of an item.
type Item struct {
	Value    []byte
	ValueLen int // also if Value is not there
	Flags    uint32
	ID       uint64
	CAS      uint64

	TTL         int64 // seconds left; -1: it never expires
	TTLBefore   int64 // the same before the request
	TTLTouched  int64 // what the flag T made it
	TTLVivified int64 // what the flag N made it, if Created
	Expiry      int64 // Unix seconds; -1: it never expires
	Accessed    int64 // Unix seconds
	Idle        int64 // seconds since the access before this one
	Size        int   // bytes of memory, key and bookkeeping included

	Fetched bool // it had been read before
	Created bool // by this request
	Stale   bool
	Won     bool // this request won the right to recache
	Lost    bool // another has won it
}

// AppendLine appends a reply of one line.
func AppendLine(dst []byte, line string) []byte {
	return append(append(dst, line...), "\r\n"...)
}

// AppendNumber appends a line that is a number: the reply of incr and decr.
func AppendNumber(dst []byte, n uint64) []byte {
	return append(strconv.AppendUint(dst, n, 10), "\r\n"...)
}

// AppendCounter appends a number as incr stores it.
func AppendCounter(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }

// AppendID appends a reply of the dialect: a word and the item's ID.
func AppendID(dst []byte, word string, id uint64) []byte {
	return append(appendID(append(dst, word...), id), "\r\n"...)
}

// AppendSnapshot appends the reply of snapshot or backup: word is SNAPSHOT or
// BACKUP.
func AppendSnapshot(dst []byte, word string, position uint64, size int64) []byte {
	dst = appendNumber(append(dst, word...), position)
	return append(appendNumber(dst, uint64(size)), "\r\n"...)
}

// AppendIDs appends the dialect's reply of exch.
func AppendIDs(dst []byte, word string, id1, id2 uint64) []byte {
	return append(appendID(appendID(append(dst, word...), id1), id2), "\r\n"...)
}

func appendID(dst []byte, id uint64) []byte {
	return strconv.AppendUint(append(dst, " #"...), id, 10)
}

// AppendWeensyValue appends the dialect's reply of a get that found its key.
func AppendWeensyValue(dst, key []byte, it *Item) []byte {
	dst = append(append(dst, "VALUE "...), key...)
	dst = strconv.AppendUint(append(dst, ' '), uint64(len(it.Value)), 10)
	dst = append(appendID(dst, it.ID), "\r\n"...)
	return append(append(dst, it.Value...), "\r\nEND\r\n"...)
}

// AppendValue appends one VALUE of memcached's get, without the END.
func AppendValue(dst, key []byte, it *Item, withCAS bool) []byte {
	dst = append(append(dst, "VALUE "...), key...)
	dst = strconv.AppendUint(append(dst, ' '), uint64(it.Flags), 10)
	dst = strconv.AppendUint(append(dst, ' '), uint64(len(it.Value)), 10)
	if withCAS {
		dst = strconv.AppendUint(append(dst, ' '), it.CAS, 10)
	}
	dst = append(append(dst, "\r\n"...), it.Value...)
	return append(dst, "\r\n"...)
}

// AppendStat appends one line of a statistics reply.
func AppendStat(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, "STAT "...), name...), ' ')
	return append(append(dst, value...), "\r\n"...)
}

// AppendMetaDebug appends the reply of an me that found its key.
func AppendMetaDebug(dst []byte, r *Request, it *Item) []byte {
	dst = append(dst, "ME "...)
	if r.Meta.Base64 {
		dst = base64.StdEncoding.AppendEncode(dst, r.Key)
	} else {
		dst = append(dst, r.Key...)
	}
	dst = strconv.AppendInt(append(dst, " exp="...), it.TTL, 10)
	dst = strconv.AppendInt(append(dst, " la="...), it.Idle, 10)
	dst = appendDebug(dst, it)
	return append(dst, "\r\n"...)
}

// appendDebug appends what me and metadump word alike.
func appendDebug(dst []byte, it *Item) []byte {
	dst = strconv.AppendUint(append(dst, " cas="...), it.CAS, 10)
	if it.Fetched {
		dst = append(dst, " fetch=yes"...)
	} else {
		dst = append(dst, " fetch=no"...)
	}
	// One size class holds all items, whatever their size.
	return strconv.AppendInt(append(dst, " cls=1 size="...), int64(it.Size), 10)
}

// AppendMetaDump appends one item of lru_crawler metadump. Its line ends in a
// bare \n and its key is URI-encoded, as tools expect from memcached.
func AppendMetaDump(dst, key []byte, it *Item) []byte {
	dst = appendURI(append(dst, "key="...), key)
	dst = strconv.AppendInt(append(dst, " exp="...), it.Expiry, 10)
	dst = strconv.AppendInt(append(dst, " la="...), it.Accessed, 10)
	dst = appendDebug(dst, it)
	dst = strconv.AppendUint(append(dst, " flags="...), uint64(it.Flags), 10)
	return append(dst, " \n"...)
}

// AppendMGDump appends one item of lru_crawler mgdump: a request that fetches it.
func AppendMGDump(dst, key []byte) []byte {
	dst = append(dst, "mg "...)
	if CheckKey(Weensy, key) == nil {
		return append(append(dst, key...), "\r\n"...)
	}
	return append(base64.StdEncoding.AppendEncode(dst, key), " b\r\n"...)
}

// appendURI appends key with all but the unreserved characters of RFC 3986
// escaped.
func appendURI(dst, key []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range key {
		if c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '.' || c == '_' || c == '~' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
