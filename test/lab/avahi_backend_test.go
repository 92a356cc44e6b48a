//go:build lab && linux

package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/ipv4"

	"llchat/internal/chat"
	"llchat/internal/mdns"
	"llchat/internal/mdns/avahi"
	"llchat/internal/mdns/wire"
)

func init() {
	roles["avahi-backend"] = backendMain
	roles["announcer"] = announcerMain
}

// announcerMain announces so many instances, once, and answers nothing.
func announcerMain(args []string) error {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	c, err := net.ListenPacket("udp4", ":5353")
	if err != nil {
		return err
	}
	p := ipv4.NewPacketConn(c)
	if err := p.SetMulticastTTL(255); err != nil { // RFC 6762 11
		return err
	}
	service, host := wire.MustName("_presence", "_tcp", "local"), wire.MustName("crowd", "local")
	to := &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}
	for i := range count {
		name, err := service.Child(fmt.Sprintf("p%d@crowd", i))
		if err != nil {
			return err
		}
		m := wire.Message{Response: true, Authoritative: true, Answers: []wire.Record{
			{Name: service, Type: wire.TypePTR, Class: wire.ClassIN, TTL: 4500, PTR: name},
			{Name: name, Type: wire.TypeSRV, Class: wire.ClassIN, Flush: true, TTL: 120, SRV: wire.SRV{Port: 5298, Target: host}},
			{Name: name, Type: wire.TypeTXT, Class: wire.ClassIN, Flush: true, TTL: 4500, TXT: []byte("\x09txtvers=1")},
			{Name: host, Type: wire.TypeA, Class: wire.ClassIN, Flush: true, TTL: 120, Addr: netip.MustParseAddr("10.77.0.2")},
		}}
		b, _ := m.Append(nil, 1400)
		if _, err := c.WriteTo(b, to); err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // a pace that the receiver's socket can take
	}
	return nil
}

// backendMain is internal/mdns/avahi inside a host: user, machine, port. It
// prints events as lines of JSON and takes commands on its input.
func backendMain(args []string) error {
	port, err := strconv.ParseUint(args[2], 10, 16)
	if err != nil {
		return err
	}
	ctx := context.Background()
	n, err := avahi.Open(ctx, avahi.Config{User: args[0], Machine: args[1], Port: uint16(port)})
	if err != nil {
		return err
	}
	defer n.Close()
	lines := make(chan backendEvent)
	go printEvents(n, lines)
	if args[0] != "watcher" {
		begin := time.Now()
		name, err := n.Publish(ctx, mdns.PresenceText("Alice", "avail", ""))
		if err != nil {
			return err
		}
		lines <- backendEvent{Kind: "published", Name: name, Millis: time.Since(begin).Milliseconds()}
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		word, rest, _ := strings.Cut(in.Text(), " ")
		out := backendEvent{Kind: word}
		switch word {
		case "status":
			err = n.SetText(mdns.PresenceText("Alice", rest, ""))
		case "withdraw":
			err = n.Withdraw(ctx)
		case "watch":
			n.Watch(rest)
		case "resolve":
			begin := time.Now()
			var p mdns.Peer
			p, err = n.Resolve(ctx, rest)
			out = peerEvent(word, p)
			out.Millis = time.Since(begin).Milliseconds()
		case "peers":
			for _, p := range n.Peers() {
				out.Addrs = append(out.Addrs, p.Instance)
			}
		}
		if err != nil && !errors.Is(err, mdns.ErrUnanswered) {
			return err
		}
		lines <- out
	}
	return n.Withdraw(ctx)
}

// backendEvent is a line that backendMain prints.
type backendEvent struct {
	Kind, Cause, Name, Status, Host string
	Port                            uint16
	Addrs                           []string
	Shed                            int
	Millis                          int64
}

func peerEvent(kind string, p mdns.Peer) backendEvent {
	status, _ := p.Text.Get("status")
	e := backendEvent{Kind: kind, Name: p.Instance, Status: status, Host: p.Host, Port: p.Port}
	for _, a := range p.Addrs {
		e.Addrs = append(e.Addrs, a.String())
	}
	return e
}

var kindWords = map[mdns.Kind]string{
	mdns.Joined: "joined", mdns.Changed: "changed", mdns.Left: "left",
	mdns.Renamed: "renamed", mdns.Resync: "resync", mdns.Overload: "overload",
}

