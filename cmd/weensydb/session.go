package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"time"
)

const defaultTimeout = 10 * time.Second

// A session is what commands run in: one command's of the shell, or all of a
// prompt.
type session struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	prompt  bool   // the commands are typed at a prompt, so stdin holds no values
	newline bool   // a value is followed by a line end: a person reads it, or a line-based script
	server  string // what the prompt's --server says

	clients map[string]*client // the open connections, by address
}

func newSession(stdin io.Reader, stdout, stderr io.Writer) *session {
	return &session{
		stdin: stdin, stdout: stdout, stderr: stderr,
		newline: isTerminal(stdout),
		clients: map[string]*client{},
	}
}

// A target is where a command finds its server.
type target struct {
	Server  string        `placeholder:"ADDR" help:"Address of the server: host:port or unix:/path. Default: ${listener}."`
	Timeout time.Duration `placeholder:"D" default:"${timeout}" help:"How long to wait for the server."`
}

// Where a server listens if nobody says otherwise.
const (
	defaultWeensy   = "127.0.0.1:6162"
	defaultMemcache = "127.0.0.1:11211"
)

// connect gives a connection to the command's server. A connection that has
// ended since the last command is replaced.
func (s *session) connect(t target, otherwise string) (*client, error) {
	if t.Timeout <= 0 {
		return nil, misused("--timeout %v: give a time above 0", t.Timeout)
	}
	addr := cmp.Or(t.Server, s.server, otherwise)
	if c := s.clients[addr]; c != nil {
		if c.alive() {
			c.timeout = t.Timeout
			return c, nil
		}
		c.close()
		delete(s.clients, addr)
		fmt.Fprintf(s.stderr, "The connection to %s was lost; connecting again.\n", addr)
	}
	c, err := dial(addr, t.Timeout)
	if err != nil {
		return nil, err
	}
	s.clients[addr] = c
	return c, nil
}

func (s *session) close() {
	for addr, c := range s.clients {
		c.close()
		delete(s.clients, addr)
	}
}

// report prints an error, if there is one, and returns the exit code. Several
// joined errors are printed a line each.
func (s *session) report(err error) int {
	prefix := "weensydb: "
	if s.prompt {
		prefix = ""
	}
	for _, e := range joinMistakes(nil, err) {
		fmt.Fprintf(s.stderr, "%s%v\n", prefix, e)
	}
	return exitCode(err)
}

// isTerminal reports whether a person is at the other end of f.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull) // a character device, too
	return err != nil || !os.SameFile(info, null)
}
