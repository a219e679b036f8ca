package wire

import "errors"

// What is wrong with a key that CheckKey refuses.
var (
	ErrKeyLength = errors.New("a key has 1 to 250 bytes")
	ErrKeyBytes  = errors.New("a key has no white space and no control characters")
)

// CheckKey reports whether key can be sent as it is in a request of d: 1 to 250
// bytes, and on Weensy none of them white space or a control character, on
// Memcache none of them a blank or a line end. (The meta flag b carries any
// bytes as base64.) The errors are ErrKeyLength and ErrKeyBytes.
func CheckKey(d Dialect, key []byte) error {
	if len(key) == 0 || len(key) > MaxKeyLen {
		return ErrKeyLength
	}
	for _, c := range key {
		switch {
		case c == ' ' || c == '\n' || c == '\r':
			return ErrKeyBytes
		case d == Weensy && (c < ' ' || c == 0x7f):
			return ErrKeyBytes
		}
	}
	return nil
}
