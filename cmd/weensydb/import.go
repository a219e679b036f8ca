package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

type importCommand struct {
	target
	File          string `arg:"" optional:"" name:"FILE" help:"What weensydb export has written. If it is missing or '-': standard input."`
	FromMemcached string `env:"-" placeholder:"ADDR" help:"Move the items of a running memcached, or of a cache, instead: host:port or unix:/path."`
}

func (*importCommand) Help() string {
	return `Items are set in a running server, on its memcache listener. What is there under another key stays. An import that was interrupted can be started again: it sets the same items again.

Kept: key, value, client flags, expiry to the second, CAS token, and the marks stale and won. New: the item's ID and its last access. A line is an object with key (or key_base64) and value (or value_base64); flags, expiry, cas, stale and won may be missing.

From a memcached: keys, values, client flags and remaining times; its other clients go on meanwhile, and what they change may be moved as it was before or as it is after. It must allow lru_crawler metadump. The clocks of this machine and of the server should agree.

What cannot be imported is told with the number of its line, and counted; the exit code is then 1.`
}

func (c *importCommand) Run(s *session) error {
	if c.FromMemcached != "" && c.File != "" {
		return misused("give FILE or --from-memcached, not both")
	}
	conn, err := s.connectMemcache(c.target, "import")
	if err != nil {
		return err
	}
	if c.FromMemcached == conn.addr {
		return misused("--from-memcached %s is the server that the items would go to; give another --server", c.FromMemcached)
	}
	conn.broken = true // it is used up: what follows does not leave it between two replies
	t := &tally{out: s.stderr}
	if c.FromMemcached != "" {
		err = s.moveMemcached(c, conn, t)
	} else {
		err = s.importLines(c.File, conn, t)
	}
	if err != nil {
		return err
	}
	return t.report(s.stdout)
}

// ended adds to an error how far the import came before it.
func (t *tally) ended(err error) error {
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(err, fmt.Errorf("the import has ended early: %s imported; start it again, and it sets them again", plural(t.stored, "item", "items")))
}

// importLines imports a file of lines.
func (s *session) importLines(name string, conn *client, t *tally) error {
	in, err := s.openInput(name)
	if err != nil {
		return err
	}
	defer in.close()
	to := newImporter(conn, t)
	bar := newProgress("importing", s.stderr, slog.New(slog.DiscardHandler))
	defer bar.end()
	source := &counter{source: eager{in, to.out}, total: in.size, show: bar.show}
	lines := &lineReader{in: bufio.NewReaderSize(source, 64<<10)}
	return t.ended(to.finish(to.lines(lines)))
}

// eager sends what is ready before it waits for more.
type eager struct {
	io.Reader
	out *bufio.Writer
}

func (e eager) Read(b []byte) (int, error) {
	e.out.Flush() // its error comes again at the next write
	return e.Reader.Read(b)
}

// lines puts the items of lines until there are no more.
func (i *importer) lines(in *lineReader) error {
	for {
		line, err := in.next()
		name := itemName{line: in.number}
		switch {
		case err == io.EOF:
			return nil
		case err == errLongLine:
			i.tally.misread(name, err)
			continue
		case err != nil:
			return err
		case len(bytes.TrimSpace(line)) == 0:
			continue
		}
		it, err := parseItemLine(line)
		name.key = string(it.key)
		if err != nil {
			i.tally.misread(name, err)
			continue
		}
		if err := i.put(&it, name); err != nil {
			return err
		}
	}
}

// maxItemLine is longer than the line of any item: escapes double a value at most.
const maxItemLine = 2*maxValue + 4<<10

var errLongLine = fmt.Errorf("it is longer than %d bytes", maxItemLine)

// A lineReader cuts its input into lines, and counts them.
type lineReader struct {
	in     *bufio.Reader
	long   []byte // a line that the buffer of in does not hold
	max    int    // bytes of a line; 0: maxItemLine
	number int64  // of the line that next returned, from 1
}

// next returns the next line, which is valid until it is called again. Of one that is
// too long the rest is skipped.
func (l *lineReader) next() ([]byte, error) {
	limit := l.max
	if limit == 0 {
		limit = maxItemLine
	}
	l.number++
	l.long = l.long[:0]
	tooLong := false
	for {
		part, err := l.in.ReadSlice('\n')
		switch {
		case err == nil && !tooLong && len(l.long) == 0:
			return part, nil
		case err != nil && err != bufio.ErrBufferFull && err != io.EOF:
			return nil, err
		}
		if tooLong = tooLong || len(l.long)+len(part) > limit; !tooLong {
			l.long = append(l.long, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case tooLong:
			l.long = nil
			return nil, errLongLine
		case err == io.EOF && len(l.long) == 0:
			return nil, io.EOF
		default:
			return l.long, nil
		}
	}
}
