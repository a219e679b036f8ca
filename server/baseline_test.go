package server_test

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"testing"
)

// What the process holds, server and clients together.
type holding struct {
	goroutines  int
	descriptors int // -1 where the system does not tell
	heap        uint64
}

// leftover is how much more heap than before may be in use once all is over:
// pools and maps keep some. In bytes.
const leftover = 8 << 20

// holds measures after the collector has done all it can.
func holds() holding {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // sync.Pool gives up what it holds at the second
	runtime.ReadMemStats(&stats)
	h := holding{runtime.NumGoroutine(), -1, stats.HeapAlloc}
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		h.descriptors = len(entries)
	}
	return h
}

// occupied is the memory of the process's heap and stacks, garbage that was
// found excepted. In bytes.
func occupied() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapInuse + stats.StackInuse)
}

// expectReturnTo waits until the process holds no more than before.
func expectReturnTo(t *testing.T, before holding) {
	t.Helper()
	eventually(t, func() error {
		now := holds()
		if now.goroutines > before.goroutines || now.descriptors > before.descriptors || now.heap > before.heap+leftover {
			return fmt.Errorf("holds %+v, more than before: %+v", now, before)
		}
		return nil
	})
}

// crowdSize is want, or as many clients in each of the groups as the
// descriptors allow: a connection within a process needs two.
func crowdSize(t *testing.T, want, groups int) int {
	limits, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		return want
	}
	match := regexp.MustCompile(`Max open files +(\d+)`).FindSubmatch(limits)
	if match == nil {
		return want
	}
	descriptors, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return want
	}
	const reserved = 200
	if most := (descriptors - reserved) / 2 / groups; most < want {
		t.Logf("only %d clients of a kind, not %d: there are %d descriptors", most, want, descriptors)
		return most
	}
	return want
}
