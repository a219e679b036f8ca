package store

import "math"

// parseCounter reads a value as memcached's incr does: an unsigned decimal that
// fits 64 bits, with white space before it and anything behind white space
// after it.
func parseCounter(value []byte) (n uint64, ok bool) {
	i := 0
	for i < len(value) && isSpace(value[i]) {
		i++
	}
	if i < len(value) && value[i] == '+' {
		i++
	}
	start := i
	for ; i < len(value) && value[i]-'0' <= 9; i++ {
		d := uint64(value[i] - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, i > start && (i == len(value) || isSpace(value[i]))
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
