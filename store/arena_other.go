//go:build !unix

package store

// mapping is memory from the runtime. It holds no pointers, so the collector
// does not look into it.
type mapping struct{}

func (*mapping) extent() *[extentPages]page { return new([extentPages]page) }

func (*mapping) close() {}

func touch([]byte) {}

// discard does nothing: free pages are kept for reuse.
func discard([]byte) {}
