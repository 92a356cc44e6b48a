//go:build lab && linux

package lab

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
)

// mendTime is for what is tried every few seconds, with a daemon's own start.
const mendTime = 90 * time.Second

// discovery is that part of `llchat status --json`.
func (n *node) status() chat.Status {
	n.t.Helper()
	var s chat.Status
	if err := json.Unmarshal([]byte(n.must(0, "status", "--json").stdout), &s); err != nil {
		n.t.Fatalf("status --json: %v", err)
	}
	return s
}

// uses waits until the node finds people in a way.
func (n *node) uses(want string) {
	n.t.Helper()
	eventually(n.t, mendTime, n.h.name+" uses "+want, func() bool { return n.status().Discovery.Uses == want })
}

func (n *node) health(code string) (text string, ok bool) {
	n.t.Helper()
	for _, item := range n.status().Health {
		if item.Code == code {
			return item.Text + " / " + item.Hint, true
		}
	}
	return "", false
}

// talk sends one message each way and waits for both.
func talk(t *testing.T, a, b *node, text string) {
	t.Helper()
	a.must(0, "send", "--timeout", "60s", b.fingerprint[:16], text+" there")
	b.must(0, "send", "--timeout", "60s", a.fingerprint[:16], text+" back")
}

// TestDiscoveryAvahi: two nodes that publish and browse by the real
// avahi-daemon, which has port 5353 for itself, chat with each other and with
// one that has sockets of its own; a daemon that is started again heals; a
// goodbye is heard.
func TestDiscoveryAvahi(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 3)
	daemon := l.hosts[0].avahiBus(t)
	d := daemon()
	l.hosts[1].avahiBus(t)()
	alice := l.hosts[0].daemon(t, "--nick", "Alice", "--mdns", "avahi")
	bob := l.hosts[1].daemon(t, "--nick", "Bob", "--mdns", "avahi")
	carol := l.hosts[2].daemon(t, "--nick", "Carol", "--mdns", "own")
	for _, n := range []*node{alice, bob} {
		if s := n.status().Discovery; s.Uses != "avahi" || s.MDNS != "avahi" || s.Most > 1000 {
			t.Errorf("%s: %+v", n.h.name, s)
		}
		if text, _ := n.health("avahi"); !strings.Contains(text, "1,000") {
			t.Errorf("the limit is told as %q", text)
		}
	}
	friends(t, alice, bob)
	friends(t, carol, alice)
	friends(t, bob, carol)
	talk(t, alice, bob, "both by Avahi")
	talk(t, alice, carol, "Avahi and own")
	bob.must(0, "set", "status", "away")
	alice.sees("away", bob.name, func(p chat.Peer) bool { return p.Presence == chat.Away })

	d.kill()
	l.hosts[0].do(func() { _ = os.Remove("/run/avahi-daemon/pid") })
	daemon()
	carol.p.stop()
	alice.lost(carol.name)
	carol.start()
	alice.sees("back", carol.name, isOnline)
	talk(t, carol, alice, "after the restart")
	bob.p.stop()
	alice.lost(bob.name)
	carol.lost(bob.name)
}

// TestDiscoveryFallback: port 5353 is held exclusively when the node starts,
// and later is not: it uses avahi-daemon, and goes back, by itself.
func TestDiscoveryFallback(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	daemon := l.hosts[0].avahiBus(t)
	d := daemon()
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	alice.uses("avahi")
	if text, _ := alice.health("avahi"); !strings.Contains(text, "disallow-other-stacks=no") {
		t.Errorf("what to do is told as %q", text)
	}
	alice.sees("online", bob.name, isOnline)
	bob.sees("online", alice.name, isOnline)
	alice.must(chat.CodeNotYet, "send", bob.name, "may I?")
	// By fingerprint: Avahi announces the addresses of a name one family after
	// the other, and a stream from one that was not heard yet is a row apart.
	bob.must(0, "accept", alice.fingerprint[:16])
	talk(t, alice, bob, "by Avahi")
	eventually(t, seeTime, "bob has one row of her", func() bool {
		return len(slices.DeleteFunc(bob.peers(), func(p chat.Peer) bool { return p.Instance.String() != alice.name })) == 1
	})

	d.stop()
	alice.uses("own")
	talk(t, alice, bob, "by sockets")
	bob.sees("online", alice.name, isOnline)
	if _, told := alice.health("avahi"); told {
		t.Error("the limit is still told")
	}
}

