package doctor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// askAt is when questions go out: a second apart, then doubled (RFC 6762
// section 5.2).
var askAt = []time.Duration{0, time.Second, 3 * time.Second}

// resolveAt is when people whose addresses did not come along are asked for.
const resolveAt = 1500 * time.Millisecond

// newMarker makes a name that only we ask for, to know our packets again.
func newMarker() wire.Name {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return wire.MustName(hex.EncodeToString(b[:]), "local")
}

// question asks who is here, which services there are, and for the marker.
func question(marker wire.Name) []byte {
	m := wire.Message{Questions: []wire.Question{
		{Name: service, Type: wire.TypePTR}, {Name: meta, Type: wire.TypePTR}, {Name: marker, Type: wire.TypeTXT},
	}}
	data, _ := m.Append(nil, 0) // three short names fit
	return data
}

// ask sends the questions on all links until ctx ends.
func (e *ear) ask(ctx context.Context, src link.Source) {
	begin := time.Now()
	data := question(e.marker)
	resolved := false
	for _, at := range askAt {
		if !resolved && at > resolveAt {
			if !sleep(ctx, resolveAt-time.Since(begin)) {
				return
			}
			e.resolve(src)
			resolved = true
		}
		if !sleep(ctx, at-time.Since(begin)) {
			return
		}
		for _, l := range e.list() {
			_ = src.Send(l.info.ID, netip.AddrPort{}, data) // whether it went out the echo tells
		}
	}
	e.resolve(src)
}

// resolve asks for what is missing of the people heard so far.
func (e *ear) resolve(src link.Source) {
	for _, l := range e.list() {
		m := wire.Message{Questions: e.missing(l)}
		if len(m.Questions) == 0 {
			continue
		}
		packets, err := m.Packets(0)
		for _, p := range packets {
			err = errors.Join(err, src.Send(l.info.ID, netip.AddrPort{}, p))
		}
		_ = err // these people are not dialled
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// directly asks from a port of its own, as a one-shot querier (RFC 6762
// section 6.7): the answers come by unicast. It returns who answered, without
// us, until ctx ends.
func directly(ctx context.Context, info link.Info, own map[netip.Addr]bool) map[netip.Addr]bool {
	var wg sync.WaitGroup
	var mu sync.Mutex
	answered := map[netip.Addr]bool{}
	for _, p := range info.Addrs {
		a := p.Addr()
		if a.Is6() && !a.IsLinkLocalUnicast() {
			continue // one of each family is enough
		}
		conn, err := oneShot(info, a)
		if err != nil {
			continue
		}
		wg.Go(func() {
			readAnswers(conn, func(from netip.Addr) {
				mu.Lock()
				defer mu.Unlock()
				if !own[from] && info.OnLink(from) && len(answered) < maxSources {
					answered[from] = true
				}
			})
		})
		wg.Go(func() {
			defer func() { _ = conn.Close() }()
			m := wire.Message{ID: 1, Questions: []wire.Question{{Name: service, Type: wire.TypePTR}, {Name: meta, Type: wire.TypePTR}}}
			data, _ := m.Append(nil, 0)
			for _, wait := range []time.Duration{200 * time.Millisecond, 2 * time.Second} {
				if !sleep(ctx, wait) {
					return
				}
				_, _ = conn.WriteToUDPAddrPort(data, groupOf(info, a)) // silence is an answer too
			}
			<-ctx.Done()
		})
	}
	wg.Wait()
	return answered
}

func groupOf(info link.Info, a netip.Addr) netip.AddrPort {
	if a.Is4() {
		return netip.AddrPortFrom(link.GroupIPv4, link.Port)
	}
	return netip.AddrPortFrom(link.GroupIPv6.WithZone(info.Name), link.Port)
}

// oneShot opens a socket at one address of ours that sends to its link.
func oneShot(info link.Info, a netip.Addr) (*net.UDPConn, error) {
	network, bind := "udp4", a
	if a.Is6() {
		network, bind = "udp6", a.WithZone(info.Name)
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(bind, 0)))
	if err != nil {
		return nil, err
	}
	ifi := &net.Interface{Index: int(info.ID), Name: info.Name}
	if a.Is4() {
		p := ipv4.NewPacketConn(conn)
		err = errors.Join(p.SetMulticastInterface(ifi), p.SetMulticastTTL(255))
	} else {
		p := ipv6.NewPacketConn(conn)
		err = errors.Join(p.SetMulticastInterface(ifi), p.SetMulticastHopLimit(255))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// readAnswers calls f with who answered until conn is closed.
func readAnswers(conn *net.UDPConn, f func(netip.Addr)) {
	buf := make([]byte, link.MaxPacket+1)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // what an ICMP message says of an earlier packet
		}
		if m, err := wire.Parse(buf[:n]); err == nil && m.Response {
			f(from.Addr().Unmap().WithZone(""))
		}
	}
}