func printEvents(n *avahi.Node, more <-chan backendEvent) {
	out := json.NewEncoder(os.Stdout)
	for {
		var e backendEvent
		select {
		case ev, ok := <-n.Events():
			if !ok {
				return
			}
			e = peerEvent(kindWords[ev.Kind], ev.Peer)
			e.Cause, e.Shed = ev.Cause, ev.Shed
			if ev.Name != "" {
				e.Name = ev.Name
			}
		case e = <-more:
		}
		if err := out.Encode(e); err != nil {
			panic(err) // strings and numbers only
		}
	}
}

// backend plays backendMain in the host.
func (h *host) backend(t testing.TB, args ...string) *process {
	t.Helper()
	return h.background(t, []as{withEnv(roleVariable + "=avahi-backend")}, append([]string{"/proc/self/exe"}, args...)...)
}

// says waits until there was an event of that kind about that name.
func (p *process) says(kind, name string, ok func(backendEvent) bool) backendEvent {
	p.t.Helper()
	var e backendEvent
	if !poll(p.t.Context(), 2*seeTime, func() bool {
		for line := range strings.Lines(p.output()) {
			e = backendEvent{}
			if json.Unmarshal([]byte(line), &e) == nil && e.Kind == kind && e.Name == name && (ok == nil || ok(e)) {
				return true
			}
		}
		return false
	}) {
		p.t.Fatalf("%s: no event %s %s\n%s%s", p.what, kind, name, p.output(), p.errors())
	}
	return e
}

// events are all of that kind and name until now.
func (p *process) events(kind, name string) int {
	count := 0
	for line := range strings.Lines(p.output()) {
		var e backendEvent
		if json.Unmarshal([]byte(line), &e) == nil && e.Kind == kind && e.Name == name {
			count++
		}
	}
	return count
}

// avahiBus starts a system bus alone, and returns how to start the daemon. The
// daemon wants port 5353 for itself, as in mdns.md 2.9.
func (h *host) avahiBus(t testing.TB) (daemon func() *process) {
	t.Helper()
	h.background(t, nil, "dbus-daemon", "--system", "--nofork", "--nopidfile")
	conf := filepath.Join(h.dir, "avahi-alone.conf")
	text := strings.NewReplacer("%s", h.name, "other-stacks=no", "other-stacks=yes", "=eth0", "=eth0,eth1").Replace(avahiConf)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h.do(func() {
		if err := chown("/run/avahi-daemon", "avahi"); err != nil {
			t.Errorf("%v", err)
		}
	})
	eventually(t, readyTime, "the system bus answers", func() (ok bool) {
		h.do(func() { _, err := os.Stat("/run/dbus/system_bus_socket"); ok = err == nil })
		return ok
	})
	return func() *process {
		p := h.background(t, nil, "avahi-daemon", "-f", conf, "--no-chroot", "--no-rlimits")
		eventually(t, readyTime, "Avahi answers", func() bool {
			return h.run(t, nil, "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.Avahi", "/",
				"org.freedesktop.Avahi.Server.GetHostName").code == 0
		})
		return p
	}
}

