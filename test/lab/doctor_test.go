//go:build lab && linux

package lab

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"llchat/internal/doctor"
	"llchat/internal/health"
	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// doctorTime is more than llchat doctor may take (12 s, issue 3): machines that
// test are slow.
const doctorTime = 40 * time.Second

// doctor runs llchat doctor for a profile folder, empty for a new one.
func (h *host) doctor(t testing.TB, home string, flags ...string) doctor.Report {
	t.Helper()
	if home == "" {
		home = h.folder(t, "nobody")
	}
	args := append([]string{llchat, "doctor", "--json"}, flags...)
	return diagnosis(t, h.run(t, []as{withEnv("LLCHAT_HOME=" + home)}, args...))
}

func diagnosis(t testing.TB, got result) doctor.Report {
	t.Helper()
	if got.took > doctorTime {
		t.Fatalf("llchat doctor: exit %d after %v\n%s%s", got.code, got.took, got.stdout, got.stderr)
	}
	var r doctor.Report
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || !strings.HasPrefix(got.stdout, `{"type":"doctor",`) {
		t.Fatalf("llchat doctor --json: %v: %s%s", err, got.stdout, got.stderr)
	}
	if want := min(len(r.Wrong()), 1); got.code != want {
		t.Errorf("llchat doctor: exit %d, want %d\n%s", got.code, want, r.Text())
	}
	return r
}

func (n *node) doctor(flags ...string) doctor.Report {
	n.t.Helper()
	return n.h.doctor(n.t, n.home, flags...)
}

// found wants a finding of this code.
func found(t testing.TB, r doctor.Report, code string) doctor.Finding {
	t.Helper()
	f, ok := r.Find(code)
	if !ok {
		t.Fatalf("no %s in\n%s", code, r.Text())
	}
	return f
}

// clean wants no finding of these codes; without codes, none at all.
func clean(t testing.TB, r doctor.Report, codes ...string) {
	t.Helper()
	if len(codes) == 0 && len(r.Findings) > 0 {
		t.Errorf("findings in\n%s", r.Text())
	}
	for _, code := range codes {
		if _, ok := r.Find(code); ok {
			t.Errorf("still %s in\n%s", code, r.Text())
		}
	}
}

// obey runs the command of a finding, as a person would paste it.
func (h *host) obey(t testing.TB, f doctor.Finding, where string) {
	t.Helper()
	if f.Hint == "" || f.Where != where {
		t.Fatalf("%s: command %q on %q, want one on %q", f.Code, f.Hint, f.Where, where)
	}
	h.mustRun(t, "sh", "-c", f.Hint)
}

// nft gives rules to the firewall of a host or of the switch.
func (h *host) nft(t testing.TB, rules string) {
	t.Helper()
	h.mustRun(t, "nft", rules)
}

// pair is two nodes that know each other, on h1 and h2.
func pair(t testing.TB) (l *lan, a, b *node) {
	t.Helper()
	l = newLAN(t, 2)
	a = l.hosts[0].daemon(t, "--nick", "Alice")
	b = l.hosts[1].daemon(t, "--nick", "Bob")
	friends(t, a, b)
	return l, a, b
}

// Nothing is wrong: no finding, everybody is seen and reached, the second
// opinion agrees, and nothing of it tells who anybody is (G-5).
func TestDoctor_Well(t *testing.T) {
	t.Parallel()
	_, alice, bob := pair(t)
	r := alice.doctor()
	clean(t, r)
	if len(r.Interfaces) != 1 {
		t.Fatalf("interfaces: %+v", r.Interfaces)
	}
	i := r.Interfaces[0]
	if !r.Running || !i.Used || !i.Announced || len(i.Echo) != 2 || i.Heard == 0 || i.Answered == 0 || i.People != 1 || i.Reached != 1 || r.People != 1 {
		t.Errorf("report:\n%s", r.Text())
	}
	if s := r.Second; !s.Asked || !s.SeesUs || s.People != 1 {
		t.Errorf("second opinion: %+v", s)
	}
	said, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{
		"alice", "bob", alice.name, bob.name, strings.Split(bob.name, "@")[1], alice.fingerprint[:8], bob.fingerprint[:8],
		alice.h.address(), bob.h.address(), alice.h.linkLocal(), "02:4c", machineWord, userWord, alice.home,
	} {
		if strings.Contains(strings.ToLower(string(said)+r.Text()), strings.ToLower(secret)) {
			t.Errorf("the report holds %q:\n%s\n%s", secret, said, r.Text())
		}
	}
}

