package main

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weensydb"
)

// TestAdvice: what is said to be free can be listened on, and is neither the
// taken address nor another one that the server wants.
func TestAdvice(t *testing.T) {
	const tries = 5 // another process may take the port between the probe and the check
	for try := 1; ; try++ {
		addr := listen(t, "127.0.0.1:0")
		_, text, _ := net.SplitHostPort(addr)
		port, _ := strconv.Atoi(text)
		next := net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1))
		said := advice("weensy", addr, map[string]bool{addr: true, next: true})
		free, ok := strings.CutSuffix(strings.TrimPrefix(said, "--weensy "), " is free")
		if !ok || free == addr || free == next {
			t.Fatalf("%s is in use and %s is wanted: %q", addr, next, said)
		}
		if isFree(free) {
			return
		}
		if try == tries {
			t.Fatalf("%q, but it is not, %d times", said, tries)
		}
	}
}

// TestAdviceEnd: above the last port there is none.
func TestAdviceEnd(t *testing.T) {
	if got, want := advice("weensy", "127.0.0.1:65535", map[string]bool{}), "--weensy 127.0.0.1:0 takes any port that is free"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestExplainOpen(t *testing.T) {
	taken := listen(t, "127.0.0.1:0")
	config := weensydb.Config{Cache: true, Weensy: []string{taken}, Memcache: []string{"unix:" + filepath.Join(t.TempDir(), "missing", "socket")}}
	_, err := weensydb.Open(config)
	if !isInUse(err) {
		t.Fatalf("Open: %v", err)
	}
	lines := strings.Split(explainOpen(err, config).Error(), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], taken+" is in use") || !strings.Contains(lines[1], "memcache: cannot listen on unix:") {
		t.Errorf("%q", lines)
	}
}
