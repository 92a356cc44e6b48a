//go:build netns && linux

package mdns

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestNetnsGhostCapture (K5): after Silence not one frame leaves the host, IGMP
// and ARP included, though it is asked for by name and the groups are queried.
func TestNetnsGhostCapture(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	a, b := r.host("alice", "10.77.0.1"), r.host("bob", "10.77.0.2")
	for _, h := range []*host{a, b} {
		h.do(nil, "run sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1") // its router solicitations are the system's
	}
	a.openNode("a", "alice", "pronto", 5298, 0)
	b.openNode("b", "bob", "forza", 5299, 0)
	a.do(nil, "publish a")
	b.do(nil, "publish b")
	b.do(nil, "wait b 1 60")
	a.tell("capture 2") // that it counts at all
	b.do(nil, "ask 200")
	var n int
	if fmt.Sscan(a.want("done"), &n); n == 0 {
		t.Error("the capture sees nothing")
	}
	a.do(nil, "silence a")
	time.Sleep(2 * time.Second) // the system leaves the groups, twice
	a.tell("capture 10")
	for range 2 {
		b.do(nil, "ask 200")
		b.do(nil, "missing b alice@pronto") // Resolve asks for SRV and addresses
	}
	var what string
	line := a.want("done")
	fmt.Sscan(line, &n, &what)
	if n != 0 {
		t.Errorf("%d frames left a ghost: %s", n, what)
	}
	// And back: listed again.
	a.do(nil, "rename a amber fox-abcd")
	var ms int
	b.do([]any{&n, &ms}, "wait b 2 10") // the old one is on its way out still
}

// nodesBesideAvahi opens n nodes and avahi-daemon on one host.
func nodesBesideAvahi(r *room, n int) *host {
	h := r.host("shared", "10.77.0.1")
	h.do(nil, "avahi")
	for i := range n {
		h.openNode(fmt.Sprint("n", i), fmt.Sprint("user", i), fmt.Sprint("llchat-", i), 5300+i, 0)
		h.do(nil, "publish n%d", i)
	}
	return h
}

// TestNetnsTwentyNodesBesideAvahi: 20 profiles and avahi-daemon on one host, a
// node and another avahi-daemon elsewhere. All see all, both sides resolve
// everything, nobody is renamed.
func TestNetnsTwentyNodesBesideAvahi(t *testing.T) {
	t.Parallel()
	const nodes = 20
	r := newRoom(t)
	far := r.host("far", "10.77.0.2")
	far.do(nil, "avahi")
	far.openNode("f", "far", "away", 5298, 0)
	far.do(nil, "publish f")
	h := nodesBesideAvahi(r, nodes)
	far.do(nil, "run avahi-publish-service -s ava@avahihost _presence._tcp 5298 txtvers=1 >/dev/null 2>&1 &")
	for i := range nodes {
		var n, ms int
		if h.do([]any{&n, &ms}, "wait n%d %d 60", i, nodes+1); n != nodes+1 {
			t.Errorf("node %d sees %d of %d", i, n, nodes+1)
		}
	}
	var n, ms, missing, left int
	if far.do([]any{&n, &ms}, "wait f %d 60", nodes+1); n != nodes+1 {
		t.Errorf("far sees %d of %d", n, nodes+1)
	}
	keys := []string{"ava@avahihost"}
	for i := range nodes {
		keys = append(keys, fmt.Sprintf("user%d@llchat-%d", i, i)) // so nobody was renamed
	}
	far.do([]any{&missing, &left}, "missing f %s", strings.Join(keys, " "))
	if missing > 0 || left > 0 {
		t.Errorf("far cannot resolve %d, %d left", missing, left)
	}
	h.do([]any{&missing, &left}, "missing n0 %s", strings.Join(append(keys[:1:1], keys[2:]...), " "))
	if missing > 0 || left > 0 {
		t.Errorf("node 0 cannot resolve %d, %d left", missing, left)
	}
	for _, side := range []*host{h, far} { // what each avahi-daemon resolves
		var names []string
		for i := range nodes {
			names = append(names, fmt.Sprintf(`user%d\064llchat-%d;`, i, i))
		}
		side.eventually("run avahi-browse -prt _presence._tcp", names...)
		side.eventually("run avahi-resolve -4 --name llchat-7.local", "10.77.0.1")
		side.eventually("run avahi-resolve -4 --name avahihost.local", "10.77.0.")
	}
}

// eventually repeats a command for a minute, until its output has all that is
// wanted; of avahi-browse what is resolved over IPv4.
func (h *host) eventually(command string, want ...string) {
	h.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		h.tell("%s", command)
		got := h.want("done")
		if strings.Contains(command, "browse") {
			got = resolved4(got)
		}
		i := slices.IndexFunc(want, func(w string) bool { return !strings.Contains(got, w) })
		switch {
		case i < 0:
			return
		case time.Now().After(end):
			h.t.Errorf("Avahi at %s: no %s in %q", h.name, want[i], got)
			return
		}
	}
}

