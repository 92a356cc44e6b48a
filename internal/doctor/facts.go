package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"llchat/internal/netmon"
)

// The families of addresses, as a report calls them.
const (
	family4 = "IPv4"
	family6 = "IPv6"
)

// facts are what was measured; judge makes a Report of them.
type facts struct {
	system  system
	silent  bool   // nothing was sent, so nothing was asked or heard
	running bool   // a node of this profile answered
	named   bool   // it bears a name on the network
	stream  uint16 // the port of its streams
	only    []string
	seconds int
	ifaces  []iface
	// route is the interface that the default route leads to.
	route string
	// taken: a family's port 5353 is held exclusively.
	taken   []string
	holder  holder
	rules   *ruleset // nil: not seen
	people  int
	second  Second
	draw    netip.Addr // an address for an interface without any (RFC 3927)
	now     time.Time
	built   time.Time
	unknown []string
}

// system says which commands this machine has.
type system struct {
	os   string // runtime.GOOS
	root bool
	// Who manages addresses and firewall, where known.
	networkManager, networkd, ufw, firewalld, iptables, nft bool
	dhcp                                                    string // a DHCP client
}

// holder is the program that holds port 5353.
type holder struct {
	name string
	pid  int
	unit string // of systemd
}

// iface is what is known of one interface.
type iface struct {
	netmon.Interface
	adminUp  bool
	wireless bool
	snooping bool // a bridge of ours that snoops without being a querier
	ipv6Off  bool
	used     bool
	opened   bool // a socket sits on it

	echo4, echo6 bool
	heard        int // machines, at least
	answered     int
	people       int
	dialled      int
	reached      int
	silent       int // of dialled: no answer of any kind
	silentSpeak  int // of silent: the machine answered a question by unicast
	known        int // addresses known from before that answer, when nobody is heard
	announced    bool
	fight        bool
	captured     string // the interface that takes what is for neighbours here
}

// tunnel reports whether the interface leads into a VPN.
func (i iface) tunnel() bool {
	return i.PointToPoint && !i.Loopback || slices.ContainsFunc(tunnels, func(p string) bool { return strings.HasPrefix(i.Name, p) })
}

// inner reports whether netmon leaves the interface out by its name.
func (i iface) inner() bool {
	up := i.Interface
	up.Up = true
	if len(up.Addrs) == 0 {
		up.Addrs = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}
	}
	return !netmon.Usable(up, nil)
}

// family tells which kinds of address there are.
func (i iface) has(four bool) bool {
	for _, p := range i.Addrs {
		if p.Addr().Is4() == four {
			return true
		}
	}
	return false
}

// tunnels are the beginnings of names of VPN interfaces.
var tunnels = []string{"tun", "tap", "wg", "utun", "ppp", "ipsec", "tailscale", "zt", "nordlynx", "proton"}

// Kinds of addresses in a Report.
const (
	kindNone      = "none"
	kindOff       = "switched off"
	kindLinkLocal = "link-local"
	kindPrivate   = "private"
	kindPublic    = "public"
	kindLoopback  = "loopback"
)

func kind4(addrs []netip.Prefix) string {
	kind := kindNone
	for _, p := range addrs {
		a := p.Addr()
		switch {
		case !a.Is4():
		case a.IsLoopback():
			kind = kindLoopback
		case a.IsLinkLocalUnicast() && kind == kindNone:
			kind = kindLinkLocal
		case a.IsLinkLocalUnicast():
		case a.IsPrivate():
			kind = kindPrivate
		default:
			return kindPublic
		}
	}
	return kind
}

func kind6(addrs []netip.Prefix, off bool) string {
	kind := kindNone
	if off {
		kind = kindOff
	}
	for _, p := range addrs {
		a := p.Addr()
		switch {
		case !a.Is6():
		case a.IsLoopback():
			kind = kindLoopback
		case a.IsLinkLocalUnicast():
			if kind != kindPrivate {
				kind = kindLinkLocal
			}
		case a.IsPrivate():
			kind = kindPrivate
		default:
			return kindPublic
		}
	}
	return kind
}
