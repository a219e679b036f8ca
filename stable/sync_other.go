//go:build !linux

package stable

import "os"

// syncData syncs f. On macOS Go's Sync empties the disk's own buffer too.
func syncData(f *os.File) error { return f.Sync() }
