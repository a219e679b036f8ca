package weensydb

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"weensydb/lockcheck"
	"weensydb/wire"
)

// listen opens all listeners, or none.
func (db *DB) listen() error {
	lockcheck.NoneHeld("listen")
	var errs []error
	open := func(addrs []string, d wire.Dialect) {
		for _, addr := range addrs {
			l, err := listenOn(addr)
			if err != nil {
				errs = append(errs, &ListenError{Listener: d.String(), Address: addr, Err: err})
				continue
			}
			db.listeners = append(db.listeners, &listener{l, d})
		}
	}
	open(db.config.Weensy, wire.Weensy)
	open(db.config.Memcache, wire.Memcache)
	if len(errs) > 0 {
		for _, l := range db.listeners {
			l.Close()
		}
	}
	return errors.Join(errs...)
}

// wsaRefused is how Windows says that nobody listens.
const wsaRefused = syscall.Errno(10061)

func listenOn(addr string) (net.Listener, error) {
	path, ok := strings.CutPrefix(addr, "unix:")
	if !ok {
		return net.Listen("tcp", addr)
	}
	if err := removeDeadSocket(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}

// removeDeadSocket removes the socket that a server which was killed has left
// behind. One that answers is left alone, and so is anything else.
func removeDeadSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return nil // listening will fail, and say why
	}
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		c.Close()
		return nil
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, wsaRefused):
		return os.Remove(path)
	}
	return nil // it may be busy, or another user's: listening will fail, and say why
}

// formatAddr writes an address in the form of Config.
func formatAddr(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return a.String()
}
