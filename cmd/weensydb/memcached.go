package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"weensydb/wire"
)

// A memcachedSource reads all items of a running memcached: first the list of the
// keys, into a file, and then the items. While memcached lists keys it holds locks
// whenever the reader is slow, and would keep its other clients waiting, us among
// them; so nobody may be slower than the disk.
type memcachedSource struct {
	list, items *client
	keys        *os.File // the beginnings of the lines of the list: "key=K exp=T"
	count       int64
	timed       bool          // some expire
	behind      int64         // see readClock
	asked       chan batch    // whose items are on their way
	quit        chan struct{} // closed when nothing more is wanted
}

// A batch is what is asked for at once.
type batch struct {
	keys []listedKey
	at   int64 // Unix ms at which it was asked for
}

type listedKey struct {
	key    string
	expiry int64 // Unix ms by the clock of this machine, when it was listed; or store.Never
}

// askedKeys is how many items are asked for at once.
const askedKeys = 64

// moveMemcached imports the items of a memcached.
func (s *session) moveMemcached(c *importCommand, conn *client, t *tally) error {
	m, err := openMemcached(c.FromMemcached, c.Timeout)
	if err != nil {
		return err
	}
	defer m.close()
	if err := m.listKeys(s.newCountBar("listing keys")); err != nil {
		return err
	}
	if err := m.readClock(); err != nil {
		return err
	}
	to := newImporter(conn, t)
	return t.ended(to.finish(m.move(to, s.newCountBar("importing"))))
}

// newCountBar is a bar that counts items.
func (s *session) newCountBar(doing string) *progress {
	bar := newProgress(doing, s.stderr, slog.New(slog.DiscardHandler))
	bar.items = true
	return bar
}

func openMemcached(addr string, timeout time.Duration) (*memcachedSource, error) {
	m := &memcachedSource{asked: make(chan batch, 1), quit: make(chan struct{})}
	for _, c := range []**client{&m.list, &m.items} {
		conn, err := dial(addr, timeout)
		if err != nil {
			if m.list != nil {
				m.list.close()
			}
			return nil, fmt.Errorf("--from-memcached: %w", err)
		}
		conn.in = slices.Grow(conn.in, 256<<10)
		if *c = conn; conn.dialect != wire.Memcache {
			conn.close()
			return nil, misused("--from-memcached %s speaks the WeensyDB dialect; give the address of the memcache listener", addr)
		}
	}
	var err error
	m.keys, err = os.CreateTemp("", "weensydb-keys-*")
	return m, err
}

func (m *memcachedSource) close() {
	close(m.quit)
	m.list.close()
	m.items.close()
	m.keys.Close()
	os.Remove(m.keys.Name())
}

// listKeys has memcached list its keys. By its hash table it lists each once; older
// versions know only the way along the queues of eviction, in which an item may
// overtake the reader.
func (m *memcachedSource) listKeys(bar *progress) error {
	defer bar.end()
	out := bufio.NewWriterSize(m.keys, 256<<10)
	err := m.dump("lru_crawler metadump hash\r\n", out, bar)
	if err == errUnknownWay {
		err = m.dump("lru_crawler metadump all\r\n", out, bar)
	}
	if err == nil {
		err = out.Flush()
	}
	return err
}

// errUnknownWay: the server does not list its keys in this way.
var errUnknownWay = errors.New("lru_crawler metadump is not known")

func (m *memcachedSource) dump(request string, to *bufio.Writer, bar *progress) error {
	r, err := m.dumpBegins(request)
	for ; err == nil && r.Kind == wire.ReplyDumped; r, err = m.list.receive() {
		words := bytes.SplitN(r.Line, []byte(" "), 3)
		line := bytes.Join(words[:min(2, len(words))], []byte(" "))
		if _, err := to.Write(append(line, '\n')); err != nil {
			return err
		}
		m.timed = m.timed || len(words) > 1 && string(words[1]) != "exp=-1"
		m.count++
		bar.show(m.count, -1)
	}
	if err != nil {
		return err
	}
	if r.Kind != wire.ReplyEnd {
		return refused("%s: the list of keys ends with %s", m.list.addr, r.Line)
	}
	return nil
}

// crawlerPause is how long it waits for another dump to end before it asks again.
const crawlerPause = 100 * time.Millisecond