// TestAvahiBackendSeen: coming, a status change without a flap, and going of a
// node that publishes through Avahi, as avahi-browse and our own engine see
// them; the host name of the machine is in none of it (174-3.4, 174-9.1).
func TestAvahiBackendSeen(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 3)
	l.hosts[0].avahiBus(t)()
	l.hosts[2].avahiBus(t)()
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	w := bob.watch()
	all := l.hosts[2].background(t, nil, "avahi-browse", "--parsable", "_presence._tcp")
	const name = "alice@plume-abcd"
	alice := l.hosts[0].backend(t, "alice", "plume-abcd", "5299")
	t.Logf("published in %d ms", alice.says("published", name, nil).Millis)
	bob.sees("available", name, func(p chat.Peer) bool { return p.Presence == chat.Online && p.Nick.String() == "Alice" })
	eventually(t, seeTime, "both addresses", func() bool {
		p, _ := bob.peer(name)
		return slices.Equal(p.Addresses, []string{"[fe80::4c:4cff:fe00:1%eth0]:5299", "10.77.0.1:5299"})
	})
	out := l.hosts[2].mustRun(t, "avahi-browse", "-prt", "_presence._tcp")
	rows := 0
	for line := range strings.Lines(out) {
		if r, ok := parseAvahi(strings.TrimSpace(line)); ok && r.sign == "=" && r.instance == name {
			rows++
			if r.host != "plume-abcd.local" || r.port != 5299 || !slices.Contains(r.txt, "status=avail") {
				t.Errorf("avahi-browse shows %+v", r)
			}
		}
	}
	if rows == 0 {
		t.Errorf("avahi-browse shows nothing of us:\n%s", out)
	}
	b := alice.says("joined", bob.name, nil)
	if want := []string{fmt.Sprintf("[fe80::4c:4cff:fe00:2%%eth0]:%d", bob.port), fmt.Sprintf("10.77.0.2:%d", bob.port)}; !slices.Equal(b.Addrs, want) || int(b.Port) != bob.port {
		t.Errorf("bob is at %v port %d, want %v", b.Addrs, b.Port, want)
	}

	begin := time.Now()
	alice.tell("status away")
	bob.sees("away", name, func(p chat.Peer) bool { return p.Presence == chat.Away })
	t.Logf("status change seen after %v", time.Since(begin))
	alice.tell("status dnd")
	bob.sees("dnd", name, func(p chat.Peer) bool { return p.Presence == chat.DND })

	begin = time.Now()
	alice.hangUp()
	bob.lost(name)
	t.Logf("goodbye seen after %v", time.Since(begin))
	all.want(seeTime, "goodbye", func(line string) bool {
		r, ok := parseAvahi(line)
		return ok && r.sign == "-" && r.instance == name
	})
	going := func(line string) bool {
		p, ok := event(t, line).Body.(chat.Peer)
		return ok && p.Instance.String() == name && p.Gone
	}
	w.want(seeTime, "going", going)
	gone := 0
	for line := range strings.Lines(w.output()) {
		if going(line) {
			gone++
		}
	}
	if gone != 1 {
		t.Errorf("bob saw it going %d times, want once", gone)
	}
	if n := alice.events("joined", name) + alice.events("left", bob.name); n != 0 {
		t.Errorf("alice saw herself, or bob going: %s", alice.output())
	}
}

// TestAvahiBackendSees: coming, change, resolve and going of our own engine, in
// a node that browses through Avahi.
func TestAvahiBackendSees(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	l.hosts[0].avahiBus(t)()
	alice := l.hosts[0].backend(t, "watcher", "plume-abcd", "5299")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	joined := alice.says("joined", bob.name, nil)
	if joined.Status != "avail" || int(joined.Port) != bob.port || len(joined.Addrs) != 2 {
		t.Errorf("joined is %+v", joined)
	}
	begin := time.Now()
	bob.must(0, "set", "status", "away")
	alice.says("changed", bob.name, func(e backendEvent) bool { return e.Status == "away" })
	t.Logf("status change seen after %v, the command included", time.Since(begin))
	alice.tell("resolve " + strings.ToLower(bob.name))
	r := alice.says("resolve", bob.name, nil)
	if len(r.Addrs) != 2 {
		t.Errorf("resolve is %+v", r)
	}
	t.Logf("resolved in %d ms", r.Millis)
	bob.p.stop()
	if e := alice.says("left", bob.name, nil); e.Cause != mdns.CauseGoodbye {
		t.Errorf("left because %q", e.Cause)
	}
	if n := alice.events("left", bob.name); n != 1 {
		t.Errorf("left %d times", n)
	}
}

// TestAvahiBackendConflict: who has the name already keeps it (174-3.8); a
// second node on the same machine gets another user part (174-3.9).
func TestAvahiBackendConflict(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	l.hosts[0].avahiBus(t)()
	l.hosts[1].avahiBus(t)()
	first := l.hosts[1].backend(t, "alice", "plume-abcd", "5298")
	first.says("published", "alice@plume-abcd", nil)
	// For half a second after it announced a record, Avahi does not defend it.
	poll(t.Context(), 2*time.Second, func() bool { return false })
	second := l.hosts[0].backend(t, "alice", "plume-abcd", "5299")
	second.says("renamed", "alice@plume-abcd-1", nil)
	second.says("published", "alice@plume-abcd-1", nil)
	first.says("joined", "alice@plume-abcd-1", func(e backendEvent) bool {
		return e.Host == "plume-abcd-1.local" && e.Port == 5299
	})
	second.says("joined", "alice@plume-abcd", func(e backendEvent) bool { return e.Port == 5298 })
	third := l.hosts[1].backend(t, "alice", "plume-abcd", "5297")
	e := third.says("published", "alice-1@plume-abcd", nil)
	t.Logf("third is published after %d ms", e.Millis)
	if n := first.events("renamed", "alice@plume-abcd-1"); n != 0 {
		t.Error("the first one was renamed")
	}
}

