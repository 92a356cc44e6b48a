//go:build lab && linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"llchat/internal/dnssd"
	"llchat/internal/mdns"
)

// zoneHost is the number of the machine with the name server.
const zoneHost = 1

// namedConf lets the key llchat change the zone, and nobody else.
const namedConf = `
options {
	directory "%[1]s";
	pid-file "%[1]s/named.pid";
	session-keyfile "%[1]s/session.key";
	managed-keys-directory "%[1]s";
	listen-on { any; };
	listen-on-v6 { any; };
	recursion no;
	allow-query { any; };
	dnssec-validation no;
	notify no;
	max-records-per-type %[2]d;
};
controls { };
include "%[1]s/llchat.key";
include "%[1]s/guest.key";
zone "example.test" {
	type primary;
	file "%[1]s/zone";
	update-policy { grant llchat zonesub ANY; };
};
`

const zoneFile = `$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 30
@ IN NS ns
ns IN A %s
`

// nameServer is BIND on a host: the primary of example.test.
type nameServer struct {
	t    *testing.T
	host *host
	dir  string
	run  *process
}

// newNameServer starts it; its keys are llchat, which may change the zone, and
// guest, which may not.
func newNameServer(t *testing.T, h *host) *nameServer {
	t.Helper()
	s := &nameServer{t: t, host: h, dir: filepath.Join(h.dir, "bind")}
	if err := os.Mkdir(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.configure(bindsMost)
	s.write("zone", fmt.Sprintf(zoneFile, h.address()))
	for name, algorithm := range map[string]string{"llchat": "hmac-sha256", "guest": "hmac-sha512"} {
		s.write(name+".key", h.mustRun(t, "tsig-keygen", "-a", algorithm, name))
	}
	s.start()
	return s
}

// bindsMost is how many records of a type BIND lets a name have unless it is
// told otherwise; so many people are in a domain at most.
const bindsMost = 100

func (s *nameServer) configure(most int) {
	s.t.Helper()
	s.write("named.conf", fmt.Sprintf(namedConf, s.dir, most))
}

func (s *nameServer) write(name, data string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(data), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *nameServer) start() {
	s.t.Helper()
	s.run = s.host.background(s.t, nil, "named", "-g", "-c", filepath.Join(s.dir, "named.conf"))
	eventually(s.t, time.Minute, "named runs", func() bool {
		return strings.Contains(s.run.errors(), "all zones loaded") || !s.run.alive()
	})
	if !s.run.alive() {
		s.t.Fatalf("named ended\n%s", s.run.errors())
	}
}

func (s *nameServer) at() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(s.host.address()), 53)
}

func (s *nameServer) key(name string) dnssd.Key {
	s.t.Helper()
	k, err := dnssd.ReadKey(filepath.Join(s.dir, name+".key"))
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// dig asks as another program on another machine.
func (s *nameServer) dig(from *host, kind, name string) []string {
	s.t.Helper()
	out := from.mustRun(s.t, "dig", "+short", "+tries=1", "@"+s.host.address(), name, kind)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(lines)
	return slices.DeleteFunc(lines, func(l string) bool { return l == "" })
}

// dialDNS opens sockets inside the host.
func (h *host) dialDNS(ctx context.Context, network string, to netip.AddrPort) (c net.Conn, err error) {
	h.do(func() {
		var d net.Dialer
		c, err = d.DialContext(ctx, network, to.String())
	})
	return c, err
}

func (s *nameServer) registration(h *host) dnssd.Registration {
	return dnssd.Registration{
		Domain: "example.test", Servers: []netip.AddrPort{s.at()}, Dial: h.dialDNS,
		User: "romeo", Machine: "word-2345", Port: 5298, Text: mdns.PresenceText("Romeo \"M\"; ü", "avail", ""),
		Addrs: []netip.Addr{netip.MustParseAddr(h.address()), netip.MustParseAddr("fd00::7")},
	}
}

func (s *nameServer) register(h *host) *dnssd.Published {
	s.t.Helper()
	p, err := dnssd.Register(s.t.Context(), s.registration(h), s.key("llchat"))
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// browse watches the domain from h; it asks again each time it is told to.
func (s *nameServer) browse(h *host) *dnssd.Browser {
	s.t.Helper()
	b, err := dnssd.Open(s.t.Context(), dnssd.Config{
		Domain: "example.test", Servers: []netip.AddrPort{s.at()}, Dial: h.dialDNS,
		Limits: dnssd.Limits{MinRefresh: 50 * time.Millisecond, MaxRefresh: time.Second},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = b.Close() })
	return b
}

// wantDNS waits for an event.
func wantDNS(t *testing.T, b *dnssd.Browser, kind dnssd.Kind, key string) dnssd.Event {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case ev, ok := <-b.Events():
			if !ok {
				t.Fatalf("browser ended before %v %q", kind, key)
			}
			t.Logf("event %v %q %q %v", ev.Kind, ev.Peer.Key, ev.Cause, ev.Err)
			if ev.Kind == kind && ev.Peer.Key == key {
				return ev
			}
		case <-deadline:
			t.Fatalf("no event %v %q", kind, key)
		}
	}
}

