//go:build unix

package store

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapping is memory from the system that the collector does not know. It is
// reserved in chunks, of which extents are made real one by one.
type mapping struct {
	chunks [][]byte
	rest   []byte // of the last chunk
}

const (
	extentSize = extentPages * PageSize // bytes

	// chunkSize is what is reserved at a time, in bytes.
	chunkSize = 64 * extentSize

	// systemPage is at most the size of the system's pages, in bytes.
	systemPage = 4 << 10
)

// extent returns zeroed memory, or nil. Its pages are there already, so that no
// request has to wait for them.
func (m *mapping) extent() *[extentPages]page {
	if len(m.rest) < extentSize && !m.reserve() {
		return nil
	}
	b := m.rest[:extentSize:extentSize]
	m.rest = m.rest[extentSize:]
	touch(b)
	return (*[extentPages]page)(unsafe.Pointer(unsafe.SliceData(b)))
}

// reserve gets another chunk, which takes no memory yet. Its extents begin where
// huge pages do.
func (m *mapping) reserve() bool {
	b, err := unix.Mmap(-1, 0, chunkSize+extentSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return false
	}
	m.chunks = append(m.chunks, b)
	begin := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % extentSize
	m.rest = b[begin : begin+chunkSize]
	preferHugePages(m.rest)
	return true
}

// close gives all memory back.
func (m *mapping) close() {
	for _, b := range m.chunks {
		_ = unix.Munmap(b)
	}
	m.chunks, m.rest = nil, nil
}

// touch makes the system provide the pages of b. What they hold is not needed.
func touch(b []byte) {
	for i := 0; i < len(b); i += systemPage {
		b[i] = 0
	}
}

// discard gives the memory of b back to the system; b stays usable. If the
// system refuses, nothing is lost but memory.
func discard(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }
