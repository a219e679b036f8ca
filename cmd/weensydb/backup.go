package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"weensydb/stable"
	"weensydb/store"
	"weensydb/wire"
)

type snapshotCommand struct {
	target
}

func (*snapshotCommand) Help() string {
	return "The server writes all that it has to its directory, as it is at one instant, while it goes on. It does so by itself when the log has grown, and when it stops. A backup is one that comes here: see weensydb backup."
}

func (c *snapshotCommand) Run(s *session) error {
	conn, err := s.connect(c.target, defaultWeensy)
	if err != nil {
		return err
	}
	r, err := conn.ask(conn.dialect.AppendSnapshot(nil), wire.ReplySnapshot)
	if err != nil {
		return err
	}
	return s.say(fmt.Sprintf("position %d, %d bytes", r.ID, r.Number), nil)
}

type backupCommand struct {
	target
	File  string `arg:"" name:"FILE" help:"Where the backup goes; '-' is standard output."`
	Force bool   `env:"-" help:"Replace FILE if it exists."`
}

func (*backupCommand) Help() string {
	return `The server goes on meanwhile; the backup is what it held at one instant. Every checksum is verified before FILE appears under its name, and it is then on the disk.

weensydb restore FILE DIR makes a directory of it that a server can start with. A cache (--cache) has no backup.`
}

func (c *backupCommand) Run(s *session) error {
	to, file, err := s.createOutput(c.File, c.Force)
	if err != nil {
		return err
	}
	conn, err := s.connect(c.target, defaultWeensy)
	var b backup
	if err == nil {
		b, err = s.download(conn, to, nil)
	}
	if file == nil {
		return err
	}
	if err = file.finish(err); err != nil {
		return err
	}
	return s.say(fmt.Sprintf("%s: position %d, %d bytes, %s: verified", c.File, b.Position, b.Size, plural(b.items, "item", "items")), nil)
}

// createOutput begins the file of that name, or gives standard output and no file.
// Bytes are no sight for a person.
func (s *session) createOutput(name string, force bool) (io.Writer, *newFile, error) {
	if name == standard {
		if isTerminal(s.stdout) {
			return nil, nil, misused("standard output is a terminal: give the name of a file")
		}
		return s.stdout, nil, nil
	}
	file, err := createFile(name, force)
	if err != nil {
		return nil, nil, err
	}
	return file, file, nil
}

// A backup is what is known of one that was read.
type backup struct {
	stable.SnapshotInfo
	image store.Image
	items int64
}

// download has the server take a backup, and reads it: it goes to a writer as it is,
// if there is one, each block is checked, and its items are given to each, as
// readBackup does.
func (s *session) download(c *client, to io.Writer, each eachBlock) (backup, error) {
	stop := c.closeOnInterrupt()
	defer stop()
	r, err := c.ask(c.dialect.AppendBackup(nil), wire.ReplyBackup)
	if err != nil {
		return backup{}, err
	}
	bar := newProgress("receiving", s.stderr, slog.New(slog.DiscardHandler))
	size := int64(r.Number)
	bytes := &body{client: c, left: size, size: size}
	var source io.Reader = &counter{source: bytes, total: size, show: bar.show}
	if to != nil {
		source = io.TeeReader(source, to)
	}
	b, err := readBackup(bufio.NewReaderSize(source, 256<<10), "the backup from "+c.addr, each)
	bar.end()
	if err == nil {
		err = bytes.end()
	}
	if err != nil {
		c.broken = true // nobody knows where the next reply begins
	}
	return b, err
}

// closeOnInterrupt lets Ctrl-C end what goes on with the server, so that there is
// time to clean up.
func (c *client) closeOnInterrupt() (stop func()) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	disarm := context.AfterFunc(ctx, c.close)
	return func() {
		disarm()
		cancel()
	}
}

// A body is the bytes that follow a reply, and the line end after them.
type body struct {
	client *client
	left   int64
	size   int64
}

func (b *body) Read(to []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.client.take(to[:min(int64(len(to)), b.left)])
	b.left -= int64(n)
	if err != nil && b.left > 0 {
		return n, b.lost(err)
	}
	return n, nil
}

// lost says that the bytes end too early. What there is of them is no backup.
func (b *body) lost(err error) error {
	c := b.client
	switch {
	case errors.Is(err, net.ErrClosed):
		return refused("interrupted after %d of %d bytes", b.size-b.left, b.size)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("it sent nothing for %v", c.timeout)
	case errors.Is(err, io.EOF):
		err = errors.New("it closed the connection")
	}
	return unreachable("%s: only %d of %d bytes came: %w", c.addr, b.size-b.left, b.size, cause(err))
}

// end takes the line end.
func (b *body) end() error {
	var line [2]byte
	for n := 0; n < len(line); {
		k, err := b.client.take(line[n:])
		if n += k; k == 0 && err != nil {
			return b.lost(err)
		}
	}
	if string(line[:]) != "\r\n" {
		return unreachable("%s: the backup is followed by something else", b.client.addr)
	}
	return nil
}

// take reads bytes that are no reply.
func (c *client) take(to []byte) (int, error) {
	c.start += c.taken
	c.taken = 0
	if c.start < len(c.in) {
		n := copy(to, c.in[c.start:])
		c.start += n
		return n, nil
	}
	c.conn.SetReadDeadline(time.Now().Add(c.timeout))
	return c.conn.Read(to)
}

// workers is how many goroutines check and decode the blocks of a backup.
func workers() int { return runtime.GOMAXPROCS(0) }
