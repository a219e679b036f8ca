package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inject lets system calls of a process fail from now on, all of its threads'.
// fault is strace's, such as fdatasync:error=EIO.
func inject(t *testing.T, pid int, fault string) {
	t.Helper()
	name, _, _ := strings.Cut(fault, ":")
	until(t, "strace follows every thread", func() bool {
		strace := attach(t, pid, "-e", "trace="+name, "-e", "inject="+fault)
		if allTraced(t, pid) {
			return true
		}
		strace.Process.Signal(syscall.SIGTERM) // a thread began while it looked for them
		strace.Wait()
		return false
	})
}

// attach starts strace and waits until it has attached itself.
func attach(t *testing.T, pid int, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("strace", append([]string{"-f", "-o", "/dev/null", "-p", fmt.Sprint(pid)}, args...)...)
	stderr, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	cmd.Stderr = input
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() // fails if it has ended, with its process
		cmd.Wait()
		stderr.Close()
	})
	if err := stderr.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stderr).ReadString('\n')
	switch {
	case strings.Contains(line, " attached"):
	case strings.Contains(line, "Operation not permitted"):
		lacks(t, "leave to trace its own processes: "+strings.TrimSpace(line))
	default:
		t.Fatalf("strace says %q (%v)", line, err)
	}
	return cmd
}

// allTraced reports whether every thread of a process has a tracer.
func allTraced(t *testing.T, pid int) bool {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("process %d has no threads (%v)", pid, err)
	}
	for _, name := range threads {
		status, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(status), "\nTracerPid:\t0\n") {
			return false
		}
	}
	return true
}

// refusedSyscalls are what a disk refuses although it was not full when the
// segment was made, and what the server says then.
var refusedSyscalls = []struct{ name, fault, why string }{
	{"EIO of a sync", "fdatasync:error=EIO", "fdatasync .*: input/output error"},
	{"EIO of a sync, once", "fdatasync:error=EIO:when=1", "fdatasync .*: input/output error"},
	{"EIO of a write", "pwrite64:error=EIO", "write .*: input/output error"},
	{"ENOSPC of a write", "pwrite64:error=ENOSPC", "write .*: no space left on device"},
	{"ENOSPC of a sync", "fdatasync:error=ENOSPC", "fdatasync .*: no space left on device"},
}

// TestRefusedSyscalls: no reply that rests on what was refused is sent; the server
// says why and ends; what had been acknowledged is there after a restart.
func TestRefusedSyscalls(t *testing.T) {
	needTool(t, "strace", "strace")
	for _, c := range refusedSyscalls {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			s := startServer(t, dir)
			stored := storeNumbers(t, s, dir)
			inject(t, s.cmd.Process.Pid, c.fault)
			for _, claim := range unfounded(t, s) {
				t.Error(claim)
			}
			code, stderr := s.exit()
			if code != exitRefused || !regexp.MustCompile(`ERROR.*`+c.why).MatchString(stderr) || !regexp.MustCompile(`(?m)^weensydb: .*`+c.why).MatchString(stderr) {
				t.Errorf("exit code %d, and %q is not said:\n%s", code, c.why, stderr)
			}
			s = startServer(t, dir)
			wantNumbers(t, s, stored)
			s.stop()
		})
	}
}

