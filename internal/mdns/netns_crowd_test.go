//go:build netns && linux

package mdns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

var presence = wire.MustName("_presence", "_tcp", "local")

// person is one of a crowd: a responder that only answers who is there and SRV
// questions. What one says about itself has a pause on each family of a link,
// as with real responders; they all answer over IPv4.
type person struct {
	name   wire.Name
	packet []byte
	from   net.PacketConn
	last   [2]time.Time // of questions that came by IPv4 and by IPv6
}

// people is a crowd behind many addresses of one host.
type people struct {
	mu     sync.Mutex
	all    []*person
	byKey  map[string]*person
	known  map[netip.AddrPort]map[string]bool // trains of known answers
	loss   float64
	group  net.Addr
	closed chan struct{}
}

// crowd makes n people called word0@desk0 ... behind addrs addresses and serves
// until stop. A part of all packets, loss, never arrives.
func crowd(n, addrs int, loss, word string) (stop func(), err error) {
	c := &people{
		byKey: map[string]*person{}, known: map[netip.AddrPort]map[string]bool{}, closed: make(chan struct{}),
		group: net.UDPAddrFromAddrPort(netip.AddrPortFrom(link.GroupIPv4, link.Port)),
	}
	c.loss, _ = strconv.ParseFloat(loss, 64)
	block := byte(100)
	if word != "user" {
		block = 120
	}
	socks, err := sockets(block, addrs)
	if err != nil {
		return func() {}, err
	}
	for i := range n {
		s := socks[i%len(socks)]
		p := &person{from: s.conn}
		p.name, p.packet = announcement(fmt.Sprintf("%s%d@desk%d", word, i, i), fmt.Sprintf("desk%d", i), s.addr)
		c.all = append(c.all, p)
		c.byKey[p.name.Key()] = p
	}
	src, err := link.Open(nil)
	if err != nil {
		return func() {}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go src.Run(ctx, c)
	return func() { close(c.closed); cancel() }, nil
}

// announcement is everything about one instance in one packet.
func announcement(label, host string, addr netip.Addr) (wire.Name, []byte) {
	name, _ := presence.Child(label)
	target := wire.MustName(host, "local")
	m := wire.Message{Response: true, Authoritative: true, Answers: []wire.Record{
		{Name: presence, Type: wire.TypePTR, TTL: 4500, PTR: name},
		{Name: name, Type: wire.TypeSRV, Flush: true, TTL: 120, SRV: wire.SRV{Port: 5298, Target: target}},
		{Name: name, Type: wire.TypeTXT, Flush: true, TTL: 4500, TXT: []byte("\x09txtvers=1\x0cstatus=avail")},
		{Name: target, Type: wire.TypeA, Flush: true, TTL: 120, Addr: addr},
	}}
	data, _ := m.Append(nil, 0)
	return name, data
}

type sock struct {
	conn net.PacketConn
	addr netip.Addr
}

// sockets gives eth0 n addresses from 10.77.block.1 and opens a socket to send from each.
func sockets(block byte, n int) ([]sock, error) {
	var batch strings.Builder
	var addrs []netip.Addr
	for i := range n {
		a := netip.AddrFrom4([4]byte{10, 77, block + byte(i/250), byte(1 + i%250)})
		addrs = append(addrs, a)
		fmt.Fprintf(&batch, "addr add %s/16 dev eth0\n", a)
	}
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(batch.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("addresses: %w: %s", err, out)
	}
	var out []sock
	for _, a := range addrs {
		conn, err := sender(a)
		if err != nil {
			return nil, err
		}
		out = append(out, sock{conn, a})
	}
	return out, nil
}

// sender is a socket that multicasts from a, port 5353. It is not read.
func sender(a netip.Addr) (net.PacketConn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := fileOf(fd)
	defer file.Close()
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1),
		unix.SetsockoptInet4Addr(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, a.As4()),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 255),
		unix.Bind(fd, &unix.SockaddrInet4{Port: link.Port, Addr: a.As4()}),
	)
	if err != nil {
		return nil, err
	}
	return net.FilePacketConn(file)
}

// Links implements link.Handler.
func (c *people) Links([]link.Info) {}

