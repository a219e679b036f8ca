//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestMain(m *testing.M) {
	if config := os.Getenv(serveSlow); config != "" { // the test of the slow disk started it
		if err := serveSlowDisk(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct {
		text string
		key  int
		want string
	}{
		{memcachedText.set("abc"), 42, "set key:000000000042 0 0 3\r\nabc\r\n"},
		{memcachedText.get("abc"), 99_999, "get key:000000099999\r\n"},
		{memcachedText.gotten("abc"), 0, "VALUE key:000000000000 0 3\r\nabc\r\nEND\r\n"},
		{memcachedText.stored("abc"), 7, "STORED\r\n"},
		{resp.set("abc"), 7, "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000007\r\n$3\r\nabc\r\n"},
		{resp.get("abc"), 10, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000010\r\n"},
		{resp.gotten("abc"), 10, "$3\r\nabc\r\n"},
	} {
		if got := string(newTemplate(c.text).append([]byte("before "), c.key)); got != "before "+c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestValuesDifferByKey(t *testing.T) {
	request := newTemplate(memcachedText.set(anyValue(1000)))
	a, again, b := request.append(nil, 1), request.append(nil, 1), request.append(nil, 2)
	if !bytes.Equal(a, again) || len(a) != len(b) {
		t.Error("the same key has two values")
	}
	value := len("set " + anyKey + " 0 0 1000\r\n")
	same := 0
	for i := range 500 {
		if a[value+i] == b[value+i] {
			same++
		}
	}
	if same > 50 || !bytes.Equal(a[value+500:], b[value+500:]) {
		t.Errorf("two keys agree in %d bytes of 500", same)
	}
}

// stalling answers each set and get as a server with value does, but the first
// only after a time.
func stalling(t *testing.T, value string, stall time.Duration) *server {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			time.Sleep(stall)
			stall = 0
			name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			if name == "set" {
				in.Discard(len(value) + 2)
				io.WriteString(conn, "STORED\r\n")
			} else {
				fmt.Fprintf(conn, "VALUE %s 0 %d\r\n%s\r\nEND\r\n", rest, len(value), value)
			}
		}
	}()
	return &server{rival: rival{protocol: memcachedText}, addr: listener.Addr().(*net.TCPAddr)}
}

// Whoever waits for a connection waits for the server: a stall is seen by all
// requests whose time it was, and not only by the one that was under way.
func TestOpenLoopCountsAStallForAllThatWaited(t *testing.T) {
	defer func(n int) { *connections = n }(*connections)
	*connections = 1
	const stall = 200 * time.Millisecond
	o, err := newOpenLoop(stalling(t, "vvv", stall), 1, 3, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	latency := o.next()
	ctx, cancel := context.WithTimeout(t.Context(), 2*stall)
	defer cancel()
	if err := o.run(ctx); err != nil {
		t.Fatal(err)
	}
	waited := int64(0)
	for _, bar := range latency.Distribution() {
		if bar.From > int64(stall/4) {
			waited += bar.Count
		}
	}
	if waited < 100 { // of 150
		t.Errorf("%d requests of %d waited for the stall", waited, latency.TotalCount())
	}
}

// fake answers each request of lines lines with answer, and the pieces of its
// answers come apart.
func fake(t *testing.T, lines int, answer string) *net.TCPAddr {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewScanner(conn)
				for n := 1; in.Scan(); n++ {
					if n%lines == 0 {
						io.WriteString(conn, answer[:2])
						io.WriteString(conn, answer[2:])
					}
				}
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr)
}

// generate sends n sets, on three connections and two threads, to a server that
// answers as answer, and returns how many replies were measured.
func generate(t *testing.T, n int, answer string) (measured int64, err error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	left := make(chan int, n)
	for i := range n {
		left <- i
	}
	l := load{
		request: newTemplate(memcachedText.set("abc")), reply: newTemplate(memcachedText.stored("")),
		connections: 3, pipeline: 4, threads: 2,
		nextKey: func() func() int {
			return func() int {
				select {
				case key := <-left:
					return key
				default:
					cancel()
					return 0
				}
			}
		},
	}
	generators, err := l.dial(fake(t, 2, answer))
	ended := make(chan error, len(generators))
	for _, g := range generators {
		defer g.close()
		g.to = time.Now().Add(time.Hour)
		go func() { ended <- g.run(ctx) }()
	}
	for range generators {
		err = errors.Join(err, <-ended)
	}
	for _, g := range generators {
		measured += g.latency.TotalCount()
	}
	return measured, err
}

func TestGeneratorCountsEveryReply(t *testing.T) {
	n, err := generate(t, 1000, "STORED\r\n")
	if err != nil || n < 1000 || n > 1000+4*4 { // a batch more on each connection, at most
		t.Errorf("%d replies of 1000 measured (error: %v)", n, err)
	}
}

func TestGeneratorRefusesAnotherReply(t *testing.T) {
	for _, answer := range []string{"STOLEN\r\n", "SERVER_ERROR out of disk space\r\n", "STORED\r\nSTORED\r\n"} {
		if _, err := generate(t, 100, answer); err == nil {
			t.Errorf("%q was taken for success", answer)
		}
	}
}

func TestSummary(t *testing.T) {
	latency := hdrhistogram.New(1000, int64(slowest), 3)
	latency.RecordValues(int64(time.Millisecond), 980)
	latency.RecordValues(int64(time.Second), 20)
	start := time.Now()
	before := reading{start, time.Second, time.Second, 0, 2 * time.Second, 100}
	after := reading{start.Add(2 * time.Second), 3 * time.Second, 2 * time.Second, 0, 6 * time.Second, 300}
	r := summary(before, after, latency)
	if r.rate != 500 || r.server != 2000 || r.generator != 1000 || r.perSync != 5 {
		t.Errorf("%+v", r)
	}
	if want := 50 / processors(); r.others != want {
		t.Errorf("others have %v %%, want %v", r.others, want)
	}
	if r.p50 < 1 || r.p50 > 1.01 || r.p99 < 990 || r.p99 > 1010 {
		t.Errorf("p50 %v ms, p99 %v ms, want 1 and 1000", r.p50, r.p99)
	}
}

func TestSample(t *testing.T) {
	if got := (sample{3, 1, 2}).show(1); got != "2.0 (1.0 to 3.0)" {
		t.Error(got)
	}
	if got := (sample{4, 1}).median(); got != 2.5 {
		t.Error(got)
	}
	if got := (sample{4, 9}).ratios(sample{2, 3}).show(0); got != "2 (2 to 3)" {
		t.Error(got)
	}
	for want, f := range map[string]float64{"0": 0, "999": 999, "1,000": 1000, "12,345,678": 12345678} {
		if got := number(f, 0); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestPipelines(t *testing.T) {
	if depths, err := parsePipelines("1, 16"); err != nil || len(depths) != 2 || depths[1] != 16 {
		t.Error(depths, err)
	}
	for _, list := range []string{"", "0", "x", "1,,2", "-1"} {
		if _, err := parsePipelines(list); err == nil {
			t.Errorf("%q was taken", list)
		}
	}
}

func TestQuoted(t *testing.T) {
	if got := quoted([]string{"-only", "Sets with", "-sync", "0", "it's"}); got != `-only 'Sets with' -sync 0 'it'\''s'` {
		t.Error(got)
	}
}

func TestFileSystemInMemoryIsRefused(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("this test needs a file system in memory at /dev/shm, which Linux has and others have not")
	}
	if _, err := fileSystem("/dev/shm"); err == nil || !strings.Contains(err.Error(), "in memory") {
		t.Error(err)
	}
	if name, err := fileSystem("/nowhere"); err == nil {
		t.Error(name)
	}
}

func TestSlowDisk(t *testing.T) {
	const sync = 3 * time.Millisecond
	disk, err := mountSlow(t.TempDir(), sync)
	if err != nil {
		t.Skip("this test needs leave to mount a FUSE file system (root, or Debian package fuse3): ", err)
	}
	defer disk.unmount()
	took, err := timeSync(disk.mount)
	if err != nil || took < sync {
		t.Errorf("a sync took %v, want %v at least (error: %v)", took, sync, err)
	}
	before, err := disk.syncs()
	if err != nil || before < 200 {
		t.Errorf("%d syncs counted of more than 200 (error: %v)", before, err)
	}
	dir, err := os.Open(disk.mount)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		t.Error(err)
	}
	if after, err := disk.syncs(); err != nil || after != before+1 {
		t.Errorf("%d syncs after that of a directory, %d before (error: %v)", after, before, err)
	}
}
