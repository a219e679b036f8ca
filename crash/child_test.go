package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"weensydb"
)

// ordersVariable is the environment variable that makes the test binary a server.
const ordersVariable = "WEENSYDB_CRASH_SERVER"

// longWait is how long a test waits for what must happen: long enough for a
// loaded machine, since nothing is measured by it.
const longWait = 30 * time.Second

// orders say how a server is opened. They pass through the environment as JSON.
type orders struct {
	Dir        string
	Durability weensydb.Durability
	Sockets    bool // listen on Unix sockets beside Dir, else on TCP
	Snapshots  bool // take one after the other, all the time
}

// addresses are where a server listens. It prints them as JSON on one line.
type addresses struct{ Weensy, Memcache string }

func (o orders) config() weensydb.Config {
	c := weensydb.Config{
		Weensy:       []string{"127.0.0.1:0"},
		Memcache:     []string{"127.0.0.1:0"},
		Dir:          o.Dir,
		Durability:   o.Durability,
		Memory:       32 << 20,
		MaxItemSize:  256 << 10,
		SegmentSize:  1 << 20,
		DrainTimeout: 5 * time.Second,
		Logger:       slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if o.Sockets {
		c.Weensy = []string{"unix:" + o.Dir + ".w"}
		c.Memcache = []string{"unix:" + o.Dir + ".m"}
	}
	return c
}

// serve is the server's process. It ends in order when its standard input does,
// which also happens when the test dies.
func serve(text string) (exitCode int) {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fail(err)
	}
	db, err := weensydb.Open(o.config())
	if err != nil {
		return fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(addresses{db.WeensyAddr(), db.MemcacheAddr()}); err != nil {
		return fail(err)
	}
	if o.Snapshots {
		go func() {
			for db.Snapshot(context.Background()) == nil {
			}
		}()
	}
	io.Copy(io.Discard, os.Stdin) // until the end, however it comes
	if err := db.Close(); err != nil {
		return fail(err)
	}
	return 0
}

// A child is a server in a process of its own.
type child struct {
	addresses
	command *exec.Cmd
	stdin   io.Closer
	stdout  *bufio.Reader
	stderr  *bytes.Buffer // may be read when the process has ended
}

var errNoStart = errors.New("the server did not start")

// spawn starts a server and does not wait until it listens.
func spawn(o orders) (*child, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{command: exec.Command(self), stderr: &bytes.Buffer{}}
	c.command.Env = append(os.Environ(), ordersVariable+"="+string(text))
	c.command.Stderr = c.stderr
	if c.stdin, err = c.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdout = bufio.NewReader(stdout)
	return c, c.command.Start()
}

// start starts a server and waits until it listens. The error of one that
// refuses to start has what it said.
func start(o orders) (*child, error) {
	c, err := spawn(o)
	if err != nil {
		return nil, err
	}
	late := time.AfterFunc(longWait, func() { c.command.Process.Kill() })
	defer late.Stop()
	line, err := c.stdout.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c.addresses)
	}
	if err != nil {
		c.kill()
		return nil, fmt.Errorf("%w (%w): %s", errNoStart, err, c.stderr)
	}
	return c, nil
}

// kill ends the process with SIGKILL and waits until it is gone.
func (c *child) kill() {
	c.command.Process.Kill()
	c.command.Wait() // its error is the signal
}

// stop ends the process in order.
func (c *child) stop() error {
	late := time.AfterFunc(longWait, func() { c.command.Process.Kill() })
	defer late.Stop()
	c.stdin.Close()
	if err := c.command.Wait(); err != nil {
		return fmt.Errorf("an orderly stop: %w: %s", err, c.stderr)
	}
	return nil
}

// newDir names a directory that does not exist yet, with room beside it.
func newDir(t *testing.T) string { return filepath.Join(t.TempDir(), "db") }
