package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holder tells, if it can, which process listens on a TCP address: /proc/net/tcp
// has the socket's inode, and the process has a descriptor of that inode. Other
// users' descriptors can be seen by root only.
func holder(addr string) string {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return ""
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for _, inode := range listeningInodes(content, uint16(port)) {
			if pid, name := ownerOf("socket:[" + inode + "]"); pid != "" {
				return fmt.Sprintf(" by %s (process %s)", name, pid)
			}
		}
	}
	return ""
}

// listeningInodes picks from a table in the form of /proc/net/tcp (proc_net(5))
// the sockets that listen on a port.
func listeningInodes(table []byte, port uint16) []string {
	const listen = "0A"
	var inodes []string
	for _, line := range bytes.Split(table, []byte("\n")) {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		fields := strings.Fields(string(line))
		if len(fields) < 10 || fields[3] != listen {
			continue
		}
		if strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}

// ownerOf finds a process that has a descriptor of the target.
func ownerOf(target string) (pid, name string) {
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		if at, err := os.Readlink(descriptor); err != nil || at != target {
			continue
		}
		process := filepath.Dir(filepath.Dir(descriptor))
		comm, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return filepath.Base(process), strings.TrimSpace(string(comm))
	}
	return "", ""
}
