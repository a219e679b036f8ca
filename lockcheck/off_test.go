//go:build !lockcheck

package lockcheck

import (
	"sync"
	"testing"
	"unsafe"
)

// TestFree: without the build tag there are no checks and nothing to pay.
func TestFree(t *testing.T) {
	if unsafe.Sizeof(Mutex{}) != unsafe.Sizeof(sync.Mutex{}) || unsafe.Sizeof(RWMutex{}) != unsafe.Sizeof(sync.RWMutex{}) {
		t.Error("a lock has room for more than itself")
	}
	var first, second Mutex
	second.SetRank(Outermost)
	first.Lock()
	defer first.Unlock()
	second.Lock()
	defer second.Unlock()
	NoneHeld("write")
}
