//go:build unix

// Package loop is a LAN of processes on one machine, for tests: TCP on
// loopback addresses, and a folder of datagram sockets in place of multicast.
// Nothing that it sends can leave the machine.
//
// Network makes the network of one process. Processes with the same folder
// are on the same LAN. Host n announces 192.0.2.n, an address that exists
// nowhere (RFC 5737; announced loopback addresses are never dialled), and its
// TCP is that of 127.0.0.n.
package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llchat/internal/chat"
	"llchat/internal/mdns/link"
)

// suffix ends the names of the sockets in the folder.
const suffix = ".mdns"

// head is what stands before the data of a datagram: the sender's address and
// whether it was for everybody.
const head = 5

// lan holds every host's address.
var lan = netip.MustParsePrefix("192.0.2.0/24")

// loopback is where the TCP of the host with this address is.
func loopback(a netip.Addr) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, a.As4()[3]}) }

// Network is the LAN in folder as host n sees it.
func Network(folder string, n byte) *chat.Network {
	host := netip.AddrFrom4([4]byte{192, 0, 2, n})
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: loopback(host).AsSlice()}}
	prefix := netip.PrefixFrom(host, lan.Bits())
	return &chat.Network{
		Source: func() (link.Source, error) { return &source{folder: folder, host: prefix}, nil },
		Listen: func(ctx context.Context, port uint16) ([]net.Listener, uint16, error) {
			var c net.ListenConfig
			l, err := c.Listen(ctx, "tcp4", netip.AddrPortFrom(loopback(host), port).String())
			if err != nil {
				return nil, 0, err
			}
			return []net.Listener{listener{l}}, l.Addr().(*net.TCPAddr).AddrPort().Port(), nil
		},
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			if !lan.Contains(to.Addr()) {
				return nil, fmt.Errorf("dial %s: not on this LAN", to)
			}
			return d.DialContext(ctx, "tcp4", netip.AddrPortFrom(loopback(to.Addr()), to.Port()).String())
		},
		Interfaces: func() []chat.Interface {
			return []chat.Interface{{Name: "loop", Addresses: []string{prefix.String()}}}
		},
	}
}

// listener shows who dialled under the address of the LAN.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	host := lan.Addr().As4()
	host[3] = from.Addr().Unmap().As4()[3]
	return conn{c, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(host), from.Port()))}, nil
}

type conn struct {
	net.Conn
	from net.Addr
}

func (c conn) RemoteAddr() net.Addr { return c.from }

// sources numbers the sockets of this process.
var sources atomic.Uint64

// source is a link.Source with one link.
type source struct {
	folder string
	host   netip.Prefix

	mu   sync.Mutex // guards the following
	conn *net.UnixConn
}

const theLink link.ID = 1

// Run implements link.Source.
func (s *source) Run(ctx context.Context, h link.Handler) error {
	path := filepath.Join(s.folder, fmt.Sprintf("%s-%d-%d%s", s.host.Addr(), os.Getpid(), sources.Add(1), suffix))
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(path) }()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	s.mu.Lock()
	s.conn = c
	s.mu.Unlock()
	h.Links([]link.Info{{ID: theLink, Name: "loop", MTU: 1500, Addrs: []netip.Prefix{s.host}}})
	buf := make([]byte, head+link.MaxPacket)
	for {
		n, err := c.Read(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if n < head {
			continue
		}
		src := netip.AddrPortFrom(netip.AddrFrom4([4]byte(buf[:4])), link.Port)
		h.Packet(link.Packet{Link: theLink, Src: src, Multicast: buf[4] == 1, HopLimit: 255, Data: buf[head:n]})
	}
}

// Send implements link.Source.
func (s *source) Send(id link.ID, dst netip.AddrPort, data []byte) error {
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	if id != theLink || c == nil {
		return fmt.Errorf("send on link %d: %w", id, link.ErrNoLink)
	}
	multicast := !dst.IsValid() || dst.Addr().IsMulticast()
	packet := s.host.Addr().AsSlice()
	if multicast {
		packet = append(packet, 1)
	} else {
		packet = append(packet, 0)
	}
	packet = append(packet, data...)
	hosts, err := filepath.Glob(filepath.Join(s.folder, "*"+suffix))
	if err != nil {
		return err
	}
	for _, to := range hosts {
		if !multicast && !strings.HasPrefix(filepath.Base(to), dst.Addr().String()+"-") {
			continue
		}
		// Whoever was killed has left a socket behind that nobody reads.
		_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := c.WriteToUnix(packet, &net.UnixAddr{Name: to, Net: "unixgram"}); errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

// Unicast implements link.Source.
func (*source) Unicast() bool { return true }
