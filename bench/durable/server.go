//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
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

// A rival is a server program with the arguments that make it what it is.
type rival struct {
	name string
	protocol
	args func(dir, port string) []string // the program is the first
}

func redisRival(name string, args ...string) rival {
	return rival{name, resp, func(dir, port string) []string {
		return append([]string{*redisServer, "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", ""}, args...)
	}}
}

func weensyRival(name string, args ...string) rival {
	return rival{name, memcachedText, func(dir, port string) []string {
		all := []string{*weensydb, "serve", "--memcache", "127.0.0.1:" + port, "--weensy", "", "--memory", *memory}
		if !strings.HasSuffix(name, cacheOnly) {
			all = append(all, "--dir", filepath.Join(dir, "weensydb"))
		}
		return append(all, args...)
	}}
}

const cacheOnly = "--cache"

// The rivals. Redis does not rewrite its file meanwhile: WeensyDB does not
// compact its log either.
var (
	weensyAlways     = weensyRival("weensydb always", "--durability", "always")
	weensyNone       = weensyRival("weensydb none", "--durability", "none")
	weensyCache      = weensyRival("weensydb "+cacheOnly, cacheOnly)
	redisAlways      = redisRival("redis always", "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
	redisEverySecond = redisRival("redis everysec", "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")
	redisMemory      = redisRival("redis without a file")
)

// server is a rival that runs.
type server struct {
	rival
	addr   *net.TCPAddr
	cmd    *exec.Cmd
	stderr bytes.Buffer
	exited chan struct{}
}

// start starts r with its data in dir, and returns when it answers.
func (r rival) start(dir string, timeout time.Duration) (*server, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	listener.Close() // the port is free now, and nobody else is likely to get it
	s := &server{rival: r, addr: listener.Addr().(*net.TCPAddr), exited: make(chan struct{})}
	args := r.args(dir, strconv.Itoa(s.addr.Port))
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stderr = &s.stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.cmd.Wait() // how it ends does not matter any more
		close(s.exited)
	}()
	deadline := time.After(timeout)
	for {
		answer, err := s.ask(s.ping, s.pong)
		if err == nil {
			return s, nil
		}
		select {
		case <-s.exited:
			return nil, fmt.Errorf("%s ended: %q\n%s", r.name, args, s.stderr.Bytes())
		case <-deadline:
			s.end(syscall.SIGKILL)
			return nil, fmt.Errorf("%s does not answer: %w, %q\n%s", r.name, err, answer, s.stderr.Bytes())
		case <-time.After(time.Millisecond):
		}
	}
}

// ask sends request on a connection of its own and returns what stands behind
// prefix, in the first line that has it.
func (s *server) ask(request, prefix string) (rest string, err error) {
	return s.askFor(time.Second, request, prefix)
}

// askFor is ask with a time limit.
func (s *server) askFor(patience time.Duration, request, prefix string) (rest string, err error) {
	conn, err := net.DialTCP("tcp4", nil, s.addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte(request)); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
			return rest, nil
		}
		if strings.HasPrefix(lines.Text(), "-") { // RESP: an error
			return "", errors.New(lines.Text())
		}
	}
	return "", errors.Join(errors.New("no answer"), lines.Err())
}

// items returns how many items the server has.
func (s *server) items() (int, error) {
	n, err := s.ask(s.count, s.counted)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(n)
}

// end sends a signal and waits for the end.
func (s *server) end(signal os.Signal) {
	s.cmd.Process.Signal(signal)
	<-s.exited
}

// processorTime returns what a process has used so far, user and system.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the program's name may have spaces
	fields := strings.Fields(string(rest))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, stat)
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// tick is the unit of processor times in /proc: USER_HZ, 100 on every Linux that
// Go runs on.
const tick = 10 * time.Millisecond

// machineTime returns what all processors have worked so far, for anybody,
// and what the host took of them.
func machineTime() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	var user, nice, system, idle, wait, irq, softirq, steal int64
	_, err = fmt.Sscanf(line, "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal)
	return time.Duration(user+nice+system+irq+softirq+steal) * tick, err
}
