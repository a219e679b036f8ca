package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker/go-units"

	"weensydb"
	"weensydb/stable"
	"weensydb/store"
)

// explainOpen adds to the errors of Open what would work, and who holds an
// address that is in use.
func explainOpen(err error, config weensydb.Config) error {
	taken := map[string]bool{defaultHTTP: true} // by the console, one day
	for _, addr := range slices.Concat(config.Weensy, config.Memcache) {
		taken[addr] = true
	}
	all := joinMistakes(nil, err)
	for i, err := range all {
		var listen *weensydb.ListenError
		switch {
		case errors.Is(err, stable.ErrInUse):
			all[i] = fmt.Errorf("%w; stop that one, or give another --dir", err)
		case errors.Is(err, store.ErrMemory):
			all[i] = fmt.Errorf("%w: give more with --memory, now %s", err, units.BytesSize(float64(config.Memory)))
		}
		if errors.As(err, &listen) && isInUse(err) {
			all[i] = fmt.Errorf("%s: %s is in use%s; %s",
				listen.Listener, listen.Address, holder(listen.Address), advice(listen.Listener, listen.Address, taken))
		}
	}
	return errors.Join(all...)
}

// isInUse reports whether err says so, on Windows too, whose number for it is
// not the one that the syscall package gives that name.
func isInUse(err error) bool {
	const wsaAddrInUse = syscall.Errno(10048)
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse)
}

// isFree tries to listen.
func isFree(addr string) bool {
	listener, err := net.Listen("tcp", addr)
	if err == nil {
		listener.Close()
	}
	return err == nil
}

// advice is the flag and value that would work, and marks the address as taken.
func advice(flag, addr string, taken map[string]bool) string {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return fmt.Sprintf("give another path, such as --%s unix:%s.2", flag, path)
	}
	host, text, _ := net.SplitHostPort(addr)
	port, _ := strconv.Atoi(text)
	const tries = 100
	for next := port + 1; next <= min(port+tries, 65535); next++ {
		candidate := net.JoinHostPort(host, strconv.Itoa(next))
		if !taken[candidate] && isFree(candidate) {
			taken[candidate] = true
			return fmt.Sprintf("--%s %s is free", flag, candidate)
		}
	}
	return fmt.Sprintf("--%s %s takes any port that is free", flag, net.JoinHostPort(host, "0"))
}
