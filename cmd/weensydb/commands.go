package main

import (
	"fmt"
	"io"
	"time"

	"weensydb"
	"weensydb/wire"
)

// clientCommands are the commands that speak to a server, in the shell and at
// the prompt.
type clientCommands struct {
	Get    getCommand    `cmd:"" group:"Items:" help:"Print the value of a key."`
	Set    setCommand    `cmd:"" group:"Items:" help:"Store a value."`
	Delete deleteCommand `cmd:"" group:"Items:" help:"Delete a key."`
	Exch   exchCommand   `cmd:"" group:"Items:" help:"Swap the values of two keys in one atomic step."`
	Cas    casCommand    `cmd:"" group:"Items:" help:"Store a value if the old one is still there (compare and set)."`
	Incr   incrCommand   `cmd:"" group:"Items:" help:"Add to a number and print the sum."`

	Keys     keysCommand     `cmd:"" set:"listener=${memcache}" group:"About a server:" help:"Print all keys, or those with a prefix."`
	Stats    statsCommand    `cmd:"" set:"listener=${memcache}" group:"About a server:" help:"Print a server's statistics."`
	Snapshot snapshotCommand `cmd:"" set:"timeout=${patience}" group:"About a server:" help:"Have a server write all that it has to its disk."`
	Ping     pingCommand     `cmd:"" group:"About a server:" help:"Ask whether a server answers."`
	Version  versionCommand  `cmd:"" set:"listener=${memcache}" group:"About a server:" help:"Print the versions of this program and of a server."`
}

type getCommand struct {
	target
	Key string `arg:"" name:"KEY" help:"The key."`
}

func (*getCommand) Help() string {
	return "The bytes of the value are printed as they are; a line end follows only on a terminal."
}

func (c *getCommand) Run(s *session) error {
	conn, err := s.connect(c.target, defaultWeensy)
	if err != nil {
		return err
	}
	value, err := conn.get(c.Key)
	if err != nil {
		return err
	}
	if s.newline {
		value = append(value, '\n')
	}
	_, err = s.stdout.Write(value)
	return err
}

type setCommand struct {
	target
	Key   string  `arg:"" name:"KEY" help:"The key: 1 to 250 bytes without white space."`
	Value *string `arg:"" optional:"" name:"VALUE" help:"The value. If it is missing or '-', standard input is read."`
}

func (*setCommand) Help() string {
	return "A value that begins with '-' goes after '--': weensydb set -- temperature -5"
}

func (c *setCommand) Run(s *session) error {
	value, err := s.value(c.Value)
	if err != nil {
		return err
	}
	conn, err := s.connect(c.target, defaultWeensy)
	if err != nil {
		return err
	}
	return s.say(conn.set(c.Key, value))
}

// value is a command's value: the argument, or what stdin holds.
func (s *session) value(arg *string) ([]byte, error) {
	if arg != nil && (*arg != "-" || s.prompt) {
		return []byte(*arg), nil
	}
	if s.prompt {
		return nil, misused("set wants a value after the key; in quotes, if it has blanks")
	}
	value, err := io.ReadAll(io.LimitReader(s.stdin, maxValue+1))
	if err == nil && len(value) > maxValue {
		err = misused("standard input holds more than %d bytes", maxValue)
	}
	return value, err
}

// say prints a line, unless there is an error.
func (s *session) say(line string, err error) error {
	if err == nil {
		_, err = fmt.Fprintln(s.stdout, line)
	}
	return err
}

type deleteCommand struct {
	target
	Key string `arg:"" name:"KEY" help:"The key."`
}

func (c *deleteCommand) Run(s *session) error {
	conn, err := s.connect(c.target, defaultWeensy)
	if err != nil {
		return err
	}
	return s.say(conn.delete(c.Key))
}

type exchCommand struct {
	target
	Key1 string `arg:"" name:"KEY1" help:"One key."`
	Key2 string `arg:"" name:"KEY2" help:"The other one."`
}

func (*exchCommand) Help() string {
	return "If either key is missing, nothing is changed. IDs and expiry stay with the keys."
}

func (c *exchCommand) Run(s *session) error {
	conn, err := s.connect(c.target, defaultWeensy)
	if err != nil {
		return err
	}
	return s.say(conn.exchange(c.Key1, c.Key2))
}

type casCommand struct {
	target
	Key string `arg:"" name:"KEY" help:"The key."`
	Old string `arg:"" name:"OLD" help:"The value that must be there."`
	New string `arg:"" name:"NEW" help:"The value to store."`
}

func (*casCommand) Help() string {
	return "The answer is EXISTS if another value is there. On a memcache listener it is gets and cas, so the item loses its expiry."
}

func (c *casCommand) Run(s *session) error {
	conn, err := s.connect(c.target, defaultWeensy)
	if err != nil {
		return err
	}
	return s.say(conn.compareSet(c.Key, []byte(c.Old), []byte(c.New)))
}

type incrCommand struct {
	target
	Key string `arg:"" name:"KEY" help:"The key; its value must be a number, 0 to 2^64-1."`
	N   uint64 `arg:"" optional:"" default:"1" name:"N" help:"What to add; the sum wraps at 2^64."`
}

func (c *incrCommand) Run(s *session) error {
	conn, err := s.connect(c.target, defaultWeensy)
	if err != nil {
		return err
	}
	sum, err := conn.incr(c.Key, c.N)
	return s.say(fmt.Sprint(sum), err)
}

type pingCommand struct {
	target
}

func (c *pingCommand) Run(s *session) error {
	conn, err := s.connect(c.target, defaultWeensy)
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := conn.ask(wire.Memcache.AppendVersion(nil), wire.ReplyVersion, wire.ReplyError); err != nil {
		return err
	}
	took := float64(time.Since(began)) / float64(time.Millisecond)
	return s.say(fmt.Sprintf("%s answered in %.3f ms, in the %v dialect", conn.addr, took, conn.dialect), nil)
}

type versionCommand struct {
	target
}

func (*versionCommand) Help() string {
	return "Only a memcache listener tells the server's version. This program's alone: weensydb --version"
}

func (c *versionCommand) Run(s *session) error {
	if err := s.say("client "+weensydb.Version, nil); err != nil {
		return err
	}
	conn, err := s.connectMemcache(c.target, "version")
	if err != nil {
		return err
	}
	return s.say("server "+conn.version, nil)
}
