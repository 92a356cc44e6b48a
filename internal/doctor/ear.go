package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// Bounds of what is remembered of a link: beyond them the answer to every
// question of this package is the same.
const (
	maxSources = 4096
	maxPeople  = 8192 // security.md L-22
	maxAddrs   = 8    // of one host (L-21)
)

var (
	service = wire.MustName("_presence", "_tcp", "local")
	meta    = wire.MustName("_services", "_dns-sd", "_udp", "local")
)

// ear listens to multicast DNS on all links. Its fields are guarded by mu.
type ear struct {
	own    map[netip.Addr]bool // our addresses, without zones
	me     string              // our instance label, lower case; empty: none
	port   uint16
	marker wire.Name // a name that only we ask for
	ready  chan struct{}

	mu    sync.Mutex
	once  sync.Once
	links map[link.ID]*heardLink
}

// heardLink is what was heard on one link.
type heardLink struct {
	info         link.Info
	echo4, echo6 bool
	sources      map[netip.Addr]bool
	people       map[string]*person // by lower-cased instance label
	hosts        map[string][]netip.Addr
	announced    bool // our instance, from an address of ours
	target       string
	srvs         []claimed // SRV records of our instance from others
}

// person is an announced instance.
type person struct {
	name   wire.Name
	host   wire.Name
	port   uint16
	local  bool // announced from an address of ours
	remote bool
}

// claimed is an SRV record for our own instance that somebody else sent.
type claimed struct {
	port uint16
	host string
}

func newEar(own []netip.Addr, me string, port uint16, marker wire.Name) *ear {
	e := &ear{
		own: map[netip.Addr]bool{}, me: strings.ToLower(me), port: port, marker: marker,
		ready: make(chan struct{}), links: map[link.ID]*heardLink{},
	}
	for _, a := range own {
		e.own[a.WithZone("")] = true
	}
	return e
}

// Links implements link.Handler.
func (e *ear) Links(infos []link.Info) {
	e.mu.Lock()
	for _, i := range infos {
		if l := e.links[i.ID]; l != nil {
			l.info = i
			continue
		}
		e.links[i.ID] = &heardLink{info: i, sources: map[netip.Addr]bool{}, people: map[string]*person{}, hosts: map[string][]netip.Addr{}}
	}
	e.mu.Unlock()
	e.once.Do(func() { close(e.ready) })
}

