package link

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// inboxSize is how many packets wait for a slow Handler before more are lost,
// about what 4 MB of socket buffer hold of small packets.
const inboxSize = 4096

// Host is a machine on one or more buses; it is the Source for its node.
// Packets and link changes wait in one queue for Run and reach the Handler in
// the order in which they happened.
type Host struct {
	mu        sync.Mutex // guards what follows; taken after Bus.mu, never before
	links     []*busLink
	noUnicast bool
	running   bool
	inbox     []Packet
	changed   bool
	wake      chan struct{} // holds one element when there is something to do
}

var _ Source = (*Host)(nil)

func newHost() *Host { return &Host{wake: make(chan struct{}, 1)} }

// Run implements Source. Packets that arrive while it does not run are lost.
func (h *Host) Run(ctx context.Context, hd Handler) error {
	h.mu.Lock()
	h.running, h.changed, h.inbox = true, true, nil
	h.mu.Unlock()
	h.signal()
	defer func() {
		h.mu.Lock()
		h.running, h.inbox = false, nil
		h.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
			h.drain(ctx, hd)
		}
	}
}

// drain hands over what has come, changes of links first.
func (h *Host) drain(ctx context.Context, hd Handler) {
	for ctx.Err() == nil {
		h.mu.Lock()
		changed, links, packets := h.changed, slices.Clone(h.links), h.inbox
		h.changed, h.inbox = false, nil
		h.mu.Unlock()
		if !changed && len(packets) == 0 {
			return
		}
		if changed {
			hd.Links(infos(links))
		}
		for _, p := range packets {
			if ctx.Err() != nil {
				return
			}
			hd.Packet(p)
		}
	}
}

// infos describes the links that are up.
func infos(links []*busLink) []Info {
	var out []Info
	for _, l := range links {
		l.bus.mu.Lock()
		if !l.down && len(l.addrs) > 0 {
			out = append(out, Info{ID: l.id, Name: l.name, MTU: l.bus.mtu(), Addrs: slices.Clone(l.addrs)})
		}
		l.bus.mu.Unlock()
	}
	return out
}

func (h *Host) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// deliver puts a packet into the inbox; a link that went down while the
// packet was on its way loses it.
func (h *Host) deliver(l *busLink, p Packet) {
	l.bus.mu.Lock()
	down := l.down
	l.bus.mu.Unlock()
	h.mu.Lock()
	if !down && h.running && len(h.inbox) < inboxSize {
		p.Data = slices.Clone(p.Data)
		h.inbox = append(h.inbox, p)
	}
	h.mu.Unlock()
	h.signal()
}

// Send implements Source.
func (h *Host) Send(id ID, dst netip.AddrPort, data []byte) error {
	if len(data) > MaxPacket {
		return ErrTooLarge
	}
	l, err := h.link(id)
	if err != nil {
		return err
	}
	targets := []netip.AddrPort{dst}
	if !dst.IsValid() {
		targets = []netip.AddrPort{netip.AddrPortFrom(GroupIPv4, Port), netip.AddrPortFrom(GroupIPv6, Port)}
	}
	sent := false
	for _, to := range targets {
		l.bus.mu.Lock()
		src, ok := l.source(to.Addr())
		ok = ok && !l.down
		l.bus.mu.Unlock()
		if ok {
			sent = true
			l.bus.transmit(src, to, data)
		}
	}
	if !sent {
		return fmt.Errorf("send on link %d: %w", id, ErrNoLink)
	}
	return nil
}

func (h *Host) link(id ID) (*busLink, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.links {
		if l.id == id {
			return l, nil
		}
	}
	return nil, fmt.Errorf("link %d: %w", id, ErrNoLink)
}

// Unicast implements Source: true unless SetUnicast(false) came before.
func (h *Host) Unicast() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.noUnicast
}

// SetUnicast says whether unicast packets reach this host.
func (h *Host) SetUnicast(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noUnicast = !on
}

// Links returns the ids of the links, in the order in which they were added:
// 1, 2, and so on.
func (h *Host) Links() []ID {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]ID, len(h.links))
	for i, l := range h.links {
		out[i] = l.id
	}
	return out
}

// Join adds a link on b, which may be another bus or the same again (cable
// and Wi-Fi of one LAN).
func (h *Host) Join(b *Bus, addrs ...netip.Prefix) ID {
	h.mu.Lock()
	id := ID(len(h.links) + 1)
	l := &busLink{bus: b, host: h, id: id, name: fmt.Sprintf("mem%d", id), addrs: slices.Clone(addrs)}
	h.links = append(h.links, l)
	h.changed = true
	h.mu.Unlock()
	b.mu.Lock()
	b.links = append(b.links, l)
	b.mu.Unlock()
	h.signal()
	return id
}

// Down takes a link away, as a pulled cable does. Packets on their way to it
// are lost. Unknown ids are ignored.
func (h *Host) Down(id ID) { h.change(id, func(l *busLink) { l.down = true }) }

// Up brings a link back after Down.
func (h *Host) Up(id ID) { h.change(id, func(l *busLink) { l.down = false }) }

// SetAddrs changes the addresses of a link.
func (h *Host) SetAddrs(id ID, addrs ...netip.Prefix) {
	h.change(id, func(l *busLink) { l.addrs = slices.Clone(addrs) })
}

func (h *Host) change(id ID, f func(*busLink)) {
	l, err := h.link(id)
	if err != nil {
		return
	}
	// Both locks: no packet may come between the change and its report.
	l.bus.mu.Lock()
	h.mu.Lock()
	f(l)
	h.changed = true
	if l.down {
		h.inbox = slices.DeleteFunc(h.inbox, func(p Packet) bool { return p.Link == id })
	}
	h.mu.Unlock()
	l.bus.mu.Unlock()
	h.signal()
}
