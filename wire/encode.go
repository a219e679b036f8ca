package wire

import "strconv"

// The requests of a client, one method per request. Each appends to dst and
// returns it. A key must have passed CheckKey: what it forbids would end up as
// requests of its own. Where only one dialect knows the request, its method
// says so; the other one's server answers ERROR.

// AppendGet asks for the value of key.
func (d Dialect) AppendGet(dst []byte, key string) []byte {
	return appendLine(dst, "get ", key)
}

// AppendGets asks for the value of key and its CAS token. Memcache only.
func (d Dialect) AppendGets(dst []byte, key string) []byte {
	return appendLine(dst, "gets ", key)
}

// AppendSet stores value at key, with client flags 0 and without expiry.
func (d Dialect) AppendSet(dst []byte, key string, value []byte) []byte {
	dst = append(append(dst, "set "...), key...)
	if d == Memcache {
		dst = append(dst, " 0 0"...) // client flags, exptime
	}
	dst = appendNumber(dst, uint64(len(value)))
	return d.appendBody(append(dst, "\r\n"...), value)
}

// AppendDelete deletes key.
func (d Dialect) AppendDelete(dst []byte, key string) []byte {
	return appendLine(dst, "delete ", key)
}

// AppendExchange swaps the values of two keys.
func (d Dialect) AppendExchange(dst []byte, key1, key2 string) []byte {
	return appendLine(dst, "exch ", key1, " ", key2)
}

// AppendCompareSet stores value at key if the value there equals old. Weensy
// only: Memcache compares tokens, see AppendCAS.
func (d Dialect) AppendCompareSet(dst []byte, key string, old, value []byte) []byte {
	dst = append(append(dst, "cas "...), key...)
	dst = appendNumber(dst, uint64(len(old)))
	dst = appendNumber(dst, uint64(len(value)))
	dst = append(append(dst, "\r\n"...), old...)
	return append(dst, value...)
}

// AppendCAS stores value at key, without expiry, if the CAS token there is
// still compare. Memcache only.
func (d Dialect) AppendCAS(dst []byte, key string, flags uint32, value []byte, compare uint64) []byte {
	dst = append(append(dst, "cas "...), key...)
	dst = appendNumber(dst, uint64(flags))
	dst = append(dst, " 0"...) // exptime
	dst = appendNumber(dst, uint64(len(value)))
	dst = appendNumber(dst, compare)
	return d.appendBody(append(dst, "\r\n"...), value)
}

// AppendIncr adds delta to the number at key. Memcache only.
func (d Dialect) AppendIncr(dst []byte, key string, delta uint64) []byte {
	dst = append(append(dst, "incr "...), key...)
	return append(appendNumber(dst, delta), "\r\n"...)
}

// AppendVersion asks for the version of the server. Memcache only; since a
// Weensy server answers ERROR and nothing happens, it tells the two apart.
func (d Dialect) AppendVersion(dst []byte) []byte {
	return appendLine(dst, "version")
}

// AppendStats asks for the statistics called what, or the general ones if what
// is empty. Memcache only.
func (d Dialect) AppendStats(dst []byte, what string) []byte {
	if what == "" {
		return appendLine(dst, "stats")
	}
	return appendLine(dst, "stats ", what)
}

// AppendMetaDump asks for a line about every item. Memcache only.
func (d Dialect) AppendMetaDump(dst []byte) []byte {
	return appendLine(dst, "lru_crawler metadump all")
}

// AppendSnapshot asks for a snapshot on the server's disk.
func (d Dialect) AppendSnapshot(dst []byte) []byte { return appendLine(dst, "snapshot") }

// AppendBackup asks for a snapshot, and for its bytes.
func (d Dialect) AppendBackup(dst []byte) []byte { return appendLine(dst, "backup") }

// AppendQuit asks the server to close once all before it is answered.
func (d Dialect) AppendQuit(dst []byte) []byte {
	return appendLine(dst, "quit")
}

func appendLine(dst []byte, parts ...string) []byte {
	for _, part := range parts {
		dst = append(dst, part...)
	}
	return append(dst, "\r\n"...)
}

func appendNumber(dst []byte, n uint64) []byte {
	return strconv.AppendUint(append(dst, ' '), n, 10)
}

// appendBody appends a value and what ends it.
func (d Dialect) appendBody(dst, value []byte) []byte {
	dst = append(dst, value...)
	if d == Memcache {
		dst = append(dst, "\r\n"...)
	}
	return dst
}
