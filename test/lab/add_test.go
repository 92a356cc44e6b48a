//go:build lab && linux

package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"llchat/internal/chat"
)

// deafSwitch eats multicast DNS.
func deafSwitch(t testing.TB, l *lan) {
	t.Helper()
	l.sw.nft(t, `table bridge ap { chain eat { type filter hook forward priority 0; udp dport 5353 drop; }; }`)
}

// added runs llchat add and returns the row of who answered.
func (n *node) added(address string) chat.Peer {
	n.t.Helper()
	var e chat.Event
	out := n.must(0, "add", address, "--json").stdout
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		n.t.Fatalf("llchat add %s: %v: %s", address, err, out)
	}
	p, ok := e.Body.(chat.Peer)
	if !ok {
		n.t.Fatalf("llchat add %s: %s", address, out)
	}
	return p
}

// Part 7: where multicast is filtered an address is enough, also without a
// running node, and it is known after a restart.
func TestAdd_MulticastFiltered(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 3)
	deafSwitch(t, l)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	p := alice.added(bob.address())
	if p.Fingerprint.String() != bob.fingerprint || p.Trust != chat.Unknown || p.Addresses[0] != bob.address() {
		t.Errorf("added %+v, want %s at %s", p, bob.fingerprint, bob.address())
	}
	alice.must(chat.CodeNotYet, "send", "Bob", "over the wall")
	bob.must(0, "accept", "Alice")
	alice.p.stop()
	alice.start()
	alice.must(0, "peers", "--wait", "60s", "--for", "1")
	alice.must(0, "send", "Bob", "and back")

	six := fmt.Sprintf("[fe80::4c:4cff:fe00:2%%eth0]:%d", bob.port)
	home := l.hosts[2].folder(t, "carol")
	carol := []as{withEnv("LLCHAT_HOME=" + home)}
	if r := l.hosts[2].run(t, carol, llchat, "add", six); r.code != 0 || !strings.Contains(r.stdout, "added bob") {
		t.Errorf("without a node, over IPv6: %+v", r)
	}
	r := l.hosts[2].run(t, carol, llchat, "send", "Bob", "me too")
	if r.code != chat.CodeNotYet || !strings.Contains(r.stderr, "waiting for acceptance") {
		t.Errorf("send without a node: %+v", r)
	}
	for address, code := range map[string]int{
		"10.77.0.2": chat.CodeError, "10.77.0.250:5298": chat.CodeError, "10.77.0": chat.CodeUsage, bob.address() + "0": chat.CodeUsage,
	} {
		if r := l.hosts[2].run(t, carol, llchat, "add", address); r.code != code || !strings.Contains(r.stderr, "llchat: hint: ") {
			t.Errorf("add %s: %+v, want exit %d and a hint", address, r, code)
		}
	}
}

// Part 7: across a router, where no multicast goes.
func TestAdd_Routed(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 3)
	deafSwitch(t, l)
	h1, h2, router := l.hosts[0], l.hosts[1], l.hosts[2]
	h1.mustRun(t, "ip", "addr", "add", "10.88.1.1/24", "dev", "eth0")
	h2.mustRun(t, "ip", "addr", "add", "10.88.2.2/24", "dev", "eth0")
	router.mustRun(t, "ip", "addr", "add", "10.88.1.3/24", "dev", "eth0")
	router.mustRun(t, "ip", "addr", "add", "10.88.2.3/24", "dev", "eth0")
	router.do(func() {
		if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
			t.Error(err)
		}
	})
	h1.mustRun(t, "ip", "route", "add", "10.88.2.0/24", "via", "10.88.1.3", "src", "10.88.1.1")
	h2.mustRun(t, "ip", "route", "add", "10.88.1.0/24", "via", "10.88.2.3", "src", "10.88.2.2")
	alice := h1.daemon(t, "--nick", "Alice")
	bob := h2.daemon(t, "--nick", "Bob", "--strangers", "accept")
	alice.added(fmt.Sprintf("10.88.2.2:%d", bob.port))
	alice.must(0, "send", "Bob", "far away")
}

// K5, parts 6 and 7: two ghosts find each other by address; llchat doctor and
// all the rest send no datagram and join no group.
func TestAdd_Ghosts(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 3)
	c := l.capture(t)
	alice := l.hosts[0].daemon(t, "--nick", "Alice", "--visibility", "ghost")
	bob := l.hosts[1].daemon(t, "--nick", "Bob", "--visibility", "ghost", "--strangers", "accept")
	r := alice.doctor()
	if !r.Silent || len(r.Unchecked) == 0 || r.Second.Asked {
		t.Errorf("doctor of a ghost:\n%s", r.Text())
	}
	p := alice.added(bob.address())
	alice.must(0, "send", p.Fingerprint.String(), "boo")
	alice.p.stop()
	if r := alice.doctor(); !r.Silent {
		t.Errorf("doctor of a ghost that does not run:\n%s", r.Text())
	}
	for name := range flows(c.stop(l)) {
		if strings.HasPrefix(name, "udp ") && !strings.HasSuffix(name, ":9") {
			t.Errorf("sent: %s", name)
		}
	}
	for _, f := range frames(c.read()) {
		if len(f) > 23 && f[12] == 8 && f[13] == 0 && f[23] == 2 {
			t.Errorf("an IGMP report: %x", f)
		}
	}
}
