package main

import (
	"flag"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weensydb/sim"
)

var (
	seed = flag.Uint64("seed", 0, "of the power cuts; 0: another one each time")
	cuts = flag.Int("cuts", 8, "how often the power goes")
)

// newSeed says how the test can be repeated; the processes' interleaving cannot.
func newSeed(t *testing.T) uint64 {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("-seed %d", s)
	return s
}

// loaded runs tenants against a server until there are so many replies, and then
// end, which ends the server.
func loaded(t *testing.T, s *served, tenants []*tenant, enough int64, end func()) {
	t.Helper()
	var replies atomic.Int64
	var running sync.WaitGroup
	for _, c := range tenants {
		addr := s.memcache
		if c.weensy {
			addr = s.weensy
		}
		conn := connect(t, addr)
		running.Go(func() { c.load(t, conn, &replies) })
	}
	until(t, "there are enough replies", func() bool { return replies.Load() >= enough || t.Failed() })
	end()
	running.Wait()
}

// TestPowerCuts: on a disk that loses what was not synced, wholly or in part,
// nothing that was acknowledged is lost. Half of the time the process is killed
// and then the power goes; half of the time the disk goes first.
func TestPowerCuts(t *testing.T) {
	seed := newSeed(t)
	rng := rand.New(rand.NewPCG(seed, 1000))
	disk := sim.NewDisk(seed)
	tenants := newTenants(seed, 6)
	n := *cuts
	if testing.Short() {
		n = min(n, 4)
	}
	for i := range n + 1 {
		dir, unmount := mountDisk(t, disk)
		s := startServer(t, dir)
		wantPossible(t, s, tenants)
		if t.Failed() || i == n {
			s.stop()
			break
		}
		loaded(t, s, tenants, 1+rng.Int64N(1500), func() {
			if i%2 == 0 {
				s.kill()
				disk = disk.Crash()
				return
			}
			disk = disk.Crash()
			if code, stderr := s.exit(); code != exitRefused || !strings.Contains(stderr, "input/output error") {
				t.Errorf("when the disk had gone: exit code %d:\n%s", code, stderr)
			}
		})
		unmount()
	}
}

func wantPossible(t *testing.T, s *served, tenants []*tenant) {
	t.Helper()
	memcache := call(t, s.memcache)
	for _, c := range tenants {
		if err := c.judge(memcache); err != nil {
			t.Error(err)
		}
	}
}

// TestPowerCutsCatch: with a disk that only pretends to sync, something is
// missing, or the log is found to be damaged.
func TestPowerCutsCatch(t *testing.T) {
	seed := newSeed(t)
	for i := range uint64(10) { // by chance, nothing was lost that matters
		if lossFound(t, seed+i) {
			return
		}
	}
	t.Error("nothing was found")
}

func lossFound(t *testing.T, seed uint64) bool {
	var lie atomic.Bool
	disk := sim.NewDisk(seed)
	disk.Lie = func(op, _ string) bool { return op == "sync" && lie.Load() }
	tenants := newTenants(seed, 2)
	dir, unmount := mountDisk(t, disk)
	s := startServer(t, dir)
	lie.Store(true)
	loaded(t, s, tenants, 200, s.kill)
	unmount()
	dir, unmount = mountDisk(t, disk.Crash())
	defer unmount()
	c := start(t, serveOn(dir)...)
	weensyOrError := c.expect(`^(weensydb: .*)|  memcache +(.*)$`)
	if !strings.Contains(weensyOrError, "127.0.0.1") {
		_, stderr := c.exit()
		return strings.Contains(stderr, "damaged")
	}
	found := false
	memcache := call(t, weensyOrError)
	for _, tenant := range tenants {
		found = tenant.judge(memcache) != nil || found
	}
	c.cmd.Process.Kill()
	c.exit()
	return found
}

// TestPowerCutWithoutDurability: in mode none a power cut takes back what was
// stored since the last stop, and recovers what was stored before.
func TestPowerCutWithoutDurability(t *testing.T) {
	disk := sim.NewDisk(1)
	dir, unmount := mountDisk(t, disk)
	s := startServer(t, dir, "--durability", "none")
	ask := func(request, want string) {
		t.Helper()
		if got := call(t, s.memcache).ask(request); got != want {
			t.Errorf("%q is answered with %q, want %q", request, got, want)
		}
	}
	ask("set old 0 0 3\r\nold\r\n", "STORED")
	s.stop()
	s = startServer(t, dir, "--durability", "none")
	ask("set new 0 0 3\r\nnew\r\n", "STORED")
	ask("set old 0 0 3\r\nnew\r\n", "STORED")
	s.kill()
	unmount()
	dir, _ = mountDisk(t, disk.Crash())
	s = startServer(t, dir, "--durability", "none")
	call(t, s.memcache).wantValue("old", "old")
	ask("get new\r\n", "END")
	s.stop()
}

// TestKilledThenPowerCut: a process is killed while the disk syncs. What the next
// one finds and shows, though it was never synced, must outlast a power cut.
func TestKilledThenPowerCut(t *testing.T) {
	for seed := range uint64(4) { // the disk of some keeps it by chance
		disk := sim.NewDisk(seed)
		var hold atomic.Bool
		syncing, gone := make(chan struct{}, 1), make(chan struct{})
		disk.Hold = func(op, _ string) {
			if op == "sync" && hold.CompareAndSwap(true, false) {
				syncing <- struct{}{}
				<-gone
			}
		}
		dir, unmount := mountDisk(t, disk)
		letGo := sync.OnceFunc(func() { close(gone) })
		t.Cleanup(letGo) // before it is unmounted, whatever fails
		s := startServer(t, dir)
		until(t, "the spare segment is there", func() bool { return disk.Content("0000000000000002.log") != nil })
		hold.Store(true)
		if _, err := io.WriteString(connect(t, s.memcache), "set k 0 0 1\r\nx\r\n"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-syncing:
		case <-time.After(patience):
			t.Fatal("nothing is synced")
		}
		s.cmd.Process.Kill()
		disk = disk.Kill()
		letGo()
		s.exit()
		unmount()

		dir, unmount = mountDisk(t, disk)
		s = startServer(t, dir)
		call(t, s.memcache).wantValue("k", "x")
		s.kill()
		unmount()
		dir, unmount = mountDisk(t, disk.Crash())
		s = startServer(t, dir)
		call(t, s.memcache).wantValue("k", "x")
		s.stop()
		unmount()
	}
}
