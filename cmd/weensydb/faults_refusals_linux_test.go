package main

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"weensydb/sim"
)

// TestDiskRefuses: the first sync or write that fails ends the server.
func TestDiskRefuses(t *testing.T) {
	for _, op := range []string{"sync", "write"} {
		t.Run(op, func(t *testing.T) {
			var refuse atomic.Bool
			disk := sim.NewDisk(1)
			disk.Refuse = func(o, _ string) error {
				if o == op && refuse.Load() {
					return syscall.EIO
				}
				return nil
			}
			dir, unmount := mountDisk(t, disk)
			s := startServer(t, dir)
			tenants := newTenants(1, 2)
			loaded(t, s, tenants, 100, func() {
				refuse.Store(true)
				if code, stderr := s.exit(); code != exitRefused || !strings.Contains(stderr, "input/output error") {
					t.Errorf("exit code %d:\n%s", code, stderr)
				}
			})
			refuse.Store(false)
			unmount()
			dir, _ = mountDisk(t, disk.Crash())
			s = startServer(t, dir)
			wantPossible(t, s, tenants)
			s.stop()
		})
	}
}

// TestDiskRefusesStart: what fails while the log is made ends the start, and does
// not hinder the next one.
func TestDiskRefusesStart(t *testing.T) {
	for _, op := range []string{"create", "write", "sync", "rename", "syncdir"} {
		t.Run(op, func(t *testing.T) {
			var done atomic.Bool
			disk := sim.NewDisk(1)
			disk.Refuse = func(o, name string) error {
				if o == op && name != "lock" && done.CompareAndSwap(false, true) { // once
					return syscall.EIO
				}
				return nil
			}
			dir, _ := mountDisk(t, disk)
			code, stderr := start(t, serveOn(dir)...).exit()
			if code != exitRefused || !strings.Contains(stderr, dir) || !strings.Contains(stderr, "input/output error") {
				t.Errorf("exit code %d:\n%s", code, stderr)
			}
			startServer(t, dir).stop()
		})
	}
}