// Any user may ask: what only root sees is said to be unseen.
func TestDoctor_User(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 1)
	h := l.hosts[0]
	h.mustRun(t, "ip", "address", "flush", "dev", "eth0", "scope", "global")
	openFolders(t, h.dir)
	got := diagnosis(t, h.run(t, []as{asUser(65534), withEnv("LLCHAT_HOME=/nonexistent")}, llchat, "doctor", "--json"))
	if f := found(t, got, doctor.NoIPv4); !strings.HasPrefix(f.Hint, "sudo ip ") {
		t.Errorf("hint %q", f.Hint)
	}
	if s := strings.Join(got.Unchecked, "\n"); !strings.Contains(s, "firewall") || !strings.Contains(s, "no node runs") {
		t.Errorf("unchecked: %q", s)
	}
}

func TestDoctor_NoInterface(t *testing.T) {
	t.Parallel()
	h := newLAN(t, 1).hosts[0]
	h.mustRun(t, "ip", "link", "set", "eth0", "down")
	h.obey(t, found(t, h.doctor(t, ""), doctor.NoInterface), doctor.Here)
	clean(t, h.doctor(t, ""), doctor.NoInterface)
}

// A cable that is out is no matter of commands.
func TestDoctor_NoCarrier(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 1)
	l.sw.mustRun(t, "ip", "link", "set", "p1", "down")
	f := found(t, l.hosts[0].doctor(t, ""), doctor.NoInterface)
	if f.Hint != "" || !strings.Contains(f.Text, "cable") || f.Severity != health.Error {
		t.Errorf("%+v", f)
	}
}

// No IPv4 address: IPv6 link-local carries everything.
func TestDoctor_NoIPv4(t *testing.T) {
	t.Parallel()
	_, alice, bob := pair(t)
	alice.h.mustRun(t, "ip", "address", "flush", "dev", "eth0", "scope", "global")
	alice.sees("online over IPv6", bob.name, isOnline)
	r := alice.doctor()
	f := found(t, r, doctor.NoIPv4)
	if i := r.Interfaces[0]; i.IPv4 != "none" || i.IPv6 != "link-local" || i.People != 1 || i.Reached != 1 {
		t.Errorf("by IPv6:\n%s", r.Text())
	}
	alice.h.obey(t, f, doctor.Here)
	clean(t, alice.doctor(), doctor.NoIPv4)
}

func TestDoctor_IPv6Off(t *testing.T) {
	t.Parallel()
	h := newLAN(t, 1).hosts[0]
	h.mustRun(t, "sysctl", "-q", "-w", "net.ipv6.conf.eth0.disable_ipv6=1")
	h.obey(t, found(t, h.doctor(t, ""), doctor.IPv6Off), doctor.Here)
	r := h.doctor(t, "")
	clean(t, r, doctor.IPv6Off)
	if got := r.Interfaces[0].IPv6; got != "link-local" {
		t.Errorf("IPv6 %s", got)
	}
}

// Neither family: no address at all.
func TestDoctor_NoAddress(t *testing.T) {
	t.Parallel()
	h := newLAN(t, 1).hosts[0]
	h.mustRun(t, "sysctl", "-q", "-w", "net.ipv6.conf.eth0.disable_ipv6=1")
	h.mustRun(t, "ip", "address", "flush", "dev", "eth0")
	h.obey(t, found(t, h.doctor(t, ""), doctor.NoAddress), doctor.Here)
	clean(t, h.doctor(t, ""), doctor.NoAddress)
}

// The network eats multicast DNS of one host. That somebody is there is known
// from a contact's last address; without a contact it cannot be known, and is
// not said.
func TestDoctor_MulticastFiltered(t *testing.T) {
	t.Parallel()
	l, alice, _ := pair(t)
	l.sw.nft(t, `table bridge ap { chain eat { type filter hook forward priority 0; udp dport 5353 drop; }; }`)
	f := found(t, alice.doctor(), doctor.MulticastFiltered)
	if f.Where != doctor.Network || f.Severity != health.Error || !strings.Contains(f.Text, "known from before") {
		t.Errorf("%+v", f)
	}
	stranger := alice.h.doctor(t, "")
	clean(t, stranger, doctor.MulticastFiltered)
	if f := found(t, stranger, doctor.NobodyHeard); f.Severity != health.Info || f.Where != doctor.Another {
		t.Errorf("%+v", f)
	}
	l.sw.nft(t, "delete table bridge ap")
	clean(t, alice.doctor())
}

