package main

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"time"

	"weensydb/store"
	"weensydb/wire"
)

// The meta requests with which items are moved.

// errLongKey: memcached's protocol bounds a key as it is written.
var errLongKey = errors.New("the key has bytes that the protocol carries as base64 only, and is too long for that")

// canCarry reports whether a request can name the key.
func canCarry(key []byte) bool {
	return wire.CheckKey(wire.Memcache, key) == nil || base64.StdEncoding.EncodedLen(len(key)) <= wire.MaxKeyLen
}

// appendMetaKey appends a key, and the flag that says that it is base64, if it must
// be.
func appendMetaKey(dst []byte, word string, key []byte) (request []byte, flag string) {
	dst = append(dst, word...)
	if wire.CheckKey(wire.Memcache, key) == nil {
		return append(dst, key...), ""
	}
	return base64.StdEncoding.AppendEncode(dst, key), " b"
}

// appendFetch asks for an item: its value, client flags and remaining time.
func appendFetch(dst, key []byte) []byte {
	dst, b64 := appendMetaKey(dst, "mg ", key)
	return append(append(dst, b64...), " t f v\r\n"...)
}

// The protocol's times are the seconds of Unix, in 32 bits; up to 30 days they count
// from when the request arrives, which may be late.
const (
	maxRelative = 30 * 24 * 60 * 60
	maxAbsolute = math.MaxInt32
	forAMoment  = 1000 // relative: longer than any of these requests takes
)

// exptime gives an expiry to the protocol: the second after which it lies, so that
// nothing expires early. expired says that it is over. late says that it lies beyond
// what the protocol knows.
func (it *movedItem) exptime(now int64) (exptime int64, expired, late bool) {
	switch {
	case it.expiry == store.Never:
		return 0, false, false
	case it.expiry <= now:
		return 0, true, false
	}
	at := (it.expiry + 999) / 1000
	return min(at, maxAbsolute), false, at > maxAbsolute
}

// appendItem appends what stores an item with all that marks it, and says how many
// replies that has. No other request can store a mark: so the item is invalidated to
// become stale, and then read by somebody who is told to renew it.
func appendItem(dst []byte, it *movedItem, exptime int64) (requests []byte, replies int) {
	dst, b64 := appendMetaKey(dst, "ms ", it.key)
	dst = strconv.AppendInt(append(dst, ' '), int64(len(it.value)), 10)
	dst = append(dst, b64...)
	if it.flags != 0 {
		dst = strconv.AppendUint(append(dst, " F"...), uint64(it.flags), 10)
	}
	switch {
	case exptime != 0:
		dst = strconv.AppendInt(append(dst, " T"...), exptime, 10)
	case it.won && !it.stale:
		dst = strconv.AppendInt(append(dst, " T"...), forAMoment, 10)
	}
	dst = it.appendCAS(dst, " E")
	dst = append(append(append(dst, "\r\n"...), it.value...), "\r\n"...)
	replies = 1
	if it.stale {
		dst, b64 = appendMetaKey(dst, "md ", it.key)
		dst = it.appendCAS(append(append(dst, b64...), " I"...), " C") // not if the item was refused
		dst = append(it.appendCAS(dst, " E"), "\r\n"...)
		replies++
	}
	if it.won {
		dst, b64 = appendMetaKey(dst, "mg ", it.key)
		dst = append(dst, b64...)
		if !it.stale {
			dst = strconv.AppendInt(append(dst, " R"...), math.MaxInt32, 10)
			dst = strconv.AppendInt(append(dst, " T"...), exptime, 10)
		}
		dst = append(dst, "\r\n"...)
		replies++
	}
	return dst, replies
}

func (it *movedItem) appendCAS(dst []byte, flag string) []byte {
	if it.cas == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, flag...), it.cas, 10)
}

func unixMilli() int64 { return time.Now().UnixMilli() }
