// Package link moves multicast DNS packets: real sockets (Open) or a LAN in
// memory (NewBus), behind the same Source.
//
// A Source finds its links by itself and tells a Handler. Calls of a Handler
// come one at a time; the first Links comes soon after Run began, and again
// after every change, before any packet of a new link. The Handler may call
// Send. Packet.Data belongs to the Source again when Handler.Packet returns.
//
// As on a real network a Source hears its own multicast packets again.
//
// No judgement about packets is made here but their size: at most MaxPacket
// octets. Port and neighbourhood of the sender (RFC 6762 sections 6 and 11)
// are for the engine, with Packet.Src and Info.OnLink.
package link

import (
	"context"
	"errors"
	"net/netip"
)

// Port is the UDP port of multicast DNS.
const Port = 5353

// MaxPacket is the largest payload sent or passed on (RFC 6762 section 17).
const MaxPacket = 9000

// The multicast groups of RFC 6762 section 3.
var (
	GroupIPv4 = netip.MustParseAddr("224.0.0.251")
	GroupIPv6 = netip.MustParseAddr("ff02::fb")
)

// Errors of Send and Run.
var (
	ErrNoLink   = errors.New("link: no such link")
	ErrTooLarge = errors.New("link: packet larger than 9000 octets")
	ErrFull     = errors.New("link: send queue full")
	ErrTaken    = errors.New("link: port 5353 is held exclusively by another program")
)

// ID names a link: the interface index, or what an in-memory link chose.
type ID int

// Info describes a link that is up.
type Info struct {
	ID    ID
	Name  string
	MTU   int            // of the interface, IP headers included
	Addrs []netip.Prefix // without zones
}

// OnLink reports whether a packet from addr can come from a neighbour on this
// link: link-local, or in the subnet of one of our addresses (RFC 6762
// section 11).
func (i Info) OnLink(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLinkLocalUnicast() {
		return true
	}
	for _, p := range i.Addrs {
		if p.Masked().Contains(addr) {
			return true
		}
	}
	return false
}

// Packet is one datagram from a link.
type Packet struct {
	Link      ID
	Src       netip.AddrPort // zone set for IPv6 link-local senders
	Multicast bool           // sent to the group, not to us alone
	HopLimit  int            // TTL or hop limit; 0 when the system does not tell
	Data      []byte         // valid until Handler.Packet returns
}

// Handler is told about links and packets, one call at a time.
type Handler interface {
	Links([]Info)
	Packet(Packet)
}

// Source sends and receives on the links of this machine.
type Source interface {
	// Run serves h until ctx ends and then returns nil; all its goroutines
	// are gone by then. Without any network it waits. It may be called again
	// after it has returned.
	Run(ctx context.Context, h Handler) error
	// Send sends data from port 5353 on a link: to dst, or with a zero dst to
	// the groups of all address families the link has. It keeps no reference
	// to data and never blocks for long; delivery is not promised.
	Send(id ID, dst netip.AddrPort, data []byte) error
	// Unicast reports whether unicast answers reach this Source: QU questions
	// make sense only then (RFC 6762 section 15.1). Known once Links came.
	Unicast() bool
}
