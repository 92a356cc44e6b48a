package dnssd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"llchat/internal/mdns"
)

// Errors of Resolve and of everything after Close.
var (
	ErrUnknown = errors.New("dnssd: no such instance")
	ErrClosed  = errors.New("dnssd: closed")
)

// DialFunc opens a connection to a name server; network is "udp" or "tcp".
type DialFunc func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)

// Config says which domain to browse and whom to ask.
type Config struct {
	Domain  string                // "example.org"; ASCII, as it is written in a zone
	Servers []netip.AddrPort      // asked in this order; empty: those of /etc/resolv.conf, read anew each round
	Dial    DialFunc              // nil: the real network
	Pinned  func(key string) bool // instance keys that are never shed; may be nil; called by the browser's goroutine
	Ours    func(key string) bool // our own instance keys, left out (174-4.2); may be nil; likewise
	Limits  Limits                // zero value: the defaults
}

// Limits bounds what a server can make us keep and do. A zero field means the
// default.
type Limits struct {
	Instances  int           // instances kept, 8,192 (L-22)
	Parallel   int           // questions under way, 8
	PerSecond  int           // questions a second, 200; ten seconds' worth at once
	Events     int           // events queued for the reader, 1,024
	MinRefresh time.Duration // no record is asked for again sooner, 10 s
	MaxRefresh time.Duration // every record is asked for again by then, 5 min
	NewEvery   time.Duration // newcomers are asked for by then, MaxRefresh: one question, whatever the TTL of the list
	Stale      time.Duration // how long records are served past their TTL when no server answers, 10 min
}

// Peer is what the domain claims about one service instance.
type Peer struct {
	mdns.Peer
	Stale bool // the servers failed when asked for it last: this is what was known before
}

// Kind says what an event is about.
type Kind int

// The kinds of events; the first three and Resync and Overload are those of
// package mdns.
const (
	Joined    Kind = iota + 1 // an instance is there: Peer
	Changed                   // TXT, SRV or addresses changed: Peer
	Left                      // an instance is gone: Peer, Cause
	Resync                    // events were lost: read Peers
	Overload                  // the domain holds more than we keep: Shed instances were not looked at
	Trouble                   // no server answers for the domain: Err; what was known stays, marked stale
	Recovered                 // one does again
)

// Event is one thing that happened.
type Event struct {
	Kind  Kind
	Cause string // Left: a Cause constant of package mdns
	Peer  Peer
	Shed  int
	Err   error // Trouble: an *Error
}

// MDNS is the event as package mdns would report it. ok is false for Trouble
// and Recovered, which it does not have.
func (e Event) MDNS() (ev mdns.Event, ok bool) {
	kinds := map[Kind]mdns.Kind{
		Joined: mdns.Joined, Changed: mdns.Changed, Left: mdns.Left,
		Resync: mdns.Resync, Overload: mdns.Overload,
	}
	k, ok := kinds[e.Kind]
	return mdns.Event{Kind: k, Cause: e.Cause, Peer: e.Peer.Peer, Shed: e.Shed}, ok
}

// CheckDomain says in an *Error why a domain cannot be one to browse; nil: it
// can.
func CheckDomain(s string) error {
	_, err := checkDomain(s)
	return err
}

// ParseServers reads addresses of name servers, with or without a port, at most
// three as in resolv.conf(5). An empty text has none.
func ParseServers(s string) ([]netip.AddrPort, error) {
	var servers []netip.AddrPort
	for word := range strings.FieldsSeq(strings.ReplaceAll(s, ",", " ")) {
		server, err := netip.ParseAddrPort(word)
		if err != nil {
			a, err := netip.ParseAddr(word)
			if err != nil {
				return nil, &Error{Op: "name server", What: fmt.Sprintf("%q", word), Err: errors.New("no address"), Hint: "write it as 192.0.2.53 or 192.0.2.53:53"}
			}
			server = netip.AddrPortFrom(a, dnsPort)
		}
		servers = append(servers, server)
	}
	if len(servers) > maxServers {
		return nil, &Error{Op: "name server", What: fmt.Sprintf("%q", s), Err: fmt.Errorf("%d are too many", len(servers)), Hint: fmt.Sprintf("name %d at most", maxServers)}
	}
	return servers, nil
}

// Open starts to browse a domain and returns at once. It fails only when the
// configuration makes no sense; servers that do not answer are a Trouble
// event, and are asked again. The browser lives until Close or until ctx ends.
func Open(ctx context.Context, c Config) (*Browser, error) {
	return open(ctx, c)
}

// Registration says what to put into a domain.
type Registration struct {
	Domain  string           // "example.org"
	Servers []netip.AddrPort // who is asked for the zone and its primary; empty: /etc/resolv.conf
	Primary netip.AddrPort   // who takes the updates; zero: the zone's SOA MNAME
	Dial    DialFunc         // nil: the real network
	User    string           // mdns.UserPart of the nick, or mdns.Word
	Machine string           // our machine part and host label, from mdns.Machine
	Port    uint16           // the port our XMPP listener has
	Text    mdns.Text
	Former  string                           // the name that an earlier run may have left behind: DNS has no expiry (no BIND knows RFC 9664); may be empty
	Addrs   []netip.Addr                     // ours; loopback, link-local and the like are left out
	Notify  func(name string, trouble error) // name or trouble changed; may be nil; called by the keeper's goroutine, must not call Published
}

// Register puts our instance into the domain and keeps it there. It returns
// when the primary has taken it; a name that is taken is renamed by the rules
// of XEP-0174 3 (174-3.8, 174-3.9). Errors are of type *Error.
func Register(ctx context.Context, r Registration, k Key) (*Published, error) {
	return register(ctx, r, k)
}
