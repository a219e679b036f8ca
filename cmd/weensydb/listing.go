package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"weensydb/wire"
)

// What only a memcache listener answers: lists of keys and statistics.

// connectMemcache is connect for a request that the WeensyDB dialect lacks.
func (s *session) connectMemcache(t target, command string) (*client, error) {
	c, err := s.connect(t, defaultMemcache)
	if err == nil && c.dialect != wire.Memcache {
		err = misused("%s: %s speaks the WeensyDB dialect, which cannot tell; give the address of the memcache listener, such as --server %s",
			command, c.addr, defaultMemcache)
	}
	return c, err
}

type keysCommand struct {
	target
	Prefix string `arg:"" optional:"" name:"PREFIX" help:"Only keys that begin with it."`
}

func (*keysCommand) Help() string {
	return "A key a line, in no order. Keys that are set or deleted meanwhile may be listed or not. The server walks all its items for it, prefix or not. Only a memcache listener answers."
}

func (c *keysCommand) Run(s *session) error {
	conn, err := s.connectMemcache(c.target, "keys")
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.stdout)
	err = conn.keys(c.Prefix, func(key string) error {
		_, err := fmt.Fprintln(out, key)
		return err
	})
	return cmp.Or(err, out.Flush())
}

// keys calls found for each key with the prefix.
func (c *client) keys(prefix string, found func(key string) error) error {
	return c.list(c.dialect.AppendMetaDump(nil), wire.ReplyDumped, func(r *wire.Reply) error {
		key, err := dumpedKey(r.Line)
		if err != nil || !strings.HasPrefix(key, prefix) {
			return err
		}
		return found(key)
	})
}

// list sends a request and calls each for every line of the kind, up to END.
// The first error of each is returned, once all lines are read.
func (c *client) list(request []byte, kind wire.ReplyKind, each func(*wire.Reply) error) error {
	var failed error
	r, err := c.ask(request, kind, wire.ReplyEnd, wire.ReplyOK)
	if err == nil && r.Kind == wire.ReplyOK { // newer versions begin a dump with it
		r, err = c.next(kind, wire.ReplyEnd)
	}
	for err == nil && r.Kind == kind {
		if failed == nil {
			failed = each(r)
		}
		r, err = c.next(kind, wire.ReplyEnd)
	}
	if err != nil {
		return err
	}
	return failed
}

// dumpedKey takes the key from a dump's line, "key=a%20b exp=-1 ...".
func dumpedKey(line []byte) (string, error) {
	field, _, _ := bytes.Cut(line, []byte(" "))
	return url.PathUnescape(strings.TrimPrefix(string(field), "key="))
}

type statsCommand struct {
	target
	What string `arg:"" optional:"" name:"WHAT" words:"settings,items,slabs,sizes,conns,reset" help:"One of settings, items, slabs, sizes, conns, reset; what is general if it is missing."`
}

func (*statsCommand) Help() string {
	return "A line for each: its name, a blank, its value. The names are memcached's. Only a memcache listener answers."
}

func (c *statsCommand) Run(s *session) error {
	conn, err := s.connectMemcache(c.target, "stats")
	if err != nil {
		return err
	}
	if c.What == "reset" {
		return s.say(conn.line(conn.dialect.AppendStats(nil, c.What), wire.ReplyReset))
	}
	if err := wire.CheckKey(wire.Weensy, []byte(c.What)); c.What != "" && err != nil {
		return misused("stats %q: no such statistics", c.What)
	}
	err = conn.list(conn.dialect.AppendStats(nil, c.What), wire.ReplyStat, func(r *wire.Reply) error {
		_, err := fmt.Fprintf(s.stdout, "%s\n", r.Rest)
		return err
	})
	if err != nil && c.What != "" {
		err = fmt.Errorf("stats %s: %w", c.What, err)
	}
	return err
}
