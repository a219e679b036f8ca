package server_test

import (
	"encoding/base64"
	"flag"
	"regexp"
	"strings"
)

// Why an answer may differ from the oracle's.
type reason string

const (
	// version: Debian's 1.6.18 is older than 1.6.45, whose bytes are ours.
	version reason = "version"
	// newer: 1.6.45 differs from 1.6.18 and from ours. Shown with -oracle only.
	newer reason = "newer"
	// design: ours on purpose. OPERATIONS.md lists these.
	design reason = "design"
)

// A difference is one that is accepted. It covers an answer if all three
// patterns match: the request, our answer and theirs.
type difference struct {
	name                  string
	reason                reason
	request, ours, theirs *regexp.Regexp

	// reduce, if set, takes away what differs: the rest has to be the same.
	reduce func(answer string) string

	// diverges says that the two sides have different states afterwards, even
	// if they answer the same.
	diverges bool
}

func (d difference) covers(request, ours, theirs string) bool {
	return d.request.MatchString(runes(request)) && d.ours.MatchString(runes(ours)) && d.theirs.MatchString(runes(theirs)) &&
		(d.reduce == nil || sameAnswer(d.reduce(ours), d.reduce(theirs)))
}

// stands reports whether the difference is one from this oracle.
func (d difference) stands() bool {
	debian := *oracle == flag.Lookup("oracle").DefValue
	return d.reason == design || (d.reason == version) == debian
}

// expected reports whether the hand-made streams have to meet the difference:
// not all if some memcached stands in for ours.
func (d difference) expected() bool {
	return d.stands() && (*subject == "" || d.reason == version)
}

// errorFormat calls ERROR what 1.6.45 calls a bad format.
func errorFormat(answer string) string {
	return strings.ReplaceAll(answer, "CLIENT_ERROR bad command line format\r\n", "ERROR\r\n")
}

// noErrors drops what is the answer to bytes of a body.
func noErrors(answer string) string {
	answer = errorFormat(answer)
	for _, line := range []string{"VERSION <*>\r\n", "MN\r\n", "ERROR\r\n"} {
		answer = strings.ReplaceAll(answer, line, "")
	}
	return answer
}

var (
	sizes      = regexp.MustCompile(` s[0-9]+`)
	wrapped    = regexp.MustCompile(` t42949[0-9]{5}`)
	encodedKey = regexp.MustCompile(` k([^ ]+) b([ \r])`)
	debugKey   = regexp.MustCompile(`^ME [^ ]+ `)
)

// rawKeys writes the keys of an answer as they are, and drops that of me, which
// does not say in which form it is.
func rawKeys(answer string) string {
	answer = encodedKey.ReplaceAllStringFunc(answer, func(m string) string {
		g := encodedKey.FindStringSubmatch(m)
		key, err := base64.StdEncoding.DecodeString(g[1])
		if err != nil {
			return m
		}
		return " k" + string(key) + g[2]
	})
	return debugKey.ReplaceAllString(answer, "ME ")
}

// runes makes a rune of every byte, since patterns are about runes. What it is
// about shows long before the end of a large value.
func runes(s string) string {
	const most = 4096
	s = s[:min(len(s), most)]
	r := make([]rune, len(s))
	for i := range r {
		r[i] = rune(s[i])
	}
	return string(r)
}

// like compiles a pattern for a whole text, whose dots match line ends too.
func like(pattern string) *regexp.Regexp { return regexp.MustCompile(`(?s)\A(?:` + pattern + `)\z`) }

// Parts of the patterns below.
const (
	badFormat = `CLIENT_ERROR bad command line format\r\n`
	wordsEnd  = ` *\r?\n.*`
	storing   = `(set|add|replace|append|prepend|cas) `
	any       = `.*`
)

