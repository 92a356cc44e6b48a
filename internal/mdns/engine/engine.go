package engine

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// The names of DNS-SD that everything here is about (RFC 6763 4, 9; XEP-0174 3).
var (
	local   = wire.MustName("local")
	service = wire.MustName("_presence", "_tcp", "local")
	meta    = wire.MustName("_services", "_dns-sd", "_udp", "local")

	serviceKey = service.Key()
	metaKey    = meta.Key()
)

// Config is what an Engine is made of.
type Config struct {
	User    string // user part of the wanted instance name
	Machine string // machine part and host label
	Port    uint16 // SRV port

	Peers     int // instances kept; 0: 8,192 (L-22)
	PerSource int // instances kept per source address; 0: 64 (L-22)

	// Pinned says which instance keys belong to contacts; they are never
	// evicted. It may be nil.
	Pinned func(key string) bool
	// Live says which instances have an authenticated stream with us right now.
	// No packet makes those leave or move (T-24). It may be nil.
	Live func(key string) bool
	// Rand is where all jitter and chosen suffixes come from.
	Rand *rand.Rand
}

// Send is one packet to send now. A zero Dst is the multicast group of every
// address family of the link.
type Send struct {
	Link link.ID
	Dst  netip.AddrPort
	Data []byte
}

// Kind says what an Event is about.
type Kind int

// The kinds of events.
const (
	Joined    Kind = iota + 1 // Peer
	Changed                   // Peer
	Left                      // Peer, Cause
	Renamed                   // Name: we are called that now
	Overload                  // Shed: packets and instances not looked at
	Published                 // Name: announced on every link there is
	Withdrawn                 // both goodbyes are out
	Resolved                  // Peer, OK: the answer to Resolve
	Health                    // Fact, Name: see Fact
	Pictured                  // Peer.Key, Data, OK: the answer to FetchAvatar
	Doubted                   // Peer: it does not answer, and stays for its live stream
)

// Cause says why an instance left.
type Cause string

// The causes of Left.
const (
	Goodbye    Cause = "goodbye"
	Expired    Cause = "expired"
	Unanswered Cause = "unanswered"
	LinkLost   Cause = "link lost"
	Evicted    Cause = "evicted"
)

// Event is one thing that happened.
type Event struct {
	Kind  Kind
	Cause Cause
	Fact  Fact
	Peer  Peer
	Name  string
	Shed  int
	OK    bool
	Data  []byte // the picture
}

// Peer is what is claimed about an instance.
type Peer struct {
	Key      string // label with ASCII capitals made small
	Instance string // label as received
	TXT      []byte // TXT data as on the wire; empty when there is none
	Host     string // SRV target, escaped, without the last dot
	Port     uint16
	Addrs    []netip.AddrPort
	Seen     time.Time
	Expires  time.Time
}

// same says whether p and q differ in nothing worth an event.
func (p Peer) same(q Peer) bool {
	return p.Instance == q.Instance && p.Host == q.Host && p.Port == q.Port &&
		bytes.Equal(p.TXT, q.TXT) && slices.Equal(p.Addrs, q.Addrs)
}

// Engine is the state machine. It is not safe for concurrent use.
type Engine struct {
	cfg    Config
	rand   *rand.Rand
	timers timers
	links  map[link.ID]*linkState

	unicast bool // QU questions make sense
	silent  bool // nothing is sent

	stats   Stats
	own     own
	cache   cache
	sources sources

	now     time.Time // of the present call
	told    bool      // Links was called
	packets []Send
	events  []Event
}

// ErrName means that a configured name cannot be published.
var ErrName = errors.New("mdns: user or machine name cannot be published")

// New makes an engine without links. It errs when User and Machine do not make
// a service instance label (C-31, 174-12.1, at most 63 octets).
func New(c Config) (*Engine, error) {
	if c.Peers <= 0 {
		c.Peers = maxPeers
	}
	if c.PerSource <= 0 {
		c.PerSource = maxPerSource
	}
	if c.Pinned == nil {
		c.Pinned = func(string) bool { return false }
	}
	if c.Live == nil {
		c.Live = func(string) bool { return false }
	}
	e := &Engine{cfg: c, rand: c.Rand, links: map[link.ID]*linkState{}}
	e.cache.init(e)
	e.sources.init(e.rand.Uint64())
	e.own.init(e)
	if !e.own.name(c.User, c.Machine) {
		return nil, ErrName
	}
	return e, nil
}

// Next tells when Tick is due; zero: not before something else happens.
func (e *Engine) Next() time.Time { return e.timers.next() }

// Tick does what is due at now.
func (e *Engine) Tick(now time.Time) {
	e.now = now
	for t := e.timers.due(now); t != nil; t = e.timers.due(now) {
		t.fire(now)
	}
	e.settle()
}

// Take returns what is to be sent and what happened since the last Take.
func (e *Engine) Take() ([]Send, []Event) {
	p, ev := e.packets, e.events
	e.packets, e.events = nil, nil
	return p, ev
}

// emit records an event.
func (e *Engine) emit(ev Event) { e.events = append(e.events, ev) }

// multicast sends m to the group on l, in as many packets as the MTU asks for.
func (e *Engine) multicast(l *linkState, m *wire.Message) {
	e.send(l, netip.AddrPort{}, m)
}

// send sends m to dst. A message that cannot be encoded is a record of ours
// that fits no packet, which Publish and SetText have refused before.
func (e *Engine) send(l *linkState, dst netip.AddrPort, m *wire.Message) {
	packets, err := m.Packets(l.payload())
	if err != nil || e.silent {
		return
	}
	if !dst.IsValid() {
		e.expectEcho(l, packets[len(packets)-1])
	}
	for _, p := range packets {
		e.packets = append(e.packets, Send{Link: l.id, Dst: dst, Data: p})
	}
}

// between draws a duration of at least min and less than max.
func (e *Engine) between(min, max time.Duration) time.Duration {
	return min + time.Duration(e.rand.Int64N(int64(max-min)))
}

// isOwnAddr says whether a is an address of this machine on any of the links.
func (e *Engine) isOwnAddr(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, l := range e.links {
		if l.has(a) {
			return true
		}
	}
	return false
}

// sorted returns the links in the order of their ids, so that a run can be
// repeated.
func (e *Engine) sorted() []*linkState {
	out := make([]*linkState, 0, len(e.links))
	for _, l := range e.links {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *linkState) int { return int(a.id) - int(b.id) })
	return out
}
