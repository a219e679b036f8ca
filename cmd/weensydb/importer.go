package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"weensydb/wire"
)

// An importer stores items in a server: requests go out while the replies to earlier
// ones come in. It keeps no values, so that its memory is bounded.
type importer struct {
	client *client
	out    *bufio.Writer
	buf    []byte
	sent   chan sentItem // whose replies are outstanding, in their order
	over   chan struct{} // closed when no more replies are read
	lost   error         // why, if the connection was lost; to be read after over
	tally  *tally
}

// sentItem is an item of which replies are outstanding.
type sentItem struct {
	name    itemName
	replies int
}

// outstanding bounds how many items are sent before the first is answered.
const outstanding = 1024

func newImporter(c *client, t *tally) *importer {
	i := &importer{
		client: c, out: bufio.NewWriterSize(deadlineWriter{c}, 64<<10),
		sent: make(chan sentItem, outstanding), over: make(chan struct{}), tally: t,
	}
	go i.receive()
	return i
}

// deadlineWriter writes to a server that must not take forever.
type deadlineWriter struct{ client *client }

func (w deadlineWriter) Write(b []byte) (int, error) {
	w.client.conn.SetWriteDeadline(time.Now().Add(w.client.timeout))
	return w.client.conn.Write(b)
}

// put sends an item. An error says that the connection is lost, or soon will be.
func (i *importer) put(it *movedItem, name itemName) error {
	exptime, expired, late := it.exptime(unixMilli())
	if expired {
		i.tally.expire()
		return nil
	}
	if late {
		i.tally.shorten()
	}
	var replies int
	i.buf, replies = appendItem(i.buf[:0], it, exptime)
	next := sentItem{name, replies}
	select {
	case i.sent <- next:
	default:
		if err := i.out.Flush(); err != nil { // what is waited for must have been sent
			return err
		}
		select {
		case i.sent <- next:
		case <-i.over:
			return i.lost
		}
	}
	_, err := i.out.Write(i.buf)
	if cap(i.buf) > 1<<20 {
		i.buf = nil
	}
	return err
}

// finish sends what is left, waits for all replies and reports what became of the
// connection. err is what ended the work, or nil.
func (i *importer) finish(err error) error {
	if flushed := i.out.Flush(); err == nil {
		err = flushed
	}
	close(i.sent)
	<-i.over
	if i.lost != nil {
		return i.lost
	}
	return err
}

// receive takes the replies.
func (i *importer) receive() {
	defer close(i.over)
	for it := range i.sent {
		var refusal []byte
		for range it.replies {
			r, err := i.client.receive()
			if err != nil {
				i.lost = err
				i.client.close()
				return
			}
			if r.Kind != wire.ReplyMetaHeader && refusal == nil {
				refusal = bytes.Clone(r.Line)
			}
		}
		if refusal != nil {
			i.tally.refuse(it.name, string(refusal))
		} else {
			i.tally.store()
		}
	}
}

// itemName is how an item is called when something is wrong with it.
type itemName struct {
	line int64 // 0: it comes from no file
	key  string
}

func (n itemName) String() string {
	switch {
	case n.line == 0:
		return fmt.Sprintf("key %q", n.key)
	case n.key == "":
		return fmt.Sprintf("line %d", n.line)
	}
	return fmt.Sprintf("line %d, key %q", n.line, n.key)
}

// A tally counts what becomes of items, and tells of the first that fail.
type tally struct {
	mu      sync.Mutex // guards the rest
	out     io.Writer  // where failures are told
	stored  int64
	expired int64
	short   int64 // stored, to expire earlier than they should
	gone    int64 // deleted, evicted or expired before they could be read
	large   int64 // too large for the server
	refused int64 // for other reasons
	unread  int64 // could not be read
}

// maxTold bounds how many failures are told one by one.
const maxTold = 20

func (t *tally) store()   { t.count(&t.stored) }
func (t *tally) expire()  { t.count(&t.expired) }
func (t *tally) shorten() { t.count(&t.short) }
func (t *tally) miss()    { t.count(&t.gone) }

func (t *tally) count(n *int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n++
}

// refuse counts an item that the server has refused.
func (t *tally) refuse(name itemName, reply string) {
	n := &t.refused
	if strings.Contains(reply, "too large") {
		n = &t.large
	}
	t.fail(n, name, reply)
}

// misread counts an item that cannot be read, or that no server would take.
func (t *tally) misread(name itemName, why error) { t.fail(&t.unread, name, why.Error()) }

func (t *tally) fail(n *int64, name itemName, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n++
	switch told := t.failuresLocked(); {
	case told <= maxTold:
		fmt.Fprintf(t.out, "weensydb: %v: %s\n", name, why)
	case told == maxTold+1:
		fmt.Fprintln(t.out, "weensydb: further ones are only counted")
	}
}

func (t *tally) failuresLocked() int64 { return t.large + t.refused + t.unread }

// report says what became of all items. The failure, if some could not be imported,
// has been told.
func (t *tally) report(out io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := fmt.Fprintln(out, plural(t.stored, "item", "items"), "imported")
	for _, l := range []struct {
		n    int64
		text string
	}{
		{t.expired, "left out: expired"},
		{t.gone, "left out: gone before they could be read"},
		{t.short, "of those imported expire on 2038-01-19, the last day that the protocol knows, and not later"},
		{t.large, "not imported: too large for the server"},
		{t.refused, "not imported: refused by the server"},
		{t.unread, "not imported: not readable"},
	} {
		if l.n > 0 {
			fmt.Fprintln(out, l.n, l.text)
		}
	}
	if t.failuresLocked() > 0 {
		return &failure{exitRefused, nil}
	}
	return err
}
