//go:build lab && linux

package lab

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// broadcast is the address that reaches every host.
func (h *host) broadcast() string { return "10.77.255.255" }

// sendUDP sends one datagram from the host.
func (h *host) sendUDP(t testing.TB, to, data string) {
	t.Helper()
	var err error
	h.do(func() {
		var c net.Conn
		if c, err = net.Dial("udp4", to); err != nil {
			return
		}
		_, err = c.Write([]byte(data))
		_ = c.Close()
	})
	if err != nil {
		t.Fatalf("%s: send to %s: %v", h.name, to, err)
	}
}

// dial opens a TCP connection from the host, closed with the test.
func (h *host) dial(t testing.TB, to string) net.Conn {
	t.Helper()
	c, err := h.tryDial(to)
	if err != nil {
		t.Fatalf("%s: dial %s: %v", h.name, to, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (h *host) tryDial(to string) (c net.Conn, err error) {
	h.do(func() {
		d := net.Dialer{FallbackDelay: -1, Timeout: runTime}
		c, err = d.Dial("tcp", to)
	})
	return c, err
}

// listen opens a TCP listener on the host, closed with the test.
func (h *host) listen(t testing.TB, addr string) (l net.Listener) {
	t.Helper()
	var err error
	h.do(func() { l, err = net.Listen("tcp", addr) })
	if err != nil {
		t.Fatalf("%s: listen: %v", h.name, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// multicast sends one multicast DNS message from port 5353.
func (h *host) multicast(t testing.TB, data []byte) {
	t.Helper()
	// A program that starts just now holds the socket before this one until its
	// exec, closed or not.
	d := net.Dialer{
		LocalAddr: &net.UDPAddr{IP: net.ParseIP(h.address()), Port: 5353},
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			controlErr := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			})
			return errors.Join(controlErr, err)
		},
	}
	var err error
	h.do(func() {
		var c net.Conn
		if c, err = d.Dial("udp4", "224.0.0.251:5353"); err != nil {
			return
		}
		_, err = c.Write(data)
		_ = c.Close()
	})
	if err != nil {
		t.Fatalf("%s: multicast: %v", h.name, err)
	}
}
