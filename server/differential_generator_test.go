package server_test

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A generator makes up requests: mostly right, some wrong in one place, some
// noise. It counts only with keys that it never gets: how memcached stores a new
// count depends on whether an answer still refers to the item.
type generator struct {
	*rand.Rand
	alike bool // only what every version answers alike, however it is cut
	era   int  // of the keys, see otherKeys
	now   int64
}

func newGenerator(r *rand.Rand, stream int) *generator {
	return &generator{Rand: r, era: stream * 100, now: time.Now().Unix()}
}

// otherKeys turns to keys that neither side has seen.
func (g *generator) otherKeys() { g.era++ }

// prefix begins the keys of an era. A spoilt one is that of no other.
func (g *generator) prefix() string {
	digits := []byte("....")
	for i, n := 0, g.era; i < len(digits); i, n = i+1, n/25 {
		digits[i] = 'A' + byte(n%25)
	}
	return string(digits)
}

func (g *generator) one(in int) bool { return g.IntN(in) == 0 }

func (g *generator) pick(of ...string) string { return of[g.IntN(len(of))] }

func (g *generator) key() string {
	if g.one(40) && !g.alike {
		return g.prefix() + strings.Repeat("k", 244+g.IntN(5))
	}
	return g.prefix() + g.pick("a", "b", "c")
}

func (g *generator) counter() string {
	return g.prefix() + g.pick("n", "m")
}

// cuts are the places where a text of n bytes is cut, a few or very many.
func (g *generator) cuts(n int) []int {
	var cuts []int
	for range g.IntN(1 + g.IntN(40)) {
		if n > 0 {
			cuts = append(cuts, g.IntN(n))
		}
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// request makes up one, with any of the named tokens cas1 to casN.
func (g *generator) request(tokens int) request {
	var line, body string
	switch g.IntN(14) {
	case 0, 1, 2:
		line, body = g.store(tokens)
	case 3, 4:
		line = g.pick("get ", "gets ") + g.keys()
	case 5:
		line = g.pick("gat ", "gats ") + g.exptime() + " " + g.keys()
	case 6:
		line = g.pick("delete ", "delete ", "touch ") + g.key()
		if strings.HasPrefix(line, "touch") {
			line += " " + g.exptime()
		}
		line += g.noreply()
	case 7:
		line, body = g.count()
	case 8, 9:
		line = "mg " + g.metaKey(g.flags("tsfckvhluqO", "NTRPLZ"+g.later("CE"), tokens))
	case 10:
		line, body = g.metaSet(tokens)
	case 11:
		line = "md " + g.metaKey(g.flags("qkOI", g.later("TCFMZE"), tokens))
	case 12:
		line = g.pick("me "+g.key(), "mn", "flush_all 1000000", "verbosity 0")
		if g.alike {
			line = "mn"
		}
	case 13:
		return request{text: g.noise()}
	}
	if g.one(12) && !g.alike && len(body) < 200 && line[0] != 'f' && !strings.ContainsAny(line, "<E") { // a flush_all might flush, a token become a key
		line = g.spoil(line)
		const filler = 120 // bytes that a length that has grown takes instead of what follows
		body += strings.Repeat("mn\r\n", filler/4)
	}
	if n := announces(line); n > len(body) && n != math.MaxInt32-1 {
		return request{text: "mn\r\n"} // it would wait for more
	}
	end := "\r\n"
	if g.one(10) && line != "mn" {
		end = "\n"
	}
	return request{text: line + end + body}
}

// announces is the length of the body that a line announces, if it does.
func announces(line string) (length int) {
	words, at := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' }), 4
	if strings.HasPrefix(line, "ms") {
		at = 2
	}
	if len(words) <= at {
		return 0
	}
	if strings.Contains(words[at], "<") {
		return math.MaxInt // a token that has slipped there
	}
	fmt.Sscanf(words[at], "%d", &length)
	return length
}

func (g *generator) keys() string {
	keys := g.key()
	for g.one(2) {
		keys += " " + g.key()
	}
	return keys
}

// later are flags that 1.6.18 does not know.
func (g *generator) later(flags string) string {
	if g.alike {
		return ""
	}
	return flags
}

func (g *generator) noreply() string {
	switch g.IntN(10) {
	case 0:
		return " noreply"
	case 1:
		return g.pick(" ", "  ")
	}
	return ""
}

func (g *generator) exptime() string {
	if g.alike {
		return g.pick("0", "100", "2592000", "x")
	}
	if g.one(8) {
		return g.pick("x", "1x", "-2147483648", "2147483647", "2592001", "1.5", "0x10")
	}
	return g.pick("0", "0", "100", "-1", "2592000", strconv.FormatInt(g.now+1000, 10))
}

// value is a body, never one that could be taken for a request.
func (g *generator) value() string {
	n := g.IntN(12)
	switch {
	case g.one(30):
		n = g.IntN(70_000)
	case g.one(6):
		n = g.IntN(3000)
	}
	alphabet := "0123456789zzz"
	if g.one(6) {
		alphabet = "\x00\x01\t\xff z\r"
	}
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[g.IntN(len(alphabet))])
	}
	return b.String()
}

// length is that of a body, and the body; seldom they do not agree.
func (g *generator) length(value string) (length, body string) {
	if len(value) > 200 || !g.one(12) || g.alike {
		return strconv.Itoa(len(value)), value + "\r\n"
	}
	length = g.pick("x", "-1", "", "1x", "2147483646", "18446744073709551617",
		strconv.Itoa(len(value)+1+g.IntN(3)), strconv.Itoa(len(value)+1), strconv.Itoa(max(0, len(value)-1)))
	return length, value + "\r\n" + "mn\r\nmn\r\nmn\r\n"
}

