//go:build netns && linux

package mdns

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

func fileOf(fd int) *os.File { return os.NewFile(uintptr(fd), "socket") }

// capture counts the frames that leave this host for so many seconds, of
// whatever protocol, IGMP and neighbour discovery included.
func capture(seconds int) (n int, what string, err error) {
	htons := func(v uint16) uint16 { return binary.NativeEndian.Uint16([]byte{byte(v >> 8), byte(v)}) }
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, int(htons(unix.ETH_P_ALL)))
	if err != nil {
		return 0, "", err
	}
	defer unix.Close(fd)
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100000}); err != nil {
		return 0, "", err
	}
	var kinds []string
	buf := make([]byte, 2048)
	for time.Now().Before(end) {
		size, from, err := unix.Recvfrom(fd, buf, 0)
		sa, ok := from.(*unix.SockaddrLinklayer)
		if err != nil || !ok || sa.Pkttype != unix.PACKET_OUTGOING {
			continue
		}
		n++
		kinds = append(kinds, fmt.Sprintf("%04x/%x", htons(sa.Protocol), buf[:min(size, 24)]))
	}
	slices.Sort(kinds)
	return n, strings.Join(append(slices.Compact(kinds), "-"), ","), nil
}

// hears opens a socket on the group.
func hears() (*net.UDPConn, error) {
	ifi, err := net.InterfaceByName("eth0")
	if err != nil {
		return nil, err
	}
	return net.ListenMulticastUDP("udp4", ifi, &net.UDPAddr{IP: link.GroupIPv4.AsSlice(), Port: link.Port})
}

// traffic counts the packets on the group for so many seconds.
func traffic(seconds int) (n, size int, err error) {
	c, err := hears()
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(time.Duration(seconds) * time.Second))
	buf := make([]byte, 9001)
	for {
		k, err := c.Read(buf)
		if err != nil {
			return n, size, nil
		}
		n++
		size += k
	}
}

// askMany multicasts one packet of so many questions and counts what comes back
// by multicast within four seconds.
func askMany(questions int) (n, size int, err error) {
	c, err := hears()
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	ipv4.NewPacketConn(c).SetMulticastLoopback(false)
	m := wire.Message{}
	for range questions {
		m.Questions = append(m.Questions, wire.Question{Name: presence, Type: wire.TypePTR, Class: wire.ClassIN})
	}
	data, _ := m.Append(nil, 9000)
	to := netip.AddrPortFrom(link.GroupIPv4, link.Port)
	if _, err := c.WriteToUDPAddrPort(data, to); err != nil {
		return 0, 0, err
	}
	c.SetReadDeadline(time.Now().Add(4 * time.Second))
	buf := make([]byte, 9001)
	for {
		k, _, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return n, size, nil
		}
		if got, err := wire.Parse(buf[:k]); err == nil && got.Response {
			n++
			size += k
		}
	}
}
