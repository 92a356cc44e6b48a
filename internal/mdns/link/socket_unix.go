//go:build unix && !solaris && !aix

package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"llchat/internal/netmon"
)

// openGroup opens the socket of one family on one interface. The port is
// shared with the responder of the system (RFC 6762 section 15).
func openGroup(f family, i netmon.Interface) (socket, error) {
	conn, err := listen(f, bindTo(f), i.Index)
	if err != nil {
		return nil, fmt.Errorf("listen on %s %s: %w", i.Name, f, err)
	}
	u, err := newUDP(conn, f, netInterface(i))
	if err != nil {
		return nil, fmt.Errorf("multicast on %s %s: %w", i.Name, f, err)
	}
	return u, nil
}

// bindTo is the address that a group socket is bound to.
func bindTo(f family) netip.Addr {
	switch {
	case bindGroup:
		return f.group()
	case f == ipv6Family:
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// openUnicast tells whether nobody else has the port, and opens the socket for
// unicast packets if so. A family that the machine lacks counts as free.
func openUnicast(f family) (socket, bool) {
	network, bind := "udp4", netip.IPv4Unspecified()
	if f == ipv6Family {
		network, bind = "udp6", netip.IPv6Unspecified()
	}
	// Without the reuse options this fails when anybody has the port.
	test, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(bind, Port)))
	if err != nil {
		return nil, !errors.Is(err, syscall.EADDRINUSE)
	}
	test.Close()
	if !bindGroup {
		return nil, true // the sockets of the links take unicast packets too
	}
	conn, err := listen(f, bind, 0)
	if err != nil {
		return nil, false
	}
	u, err := newUDP(conn, f, nil)
	if err != nil {
		return nil, false
	}
	return u, true
}

// listen is net.ListenUDP with the reuse options and without the rewriting of
// group addresses to the wildcard.
func listen(f family, addr netip.Addr, zone int) (net.PacketConn, error) {
	domain := unix.AF_INET
	if f == ipv6Family {
		domain = unix.AF_INET6
	}
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), "mdns")
	defer file.Close() // FilePacketConn has its own copy
	if err := options(fd, f); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, sockaddr(f, addr, zone)); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	return net.FilePacketConn(file)
}

func options(fd int, f family) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if f == ipv6Family {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return err
		}
	}
	return systemOptions(fd, f)
}

// sockaddr makes the address to bind; ff02::fb needs the interface.
func sockaddr(f family, addr netip.Addr, zone int) unix.Sockaddr {
	if f == ipv4Family {
		return &unix.SockaddrInet4{Port: Port, Addr: addr.As4()}
	}
	sa := &unix.SockaddrInet6{Port: Port, Addr: addr.As16()}
	if addr.IsMulticast() {
		sa.ZoneId = uint32(zone)
	}
	return sa
}

// joined forgives a membership that is there already.
func joined(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil
	}
	return err
}
