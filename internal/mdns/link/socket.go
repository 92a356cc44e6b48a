package link

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"llchat/internal/netmon"
)

const (
	// hops of every packet, unicast too (RFC 6762 section 11).
	hops = 255
	// receiveBuffer is asked for; with it 5,000 peers answering at once fit
	// (mdns.md 1: 0.2 s instead of 1.6 s).
	receiveBuffer = 4 << 20
	// batch packets are read with one system call where there is one.
	batch = 8
	// writeTimeout bounds how long a link whose device is stuck holds its
	// own queue; other links have theirs.
	writeTimeout = time.Second
	// errorPause keeps a socket that only fails from turning in circles.
	errorPause = 50 * time.Millisecond
)

// udp is the socket of one family. With an interface it sits on its group;
// without, it takes unicast packets of all links.
type udp struct {
	conn   net.PacketConn
	family family
	ifi    *net.Interface // nil: unicast, all links
	v4     *ipv4.PacketConn
	v6     *ipv6.PacketConn
	once   sync.Once
	closed chan struct{}
}

// newUDP takes over conn and sets what RFC 6762 wants of it.
func newUDP(conn net.PacketConn, f family, ifi *net.Interface) (*udp, error) {
	u := &udp{conn: conn, family: f, ifi: ifi, closed: make(chan struct{})}
	u.setBuffer(receiveBuffer)
	var err error
	if f == ipv4Family {
		err = u.setup4()
	} else {
		err = u.setup6()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return u, nil
}

// setBuffer asks for a receive buffer: a wish, the system may cap it.
func (u *udp) setBuffer(octets int) {
	if c, ok := u.conn.(*net.UDPConn); ok {
		_ = c.SetReadBuffer(octets)
	}
}

func (u *udp) setup4() error {
	u.v4 = ipv4.NewPacketConn(u.conn)
	// Windows has no control messages: the socket is judged by its link only.
	_ = u.v4.SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface|ipv4.FlagTTL, true)
	if u.ifi == nil {
		return nil
	}
	return errors.Join(
		u.v4.SetTTL(hops),
		u.v4.SetMulticastTTL(hops),
		u.v4.SetMulticastLoopback(true),
		u.v4.SetMulticastInterface(u.ifi),
		u.join(),
	)
}

func (u *udp) setup6() error {
	u.v6 = ipv6.NewPacketConn(u.conn)
	_ = u.v6.SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface|ipv6.FlagHopLimit, true)
	if u.ifi == nil {
		return nil
	}
	return errors.Join(
		u.v6.SetHopLimit(hops),
		u.v6.SetMulticastHopLimit(hops),
		u.v6.SetMulticastLoopback(true),
		u.v6.SetMulticastInterface(u.ifi),
		u.join(),
	)
}

// groupAddr is the group as x/net wants it.
func (u *udp) groupAddr() *net.UDPAddr { return &net.UDPAddr{IP: u.family.group().AsSlice()} }

func (u *udp) join() error {
	if u.v4 != nil {
		return joined(u.v4.JoinGroup(u.ifi, u.groupAddr()))
	}
	return joined(u.v6.JoinGroup(u.ifi, u.groupAddr()))
}

func (u *udp) rejoin() error {
	if u.v4 != nil {
		_ = u.v4.LeaveGroup(u.ifi, u.groupAddr()) // may have been lost already
	} else {
		_ = u.v6.LeaveGroup(u.ifi, u.groupAddr())
	}
	return u.join()
}

func (u *udp) close() error {
	var err error
	u.once.Do(func() {
		close(u.closed)
		err = u.conn.Close()
	})
	return err
}

func (u *udp) write(data []byte, dst netip.AddrPort) error {
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst.Addr().Unmap(), dst.Port()))
	if u.v6 != nil && (dst.Addr().IsLinkLocalUnicast() || dst.Addr().IsMulticast()) {
		to.Zone = u.ifi.Name
	}
	if err := u.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	var err error
	if u.v4 != nil {
		_, err = u.v4.WriteTo(data, &ipv4.ControlMessage{IfIndex: u.ifi.Index}, to)
	} else {
		_, err = u.v6.WriteTo(data, &ipv6.ControlMessage{IfIndex: u.ifi.Index}, to)
	}
	return err
}

// arrival is what the system tells about a packet.
type arrival struct {
	index int        // interface, 0: unknown
	dst   netip.Addr // invalid: unknown
	hops  int
}

func (u *udp) arrival(oob []byte) arrival {
	if u.v4 != nil {
		var cm ipv4.ControlMessage
		if cm.Parse(oob) != nil {
			return arrival{}
		}
		dst, _ := netip.AddrFromSlice(cm.Dst)
		return arrival{cm.IfIndex, dst.Unmap(), cm.TTL}
	}
	var cm ipv6.ControlMessage
	if cm.Parse(oob) != nil {
		return arrival{}
	}
	dst, _ := netip.AddrFromSlice(cm.Dst)
	return arrival{cm.IfIndex, dst, cm.HopLimit}
}

// packet makes a Packet of a datagram; false when it is not for this socket.
// Group packets of other links come by the sockets of those links; unicast
// packets belong to the link on which they came.
func (u *udp) packet(data []byte, from net.Addr, a arrival) (Packet, bool) {
	src, ok := from.(*net.UDPAddr)
	if !ok || len(data) > MaxPacket {
		return Packet{}, false
	}
	p := Packet{Link: ID(a.index), HopLimit: a.hops, Multicast: a.dst.IsMulticast(), Data: data}
	if u.ifi != nil {
		if !a.dst.IsValid() { // the system does not tell
			p.Multicast = true
		}
		if a.index == 0 {
			p.Link = ID(u.ifi.Index)
		}
		if p.Multicast && p.Link != ID(u.ifi.Index) {
			return Packet{}, false
		}
	} else if p.Multicast {
		return Packet{}, false
	}
	addr := src.AddrPort().Addr().Unmap()
	if u.ifi != nil && addr.Zone() != "" && p.Link == ID(u.ifi.Index) {
		addr = addr.WithZone(u.ifi.Name) // names may be cached for long in net
	}
	p.Src = netip.AddrPortFrom(addr, src.AddrPort().Port())
	return p, true
}

// pause waits a moment after an error; false when the socket is closed.
func (u *udp) pause(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	select {
	case <-u.closed:
		return false
	case <-time.After(errorPause):
		return true
	}
}

// netInterface is i as x/net wants it.
func netInterface(i netmon.Interface) *net.Interface {
	return &net.Interface{Index: i.Index, Name: i.Name, MTU: i.MTU}
}
