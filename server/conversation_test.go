package server_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weensydb"
)

var (
	update  = flag.Bool("update", false, "write what the server answers into the conversations")
	against = flag.String("against", "", "a memcached program to hold testdata/memcached against, one process per file")
)

// TestDialect shows DIALECT.md, TestMemcached shows MEMCACHED.md: each file
// twice, sent as written and byte by byte.
func TestDialect(t *testing.T) {
	if *against != "" {
		t.Skip("memcached does not speak the dialect")
	}
	converse(t, "testdata/dialect/*.txt")
}

func TestMemcached(t *testing.T) { converse(t, "testdata/memcached/*.txt") }

func converse(t *testing.T, glob string) {
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no conversations (%v)", glob, err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		c, err := parseConversation(file, string(source))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			hold(t, c, whole)
			if *update {
				if err := os.WriteFile(file, []byte(c.String()), 0o644); err != nil {
					t.Error(err)
				}
			}
		})
		if !*update {
			t.Run(name+"/bytewise", func(t *testing.T) { hold(t, c, bytewise) })
		}
	}
}

func hold(t *testing.T, c *conversation, cut cutting) {
	t.Parallel()
	p := openPeer(t, c)
	if err := p.hold(c, cut); err != nil {
		t.Error(err)
	}
}

// TestConversationCatches holds a conversation that is right, and then spoils
// it in every way that a server could be wrong.
func TestConversationCatches(t *testing.T) {
	const right = `# MEMCACHED.md
listener: memcache
> set a 0 60 1
> x
STORED
> gets a
VALUE a 0 1 <cas1>
"x\r\n"
END
> set a 0 60 1
> y
STORED
> mg a c t
HD c<cas2> t<~60>
> quit
!closed
@memcache/2
> mn
MN
`
	for _, c := range []struct{ name, old, new, fault string }{
		{"right", "", "", ""},
		{"another byte", "STORED\n>", "STORES\n>", "want"},
		{"another value", `"x`, `"z`, "want"},
		{"a byte too few", `"x\r\n"`, `"x\r"`, "want"},
		{"a byte too many", `"x\r\n"`, `"x\r\n\r\n"`, "want"},
		{"an answer too few", "\nMN", "", "nothing more"},
		{"an answer too many", "\nMN", "\nMN\nMN", "want"},
		{"another time", "t<~60>", "t<~61>", "want"},
		{"one token for two", "<cas2>", "<cas1>", "want"},
		{"a close that does not come", "> quit", "> mn\nMN", "did not close"},
		{"a close before the answer", "!closed", "MN", "want"},
		{"nothing to skip to", "STORED", "...\nSTARED", "want"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			talk, err := parseConversation(c.name, strings.Replace(right, c.old, c.new, 1))
			if err != nil {
				t.Fatal(err)
			}
			p := openPeer(t, talk)
			if p.recording || *against != "" {
				t.Skip("this is about our own server")
			}
			if c.fault != "" {
				p.patience = 100 * time.Millisecond
			}
			err = p.hold(talk, whole)
			switch {
			case c.fault == "" && err != nil:
				t.Error(err)
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
				t.Errorf("fault %v, want one with %q", err, c.fault)
			}
		})
	}
}

// A cutting says into which pieces the bytes of a request are written.
type cutting func(s string) []string

func whole(s string) []string { return []string{s} }

// bytewise cuts single bytes, and of a long request the first and the last.
func bytewise(s string) (pieces []string) {
	const edge = 300
	for i := 0; i < len(s); {
		n := 1
		if i >= edge && len(s)-i > edge {
			n = min(4093, len(s)-i-edge)
		}
		pieces = append(pieces, s[i:i+n])
		i += n
	}
	return pieces
}

// A peer is a server on the other side of a conversation.
type peer struct {
	weensy, memcache string // addresses
	now              func() time.Time
	advance          func(time.Duration)
	clockRuns        bool // by itself, so that times are approximate
	recording        bool
	patience         time.Duration // how long an answer may take before it counts as missing
}

// epoch is when the fake clocks begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// openPeer opens an empty database, or starts the program of -against.
func openPeer(t *testing.T, c *conversation) *peer {
	if *against != "" {
		if c.differs {
			t.Skip("memcached is known to differ")
		}
		for _, l := range c.lines {
			if l.step > 4*time.Second {
				t.Skip("memcached's clock cannot be moved")
			}
		}
		addr := startMemcached(t, *against)
		return &peer{memcache: addr, now: time.Now, advance: time.Sleep, clockRuns: true, recording: *update, patience: patience}
	}
	clock := &fakeClock{now: epoch}
	db := openDB(t, weensydb.Config{Cache: c.cache, Now: clock.Now})
	return &peer{
		weensy: db.WeensyAddr(), memcache: db.MemcacheAddr(),
		now: clock.Now, advance: clock.Advance, recording: *update, patience: patience,
	}
}

