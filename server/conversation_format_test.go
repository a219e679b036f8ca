package server_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A conversation is a text file under testdata. Its first comment names the
// section of the reference page that it shows. Its lines are
//
//	listener: memcache   where the first connection goes: weensy or memcache
//	cache: yes           the database is opened as a cache
//	differs: REASON      memcached answers otherwise, and why we do
//	# text               a comment, kept
//	> get k              the client sends this and \r\n
//	>> "get k\n"         the client sends this Go string and nothing more
//	VALUE k 0 1          the server answers this and \r\n
//	"a\x00b"             the server answers this Go string and nothing more
//	...                  the server answers any number of lines, up to the next
//	@weensy/2            from here on this is about a second connection to weensy
//	!clock +10s          the server's clock moves on
//	!halfclose           the client will send nothing more
//	!closed              the server closes, and has sent nothing more
//
// and within a line that is sent or answered
//
//	<x*250>              250 times x
//	<cas1>               a CAS token: any number where it first stands, later the
//	                     same one; other names stand for other numbers
//	<n>                  a decimal number
//	<*>                  anything up to the end of the line
//	<~60>                60; of a server whose clock runs 58 to 62
//	<now+60>             the Unix time of a minute from now
//
// The file ends with a half-close of every connection that is open, and each
// must close without another byte.
type conversation struct {
	name     string
	listener string
	cache    bool
	differs  bool
	lines    []line
}

type lineKind int

const (
	lineBlank  lineKind = iota // or comment, or header
	lineSend                   // text is what goes out
	lineExpect                 // text is what comes in
	lineAny                    // ...
	lineConn                   // text is the connection's name
	lineClock                  // step is how far
	lineHalfClose
	lineClosed
)

type line struct {
	kind   lineKind
	source string // as written in the file
	text   string
	step   time.Duration
}

func parseConversation(name, source string) (*conversation, error) {
	c := &conversation{name: name}
	for i, s := range strings.Split(strings.TrimSuffix(source, "\n"), "\n") {
		l, err := c.parseLine(s)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
		c.lines = append(c.lines, l)
	}
	if !strings.HasPrefix(source, "# DIALECT.md") && !strings.HasPrefix(source, "# MEMCACHED.md") {
		return nil, fmt.Errorf("%s: its first line does not name a section of a reference page", name)
	}
	if c.listener == "" {
		return nil, fmt.Errorf("%s: no listener", name)
	}
	return c, nil
}

func (c *conversation) parseLine(s string) (l line, err error) {
	l.source = s
	switch {
	case s == "", strings.HasPrefix(s, "#"):
	case s == "listener: weensy", s == "listener: memcache":
		c.listener = strings.TrimPrefix(s, "listener: ")
	case s == "cache: yes":
		c.cache = true
	case strings.HasPrefix(s, "differs: "):
		c.differs = true
	case strings.HasPrefix(s, ">> "):
		l.kind = lineSend
		l.text, err = strconv.Unquote(s[3:])
	case s == ">":
		l.kind, l.text = lineSend, "\r\n"
	case strings.HasPrefix(s, "> "):
		l.kind, l.text = lineSend, s[2:]+"\r\n"
	case strings.HasPrefix(s, `"`):
		l.kind = lineExpect
		l.text, err = strconv.Unquote(s)
	case s == "...":
		l.kind = lineAny
	case strings.HasPrefix(s, "@"):
		l.kind, l.text = lineConn, s[1:]
	case strings.HasPrefix(s, "!clock +"):
		l.kind = lineClock
		l.step, err = time.ParseDuration(s[len("!clock +"):])
	case s == "!halfclose":
		l.kind = lineHalfClose
	case s == "!closed":
		l.kind = lineClosed
	case s[0] == '!' || s[0] == '>':
		err = fmt.Errorf("%q is nothing known", s)
	default:
		l.kind, l.text = lineExpect, s+"\r\n"
	}
	return l, err
}

func (c *conversation) String() string {
	var b strings.Builder
	for _, l := range c.lines {
		b.WriteString(l.source + "\n")
	}
	return b.String()
}

var (
	repeated = regexp.MustCompile(`<(.)\*(\d+)>`)
	macro    = regexp.MustCompile(`<(cas\d+)>|<(n|\*)>|<~(\d+)>|<now\+(\d+)>`)
)

// tolerance is by how many seconds <~60> may be off if the clock runs.
const tolerance = 2

// repeat expands <x*250>.
func repeat(text string) string {
	return repeated.ReplaceAllStringFunc(text, func(m string) string {
		g := repeated.FindStringSubmatch(m)
		return strings.Repeat(g[1], atoi(g[2]))
	})
}

// names are the CAS tokens that a conversation has given a name.
type names map[string]string

// named returns the name of a token, if it has one.
func (b names) named(token string) (string, bool) {
	for name, t := range b {
		if t == token {
			return name, true
		}
	}
	return "", false
}