// TestDiscoveryNoAvahi: without a daemon the sentence and what to do about it
// are in the status, and a daemon that comes is used.
func TestDiscoveryNoAvahi(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	alice := &node{t: t, h: l.hosts[0], home: l.hosts[0].folder(t, "profiles"), flags: []string{"--nick", "Alice", "--mdns", "avahi"}}
	alice.launch()
	eventually(t, readyTime, "its socket answers", func() bool { return alice.run("status", "--json").code == 0 && alice.status().Running })
	eventually(t, mendTime, "it says what is wrong", func() bool {
		text, ok := alice.health("discovery")
		return ok && strings.Contains(text, "nobody can be found")
	})
	daemon := l.hosts[0].avahiBus(t)
	eventually(t, mendTime, "it asks for the daemon", func() bool {
		text, _ := alice.health("discovery")
		return strings.Contains(text, "avahi-daemon does not run") && strings.Contains(text, "systemctl start avahi-daemon")
	})
	daemon()
	alice.awaitReady()
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	bob.sees("online", alice.name, isOnline)
}

// TestDiscoveryGhostAvahi: a node that becomes a ghost is no client of the
// daemon any more, and nothing is multicast for it (K5).
func TestDiscoveryGhostAvahi(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	l.hosts[0].avahiBus(t)()
	alice := l.hosts[0].daemon(t, "--nick", "Alice", "--mdns", "avahi")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	bob.sees("online", alice.name, isOnline)
	alice.must(0, "set", "visibility", "ghost")
	bob.lost(alice.name)
	users := func() string {
		return l.hosts[0].mustRun(t, "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames")
	}
	// The bus itself, avahi-daemon under two names, and dbus-send.
	if names := users(); strings.Count(names, `":1.`) != 2 {
		t.Errorf("on the bus: %s", names)
	}
	alice.must(0, "set", "visibility", "open")
	bob.sees("online again", alice.name, isOnline)
}

// deafLAN is a LAN on which no multicast passes between hosts, as behind an
// access point that filters it, with a name server on the first one.
func deafLAN(t *testing.T, n int) (*lan, *nameServer) {
	t.Helper()
	l := newLAN(t, n)
	for _, h := range l.hosts {
		h.mustRun(t, "nft", "add", "table", "inet", "filtered")
		h.mustRun(t, "nft", "add", "chain", "inet", "filtered", "in", "{ type filter hook input priority 0 ; }")
		h.mustRun(t, "nft", "add", "rule", "inet", "filtered", "in", "udp", "dport", "5353", "iifname", "eth0", "drop")
	}
	return l, newNameServer(t, l.hosts[zoneHost-1])
}

// domain has a node use the zone, with a key or without.
func (n *node) domain(s *nameServer, key string) {
	n.t.Helper()
	n.must(0, "set", "discovery-server", s.host.address())
	if key != "" {
		n.must(0, "set", "discovery-key", filepath.Join(s.dir, key+".key"))
	}
	n.must(0, "set", "discovery-domain", "example.test")
}