// Packet implements link.Handler: known answers of one querier may come in
// several packets (RFC 6762 7.2).
func (c *people) Packet(p link.Packet) {
	m, err := wire.Parse(p.Data)
	if err != nil || m.Response || p.Src.Port() != link.Port {
		return
	}
	var everybody bool
	var few []*person
	c.mu.Lock()
	for _, q := range m.Questions {
		everybody = everybody || q.Type == wire.TypePTR && q.Name.Equal(presence)
		if x := c.byKey[q.Name.Key()]; x != nil && q.Type != wire.TypePTR {
			few = append(few, x)
		}
	}
	known := c.known[p.Src]
	if everybody || known == nil {
		known = map[string]bool{}
	}
	for _, r := range m.Answers {
		if r.Type == wire.TypePTR && rand.Float64() >= c.loss { // each one hears that packet or not
			known[r.PTR.Key()] = true
		}
	}
	if everybody {
		c.known[p.Src] = known
	}
	c.mu.Unlock()
	if everybody {
		wait := 20 * time.Millisecond
		if m.Truncated {
			wait = 450 * time.Millisecond
		}
		time.AfterFunc(wait, func() { c.answerAll(p.Src) })
	}
	go c.say(few)
}

// answerAll has all who are not known answer within 100 ms.
func (c *people) answerAll(src netip.AddrPort) {
	family := 0
	if src.Addr().Unmap().Is6() {
		family = 1
	}
	c.mu.Lock()
	known := maps.Clone(c.known[src])
	var due []*person
	for _, x := range c.all {
		// Each hears the question or not, each answers at most once a second.
		if !known[x.name.Key()] && rand.Float64() >= c.loss && time.Since(x.last[family]) > time.Second {
			x.last[family] = time.Now()
			due = append(due, x)
		}
	}
	c.mu.Unlock()
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	start := time.Now()
	for i, x := range due {
		at := start.Add(100 * time.Millisecond * time.Duration(i) / time.Duration(len(due)))
		if d := time.Until(at); d > time.Millisecond {
			time.Sleep(d)
		}
		c.say([]*person{x})
	}
}

func (c *people) say(list []*person) {
	for _, x := range list {
		select {
		case <-c.closed:
			return
		default:
		}
		if rand.Float64() >= c.loss {
			x.from.WriteTo(x.packet, c.group)
		}
	}
}

// flood sends rate packets a second of new names from 128 addresses; with a size
// the packets are filled to that many octets.
func flood(rate, seconds, size int) (sent int, err error) {
	socks, err := sockets(140, 128)
	if err != nil {
		return 0, err
	}
	_, data := announcement("fake0000000@evil", "evil", netip.MustParseAddr("10.77.0.66"))
	at := strings.Index(string(data), "fake") + 4
	if size > 0 {
		data, at = large(size), 0
	}
	group := net.UDPAddrFromAddrPort(netip.AddrPortFrom(link.GroupIPv4, link.Port))
	var conns []*ipv4.PacketConn
	for _, s := range socks {
		conns = append(conns, ipv4.NewPacketConn(s.conn))
	}
	batch := max(1, rate/1000) // 1,000 batches a second
	pause := time.Second * time.Duration(batch) / time.Duration(rate)
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for next := time.Now(); next.Before(end); next = next.Add(pause) {
		if d := time.Until(next); d > 0 {
			time.Sleep(d)
		}
		msgs := make([]ipv4.Message, batch)
		for i := range msgs {
			b := append([]byte(nil), data...)
			if at > 0 {
				copy(b[at:], fmt.Sprintf("%07d", sent+i))
			}
			msgs[i] = ipv4.Message{Buffers: [][]byte{b}, Addr: group}
		}
		n, err := conns[(sent/batch)%len(conns)].WriteBatch(msgs, 0)
		if sent += max(n, 0); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return sent, err
		}
	}
	return sent, nil
}

// large is a packet of size octets full of records.
func large(size int) []byte {
	m := wire.Message{Response: true}
	for i := 0; ; i++ {
		name, _ := presence.Child(fmt.Sprintf("fake%d@evil", i))
		m.Answers = append(m.Answers, wire.Record{Name: presence, Type: wire.TypePTR, TTL: 4500, PTR: name},
			wire.Record{Name: name, Type: wire.TypeSRV, TTL: 120, SRV: wire.SRV{Port: 1, Target: wire.MustName("evil", "local")}})
		data, rest := m.Append(nil, size)
		if !rest.Empty() {
			return data
		}
	}
}
