//go:build unix

package weensydb

import "syscall"

// descriptorLimit returns how many descriptors the process may open, or 0 if
// that is not known. The runtime has raised the soft limit to the hard one.
func descriptorLimit() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return int(min(uint64(l.Cur), 1<<30))
}