// TestDiscoveryDomain: two on links without multicast find each other over a
// real name server, one of them registering by a signed DNS UPDATE, and chat;
// a change of status is in the zone, and the goodbye takes everything out of
// it (174-11.12).
func TestDiscoveryDomain(t *testing.T) {
	t.Parallel()
	l, server := deafLAN(t, 3)
	alice := l.hosts[1].daemon(t, "--nick", "Alice")
	bob := l.hosts[2].daemon(t, "--nick", "Bob")
	bob.domain(server, "llchat")
	eventually(t, seeTime, "bob is registered", func() bool { return bob.status().Discovery.Entry.String() == bob.name })
	alice.domain(server, "") // she only browses
	alice.sees("online", bob.name, isOnline)
	if p, _ := alice.peer(bob.name); !slices.Equal(p.Addresses, []string{bob.address()}) {
		t.Errorf("bob is at %q, want %q alone", p.Addresses, bob.address())
	}
	alice.must(chat.CodeNotYet, "send", bob.name, "may I?")
	bob.must(0, "accept", alice.fingerprint[:16])
	talk(t, alice, bob, "by DNS")
	bob.must(0, "set", "status", "away")
	instance := strings.Replace(bob.name, "@", `\@`, 1) + "._presence._tcp.example.test."
	eventually(t, 2*seeTime, "the zone says away", func() bool {
		got := server.dig(l.hosts[1], "TXT", instance)
		return len(got) == 1 && strings.Contains(got[0], `"status=away"`)
	})
	alice.sees("away", bob.name, func(p chat.Peer) bool { return p.Presence == chat.Away })

	bob.p.stop()
	alice.lost(bob.name)
	for _, q := range [][2]string{{"PTR", "_presence._tcp.example.test"}, {"SRV", instance}, {"TXT", instance}} {
		if got := server.dig(l.hosts[1], q[0], q[1]); len(got) != 0 {
			t.Errorf("left behind: %s %q", q[0], got)
		}
	}
	bob.start()
	alice.sees("back", bob.name, isOnline)
	talk(t, alice, bob, "again")
}

// TestDiscoveryDomainKilled: what a power cut leaves in the zone is taken over
// at the next start, and a ghost takes it out.
func TestDiscoveryDomainKilled(t *testing.T) {
	t.Parallel()
	l, server := deafLAN(t, 2)
	bob := l.hosts[1].daemon(t, "--nick", "Bob", "--visibility", "quiet")
	bob.domain(server, "llchat")
	list := func() []string { return server.dig(l.hosts[1], "PTR", "_presence._tcp.example.test") }
	eventually(t, seeTime, "bob is registered", func() bool { return len(list()) == 1 })
	before := list()
	instance := strings.TrimSuffix(before[0], ".")
	if got := server.dig(l.hosts[1], "TXT", instance); !slices.Equal(got, []string{`"txtvers=1"`}) {
		t.Errorf("the quiet entry says %q", got)
	}
	bob.p.kill()
	if got := list(); !slices.Equal(got, before) {
		t.Errorf("after the kill %q", got)
	}
	bob.start()
	eventually(t, 2*seeTime, "another entry in place of that", func() bool {
		now := list()
		return len(now) == 1 && now[0] != before[0]
	})
	if len(bob.peers()) != 0 {
		t.Errorf("he sees himself: %+v", bob.peers())
	}
	bob.must(0, "set", "visibility", "ghost")
	if got := list(); len(got) != 0 {
		t.Errorf("the zone of a ghost: %q", got)
	}
}

// TestDiscoveryDomainRefused: a key that the zone does not let in is said in a
// sentence, with what to do.
func TestDiscoveryDomainRefused(t *testing.T) {
	t.Parallel()
	l, server := deafLAN(t, 2)
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	bob.domain(server, "guest")
	var text string
	eventually(t, seeTime, "bob is told", func() (ok bool) { text, ok = bob.health("domain-entry"); return ok })
	if !strings.Contains(text, "REFUSED") || !strings.Contains(text, "update policy") {
		t.Errorf("told %q", text)
	}
	server.run.stop()
	bob.must(0, "set", "discovery-key", "")
	eventually(t, mendTime, "the server is missed", func() bool { text, ok := bob.health("domain"); return ok && text != "" })
	server.start()
	eventually(t, mendTime, "it is back", func() bool { _, ok := bob.health("domain"); return !ok })
}
