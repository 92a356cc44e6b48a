//go:build !unix || solaris || aix

package link

import (
	"fmt"
	"net"

	"llchat/internal/netmon"
)

// openGroup opens the socket of one family on one interface with what the
// standard library has.
func openGroup(f family, i netmon.Interface) (socket, error) {
	network := "udp4"
	if f == ipv6Family {
		network = "udp6"
	}
	ifi := netInterface(i)
	conn, err := net.ListenMulticastUDP(network, ifi, &net.UDPAddr{IP: f.group().AsSlice(), Port: Port, Zone: i.Name})
	if err != nil {
		return nil, fmt.Errorf("listen on %s %s: %w", i.Name, f, err)
	}
	u, err := newUDP(conn, f, ifi)
	if err != nil {
		return nil, fmt.Errorf("multicast on %s %s: %w", i.Name, f, err)
	}
	return u, nil
}

// openUnicast never claims unicast packets: the system's responder has them.
func openUnicast(family) (socket, bool) { return nil, false }

// joined forgives a membership that is there already: ListenMulticastUDP
// joined before us, and the error for that differs between systems.
func joined(error) error { return nil }

// Shared reports whether port 5353 may be used beside whoever has it now.
// Without a way to try it for nothing the answer is yes: opening will tell.
func Shared() bool { return true }
