//go:build !unix

package weensydb

// descriptorLimit returns 0: the system has no such limit that could be asked.
func descriptorLimit() int { return 0 }
