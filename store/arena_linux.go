package store

import "golang.org/x/sys/unix"

// preferHugePages asks for pages of 2 MiB, of which the processor can remember
// where far more memory is. Not every system grants it.
func preferHugePages(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
