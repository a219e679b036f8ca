//go:build unix && !linux

package store

func preferHugePages([]byte) {}
