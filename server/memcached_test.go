package server_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// needProgram skips the test without an external program, but not where
// everything has to be there.
func needProgram(t testing.TB, path, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(path); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: install Debian's package %s", path, debianPackage)
	}
	t.Skipf("%s is missing: install Debian's package %s", path, debianPackage)
}

// startMemcached runs a memcached on a free port until the test ends.
func startMemcached(t testing.TB, program string) (addr string) {
	t.Helper()
	for attempt := 0; attempt < 10; attempt++ {
		addr = freePort(t)
		_, port, _ := net.SplitHostPort(addr)
		// Its maintainer thread refers to items now and then, and what an incr or
		// decr does to length and marks of an item depends on that.
		args := []string{"-l", "127.0.0.1", "-p", port, "-U", "0", "-o", "no_lru_maintainer"}
		if os.Geteuid() == 0 {
			args = append(args, "-u", "root")
		}
		cmd := exec.Command(program, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		gone := make(chan error, 1)
		go func() { gone <- cmd.Wait() }()
		if answers(addr, gone) {
			t.Cleanup(func() {
				cmd.Process.Kill()
				<-gone
			})
			return addr
		}
		cmd.Process.Kill() // the port was taken between our look and its
	}
	t.Fatalf("%s does not start", program)
	return ""
}

func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// answers waits until the memcached at addr answers, or its process is gone.
func answers(addr string, gone chan error) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if len(gone) > 0 {
			return false
		}
		if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			fmt.Fprintf(conn, "version\r\n")
			conn.SetReadDeadline(time.Now().Add(time.Second))
			reply, _ := bufio.NewReader(conn).ReadString('\n')
			conn.Close()
			if strings.HasPrefix(reply, "VERSION ") && len(gone) == 0 {
				return true
			}
		}
		time.Sleep(5 * time.Millisecond) // between two looks at the condition
	}
	return false
}
