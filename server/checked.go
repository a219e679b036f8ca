package server

import (
	"errors"
	"net"

	"weensydb/lockcheck"
)

// checked returns l. Under the build tag lockcheck, its calls and those of
// its connections demand that no lock is held.
//
// Deadlines are set by the runtime without a system call, and addresses are kept:
// neither is checked.
func checked(l net.Listener) net.Listener {
	if !lockcheck.Enabled {
		return l
	}
	return checkedListener{l}
}

type checkedListener struct{ net.Listener }

func (l checkedListener) Accept() (net.Conn, error) {
	lockcheck.NoneHeld("accept")
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return checkedConn{c}, nil
}

func (l checkedListener) Close() error {
	lockcheck.NoneHeld("close")
	return l.Listener.Close()
}

type checkedConn struct{ net.Conn }

func (c checkedConn) Read(b []byte) (int, error) {
	lockcheck.NoneHeld("read")
	return c.Conn.Read(b)
}

func (c checkedConn) Write(b []byte) (int, error) {
	lockcheck.NoneHeld("write")
	return c.Conn.Write(b)
}

func (c checkedConn) Close() error {
	lockcheck.NoneHeld("close")
	return c.Conn.Close()
}

// CloseWrite is what many connections have beyond net.Conn.
func (c checkedConn) CloseWrite() error {
	lockcheck.NoneHeld("shutdown")
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