// Packet implements link.Handler.
func (e *ear) Packet(p link.Packet) {
	m, err := wire.Parse(p.Data)
	if err != nil || !p.Multicast || p.Src.Port() != link.Port {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.links[p.Link]
	if l == nil || !l.info.OnLink(p.Src.Addr()) {
		return
	}
	ours := e.own[p.Src.Addr().WithZone("")]
	switch {
	case !ours && len(l.sources) < maxSources:
		l.sources[p.Src.Addr().WithZone("")] = true
	case ours && slices.ContainsFunc(m.Questions, func(q wire.Question) bool { return q.Name.Equal(e.marker) }):
		l.echo4 = l.echo4 || p.Src.Addr().Is4()
		l.echo6 = l.echo6 || !p.Src.Addr().Is4()
	}
	if m.Response {
		for _, r := range slices.Concat(m.Answers, m.Additional) {
			e.learn(l, r, ours)
		}
	}
}

// learn takes one record. Goodbyes are nothing to dial.
func (e *ear) learn(l *heardLink, r wire.Record, ours bool) {
	if r.TTL == 0 {
		return
	}
	switch r.Type {
	case wire.TypePTR:
		if r.Name.Equal(service) && r.PTR.HasSuffix(service) {
			e.instance(l, r.PTR, ours)
		}
	case wire.TypeSRV:
		if r.Name.HasSuffix(service) && !r.Name.Equal(service) {
			e.service(l, r, ours)
		}
	case wire.TypeA, wire.TypeAAAA:
		key := r.Name.Key()
		if known := l.hosts[key]; len(known) < maxAddrs && len(l.hosts) < maxPeople && !slices.Contains(known, r.Addr) {
			l.hosts[key] = append(known, r.Addr)
		}
	}
}

// instance returns what is known of an announced name; nil beyond the bound.
func (e *ear) instance(l *heardLink, n wire.Name, ours bool) *person {
	key := strings.ToLower(n.First())
	if ours && key == e.me && e.me != "" {
		l.announced = true
	}
	p := l.people[key]
	if p == nil {
		if len(l.people) >= maxPeople {
			return nil
		}
		p = &person{name: n}
		l.people[key] = p
	}
	p.local = p.local || ours
	p.remote = p.remote || !ours
	return p
}

func (e *ear) service(l *heardLink, r wire.Record, ours bool) {
	me := e.me != "" && strings.ToLower(r.Name.First()) == e.me
	switch {
	case me && ours && r.SRV.Port == e.port:
		l.target = r.SRV.Target.Key()
	case me && !ours && len(l.srvs) < maxAddrs:
		l.srvs = append(l.srvs, claimed{r.SRV.Port, r.SRV.Target.Key()})
		return
	case me:
		return
	}
	if p := e.instance(l, r.Name, ours); p != nil {
		p.host, p.port = r.SRV.Target, r.SRV.Port
	}
}

// fight reports whether others claim our instance, or our host, with other
// data than ours. Without having heard our own record a differing port tells.
func (e *ear) fight(l *heardLink) bool {
	for _, c := range l.srvs {
		if c.port != e.port || l.target != "" && c.host != l.target {
			return true
		}
	}
	return l.target != "" && slices.ContainsFunc(l.hosts[l.target], func(a netip.Addr) bool { return !e.own[a] })
}

// others are the people on a link that are not this machine, sorted by name.
func (e *ear) others(l *heardLink) []*person {
	var out []*person
	for key, p := range l.people {
		if key != e.me && p.remote {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *person) int { return strings.Compare(a.name.Key(), b.name.Key()) })
	return out
}

// machines counts the machines behind addresses that spoke: at least so many.
// Addresses that a host name ties together are of one. A machine of which no
// record was heard may speak over both families, so that of those with an
// address of either only the more numerous family counts.
func (l *heardLink) machines(spoke map[netip.Addr]bool) int {
	of := l.grouped()
	all, four, six := map[int]bool{}, map[int]bool{}, map[int]bool{}
	lone := -1
	for a := range spoke {
		id, known := of[a]
		if known {
			all[id] = true
		} else {
			id, lone = lone, lone-1
		}
		if a.Is4() {
			four[id] = true
		} else {
			six[id] = true
		}
	}
	return max(len(all), len(four), len(six))
}

// grouped numbers machines by address: host names that share one are the same
// machine's.
func (l *heardLink) grouped() map[netip.Addr]int {
	of := map[netip.Addr]int{}
	next := 0
	for _, addrs := range l.hosts {
		next++
		id := next
		for _, a := range addrs {
			if old, known := of[a]; known && old != id {
				for b, was := range of {
					if was == old {
						of[b] = id
					}
				}
			}
			of[a] = id
		}
	}
	return of
}

// ofThisMachine are the labels of this machine's other nodes, made comparable.
func (e *ear) ofThisMachine() map[string]bool {
	out := map[string]bool{}
	for _, l := range e.list() {
		e.mu.Lock()
		for _, p := range l.people {
			if p.local && !p.remote {
				out[sameName(p.name.First())] = true
			}
		}
		e.mu.Unlock()
	}
	return out
}

// missing returns questions about people whose addresses are not known yet.
func (e *ear) missing(l *heardLink) []wire.Question {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []wire.Question
	for _, p := range e.others(l) {
		switch {
		case len(out) >= maxAsk:
			return out
		case p.host.IsRoot():
			out = append(out, wire.Question{Name: p.name, Type: wire.TypeSRV})
		case len(l.hosts[p.host.Key()]) == 0:
			out = append(out, wire.Question{Name: p.host, Type: wire.TypeA}, wire.Question{Name: p.host, Type: wire.TypeAAAA})
		}
	}
	return out
}

// maxAsk is how many questions about single people are asked at once: a few
// people are enough to see whether they can be dialled.
const maxAsk = 8

// dialable returns the addresses of up to n people on a link.
func (e *ear) dialable(l *heardLink, n int) [][]netip.AddrPort {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out [][]netip.AddrPort
	for _, p := range e.others(l) {
		var addrs []netip.AddrPort
		for _, a := range l.hosts[p.host.Key()] {
			if e.own[a] || !l.info.OnLink(a) || !l.speaks(a.Is4()) {
				continue
			}
			if a.Is6() && a.IsLinkLocalUnicast() {
				a = a.WithZone(l.info.Name)
			}
			addrs = append(addrs, netip.AddrPortFrom(a, p.port))
		}
		if p.port != 0 && len(addrs) > 0 {
			out = append(out, addrs)
		}
		if len(out) == n {
			break
		}
	}
	return out
}

// speaks reports whether we have an address of the family on this link.
func (l *heardLink) speaks(four bool) bool {
	return slices.ContainsFunc(l.info.Addrs, func(p netip.Prefix) bool { return p.Addr().Is4() == four })
}

// list returns the links in order.
func (e *ear) list() []*heardLink {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []*heardLink
	for _, l := range e.links {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *heardLink) int { return int(a.info.ID) - int(b.info.ID) })
	return out
}
