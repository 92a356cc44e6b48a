package link

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"llchat/internal/netmon"
)

// queueSize is how many packets wait for one link; then Send reports ErrFull.
// A burst of known answers for 5,000 peers is 131 packets (mdns.md 2.7).
const queueSize = 256

// family is IPv4 or IPv6.
type family int

const (
	ipv4Family family = 4
	ipv6Family family = 6
)

var families = []family{ipv4Family, ipv6Family}

func (f family) String() string { return fmt.Sprintf("IPv%d", int(f)) }

func (f family) of(a netip.Addr) bool { return a.Unmap().Is4() == (f == ipv4Family) }

func (f family) group() netip.Addr {
	if f == ipv4Family {
		return GroupIPv4
	}
	return GroupIPv6
}

// socket is one UDP socket of one family on one link.
type socket interface {
	// read calls f with every packet until close; the data is valid during
	// the call.
	read(f func(Packet))
	// write sends to dst on the link of the socket.
	write(data []byte, dst netip.AddrPort) error
	// rejoin leaves and joins the group, which makes switches listen again.
	rejoin() error
	close() error
}

// plug is one link: a socket for each family that it has an address of, and
// the queue of packets to send. Run's goroutine changes it; send may come
// from any.
type plug struct {
	id   ID
	name string

	queue chan outgoing
	done  chan struct{} // closed by close
	wg    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	mtu     int
	addrs   []netip.Prefix
	sockets map[family]socket
	waiting []socket // open, not yet read
	began   bool     // start was called: the handler knows the link
}

type outgoing struct {
	dst  netip.AddrPort // zero: the groups
	data []byte
}

func newPlug(id ID, name string) *plug {
	return &plug{
		id: id, name: name,
		queue:   make(chan outgoing, queueSize),
		done:    make(chan struct{}),
		sockets: map[family]socket{},
	}
}

// update takes over MTU and addresses, closes sockets of families that have no
// address any more, joins the groups again when something changed (mdns.md
// 2.2) and returns the families that lack a socket.
func (p *plug) update(i netmon.Interface) (lack []family) {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := !slices.Equal(p.addrs, i.Addrs)
	p.mtu, p.addrs = i.MTU, slices.Clone(i.Addrs)
	for _, f := range families {
		s, has := p.sockets[f]
		wanted := slices.ContainsFunc(i.Addrs, func(a netip.Prefix) bool { return f.of(a.Addr()) })
		switch {
		case has && !wanted:
			s.close()
			delete(p.sockets, f)
		case wanted && !has:
			lack = append(lack, f)
		case has && changed:
			if s.rejoin() != nil { // gone below us: open anew
				s.close()
				delete(p.sockets, f)
				lack = append(lack, f)
			}
		}
	}
	return lack
}

// add gives the plug a socket; start lets it be read.
func (p *plug) add(f family, s socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sockets[f] = s
	p.waiting = append(p.waiting, s)
}

// start reads the sockets added since the last start, and begins to send.
func (p *plug) start(deliver func(Packet)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.waiting {
		p.wg.Go(func() { s.read(deliver) })
	}
	p.waiting = nil
	if !p.began {
		p.began = true
		p.wg.Go(p.write)
	}
}

func (p *plug) started() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.began
}

// info describes the link; false without any socket.
func (p *plug) info() (Info, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	addrs := slices.DeleteFunc(slices.Clone(p.addrs), func(a netip.Prefix) bool {
		return !slices.ContainsFunc(families, func(f family) bool { return f.of(a.Addr()) && p.sockets[f] != nil })
	})
	return Info{ID: p.id, Name: p.name, MTU: p.mtu, Addrs: addrs}, len(addrs) > 0
}

// send queues a copy of data.
func (p *plug) send(dst netip.AddrPort, data []byte) error {
	select {
	case p.queue <- outgoing{dst, slices.Clone(data)}:
		return nil
	default:
		return fmt.Errorf("send on %s: %w", p.name, ErrFull)
	}
}

// write sends what is queued. Errors are the network's, which promises
// nothing: whoever cares asks again (RFC 6762 section 5.2).
func (p *plug) write() {
	for {
		select {
		case <-p.done:
			return
		case o := <-p.queue:
			for _, f := range families {
				p.mu.Lock()
				s := p.sockets[f]
				p.mu.Unlock()
				switch {
				case s == nil:
				case !o.dst.IsValid():
					_ = s.write(o.data, netip.AddrPortFrom(f.group(), Port))
				case f.of(o.dst.Addr()):
					_ = s.write(o.data, o.dst)
				}
			}
		}
	}
}

// close ends readers and writer and waits for them.
func (p *plug) close() {
	p.mu.Lock()
	for _, s := range p.sockets {
		s.close()
	}
	p.mu.Unlock()
	close(p.done)
	p.wg.Wait()
}
