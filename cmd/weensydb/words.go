package main

import (
	"errors"
	"strings"
)

var (
	errQuote  = errors.New("a quote is not closed")
	errEscape = errors.New(`a backslash stands before one of n r t " \ or a blank`)
)

// splitWords cuts a line typed at the prompt into words, as a shell does.
// Within single quotes everything is meant as it stands. A backslash makes the
// next character an ordinary one, and n, r and t a line feed, a carriage return
// and a tab.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	within, begun := byte(0), false // the quote that is open; a word has begun
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && within != '\'':
			i++
			escaped, ok := unescape(line, i)
			if !ok {
				return nil, errEscape
			}
			word.WriteByte(escaped)
			begun = true
		case c == within && within != 0:
			within = 0
		case within == 0 && (c == '"' || c == '\''):
			within, begun = c, true
		case within == 0 && isBlank(c):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if within != 0 {
		return nil, errQuote
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// unescape gives the character that line[i] means after a backslash.
func unescape(line string, i int) (c byte, ok bool) {
	if i >= len(line) {
		return 0, false
	}
	switch c := line[i]; c {
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case '\\', '"', '\'', ' ':
		return c, true
	}
	return 0, false
}
