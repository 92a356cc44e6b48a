package link

import (
	"errors"

	"golang.org/x/sys/unix"
)

// bindGroup: on Linux a socket bound to the group itself takes no unicast
// packets away from the responder of the system (mdns.md 1), and sends with
// the interface's own address all the same.
const bindGroup = true

// systemOptions makes a socket take packets of the groups it joined itself,
// and not of all that any program joined (ip(7), IP_MULTICAST_ALL). Older
// kernels lack the IPv6 half; there the socket is bound to its interface.
//
// SO_REUSEADDR is enough to share the port here, and SO_REUSEPORT would harm:
// sockets with it that are bound to the same group form one set, and when just
// one of them has joined on the link of a packet, the kernel hands the packet
// to any of the set (measured with two links on 6.18: half of the packets
// came to the socket of the wrong link only).
func systemOptions(fd int, f family) error {
	if f == ipv4Family {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)
	}
	err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return nil
	}
	return err
}