// TestAvahiBackendRestart: a daemon that is killed and started again lists and
// publishes everything again, and nobody is thought gone meanwhile.
func TestAvahiBackendRestart(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	daemon := l.hosts[0].avahiBus(t)
	d := daemon()
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	const name = "alice@plume-abcd"
	alice := l.hosts[0].backend(t, "alice", "plume-abcd", "5299")
	alice.says("published", name, nil)
	alice.says("joined", bob.name, nil)
	bob.sees("available", name, func(p chat.Peer) bool { return p.Presence == chat.Online })
	d.kill()
	l.hosts[0].do(func() { _ = os.Remove("/run/avahi-daemon/pid") })
	daemon()
	alice.tell("status away") // before or after it is registered again
	bob.sees("away", name, func(p chat.Peer) bool { return p.Presence == chat.Away })
	bob.must(0, "set", "status", "dnd")
	alice.says("changed", bob.name, func(e backendEvent) bool { return e.Status == "dnd" })
	if n := alice.events("left", bob.name); n != 0 {
		t.Errorf("bob was thought gone:\n%s", alice.output())
	}
	alice.hangUp()
	bob.lost(name)
}

// TestAvahiBackendNoDaemon: without a daemon there is a clear error.
func TestAvahiBackendNoDaemon(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 1)
	l.hosts[0].avahiBus(t)
	alice := l.hosts[0].backend(t, "watcher", "plume-abcd", "5299")
	<-alice.ended
	if got := alice.errors(); !strings.Contains(got, avahi.ErrNoDaemon.Error()) {
		t.Errorf("it says %q", got)
	}
}

// TestAvahiBackendLinks: a second link that comes up is published on as well,
// and the first one does not flap (174-3.7).
func TestAvahiBackendLinks(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	l.hosts[0].avahiBus(t)()
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	const name = "alice@plume-abcd"
	alice := l.hosts[0].backend(t, "alice", "plume-abcd", "5299")
	alice.says("published", name, nil)
	bob.sees("available", name, func(p chat.Peer) bool { return p.Presence == chat.Online })
	w := bob.watch()
	l.hosts[0].do(func() {
		cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth1"}, PeerName: "far1"}
		addr, err := netlink.ParseAddr("192.0.2.1/24")
		if err == nil {
			err = netlink.LinkAdd(cable)
		}
		if err == nil {
			err = netlink.AddrAdd(cable, addr)
		}
		if err == nil {
			err = netlink.LinkSetUp(cable)
		}
		if err == nil {
			var far netlink.Link
			if far, err = netlink.LinkByName("far1"); err == nil {
				err = netlink.LinkSetUp(far)
			}
		}
		if err != nil {
			t.Errorf("second link: %v", err)
		}
	})
	eventually(t, readyTime, "a second service", func() bool {
		out := l.hosts[0].mustRun(t, "avahi-browse", "-pt", "_presence._tcp")
		return strings.Contains(out, "+;eth1;")
	})
	alice.tell("status away")
	bob.sees("away", name, func(p chat.Peer) bool { return p.Presence == chat.Away })
	if p, _ := bob.peer(name); slices.ContainsFunc(p.Addresses, func(a string) bool { return strings.Contains(a, "192.0.2.1") }) {
		t.Errorf("an address of the other link is known: %q", p.Addresses)
	}
	for line := range strings.Lines(w.output()) {
		if p, ok := event(t, line).Body.(chat.Peer); ok && p.Instance.String() == name && p.Gone {
			t.Errorf("flap: %s", line)
		}
	}
	if n := alice.events("renamed", name); n != 0 {
		t.Error("renamed")
	}
}

// TestAvahiBackendCrowd: more instances than Avahi has room for. As many as fit
// are listed, and the user is told of the rest.
func TestAvahiBackendCrowd(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	l.hosts[0].avahiBus(t)()
	alice := l.hosts[0].backend(t, "watcher", "plume-abcd", "5299")
	begin := time.Now()
	l.hosts[1].run(t, []as{withEnv(roleVariable + "=announcer")}, "/proc/self/exe", "1200")
	joined := func() int { return strings.Count(alice.output(), `"Kind":"joined"`) }
	eventually(t, 60*time.Second, "hundreds are listed", func() bool { return joined() >= 800 })
	t.Logf("%d listed after %v", joined(), time.Since(begin))
	eventually(t, readyTime, "the user is told", func() bool {
		return strings.Contains(alice.output(), `"Kind":"overload"`)
	})
	if strings.Contains(alice.output(), `"Kind":"left"`) {
		t.Error("somebody left")
	}
}
