package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A rival is a server program and the arguments that make it a cache.
type rival struct {
	name string
	args func(socket string) []string // the program is the first
}

// rivals returns memcached and WeensyDB with the same number of MiB, and
// WeensyDB with so many for the items alone: an eighth of its memory is for
// connections.
func rivals(memcached, weensydb string, mib int) []rival {
	serve := func(memory int) func(socket string) []string {
		return func(socket string) []string {
			return []string{weensydb, "serve", "--cache", "--memory", strconv.Itoa(memory), "--memcache", "unix:" + socket, "--weensy", ""}
		}
	}
	return []rival{
		{fmt.Sprintf("memcached -m %d", mib), func(socket string) []string {
			args := []string{memcached, "-m", strconv.Itoa(mib), "-t", "1", "-U", "0", "-s", socket}
			if os.Getuid() == 0 {
				args = append(args, "-u", "root") // it asks for that
			}
			return args
		}},
		{fmt.Sprintf("weensydb --memory %dM", mib), serve(mib << 20)},
		{fmt.Sprintf("weensydb, %dM of items", mib), serve((mib<<20)*8/7 + 1)},
	}
}

// server is a rival that runs.
type server struct {
	*client
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

// startTimeout bounds how long a server may take until it answers.
const startTimeout = 10 * time.Second

func (r rival) start(dir string) (*server, error) {
	own, err := os.MkdirTemp(dir, "")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(own, "socket")
	args := r.args(socket)
	s := &server{cmd: exec.Command(args[0], args[1:]...)}
	s.cmd.Stderr = &s.stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(startTimeout)
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			s.client = newClient(conn)
			return s, nil
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("%s does not listen: %w\n%s", r.name, err, s.stderr.Bytes())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// stop ends the server.
func (s *server) stop() {
	if s.client != nil {
		s.conn.Close()
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait() // how it ends does not matter any more
}

// resident returns how much memory the process has in use, in MiB, or 0 where
// the system has no /proc.
func (s *server) resident() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.Atoi(fields[0])
	return kib >> 10
}