// resolved4 keeps the resolved lines of avahi-browse for IPv4.
func resolved4(out string) string {
	var keep []string
	for line := range strings.SplitSeq(out, "|") {
		if strings.HasPrefix(line, "=;eth0;IPv4;") {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "\n")
}

// TestNetnsCyclesBesideAvahi starts and stops a node beside avahi-daemon again
// and again, without a rename and without an ugly end: 20 times, or as often as
// LLCHAT_SOAK_CYCLES says (issue 3: 1,000, three seconds each).
func TestNetnsCyclesBesideAvahi(t *testing.T) {
	t.Parallel()
	cycles := 20
	if n, err := strconv.Atoi(os.Getenv("LLCHAT_SOAK_CYCLES")); err == nil {
		cycles = n
	}
	r := newRoom(t)
	h := r.host("shared", "10.77.0.1")
	h.do(nil, "avahi")
	far := r.host("far", "10.77.0.2")
	far.openNode("f", "far", "away", 5298, 0)
	h.tell("cycle %d", cycles)
	renames, worst := 0, 0
	if _, err := fmt.Sscan(h.wantIn("done", time.Duration(cycles)*10*time.Second), &renames, &worst); err != nil {
		t.Fatal(err)
	}
	var missing, left int
	far.do([]any{&missing, &left}, "missing f alice@pronto")
	t.Logf("%d cycles, %d renames, slowest publication %d ms; far saw %d goodbyes", cycles, renames, worst, left)
	if renames > 0 || left < cycles/2 { // far may be too busy to see a goodbye before the next start
		t.Errorf("%d renames, %d of %d goodbyes", renames, left, cycles)
	}
}

// TestNetnsOutages: a cable is pulled for 3 s and for 12 s, seen by the host or
// behind a switch; both sides list each other after its return. How soon:
// BenchmarkNetnsOutage.
func TestNetnsOutages(t *testing.T) {
	for _, tt := range []struct {
		name   string
		outage time.Duration
		seen   bool // by the host that is cut off: its carrier is gone
	}{
		{"short, carrier lost", 3 * time.Second, true},
		{"long, carrier lost", 12 * time.Second, true},
		{"long, silent", 12 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			a, b := r.host("alice", "10.77.0.1"), r.host("bob", "10.77.0.2")
			a.openNode("a", "alice", "pronto", 5298, 0)
			b.openNode("b", "bob", "forza", 5299, 0)
			a.do(nil, "publish a")
			b.do(nil, "publish b")
			var n, ms int
			a.do([]any{&n, &ms}, "wait a 1 60")
			b.do([]any{&n, &ms}, "wait b 1 60")
			port := r.plug["alice"]
			if tt.seen {
				r.hub.ip("link set " + port + " down")
			} else {
				r.hub.ip("link set " + port + " nomaster")
			}
			time.Sleep(tt.outage)
			if tt.seen {
				r.hub.ip("link set " + port + " up")
			} else {
				r.hub.ip("link set " + port + " master br0")
			}
			var worst int
			for _, side := range []struct {
				h  *host
				id string
			}{{a, "a"}, {b, "b"}} {
				side.h.do([]any{&n, &ms}, "wait %s 1 60", side.id)
				worst = max(worst, ms)
				if n != 1 {
					t.Errorf("%s lists %d after %d ms", side.h.name, n, ms)
				}
			}
			b.do([]any{&n, &ms}, "missing b alice@pronto") // reachable, not only listed
			if n != 0 {
				t.Error("bob cannot resolve alice")
			}
			t.Logf("listed again after %d ms", worst)
		})
	}
}

// TestNetnsFamilies: IPv6 only, and an IPv4 link-local address only.
func TestNetnsFamilies(t *testing.T) {
	for _, tt := range []struct{ name, a, b, addr string }{
		{"IPv6 only", "", "", "fe80::"},
		{"IPv4 link-local", "169.254.1.1/16", "169.254.1.2/16", "169.254."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			a, b := r.host("alice", "10.77.0.1"), r.host("bob", "10.77.0.2")
			for h, addr := range map[*host]string{a: tt.a, b: tt.b} {
				h.ip("addr del " + map[*host]string{a: "10.77.0.1", b: "10.77.0.2"}[h] + "/16 dev eth0")
				if addr != "" {
					h.do(nil, "run sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1")
					h.ip("addr add " + addr + " dev eth0")
				}
			}
			time.Sleep(2 * time.Second) // IPv6 looks for duplicates of its address first
			a.openNode("a", "alice", "pronto", 5298, 0)
			b.openNode("b", "bob", "forza", 5299, 0)
			a.do(nil, "publish a")
			var n, ms int
			if b.do([]any{&n, &ms}, "wait b 1 60"); n != 1 {
				t.Fatal("bob sees nobody")
			}
			b.tell("addrs b alice@pronto")
			if got := b.want("done"); !strings.HasPrefix(got, tt.addr) && !strings.HasPrefix(got, "["+tt.addr) {
				t.Errorf("alice is at %q", got)
			}
		})
	}
}