// 174-11.12: a domain of BIND's. We register in it, are found from another
// machine, change, and go; dig is the witness.
func TestDNSSD_Bind(t *testing.T) {
	l := newLAN(t, 3)
	server, alice, bob := newNameServer(t, l.hosts[zoneHost-1]), l.hosts[1], l.hosts[2]
	const instance = `romeo\@word-2345._presence._tcp.example.test.`
	p := server.register(alice)
	for _, w := range []struct{ kind, name, want string }{
		{"PTR", "_presence._tcp.example.test", instance},
		{"PTR", "_services._dns-sd._udp.example.test", "_presence._tcp.example.test."},
		{"SRV", instance, "0 0 5298 word-2345.example.test."},
		{"TXT", instance, `"txtvers=1" "nick=Romeo \"M\"; \195\188" "status=avail"`},
		{"A", "word-2345.example.test", alice.address()},
		{"AAAA", "word-2345.example.test", "fd00::7"},
	} {
		if got := server.dig(bob, w.kind, w.name); !slices.Equal(got, []string{w.want}) {
			t.Errorf("%s %s: got %q, want %q", w.kind, w.name, got, w.want)
		}
	}
	b := server.browse(bob)
	ev := wantDNS(t, b, dnssd.Joined, "romeo@word-2345")
	if nick, _ := ev.Peer.Text.Get("nick"); nick != `Romeo "M"; ü` {
		t.Errorf("nick %q", nick)
	}
	want := []netip.AddrPort{
		netip.MustParseAddrPort(alice.address() + ":5298"), netip.MustParseAddrPort("[fd00::7]:5298"),
	}
	if !slices.Equal(ev.Peer.Addrs, want) {
		t.Errorf("addresses %v", ev.Peer.Addrs)
	}
	if err := p.SetText(mdns.PresenceText("Romeo", "away", "")); err != nil {
		t.Fatal(err)
	}
	ev = wantDNS(t, b, dnssd.Changed, "romeo@word-2345")
	if status, _ := ev.Peer.Text.Get("status"); status != "away" {
		t.Errorf("status %q", status)
	}
	if r, err := b.Resolve(t.Context(), "romeo@word-2345"); err != nil || !slices.Equal(r.Addrs, want) {
		t.Errorf("resolve: %v, %v", r.Addrs, err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantDNS(t, b, dnssd.Left, "romeo@word-2345")
	for _, name := range []string{"_presence._tcp.example.test", "_services._dns-sd._udp.example.test", instance, "word-2345.example.test"} {
		for _, kind := range []string{"PTR", "SRV", "TXT", "A", "AAAA"} {
			if got := server.dig(bob, kind, name); len(got) != 0 {
				t.Errorf("left behind: %s %s %q", kind, name, got)
			}
		}
	}
}

// 174-3.8: two machines that want one name.
func TestDNSSD_BindRenames(t *testing.T) {
	l := newLAN(t, 3)
	server := newNameServer(t, l.hosts[zoneHost-1])
	first, second := server.register(l.hosts[1]), server.register(l.hosts[2])
	if first.Name() != "romeo@word-2345" || second.Name() != "romeo@word-2345" {
		// Same user, machine and port: the second took the first for its own past.
		t.Errorf("names %q and %q", first.Name(), second.Name())
	}
	r := server.registration(l.hosts[2])
	r.Port = 5299
	third, err := dnssd.Register(t.Context(), r, server.key("llchat"))
	if err != nil {
		t.Fatal(err)
	}
	if third.Name() != "romeo-1@word-2345" { // same machine, other port
		t.Errorf("third is %q", third.Name())
	}
	r = server.registration(l.hosts[1])
	r.Port, r.Addrs = 5300, r.Addrs[:1]
	fourth, err := dnssd.Register(t.Context(), r, server.key("llchat"))
	if err != nil {
		t.Fatal(err)
	}
	if fourth.Name() != "romeo@word-2345-1" { // another machine
		t.Errorf("fourth is %q", fourth.Name())
	}
	for _, p := range []*dnssd.Published{third, fourth, second} {
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	_ = first.Close(t.Context())
	if got := server.dig(l.hosts[1], "PTR", "_presence._tcp.example.test"); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

// A key that the policy does not know, a secret that is not the server's, and
// a server that goes away and comes back.
func TestDNSSD_BindFails(t *testing.T) {
	l := newLAN(t, 3)
	server, alice, bob := newNameServer(t, l.hosts[zoneHost-1]), l.hosts[1], l.hosts[2]
	wrong, err := dnssd.ParseKey([]byte("llchat:hmac-sha256:" + strings.Repeat("QUJD", 11)))
	if err != nil {
		t.Fatal(err)
	}
	stranger := server.key("llchat")
	stranger.Name = "mallory"
	for _, tt := range []struct {
		name, text, hint string
		key              dnssd.Key
	}{
		{"guest", "REFUSED", "update policy", server.key("guest")},
		{"wrong secret", "BADSIG", "differs", wrong},
		{"unknown key", "BADKEY", "name and algorithm", stranger},
	} {
		_, err := dnssd.Register(t.Context(), server.registration(alice), tt.key)
		var e *dnssd.Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.text) || !strings.Contains(e.Hint, tt.hint) {
			t.Errorf("%s: got %v, want %q with hint %q", tt.name, err, tt.text, tt.hint)
		}
		t.Logf("%s: %v", tt.name, err)
	}
	p := server.register(alice)
	b := server.browse(bob)
	wantDNS(t, b, dnssd.Joined, "romeo@word-2345")
	server.run.stop()
	ev := wantDNS(t, b, dnssd.Trouble, "")
	t.Logf("trouble: %v", ev.Err)
	if peers := b.Peers(); len(peers) != 1 || !peers[0].Stale {
		t.Errorf("peers %+v", peers)
	}
	server.start() // with its journal
	wantDNS(t, b, dnssd.Recovered, "")
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantDNS(t, b, dnssd.Left, "romeo@word-2345")
}

// A list that does not fit a datagram comes by TCP.
func TestDNSSD_BindMany(t *testing.T) {
	l := newLAN(t, 2)
	h := l.hosts[zoneHost-1]
	server := newNameServer(t, h)
	server.run.stop()
	var zone strings.Builder
	fmt.Fprintf(&zone, zoneFile, h.address())
	const n = 1000
	for i := range n {
		fmt.Fprintf(&zone, "_presence._tcp PTR p%d\\@host._presence._tcp\n", i)
		fmt.Fprintf(&zone, "p%d\\@host._presence._tcp SRV 0 0 5298 host\n", i)
		fmt.Fprintf(&zone, "p%d\\@host._presence._tcp TXT \"txtvers=1\" \"nick=p%d\"\n", i, i)
	}
	fmt.Fprintf(&zone, "host A %s\n", h.address())
	server.configure(n)
	server.write("zone", zone.String())
	_ = os.Remove(filepath.Join(server.dir, "zone.jnl"))
	server.start()
	begin := time.Now()
	b, err := dnssd.Open(t.Context(), dnssd.Config{
		Domain: "example.test", Servers: []netip.AddrPort{server.at()}, Dial: l.hosts[1].dialDNS,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	eventually(t, time.Minute, "1,000 instances are listed", func() bool { return len(b.Peers()) == n })
	t.Logf("%d instances after %v", n, time.Since(begin).Round(time.Millisecond))
}

// BIND takes 100 records of one name and type: the next one is told why.
func TestDNSSD_BindFull(t *testing.T) {
	l := newLAN(t, 2)
	h := l.hosts[zoneHost-1]
	server := newNameServer(t, h)
	server.run.stop()
	var zone strings.Builder
	fmt.Fprintf(&zone, zoneFile, h.address())
	for i := range bindsMost {
		fmt.Fprintf(&zone, "_presence._tcp PTR p%d\\@host._presence._tcp\n", i)
	}
	server.write("zone", zone.String())
	server.start()
	_, err := dnssd.Register(t.Context(), server.registration(l.hosts[1]), server.key("llchat"))
	var e *dnssd.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "full") {
		t.Fatalf("got %v", err)
	}
	t.Logf("%v: %s", err, e.Hint)
	if got := server.dig(l.hosts[1], "SRV", `romeo\@word-2345._presence._tcp.example.test`); len(got) != 0 {
		t.Errorf("half registered: %q", got)
	}
}
