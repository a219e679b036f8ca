package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 30 * time.Second // for what takes milliseconds

// A child is the program running as a process of its own.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr *bufio.Reader
	seen   strings.Builder // of stderr
}

func start(t *testing.T, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0], args...)}
	c.cmd.Env = append(os.Environ(), asProgram+"=yes")
	c.cmd.Dir = t.TempDir() // in which its own directory is made
	stderr, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stderr = input
	err = c.cmd.Start()
	input.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.cmd.Process.Kill() // fails if it has ended, as it should have
		stderr.Close()
	})
	if err := stderr.SetReadDeadline(time.Now().Add(patience)); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	c.stderr = bufio.NewReader(stderr)
	return c
}

// expect reads stderr up to the line that matches, and returns its first group.
func (c *child) expect(pattern string) string {
	c.t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		line, err := c.stderr.ReadString('\n')
		c.seen.WriteString(line)
		if found := re.FindStringSubmatch(strings.TrimRight(line, "\r\n")); found != nil {
			return found[len(found)-1]
		}
		if err != nil {
			c.t.Fatalf("%q did not come (%v):\n%s", pattern, err, c.seen.String())
		}
	}
}

// exit waits for the end and returns the exit code and all of stderr.
func (c *child) exit() (int, string) {
	c.t.Helper()
	if _, err := io.Copy(&c.seen, c.stderr); err != nil {
		c.t.Fatalf("it does not end: %v\n%s", err, c.seen.String())
	}
	c.cmd.Wait() // its error is the exit code
	return c.cmd.ProcessState.ExitCode(), c.seen.String()
}

func (c *child) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

func needSignals(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("on Windows a process cannot be sent SIGINT or SIGTERM by another")
	}
}

func connect(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// talk sends what is to be sent and wants exactly the answer.
func talk(t *testing.T, conn net.Conn, send, want string) {
	t.Helper()
	if _, err := io.WriteString(conn, send); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("%q is answered with %q (%v), want %q", send, got[:n], err, want)
	}
}

// TestServe: the life of a server, from the start to each of the signals that
// stop it.
func TestServe(t *testing.T) {
	needSignals(t)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			c := start(t, "serve", "--weensy", "127.0.0.1:0", "--memcache", "127.0.0.1:0", "--memory", "64m")
			weensy := c.expect(`^  weensy +(127\.0\.0\.1:\d+)$`)
			memcache := c.expect(`^  memcache +(127\.0\.0\.1:\d+)$`)
			c.expect(`^  mode +durability always: a crash loses nothing`)
			c.expect(`^  memory +64MiB; an item up to 1MiB`)
			dir := c.expect(`^  directory +(.*weensydb-data)$`)
			c.expect(fmt.Sprintf(`^  stop .*Ctrl-C, or SIGTERM to process %d`, c.cmd.Process.Pid))
			talk(t, connect(t, weensy), "set k 5\r\nhello", "STORED #1\r\n")
			conn := connect(t, memcache)
			talk(t, conn, "get k\r\n", "VALUE k 0 5\r\nhello\r\nEND\r\n")
			c.signal(s)
			if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
				t.Errorf("at the stop the connection gives %q and %v", rest, err)
			}
			if code, stderr := c.exit(); code != exitOK || !strings.Contains(stderr, "msg=stopped") {
				t.Errorf("exit code %d:\n%s", code, stderr)
			}
			again := start(t, "serve", "--dir", dir, "--weensy", "127.0.0.1:0", "--memcache", "")
			talk(t, connect(t, again.expect(`^  weensy +(.*)$`)), "get k\r\n", "VALUE k 5 #1\r\nhello\r\nEND\r\n")
		})
	}
}

// TestServeCache: with --cache nobody expects anything to survive.
func TestServeCache(t *testing.T) {
	needSignals(t)
	c := start(t, "serve", "--weensy", "", "--memcache", "127.0.0.1:0", "--cache")
	c.expect(`^  weensy +off`)
	c.expect(`^  mode +cache`)
	c.expect(`^  stop `)
	c.signal(os.Interrupt)
	if code, stderr := c.exit(); code != exitOK || strings.Contains(stderr, "WARN") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

// TestServeSecondSignal: a client takes no replies, so the stop waits for it;
// the next signal does not.
func TestServeSecondSignal(t *testing.T) {
	needSignals(t)
	c := start(t, "serve", "--weensy", "127.0.0.1:0", "--memcache", "", "--drain-timeout", "10m", "--write-timeout", "10m")
	conn := connect(t, c.expect(`^  weensy +(.*)$`))
	const size, gets = 1 << 19, 64 // more in all than any socket buffers
	talk(t, conn, fmt.Sprintf("set k %d\r\n%s", size, strings.Repeat("x", size)), "STORED #1\r\n")
	talk(t, conn, strings.Repeat("get k\r\n", gets), "VALUE k")
	c.signal(syscall.SIGTERM)
	c.expect("another signal stops at once")
	c.signal(syscall.SIGTERM)
	code, stderr := c.exit()
	if code != exitRefused || !strings.Contains(stderr, "second signal") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

// TestServeAddressesInUse: both are named, with what would work instead.
func TestServeAddressesInUse(t *testing.T) {
	weensy, memcache := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	c := start(t, "serve", "--weensy", weensy, "--memcache", memcache)
	code, stderr := c.exit()
	if code != exitRefused {
		t.Errorf("exit code %d, want %d", code, exitRefused)
	}
	for flag, addr := range map[string]string{"weensy": weensy, "memcache": memcache} {
		by := ""
		if runtime.GOOS == "linux" {
			by = fmt.Sprintf(` by .+ \(process %d\)`, os.Getpid())
		}
		pattern := fmt.Sprintf(`(?m)^weensydb: %s: %s is in use%s; --%s 127\.0\.0\.1:\d+ is free$`, flag, regexp.QuoteMeta(addr), by, flag)
		if !regexp.MustCompile(pattern).MatchString(stderr) {
			t.Errorf("%q is not in:\n%s", pattern, stderr)
		}
	}
}

// listen takes an address for the test.
func listen(t *testing.T, addr string) string {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// TestServeChildMistakes: the exit code is the process's.
func TestServeChildMistakes(t *testing.T) {
	c := start(t, "serve", "--memory", "5x")
	code, stderr := c.exit()
	if want := "weensydb: --memory 5x: write a size such as 512MiB or 4G\n"; code != exitUsage || stderr != want {
		t.Errorf("exit code %d, %q, want %q", code, stderr, want)
	}
}

func TestAnnounceSeveral(t *testing.T) {
	if got := bound("127.0.0.1:40000", []string{"127.0.0.1:0", "unix:/x"}); got != "127.0.0.1:40000 unix:/x" {
		t.Errorf("%q", got)
	}
	var out bytes.Buffer
	if (&session{stderr: &out}).report(nil) != exitOK || out.Len() > 0 {
		t.Errorf("no error is reported as %q", out.String())
	}
}