// dumpBegins asks for a list and returns its first line.
func (m *memcachedSource) dumpBegins(request string) (*wire.Reply, error) {
	for end := time.Now().Add(m.list.timeout); ; time.Sleep(crawlerPause) {
		r, err := m.list.roundTrip([]byte(request))
		if err == nil && r.Kind == wire.ReplyOK {
			r, err = m.list.receive()
		}
		switch {
		case errors.Is(err, wire.ErrReply):
			return m.refusal(err)
		case err != nil:
			return nil, err
		case r.Kind == wire.ReplyDumped || r.Kind == wire.ReplyEnd:
			return r, nil
		case r.Kind != wire.ReplyBusy || time.Now().After(end):
			return nil, refused("%s does not list its keys: %s", m.list.addr, r.Line)
		}
	}
}

// refusal takes a line that only this request is answered with.
func (m *memcachedSource) refusal(err error) (*wire.Reply, error) {
	line, _, _ := bytes.Cut(m.list.in[m.list.start:], []byte("\r\n"))
	m.list.start += len(line) + 2
	switch word, _, _ := strings.Cut(string(line), " "); word {
	case "BADCLASS":
		return nil, errUnknownWay
	case "NOTSTARTED": // there are no items
		return &wire.Reply{Kind: wire.ReplyEnd}, nil
	}
	return nil, err
}

// ask asks for the items of the keys that were listed.
func (m *memcachedSource) ask() error {
	if _, err := m.keys.Seek(0, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewScanner(m.keys)
	for {
		var request []byte
		var keys []listedKey
		for len(keys) < askedKeys && lines.Scan() {
			l, err := m.listed(lines.Bytes())
			if err != nil {
				return err
			}
			if keys = append(keys, l); canCarry([]byte(l.key)) {
				request = appendFetch(request, []byte(l.key))
			}
		}
		if len(keys) == 0 {
			return lines.Err()
		}
		select {
		case m.asked <- batch{keys, unixMilli()}:
		case <-m.quit:
			return nil
		}
		m.items.conn.SetWriteDeadline(time.Now().Add(m.items.timeout))
		if _, err := m.items.conn.Write(request); err != nil {
			return unreachable("%s: %w", m.items.addr, cause(err))
		}
	}
}

// listed takes a line of the list apart.
func (m *memcachedSource) listed(line []byte) (l listedKey, err error) {
	if l.key, err = dumpedKey(line); err != nil {
		return l, fmt.Errorf("a key in the list cannot be read: %w", err)
	}
	_, word, _ := strings.Cut(string(line), " exp=")
	if at, err := strconv.ParseInt(word, 10, 64); err == nil && at > 0 {
		l.expiry = at*1000 + m.behind
	}
	return l, nil
}

// eagerConn sends what is ready for the target before it waits for the source.
type eagerConn struct {
	net.Conn
	to *importer
}

func (c eagerConn) Read(b []byte) (int, error) {
	c.to.out.Flush() // its error comes again at the next write
	return c.Conn.Read(b)
}

// move asks for the items, and takes them as they come.
func (m *memcachedSource) move(to *importer, bar *progress) error {
	defer bar.end()
	m.items.conn = eagerConn{m.items.conn, to}
	failed := make(chan error, 1)
	go func() {
		defer close(m.asked)
		failed <- m.ask()
	}()
	done := int64(0)
	for b := range m.asked {
		for _, l := range b.keys {
			if err := m.take(l, b.at, to); err != nil {
				return err
			}
			done++
		}
		bar.show(done, m.count)
	}
	return <-failed
}

// take receives the item of a key, which was asked for at a time.
func (m *memcachedSource) take(l listedKey, asked int64, to *importer) error {
	name := itemName{key: l.key}
	if !canCarry([]byte(l.key)) {
		to.tally.misread(name, errLongKey)
		return nil
	}
	r, err := m.items.receive()
	if err != nil {
		return err
	}
	switch r.Kind {
	case wire.ReplyMetaMiss:
		to.tally.miss()
	case wire.ReplyMetaValue:
		it, err := fetched(l, r, asked, unixMilli())
		if err != nil {
			to.tally.misread(name, err)
			return nil
		}
		return to.put(&it, name)
	default:
		to.tally.misread(name, errors.New(string(r.Line)))
	}
	return nil
}
