package avahi

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"llchat/internal/mdns"
	"llchat/internal/mdns/wire"
)

// maxAddrs is how many addresses of an instance are kept (L-25).
const maxAddrs = 8

// freshPTR is the TTL that a PTR record has (RFC 6762 10); Avahi does not tell.
const freshPTR = 75 * time.Minute

// instance is one service instance that the daemon knows.
type instance struct {
	key    string
	label  string
	name   wire.Name
	number uint64 // in the order of appearance
	views  map[view]*browser
	local  bool // the daemon itself publishes it

	txt    *browser
	kept   *browser // SRV, while it is watched or reconfirmed
	until  time.Time
	look   *lookup
	fetch  *fetch
	queued bool
	dead   bool // its SRV record ran out

	text   string // raw TXT data, the latest that were known
	host   wire.Name
	port   uint16
	hasSRV bool
	addrs  []netip.AddrPort

	born   time.Time
	seen   time.Time
	shown  bool
	last   mdns.Peer
	looked bool // a lookup has ended
}

// touch has settle look at in.
func (n *Node) touch(in *instance) {
	if in != nil {
		n.browse.dirty[in] = true
	}
}

// settle reports what has changed. It ends every input, so that one makes one
// event for each instance.
func (n *Node) settle() {
	for _, in := range slices.SortedFunc(maps.Keys(n.browse.dirty), byNumber) {
		delete(n.browse.dirty, in)
		n.report(in)
	}
}

func byNumber(a, b *instance) int { return cmp.Compare(a.number, b.number) }

func (n *Node) report(in *instance) {
	if n.browse.byKey[in.key] != in || len(in.views) == 0 {
		return
	}
	if n.isOwn(in) || in.dead {
		if in.shown {
			in.shown = false
			n.tell(mdns.Event{Kind: mdns.Left, Cause: mdns.CauseUnanswered, Peer: in.current()})
		}
		return
	}
	if in.txt == nil {
		n.enqueue(in)
	}
	if !in.shown && !in.complete() {
		return
	}
	p := in.peer()
	switch {
	case !in.shown:
		in.shown = true
		n.tell(mdns.Event{Kind: mdns.Joined, Peer: p})
	case !samePeer(p, in.last):
		n.tell(mdns.Event{Kind: mdns.Changed, Peer: p})
	}
	in.last = p
}

// isOwn says whether in is ourselves. While the name is still being probed for,
// the daemon lists it already.
func (n *Node) isOwn(in *instance) bool {
	p := &n.pub
	if _, ok := p.former[in.key]; ok && !in.shown {
		return true
	}
	if in.key != fold(p.label) {
		return false
	}
	return p.established || len(p.groups) > 0 && in.local && !in.shown
}

// spareTime is how long after it appeared nothing is asked about an instance
// that has the name which we may publish.
const spareTime = 2 * time.Second

// spared says whether nothing may be asked about in. It has the name that we
// want to publish, and for 0.7 s after a question with known answers Avahi does
// not defend these records against a probe: asking would steal the name.
func (n *Node) spared(now time.Time, in *instance) bool {
	p := &n.pub
	if in.key != fold(p.label) {
		return n.isOwn(in)
	}
	if p.wanted {
		return true
	}
	if d := in.born.Add(spareTime).Sub(now); d > 0 {
		n.after(d, func(time.Time) { n.touch(in) })
		return true
	}
	return false
}

// spare ends the questions about the name that we want to publish. It reports
// whether there were any.
func (n *Node) spare() bool {
	in := n.browse.byKey[fold(n.pub.label)]
	if in == nil || n.pub.established || in.txt == nil && in.kept == nil && in.look == nil {
		return false
	}
	if in.look != nil {
		n.endLookup(in, false)
	}
	n.shut(in.txt)
	in.txt = nil
	n.release(in)
	return true
}

// complete says whether enough is known to show in: PTR and SRV with what the
// host's addresses are, and TXT unless it was waited for long enough.
func (in *instance) complete() bool {
	return in.hasSRV && in.looked && (in.text != "" || in.txt == nil || in.txt.done)
}

func (in *instance) peer() mdns.Peer {
	p := mdns.Peer{
		Key: in.key, Instance: in.label, Text: decode([]byte(in.text)),
		Port: in.port, Addrs: slices.Clone(in.addrs), Seen: in.seen, Expires: in.seen.Add(freshPTR),
	}
	if in.hasSRV {
		p.Host = strings.TrimSuffix(in.host.String(), ".")
	}
	return p
}

// current is what was last reported, with the times of now.
func (in *instance) current() mdns.Peer {
	p := in.last
	p.Seen, p.Expires = in.seen, in.seen.Add(freshPTR)
	return p
}

// samePeer compares what matters to a reader.
func samePeer(a, b mdns.Peer) bool {
	return a.Instance == b.Instance && a.Host == b.Host && a.Port == b.Port && slices.Equal(a.Addrs, b.Addrs) &&
		slices.EqualFunc(a.Text, b.Text, func(x, y mdns.TextEntry) bool {
			return x.Key == y.Key && x.HasValue == y.HasValue && string(x.Value) == string(y.Value)
		})
}

// shown is everybody who is here, sorted by key.
func (n *Node) shown() []mdns.Peer {
	var out []mdns.Peer
	for _, key := range slices.Sorted(maps.Keys(n.browse.byKey)) {
		if in := n.browse.byKey[key]; in.shown {
			out = append(out, in.current())
		}
	}
	return out
}

// endpoints are the addresses on our links, best first, at most maxAddrs (L-25).
func (n *Node) endpoints(records []record, port uint16) []netip.AddrPort {
	var out []netip.AddrPort
	for _, r := range records {
		a, ok := netip.AddrFromSlice([]byte(r.data))
		l, known := n.links[r.view.link]
		if !ok || !known || !reaches(l, a.Unmap()) {
			continue
		}
		a = a.Unmap()
		if a.Is6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(l.Name)
		}
		if p := netip.AddrPortFrom(a, port); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b netip.AddrPort) int {
		return cmp.Or(cmp.Compare(rank(a.Addr()), rank(b.Addr())), a.Compare(b))
	})
	return out[:min(len(out), maxAddrs)]
}

// rank orders addresses: IPv6 link-local works on any link without a router or
// a lease, then IPv4, then other IPv6; an IPv4 link-local address is a stopgap.
func rank(a netip.Addr) int {
	switch {
	case a.Is6() && a.IsLinkLocalUnicast():
		return 0
	case a.Is4() && !a.IsLinkLocalUnicast():
		return 1
	case a.Is6():
		return 2
	}
	return 3
}