// openDB opens a database with both listeners on free ports until the test ends.
func openDB(t testing.TB, cfg weensydb.Config) *weensydb.DB {
	t.Helper()
	cfg.Weensy, cfg.Memcache = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
	cfg.Memory, cfg.Dir = 64<<20, t.TempDir()
	db, err := weensydb.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

type fakeClock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A talk is one conversation that is being held.
type talk struct {
	peer  *peer
	cut   cutting
	conns map[string]*talkConn
	conn  *talkConn // the one that the next line is about
	names names
}

type talkConn struct {
	*net.TCPConn
	in       *bufio.Reader
	patience time.Duration
}

const patience = 10 * time.Second // see peer

// hold holds a conversation with p. Recording, it replaces c's answers.
func (p *peer) hold(c *conversation, cut cutting) error {
	k := &talk{peer: p, cut: cut, conns: map[string]*talkConn{}, names: names{}}
	defer func() {
		for _, conn := range k.conns {
			conn.Close()
		}
	}()
	if err := k.use(c.listener); err != nil {
		return err
	}
	var recorded []line
	for i := 0; i < len(c.lines); i++ {
		l := c.lines[i]
		if p.recording && (l.kind == lineExpect || l.kind == lineAny) {
			continue
		}
		recorded = append(recorded, l)
		if err := k.do(c, i); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", c.name, i+1, l.source, err)
		}
		if p.recording && l.kind == lineSend && (i+1 == len(c.lines) || c.lines[i+1].kind != lineSend) {
			recorded = append(recorded, k.names.record(k.quiet())...)
		}
	}
	if p.recording {
		c.lines = recorded
	}
	for name, conn := range k.conns {
		conn.CloseWrite()
		if err := conn.closed(); err != nil {
			return fmt.Errorf("%s: at the end, connection %s: %w", c.name, name, err)
		}
	}
	return nil
}

// do plays line i of c.
func (k *talk) do(c *conversation, i int) error {
	switch l := c.lines[i]; l.kind {
	case lineSend:
		k.send(k.names.send(l.text, k.peer.now()))
	case lineExpect:
		return k.expect(l.text, i > 0 && c.lines[i-1].kind == lineAny)
	case lineConn:
		return k.use(l.text)
	case lineClock:
		k.peer.advance(l.step)
	case lineHalfClose:
		return k.conn.CloseWrite()
	case lineClosed:
		return k.conn.closed()
	}
	return nil
}

// use turns to a connection, and opens it if it is new.
func (k *talk) use(name string) error {
	if k.conns[name] == nil {
		addr := k.peer.memcache
		if strings.HasPrefix(name, "weensy") {
			addr = k.peer.weensy
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		k.conns[name] = &talkConn{conn.(*net.TCPConn), bufio.NewReader(conn), k.peer.patience}
	}
	k.conn = k.conns[name]
	return nil
}

// send cannot fail: if the server has closed, that shows in what it answers.
func (k *talk) send(s string) {
	for _, piece := range k.cut(s) {
		k.conn.SetWriteDeadline(time.Now().Add(k.peer.patience))
		if _, err := io.WriteString(k.conn, piece); err != nil {
			return
		}
	}
}

// expect reads the answer that text describes. Bytes that cannot belong to it
// are an error at once; lines before it are skipped if anything may precede.
func (k *talk) expect(text string, anything bool) error {
	k.conn.SetReadDeadline(time.Now().Add(k.peer.patience))
	if macro.MatchString(text) || anything {
		for {
			got, err := k.conn.in.ReadString('\n')
			if k.names.matches(text, got, k.peer.clockRuns) {
				return nil
			}
			if err != nil || !anything {
				return fmt.Errorf("got %q, want %q (%w)", got+k.quiet(), text, err)
			}
		}
	}
	want := repeat(text)
	for i := 0; i < len(want); i++ {
		b, err := k.conn.in.ReadByte()
		if err != nil {
			return fmt.Errorf("got %q, want %q: %w", shorten(want[:i]), shorten(want), err)
		}
		if b != want[i] {
			return fmt.Errorf("got %q, want %q", shorten(want[:i]+string([]byte{b})+k.quiet()), shorten(want))
		}
	}
	return nil
}

// quiet reads what comes until the server has been quiet for a moment. What a
// test decides never depends on it: it records, and words failures.
func (k *talk) quiet() string {
	var got strings.Builder
	for {
		k.conn.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
		b, err := k.conn.in.ReadByte()
		if err != nil {
			return got.String()
		}
		got.WriteByte(b)
	}
}

// closed wants the server to close without another byte. A reset is a close:
// bytes that the server did not want may still have been on their way.
func (c *talkConn) closed() error {
	c.SetReadDeadline(time.Now().Add(c.patience))
	rest, err := io.ReadAll(c.in)
	if len(rest) > 0 {
		return fmt.Errorf("got %q, want nothing more", shorten(string(rest)))
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("the server did not close")
	}
	return nil
}

// shorten keeps a failure readable.
func shorten(s string) string {
	const most = 400
	if len(s) <= most {
		return s
	}
	return fmt.Sprintf("%s... (%d bytes)", s[:most], len(s))
}