// A switch that snoops and has lost a listener: the hosts speak IPv6 only, for
// Linux never snoops on 224.0.0.0/24, and the reports of h1 do not arrive. The
// command, run on the switch, mends it.
func TestDoctor_Snooping(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	for _, h := range l.hosts {
		h.mustRun(t, "ip", "address", "flush", "dev", "eth0", "scope", "global")
	}
	h1, h2 := l.hosts[0], l.hosts[1]
	l.sw.nft(t, `table bridge ap { chain deaf { type filter hook prerouting priority 0;
		iifname "p1" ether type ip6 ip6 nexthdr hopopt drop; }; }`) // of all only MLD has that header (RFC 3810 section 5)
	// A querier needs an address. It asks every second here, and waits half a
	// second for listeners before it believes that there are no others.
	l.sw.mustRun(t, "sysctl", "-q", "-w", "net.ipv6.conf.br0.accept_dad=0", "net.ipv6.conf.br0.disable_ipv6=0")
	l.sw.mustRun(t, "ip", "link", "set", "br0", "type", "bridge",
		"mcast_query_interval", "100", "mcast_startup_query_interval", "100", "mcast_query_response_interval", "50")
	l.sw.mustRun(t, "ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "1")
	h2.daemon(t, "--nick", "Bob")
	// They have spoken before: whom to ask for an address is by multicast too.
	if c, err := h1.tryDial("[" + h2.linkLocal() + "%eth0]:7"); err == nil {
		_ = c.Close()
	}
	eventually(t, time.Minute, "the switch knows a listener", func() bool {
		return strings.Contains(l.sw.mustRun(t, "bridge", "mdb", "show", "dev", "br0"), "port p2 grp ff02::fb")
	})
	f := found(t, h1.doctor(t, ""), doctor.MulticastFiltered)
	if !strings.Contains(f.Text, "directly") {
		t.Errorf("%+v", f)
	}
	l.sw.obey(t, f, doctor.Network)
	clean(t, h1.doctor(t, ""), doctor.MulticastFiltered, doctor.NobodyHeard)
}

// A firewall of this machine eats port 5353.
func TestDoctor_NoEcho(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{
		"a rule": `table inet fw { chain in { type filter hook input priority 0; udp dport 5353 drop; }; }`,
		"the policy": `table inet fw { chain in { type filter hook input priority 0; policy drop;
			iifname "lo" accept; ct state established,related accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }; }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newLAN(t, 1).hosts[0]
			h.nft(t, rules)
			h.obey(t, found(t, h.doctor(t, ""), doctor.NoEcho), doctor.Here)
			clean(t, h.doctor(t, ""), doctor.NoEcho)
		})
	}
}

// The access point passes multicast, and no frame from client to client.
func TestDoctor_ClientIsolation(t *testing.T) {
	t.Parallel()
	l, alice, _ := pair(t)
	l.sw.nft(t, `table bridge ap { chain apart { type filter hook forward priority 0; pkttype host drop; ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 drop; }; }`)
	f := found(t, alice.doctor(), doctor.ClientIsolation)
	if f.Where != doctor.Network || f.Hint == "" || f.Severity != health.Error {
		t.Errorf("%+v", f)
	}
	l.sw.nft(t, "delete table bridge ap") // what isolate=0 does on an access point
	clean(t, alice.doctor())
}

// Bob's firewall keeps his port: his machine answers questions all the same.
func TestDoctor_PeerFirewall(t *testing.T) {
	t.Parallel()
	_, alice, bob := pair(t)
	bob.h.nft(t, `table inet fw { chain in { type filter hook input priority 0; tcp flags & (fin|syn|rst|ack) == syn drop; }; }`)
	f := found(t, alice.doctor(), doctor.PeerFirewall)
	if f.Where != doctor.Another || f.Hint != "llchat doctor" {
		t.Errorf("%+v", f)
	}
	// There the same command names it, and that one mends it.
	bob.h.obey(t, found(t, bob.doctor(), doctor.PortFirewall), doctor.Here)
	clean(t, alice.doctor(), doctor.PeerFirewall)
	clean(t, bob.doctor())
}

// Our own firewall keeps others from us, though we reach ourselves.
func TestDoctor_PortFirewall(t *testing.T) {
	t.Parallel()
	_, alice, bob := pair(t)
	alice.h.nft(t, `table inet fw { chain in { type filter hook input priority 0; policy drop;
		iifname "lo" accept; ct state established,related accept; udp dport 5353 accept; udp sport 5353 accept; icmpv6 type 0-255 accept; }; }`)
	if c, err := alice.h.tryDial(alice.address()); err != nil {
		t.Errorf("not even we: %v", err)
	} else {
		_ = c.Close()
	}
	f := found(t, alice.doctor(), doctor.PortFirewall)
	alice.h.obey(t, f, doctor.Here)
	clean(t, alice.doctor())
	c, err := bob.h.tryDial(alice.address())
	if err != nil {
		t.Fatalf("bob still cannot: %v", err)
	}
	_ = c.Close()
}

// A program that does not share port 5353 is named, and can be ended.
func TestDoctor_PortTaken(t *testing.T) {
	t.Parallel()
	h := newLAN(t, 1).hosts[0]
	hog := h.background(t, nil, "python3", "-c", `
import socket, time
s = [socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6)]
s[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s[0].bind(("0.0.0.0", 5353))
s[1].bind(("::", 5353))
print("mine", flush=True)
time.sleep(600)
`)
	hog.wantText(readyTime, "mine")
	f := found(t, h.doctor(t, ""), doctor.PortTaken)
	if !strings.Contains(f.Text, "python3") {
		t.Errorf("%+v", f)
	}
	h.obey(t, f, doctor.Here)
	<-hog.ended
	clean(t, h.doctor(t, ""), doctor.PortTaken)
}

// tunnel is what a VPN looks like: an interface of that name with addresses.
func (h *host) tunnel(t testing.TB, routes ...string) {
	t.Helper()
	h.mustRun(t, "ip", "link", "add", "tun0", "type", "veth", "peer", "name", "veth0")
	h.mustRun(t, "ip", "address", "add", "10.99.0.1/24", "dev", "tun0")
	h.mustRun(t, "ip", "link", "set", "veth0", "up")
	h.mustRun(t, "ip", "link", "set", "tun0", "up")
	for _, r := range routes {
		h.mustRun(t, "ip", "route", "add", r, "dev", "tun0")
	}
}

// A VPN takes the local network too: people are heard and not reached.
func TestDoctor_VPNCaptures(t *testing.T) {
	t.Parallel()
	_, alice, _ := pair(t)
	alice.h.tunnel(t, "10.77.0.0/17", "10.77.128.0/17")
	alice.h.obey(t, found(t, alice.doctor(), doctor.VPNCaptures), doctor.Here)
	r := alice.doctor()
	clean(t, r)
	if r.Interfaces[0].Reached != 1 {
		t.Errorf("not reached:\n%s", r.Text())
	}
}

// A VPN with the default route does no harm to neighbours; its own side is
// looked at when asked for.
func TestDoctor_VPNDefault(t *testing.T) {
	t.Parallel()
	h := newLAN(t, 1).hosts[0]
	h.tunnel(t, "default")
	f := found(t, h.doctor(t, ""), doctor.VPNDefault)
	if f.Severity != health.Info || f.Hint != "llchat --interface tun0" {
		t.Errorf("%+v", f)
	}
	r := h.doctor(t, "", strings.Fields(f.Hint)[1:]...)
	clean(t, r, doctor.VPNDefault)
	for _, i := range r.Interfaces {
		if i.Used != (i.Name == "tun0") {
			t.Errorf("%s used: %v", i.Name, i.Used)
		}
	}
}

func TestDoctor_LeftOut(t *testing.T) {
	t.Parallel()
	h := newLAN(t, 1).hosts[0]
	h.mustRun(t, "ip", "link", "delete", "eth0")
	h.tunnel(t)
	f := found(t, h.doctor(t, ""), doctor.LeftOut)
	clean(t, h.doctor(t, "", strings.Fields(f.Hint)[1:]...), doctor.LeftOut, doctor.NoInterface)
}

// Another responder answers for our name. The node moves to another by itself.
func TestDoctor_NameConflict(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	l.hosts[1].squat(t, alice.name, time.Second)
	f := found(t, alice.doctor(), doctor.NameConflict)
	if f.Hint != "llchat status" {
		t.Fatalf("%+v", f)
	}
	eventually(t, 2*seeTime, "the command shows another name", func() bool {
		said := alice.must(0, strings.Fields(f.Hint)[1:]...).stdout
		return strings.HasPrefix(said, "running as ") && !strings.HasPrefix(said, "running as "+alice.name+"\n")
	})
	clean(t, alice.doctor(), doctor.NameConflict, doctor.NotAnnounced)
}

// squat makes the host say, after a moment and again and again, that the name
// is a service of its own.
func (h *host) squat(t testing.TB, instance string, after time.Duration) {
	t.Helper()
	name := wire.MustName(instance, "_presence", "_tcp", "local")
	m := wire.Message{Response: true, Authoritative: true, Answers: []wire.Record{
		{Name: name, Type: wire.TypeSRV, TTL: 120, Flush: true, SRV: wire.SRV{Port: 7, Target: wire.MustName("squatter", "local")}},
	}}
	data, rest := m.Append(nil, 0)
	var c *net.UDPConn
	var err error
	h.do(func() {
		here := netip.AddrPortFrom(netip.MustParseAddr(h.address()), link.Port)
		c, err = net.DialUDP("udp4", net.UDPAddrFromAddrPort(here), net.UDPAddrFromAddrPort(netip.AddrPortFrom(link.GroupIPv4, link.Port)))
	})
	if err != nil || !rest.Empty() {
		t.Fatal(fmt.Errorf("squat: %w", err))
	}
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for wait := after; ; wait = 200 * time.Millisecond {
			select {
			case <-done:
				return
			case <-time.After(wait):
				_, _ = c.Write(data)
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		<-gone
		_ = c.Close()
	})
}
