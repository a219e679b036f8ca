package main

import (
	"bufio"
	"cmp"
	"fmt"

	"weensydb/store"
)

type exportCommand struct {
	target
	File  string `arg:"" optional:"" name:"FILE" help:"Where the lines go. If it is missing or '-': standard output."`
	Force bool   `env:"-" help:"Replace FILE if it exists."`
}

func (*exportCommand) Help() string {
	return `A line of JSON for each item, in no order: what the server held at one instant. Keys and values that are no text are in key_base64 and value_base64. Items that had just expired may be among them; import leaves them out.

A cache (--cache) cannot be exported; weensydb import --from-memcached reads one.`
}

func (c *exportCommand) Run(s *session) error {
	to, file := s.stdout, (*newFile)(nil)
	if name := cmp.Or(c.File, standard); name != standard {
		var err error
		if file, err = createFile(name, c.Force); err != nil {
			return err
		}
		to = file
	}
	b, err := s.export(c.target, bufio.NewWriterSize(to, 64<<10))
	if file != nil {
		if err = file.finish(err); err == nil {
			err = s.say(fmt.Sprintf("%s: %s of position %d", c.File, plural(b.items, "item", "items"), b.Position), nil)
		}
	}
	if err == nil && b.image.FlushDue != store.Never {
		fmt.Fprintf(s.stderr, "weensydb: a flush_all is due at %s, which no line tells\n", timeText(b.image.FlushDue))
	}
	return ended(err)
}

func (s *session) export(t target, out *bufio.Writer) (backup, error) {
	conn, err := s.connect(t, defaultWeensy)
	if err != nil {
		return backup{}, err
	}
	w := &lineWriter{out: out}
	b, err := s.download(conn, nil, w.each)
	if w.failed != nil {
		return b, w.failed
	}
	return b, cmp.Or(err, out.Flush())
}