func (g *generator) store(tokens int) (line, body string) {
	value := g.value()
	length, body := g.length(value)
	key, flags, exptime := g.key(), g.pick("0", "0", "7", "4294967295", "00012"), g.exptime()
	if g.one(12) {
		flags = g.pick("-1", "x", "4294967296", "1x")
	}
	if g.alike || len(value) > 1000 {
		// A large body that is not swallowed is a line that is too long.
		key, flags, exptime = g.prefix()+"a", "7", "0"
	}
	op := g.pick("set", "set", "set", "add", "replace", "append", "prepend", "cas")
	if op == "cas" && len(value) > 1000 {
		op = "set" // likewise
	}
	line = fmt.Sprintf("%s %s %s %s %s", op, key, flags, exptime, length)
	if op == "cas" {
		line += " " + g.token(tokens)
	}
	return line + g.noreply(), body
}

// token is one that the server has given, or one that it never will.
func (g *generator) token(tokens int) string {
	if tokens > 0 && !g.one(4) {
		return fmt.Sprintf("<cas%d>", 1+max(g.IntN(tokens), g.IntN(tokens), g.IntN(tokens)))
	}
	if g.one(6) && !g.alike {
		return g.pick("x", "-1", "18446744073709551616", "")
	}
	return g.pick("0", "18446744073709551615")
}

func (g *generator) count() (line, body string) {
	number := g.pick("1", "9", "10", "18446744073709551615", "00099", "5", "zz")
	delta := g.pick("1", "1", "3", "10", "18446744073709551615", "00002")
	if g.one(10) && !g.alike {
		delta = g.pick("x", "-1", "18446744073709551616", "1x", "")
	}
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("set %s 0 0 %d", g.counter(), len(number)), number + "\r\n"
	case 1:
		return "incr " + g.counter() + " 0", ""
	case 2:
		return g.pick("incr ", "decr ") + g.counter() + " " + delta + g.noreply(), ""
	}
	flags := g.flags("vtckO"+g.later("q"), "NJDMZ", 0) // no T: memcached loses it when the number gets longer
	return "ma " + g.counter() + flags, ""
}

func (g *generator) metaSet(tokens int) (line, body string) {
	value := g.value()
	length, body := g.length(value[:min(len(value), 1000)])
	later := g.later("EN")
	if strconv.Itoa(len(body)-2) != length {
		later = g.later("N") // memcached gives the token of a refused ms to the next that stores
	}
	return "ms " + g.metaKey(" "+length+g.flags("qkO"+g.later("s"), "TFICMPZ"+later, tokens)), body
}

// metaKey puts a key before the rest of a meta line, now and then in base64.
func (g *generator) metaKey(rest string) string {
	key := g.key()
	if g.one(8) && !g.alike {
		return base64.StdEncoding.EncodeToString([]byte(key)) + rest + " b"
	}
	return key + rest
}

// flags picks some that stand alone and some that have an argument, in any
// order, seldom one of them twice.
func (g *generator) flags(alone, withArgument string, tokens int) string {
	var flags []string
	for _, f := range alone {
		if g.one(4) {
			flags = append(flags, string(f))
		}
	}
	for _, f := range withArgument {
		if g.one(7) {
			flags = append(flags, string(f)+g.argument(f, tokens))
		}
	}
	if len(flags) > 0 && g.one(25) && !g.alike {
		flags = append(flags, flags[0])
	}
	g.Shuffle(len(flags), func(i, j int) { flags[i], flags[j] = flags[j], flags[i] })
	if len(flags) == 0 {
		return ""
	}
	return " " + strings.Join(flags, g.pick(" ", " ", " ", "  "))
}

func (g *generator) argument(flag rune, tokens int) string {
	switch flag {
	case 'C':
		return g.token(tokens)
	case 'E':
		return fmt.Sprintf("1000000000%06d", g.IntN(1000))
	case 'F':
		return g.pick("0", "9", "4294967295", "x")
	case 'M':
		return g.pick("S", "E", "A", "P", "R", "I", "D", "+", "-", "x")
	case 'J', 'D':
		return g.pick("0", "13", "18446744073709551615", "x")
	case 'R': // never near what exptime gives
		return g.pick("30", "500", "1000000", "0", "-1", "x")
	case 'I', 'Z':
		return ""
	case 'P', 'L':
		return g.pick("", "x")
	}
	return g.exptime()
}

// spoil changes one byte of a line, adds one or drops one.
func (g *generator) spoil(line string) string {
	at := g.IntN(len(line))
	junk := g.pick(" ", "  ", "\t", "x", "0", "-", "\x01", "\xff", "b", "\r", "Z")
	switch g.IntN(3) {
	case 0:
		return line[:at] + junk + line[at+1:]
	case 1:
		return line[:at] + junk + line[at:]
	}
	return line[:at] + line[at+1:]
}

// noise is no request at all.
func (g *generator) noise() string {
	switch g.IntN(6) {
	case 0, 1:
		return g.pick("bogus", "SET a 0 0 1", "mz a", "gett a", "a b", "stats nothing", "quitx") + "\r\n"
	case 2:
		return g.pick("\x01\x02\x03\x04\r\n", "\xff\xfe\xfd\n", "\t\t\r\n")
	case 3:
		return "version " + strings.Repeat("x", g.IntN(1500)) + "\r\n"
	case 4:
		if !g.alike {
			return g.pick("\r\n", "\n", " \r\n", "a\r\n", "incr\r\n", "touch\n", "mg\r\n", "ms\r\n", "get \r\n")
		}
	}
	return "mn" + strings.Repeat(" x", g.IntN(40)) + "\r\n"
}