// TestRefusedSyscallsCatches: a mode that replies before it syncs is found out.
func TestRefusedSyscallsCatches(t *testing.T) {
	needTool(t, "strace", "strace")
	dir := filepath.Join(t.TempDir(), "data")
	s := startServer(t, dir, "--durability", "interval")
	storeNumbers(t, s, dir)
	inject(t, s.cmd.Process.Pid, refusedSyscalls[0].fault)
	if len(unfounded(t, s)) == 0 {
		t.Error("nothing was found")
	}
	if code, stderr := s.exit(); code != exitRefused {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
}

// storeNumbers stores i at each key ki, and waits until the log needs nothing
// more of the disk for now.
func storeNumbers(t *testing.T, s *served, dir string) map[string]string {
	t.Helper()
	stored := map[string]string{}
	c := call(t, s.memcache)
	for i := range 100 {
		value := strconv.Itoa(i)
		stored["k"+value] = value
		if reply := c.ask(fmt.Sprintf("set k%s 0 0 %d\r\n%s\r\n", value, len(value), value)); reply != "STORED" {
			t.Fatal(reply)
		}
	}
	until(t, "the spare segment is there", func() bool {
		_, err := os.Stat(filepath.Join(dir, "0000000000000002.log"))
		return err == nil
	})
	return stored
}

// wantNumbers wants what was stored, but for what a doomed change may have done,
// and that writes go on.
func wantNumbers(t *testing.T, s *served, stored map[string]string) {
	t.Helper()
	after := map[string]string{"k1": "new", "k2": "3", "k4": "", "k5": "new", "k6": "7", "k7": "6", "k8": "new", "k9": "new"}
	c := call(t, s.memcache)
	swapped := 0
	for key, value := range stored {
		got, _ := c.value(key)
		if changed, may := after[key]; got != value && (!may || got != changed) {
			t.Errorf("%s is %q, want %q", key, got, value)
		}
		if (key == "k6" || key == "k7") && got != value {
			swapped++
		}
	}
	if swapped == 1 {
		t.Error("half of an exch has happened")
	}
	if reply := c.ask("set k0 0 0 1\r\nx\r\n"); reply != "STORED" {
		t.Error(reply)
	}
}

// A doomed change is sent together with a read of what it would change.
type doomed struct {
	addr, change, read string
	conn               net.Conn
	old                string // reply to the read
}

// unfounded sends changes on several connections at once, and returns what claims
// that one has happened, be it the answer of the change or of the read.
func unfounded(t *testing.T, s *served) (claims []string) {
	t.Helper()
	all := []*doomed{
		{addr: s.memcache, change: "set k1 0 0 3\r\nnew\r\n", read: "get k1\r\n"},
		{addr: s.memcache, change: "incr k2 1\r\n", read: "get k2\r\n"},
		{addr: s.memcache, change: "add more 0 0 3\r\nnew\r\n", read: "get more\r\n"},
		{addr: s.memcache, change: "touch k3 1000\r\n", read: "get k3\r\n"},
		{addr: s.memcache, change: "delete k4\r\n", read: "get k4\r\n"},
		{addr: s.memcache, change: "ms k5 3\r\nnew\r\n", read: "get k5\r\n"},
		{addr: s.weensy, change: "exch k6 k7\r\n", read: "get k6\r\n"},
		{addr: s.weensy, change: "set k8 3\r\nnew", read: "get k8\r\n"},
		{addr: s.weensy, change: "cas k9 1 3\r\n9new", read: "get k9\r\n"},
	}
	for _, d := range all {
		d.conn = connect(t, d.addr)
		d.send(t, d.read)
		for some := make([]byte, 100); !strings.HasSuffix(d.old, "END\r\n"); {
			n, err := d.conn.Read(some)
			if err != nil {
				t.Fatal(err)
			}
			d.old += string(some[:n])
		}
	}
	for _, d := range all {
		d.send(t, d.change+d.read)
	}
	for _, d := range all {
		replies, err := io.ReadAll(d.conn)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		if !d.allows(string(replies)) {
			claims = append(claims, fmt.Sprintf("%q and %q are answered with %q", d.change, d.read, replies))
		}
	}
	return claims
}

func (d *doomed) send(t *testing.T, requests string) {
	t.Helper()
	if _, err := io.WriteString(d.conn, requests); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
}

// allows reports whether the replies claim nothing that may be untrue after a
// restart. A change that comes after the failure is refused, and then what was
// before it may be read.
func (d *doomed) allows(replies string) bool {
	const unknown = "SERVER_ERROR outcome unknown\r\n"
	rest, refused := strings.CutPrefix(replies, "SERVER_ERROR storage has failed\r\n")
	return rest == "" || rest == unknown || refused && strings.HasPrefix(d.old, rest)
}