// send expands the macros of a line that is sent.
func (b names) send(text string, now time.Time) string {
	return macro.ReplaceAllStringFunc(repeat(text), func(m string) string {
		g := macro.FindStringSubmatch(m)
		switch {
		case g[1] != "":
			return b[g[1]]
		case g[4] != "":
			return strconv.FormatInt(now.Unix()+int64(atoi(g[4])), 10)
		}
		return m
	})
}

// matches reports whether got is what text asks for, and remembers the CAS
// tokens that it names for the first time.
func (b names) matches(text, got string, clockRuns bool) bool {
	text = repeat(text)
	if !macro.MatchString(text) {
		return got == text
	}
	pattern, last := "", 0
	var fresh []string
	for _, at := range macro.FindAllStringSubmatchIndex(text, -1) {
		pattern += regexp.QuoteMeta(text[last:at[0]])
		last = at[1]
		switch g := macro.FindStringSubmatch(text[at[0]:at[1]]); {
		case g[1] != "" && b[g[1]] != "":
			pattern += b[g[1]]
		case g[1] != "":
			fresh = append(fresh, g[1])
			pattern += "([0-9]+)"
		case g[2] == "n":
			pattern += "[0-9]+"
		case g[2] == "*":
			pattern += "[^\r\n]*"
		case g[3] != "":
			pattern += near(atoi(g[3]), clockRuns)
		}
	}
	m := regexp.MustCompile("^" + pattern + regexp.QuoteMeta(text[last:]) + "$").FindStringSubmatch(got)
	if m == nil {
		return false
	}
	for i, name := range fresh {
		if other, ok := b.named(m[i+1]); ok && other != name {
			return false
		}
		b[name] = m[i+1]
	}
	return true
}

func near(seconds int, clockRuns bool) string {
	if !clockRuns {
		return strconv.Itoa(seconds)
	}
	var options []string
	for n := seconds - tolerance; n <= seconds+tolerance; n++ {
		options = append(options, strconv.Itoa(n))
	}
	return "(?:" + strings.Join(options, "|") + ")"
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err) // the regular expression let digits through only
	}
	return n
}

var (
	metaCAS    = regexp.MustCompile(`^((?:HD|VA \d+)(?: .*)? c)(\d+)((?: .*)?\r\n)$`)
	classicCAS = regexp.MustCompile(`^(VALUE \S+ \d+ \d+ )(\d+)(\r\n)$`)
	debugCAS   = regexp.MustCompile(`^(ME \S+ exp=\S+ la=\d+ cas=)(\d+)( .*\r\n)$`)
	countsDown = regexp.MustCompile(`^((?:HD|VA \d+)(?: .*)? t|ME \S+ exp=)(\d+)`)
	sinceUse   = regexp.MustCompile(` la=\d`)
	debugSizes = regexp.MustCompile(`cls=\d+ size=\d+`)
	longRun    = regexp.MustCompile(strings.Join(runs(), "|"))
)

// runs are the patterns of bytes worth writing as <x*40>.
func runs() []string {
	var patterns []string
	for c := byte('0'); c <= 'z'; c++ {
		patterns = append(patterns, regexp.QuoteMeta(string(c))+"{40,}")
	}
	return patterns
}

// record writes what a server has answered as lines of a conversation.
func (b names) record(got string) []line {
	var lines []line
	for _, s := range strings.SplitAfter(got, "\n") {
		if s == "" {
			continue
		}
		for _, cas := range []*regexp.Regexp{metaCAS, classicCAS, debugCAS} {
			if m := cas.FindStringSubmatch(s); m != nil && m[2] != "0" && len(m[2]) < 15 {
				s = m[1] + b.name(m[2]) + m[3]
			}
		}
		if m := countsDown.FindStringSubmatch(s); m != nil {
			s = fmt.Sprintf("%s<~%d>%s", m[1], (atoi(m[2])+9)/10*10, s[len(m[0]):])
		}
		if strings.HasPrefix(s, "VERSION ") {
			s = "VERSION <*>\r\n"
		}
		s = sinceUse.ReplaceAllString(s, " la=<~0>")
		s = debugSizes.ReplaceAllString(s, "cls=<n> size=<n>")
		s = longRun.ReplaceAllStringFunc(s, func(run string) string {
			return fmt.Sprintf("<%c*%d>", run[0], len(run))
		})
		lines = append(lines, line{kind: lineExpect, text: s, source: quoteLine(s)})
	}
	return lines
}

func (b names) name(token string) string {
	name, ok := b.named(token)
	if !ok {
		name = fmt.Sprintf("cas%d", len(b)+1)
		b[name] = token
	}
	return "<" + name + ">"
}

// quoteLine writes one line of an answer as it is, if it can be read back.
func quoteLine(s string) string {
	bare, ends := strings.CutSuffix(s, "\r\n")
	if !ends || bare == "" || bare == "..." || strings.ContainsAny(bare[:1], "#>@!\"") || strconv.Quote(bare) != `"`+bare+`"` {
		return strconv.Quote(s)
	}
	return bare
}