// differences is the table of all that are accepted.
var differences = []difference{
	{name: "a number that runs on into the next word", reason: design, diverges: true,
		request: like(storing + `[^\n]*[\t\r] .*`), ours: like(badFormat + any), theirs: like(any)},

	// 1.6.18 counts the words of a line before it looks at them, has no least
	// length of a line, and skips blanks before the command.
	{name: "ERROR for a bad format", reason: version, reduce: errorFormat,
		request: like(any), ours: like(any + badFormat + any), theirs: like(any + `ERROR\r\n` + any)},
	{name: "MN of less than four bytes", reason: version,
		request: like(`mn\n`), ours: like(badFormat), theirs: like(`MN\r\n`)},
	{name: "gat of nothing", reason: version,
		request: like(`gats? +[^ ]+` + wordsEnd), ours: like(badFormat + any), theirs: like(`(END|CLIENT_ERROR invalid exptime argument)\r\n` + any)},
	{name: "too many words", reason: version, diverges: true,
		request: like(`((set|add|replace|append|prepend)( +[^ \r\n]+){6,}|cas( +[^ \r\n]+){7,}|` +
			`(incr|decr|touch|delete)( +[^ \r\n]+){4,}|(flush_all|verbosity)( +[^ \r\n]+){3,})` + wordsEnd),
		ours: like(any), theirs: like(`ERROR\r\n` + any)},
	{name: "blanks before the command", reason: version, diverges: true,
		request: like(` .*`), ours: like(any), theirs: like(any)},

	// 1.6.18 reads numbers with strtol: it skips white space, wants a digit, and
	// keeps the lower 32 bits.
	{name: "white space in a number", reason: version, diverges: true,
		request: like(`[^\n]*[\t\r][^\n].*`), ours: like(any), theirs: like(any)},
	{name: "a sign that is no number", reason: version, diverges: true,
		request: like(`[^\n]* ([A-LN-Z]?[-+]0*|[CEFJD][-+][0-9]+)([ \r\n].*)?`), ours: like(any), theirs: like(any)},
	{name: "a time of more than 32 bits", reason: version, diverges: true,
		request: like(`([^\n]* [TNR]|touch +[^ ]+ +|gats? +|` + storing + ` *[^ ]+ +[^ ]+ +)-?(2147483648|[0-9]{11,}).*`), ours: like(any), theirs: like(any)},
	{name: "a length of more than 32 bits", reason: version,
		request: like(storing + `.* [0-9]{10,}` + wordsEnd),
		ours:    like(badFormat + any), theirs: like(`CLIENT_ERROR bad data chunk\r\n` + any)},

	// 1.6.18 does not swallow the body of a line that is badly formed: it takes
	// it for requests.
	{name: "a body taken for requests", reason: version, reduce: noErrors,
		request: like(`(ms|set|add|replace|append|prepend|cas) .*\n.*`),
		ours:    like(any), theirs: like(`(CLIENT_ERROR .*)?(ERROR|VERSION).*`)},

	// Requests of later versions.
	{name: "E", reason: version, diverges: true,
		request: like(`m[gsda] .* E.*`),
		ours:    like(any), theirs: like(`CLIENT_ERROR invalid (or duplicate )?flag\r\n` + any)},
	{name: "md x", reason: version, diverges: true,
		request: like(`m[gsda] .* x.*`),
		ours:    like(any), theirs: like(`CLIENT_ERROR invalid (or duplicate )?flag\r\n` + any)},
	{name: "mg C", reason: version, diverges: true,
		request: like(`mg .* C.*`),
		ours:    like(`HD.*`), theirs: like(`VA.*`)},
	{name: "ms s", reason: version, reduce: func(a string) string { return sizes.ReplaceAllString(a, "") },
		request: like(`ms .* s.*`),
		ours:    like(`(HD|NS|EX|NF).* s[0-9].*`), theirs: like(`(HD|NS|EX|NF).*`)},
	{name: "ms N", reason: version, diverges: true,
		request: like(`ms .* N.*`),
		ours:    like(`((HD|MN).*)?`), theirs: like(`NS.*`)},
	{name: "ma q N", reason: version, diverges: true,
		request: like(`ma .*q.*`),
		ours:    like(`(MN\r\n)*`), theirs: like(`(HD|VA).*`)},
	{name: "M of another length", reason: version, diverges: true,
		request: like(`m[gsda] .* M([^ ]{2,}|[ \r]).*`),
		ours:    like(any), theirs: like(`CLIENT_ERROR (incorrect length for M token|invalid or duplicate flag)\r\n` + any)},
	{name: "F of more than 32 bits", reason: version, diverges: true,
		request: like(`m[gsda] .* F(4294967296|[0-9]{11,}).*`),
		ours:    like(`CLIENT_ERROR.*`), theirs: like(any)},
	{name: "me exp", reason: version,
		request: like(`me .*`),
		ours:    like(`ME [^ ]+ exp=[0-9].*`), theirs: like(`ME [^ ]+ exp=-[0-9].*`)},

	// Other words for the same.
	{name: "mistakes of md", reason: version,
		request: like(`md .*`),
		ours:    like(`CLIENT_ERROR (invalid flag|duplicate flag|bad token in command line format|error decoding key|bad command line format|invalid numeric (delta|initial) value)\r\n` + any),
		theirs:  like(`CLIENT_ERROR invalid or duplicate flag\r\n` + any)},
	{name: "a key of ma that is too long", reason: version,
		request: like(`ma [^ ]{251,}.*`),
		ours:    like(`CLIENT_ERROR invalid or duplicate flag\r\n`), theirs: like(badFormat)},
	{name: "the first byte of a flag", reason: version,
		request: like(`m[gsda] .*`),
		ours:    like(badFormat + any), theirs: like(`CLIENT_ERROR (invalid flag|duplicate flag|error decoding key|bad token in command line format|invalid or duplicate flag)\r\n` + any)},
	{name: "19 flags, not 20", reason: version, diverges: true,
		request: like(`m[gsda]( +[^ \r\n]+){18,}.*`),
		ours:    like(any), theirs: like(`CLIENT_ERROR options flags (are )?too long\r\n` + any)},
	{name: "shutdown", reason: version,
		request: like(`shutdown.*`),
		ours:    like(`SERVER_ERROR: shutdown not enabled\r\n`), theirs: like(`ERROR: shutdown not enabled\r\n`)},
	{name: "bget", reason: version,
		request: like(`bget .*`),
		ours:    like(`ERROR\r\n.*`), theirs: like(`(VALUE.*)?END\r\n.*`)},
	{name: "HTTP/ alone", reason: version,
		request: like(`HTTP/[^ ]*\r\n`),
		ours:    like(`ERROR\r\n`), theirs: like(`closed`)},
	{name: "no version after HTTP/", reason: version,
		request: like(`[^ ]+ HTTP/\r\n`),
		ours:    like(`closed`), theirs: like(`ERROR\r\n(closed)?`)},
	{name: "noreply of what is no request", reason: version, reduce: noErrors,
		request: like(`[^\n]* noreply *\r?\n`), ours: like(`(` + badFormat + `)?`), theirs: like(any)},
	{name: "noreply of what is no request, and more lines", reason: version, reduce: noErrors,
		request: like(`[^\n]* noreply *\r?\n.+`), ours: like(any), theirs: like(any)},
	{name: "delete of a key noreply", reason: version,
		request: like(`delete +noreply *\r?\n`),
		ours:    like(``), theirs: like(`(DELETED|NOT_FOUND)\r\n`)},
	{name: "a zero byte ends the line", reason: version, diverges: true,
		request: like(`.*\x00.*`), ours: like(any), theirs: like(any)},

	// What 1.6.45 has of its own: slips, but for the last, where it gives no new
	// token to a new value.
	{name: "delete K X", reason: newer, diverges: true,
		request: like(`delete +[^ ]+ .*`),
		ours:    like(`(CLIENT_ERROR bad command line format\.  Usage: delete <key> \[noreply\]\r\n)?(MN\r\n)*`),
		theirs:  like(`((DELETED|NOT_FOUND)\r\n)?(MN\r\n)*`)},
	{name: "an empty line after the error", reason: newer, diverges: true,
		request: like(`gets? .*[^ ]{251,}.*`),
		ours:    like(badFormat + any), theirs: like(badFormat + `\r\n` + any)},
	{name: "me K b", reason: newer,
		request: like(`me [^ ]+ +b *\r?\n.*`),
		ours:    like(any), theirs: like(any)},

	// Ours.
	{name: "exch", reason: design, diverges: true,
		request: like(`exch .*`), ours: like(any), theirs: like(`(ERROR\r\n)?`)},
	{name: "no slab classes, LRU or crawler to tune", reason: design,
		request: like(`(slabs|lru|lru_crawler|stats) .*`), ours: like(`ERROR\r\n`), theirs: like(any)},
	{name: "a get with a key that is too long has no effect", reason: design, diverges: true,
		request: like(`(get|gat)s? .*[^ ]{251,}.*`), ours: like(badFormat + any), theirs: like(badFormat + any)},
	{name: "no seconds left", reason: design, reduce: func(a string) string { return rawKeys(wrapped.ReplaceAllString(a, " t0")) },
		request: like(`m[ga] .* [TN].*`), ours: like(any), theirs: like(any)},
	{name: "the form of a key", reason: design, reduce: rawKeys,
		request: like(`(m[gsda] .* k.*|me .*)`), ours: like(any), theirs: like(any)},
	{name: "what fails for size stays", reason: design, diverges: true,
		request: like(`(set|ms) [^ ]+ .*1048577.*`),
		ours:    like(`(SERVER_ERROR object too large for cache\r\n)?`), theirs: like(`(SERVER_ERROR object too large for cache\r\n)?`)},
	{name: "an opaque that is too long has no effect", reason: design, diverges: true,
		request: like(`m[ga] .* O[^ ]{32,}.*`),
		ours:    like(`CLIENT_ERROR opaque token too long\r\n`), theirs: like(`CLIENT_ERROR opaque token too long\r\n`)},
	{name: "a dropped value has a new token", reason: newer, diverges: true,
		request: like(`md .* x.*`),
		ours:    like(`(HD.*)?`), theirs: like(`(HD.*)?`)},
}
