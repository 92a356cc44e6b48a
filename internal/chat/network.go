package chat

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"llchat/internal/mdns/avahi"
	"llchat/internal/mdns/link"
	"llchat/internal/netmon"
)

// realNetwork is the machine's own: multicast on every usable interface, or
// on the ones named, TCP on every address.
func realNetwork(only []string) (Network, error) {
	if err := checkInterfaces(only); err != nil {
		return Network{}, err
	}
	var d net.Dialer
	return Network{
		Source: func() (link.Source, error) { return link.Open(only) },
		Avahi:  openAvahi,
		Shared: link.Shared,
		DNS:    systemDNS(),
		Listen: listenTCP,
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", to.String())
		},
		Lookup:     lookupHost,
		Interfaces: func() []Interface { return usableInterfaces(only) },
	}, nil
}

// openAvahi is avahi.Open, without an error that looks like a node.
func openAvahi(ctx context.Context, c avahi.Config) (Finder, error) {
	d, err := avahi.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// lookupHost asks the system's resolver.
func lookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// checkInterfaces wants the names that the user gave to exist.
func checkInterfaces(only []string) error {
	if len(only) == 0 {
		return nil
	}
	all, err := netmon.Interfaces()
	if err != nil {
		return fmt.Errorf("interfaces: %w", err)
	}
	var names strings.Builder
	for _, i := range all {
		names.WriteString(" " + i.Name)
	}
	for _, want := range only {
		if !slices.ContainsFunc(all, func(i netmon.Interface) bool { return i.Name == want }) {
			return usage(fmt.Sprintf("there is no interface %q", want), "interfaces here:"+names.String())
		}
	}
	return nil
}

func usableInterfaces(only []string) []Interface {
	all, err := netmon.Interfaces()
	if err != nil {
		return nil
	}
	var used []Interface
	for _, i := range all {
		if !netmon.Usable(i, only) {
			continue
		}
		u := Interface{Name: i.Name}
		for _, a := range i.Addrs {
			u.Addresses = append(u.Addresses, a.String())
		}
		used = append(used, u)
	}
	return used
}

// listenTries bounds the search for a port that is free for both families.
const listenTries = 16

// listenTCP listens on [::] and 0.0.0.0 with the same port; where a machine
// has only one family, on that one. Port 0 is any free one.
func listenTCP(ctx context.Context, port uint16) ([]net.Listener, uint16, error) {
	var last error
	for range listenTries {
		listeners, got, err := listenBoth(ctx, port)
		if err == nil {
			return listeners, got, nil
		}
		last = err
		if port != 0 {
			break
		}
	}
	return nil, 0, last
}

func listenBoth(ctx context.Context, port uint16) ([]net.Listener, uint16, error) {
	c := net.ListenConfig{KeepAlive: -1} // stream turns it on for those that it lets in (T-17)
	six, err6 := c.Listen(ctx, "tcp6", fmt.Sprintf("[::]:%d", port))
	if err6 == nil {
		port = six.Addr().(*net.TCPAddr).AddrPort().Port()
	}
	four, err4 := c.Listen(ctx, "tcp4", fmt.Sprintf("0.0.0.0:%d", port))
	switch {
	case err4 == nil && err6 == nil:
		return []net.Listener{six, four}, port, nil
	case err4 == nil:
		return []net.Listener{four}, four.Addr().(*net.TCPAddr).AddrPort().Port(), nil
	case err6 != nil:
		return nil, 0, errors.Join(err4, err6)
	case familyMissing("udp4", "127.0.0.1:0"):
		return []net.Listener{six}, port, nil
	}
	_ = six.Close()
	return nil, 0, err4
}

// familyMissing tells a machine without an address family from one whose port
// is taken.
func familyMissing(network, addr string) bool {
	c, err := net.ListenPacket(network, addr)
	if err != nil {
		return true
	}
	_ = c.Close()
	return false
}

// Nowhere is a network on which nobody is and nothing can be sent: a node on
// it works with what is on disk.
func Nowhere() *Network {
	return &Network{
		Source: func() (link.Source, error) { return silence{}, nil },
		Listen: func(context.Context, uint16) ([]net.Listener, uint16, error) { return nil, 0, errNowhere },
		Dial:   func(context.Context, netip.AddrPort) (net.Conn, error) { return nil, errNowhere },
	}
}

var errNowhere = errors.New("no network")

// silence is a link source without links.
type silence struct{}

func (silence) Run(ctx context.Context, _ link.Handler) error {
	<-ctx.Done()
	return ctx.Err()
}

func (silence) Send(link.ID, netip.AddrPort, []byte) error { return nil }
func (silence) Unicast() bool                              { return false }

// OpenOffline opens a profile without a network: what is on disk can be read and
// decided about, and messages wait for the next node.
func OpenOffline(ctx context.Context, profile string) (*Node, error) {
	return Open(ctx, Options{Profile: profile, Passive: true, Network: Nowhere()})
}

// Demo opens a node in a throw-away profile with an echo peer beside it in
// the same process: discovery over a link in memory, everything else (TCP,
// STARTTLS, TLS, stanzas, disk) real, on loopback. Close closes both.
func Demo(ctx context.Context, nick string) (*Node, error) {
	bus := link.NewBus()
	echo, err := Open(ctx, Options{
		Temporary: true, Nick: "echo", Strangers: StrangersAccept, Network: demoNetwork(bus, "192.0.2.2/24"),
	})
	if err != nil {
		return nil, err
	}
	n, err := Open(ctx, Options{Temporary: true, Nick: nick, Hold: nick == "", Network: demoNetwork(bus, "192.0.2.1/24")})
	if err != nil {
		return nil, errors.Join(err, echo.Close(ctx))
	}
	done := make(chan struct{})
	echoing, stop := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(done)
		_ = Echo(echoing, echo) // ends with its node
	}()
	n.also = func(ctx context.Context) error {
		stop()
		<-done
		return echo.Close(ctx)
	}
	return n, nil
}

// demoNetwork is a network whose multicast stays in this process, under
// addresses that exist nowhere (RFC 5737), and whose TCP is that of loopback.
func demoNetwork(bus *link.Bus, address string) *Network {
	d := net.Dialer{Timeout: 5 * time.Second}
	return &Network{
		Source: func() (link.Source, error) { return bus.Attach(netip.MustParsePrefix(address)), nil },
		Listen: func(ctx context.Context, port uint16) ([]net.Listener, uint16, error) {
			var c net.ListenConfig
			l, err := c.Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				return nil, 0, err
			}
			return []net.Listener{l}, l.Addr().(*net.TCPAddr).AddrPort().Port(), nil
		},
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return d.DialContext(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", to.Port()))
		},
		Interfaces: func() []Interface { return []Interface{{Name: "demo", Addresses: []string{address}}} },
	}
}
