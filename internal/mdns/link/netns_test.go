//go:build netns && linux

package link

// Real multicast, in network namespaces that the tests make: root is needed,
// and nothing is sent on an interface of the host.
//
//	go test -tags netns ./internal/mdns/link
//
// Each host is this test binary again, started in a namespace of its own. It
// prints what its Source tells, one line an event, and takes commands on its
// standard input.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const roleVariable = "LLCHAT_LINK_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "host" {
		hostMain()
		return
	}
	os.Exit(m.Run())
}

// hostMain is a host: it runs a Source until its input ends.
func hostMain() {
	out := &printer{}
	var stopRun func()
	var src Source
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for in.Scan() {
		cmd, rest, _ := strings.Cut(in.Text(), " ")
		switch cmd {
		case "run":
			src, stopRun = startSource(out)
		case "stop":
			stopRun()
			out.print("stopped")
		case "send":
			var id ID
			var dst, data string
			fmt.Sscan(rest, &id, &dst, &data)
			to, _ := netip.ParseAddrPort(dst) // "-" is everyone
			if err := src.Send(id, to, []byte(data)); err != nil {
				out.print("error %v", err)
			}
		case "ask":
			ask(out, rest)
		case "blast":
			n, _ := strconv.Atoi(rest)
			blast(out, n)
		case "burst":
			burst(out, rest)
		case "hold":
			hold(out, rest == "shared")
		}
	}
}

type printer struct{ mu sync.Mutex }

func (p *printer) print(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Printf(format+"\n", args...)
}

func (p *printer) Links(list []Info) {
	s := ""
	for _, i := range list {
		s += fmt.Sprintf(" %d:%s:%v", i.ID, i.Name, i.Addrs)
	}
	p.print("links%s", s)
}

func (p *printer) Packet(k Packet) {
	p.print("packet %d %s multicast=%v hops=%d %.20s %d", k.Link, k.Src, k.Multicast, k.HopLimit, k.Data, len(k.Data))
}

func startSource(out *printer) (Source, func()) {
	src, err := Open(nil)
	if err != nil {
		out.print("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := src.Run(ctx, out); err != nil {
			out.print("run: %v", err)
		}
	})
	go func() { // the answer settles before the first Links
		time.Sleep(100 * time.Millisecond)
		out.print("unicast %v", src.Unicast())
	}()
	return src, func() { cancel(); wg.Wait() }
}

// ask is a legacy querier: another port, waits for one answer.
func ask(out *printer, network string) {
	to := &net.UDPAddr{IP: GroupIPv4.AsSlice(), Port: Port}
	if network == "udp6" {
		to = &net.UDPAddr{IP: GroupIPv6.AsSlice(), Port: Port, Zone: "lan0"}
	}
	c, err := net.ListenUDP(network, nil)
	if err != nil {
		out.print("error %v", err)
		return
	}
	go func() {
		defer c.Close()
		buf := make([]byte, 100)
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, from, err := c.ReadFromUDPAddrPort(buf)
		out.print("answer %v %s %v", from, buf[:n], err)
	}()
	if _, err := c.WriteTo([]byte("question"), to); err != nil {
		out.print("error %v", err)
	}
}

// blast sends one datagram of n octets to the group.
func blast(out *printer, n int) {
	c, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: GroupIPv4.AsSlice(), Port: Port})
	if err != nil {
		out.print("error %v", err)
		return
	}
	defer c.Close()
	if _, err := c.Write([]byte(strings.Repeat("x", n))); err != nil {
		out.print("error %v", err)
	}
}

// burst sends 32 packets on an interface, each from another port.
func burst(out *printer, name string) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		out.print("error %v", err)
		return
	}
	for i := range 32 {
		c, err := net.ListenUDP("udp4", nil)
		if err != nil {
			out.print("error %v", err)
			return
		}
		p := ipv4.NewPacketConn(c)
		p.SetMulticastInterface(ifi)
		if _, err := p.WriteTo(fmt.Appendf(nil, "burst%02d", i), nil, &net.UDPAddr{IP: GroupIPv4.AsSlice(), Port: Port}); err != nil {
			out.print("error %v", err)
		}
		c.Close()
	}
}

// hold takes port 5353 of both families as another program would, shared (as
// Avahi does) or for itself (disallow-other-stacks=yes), and prints what
// unicast it hears.
func hold(out *printer, shared bool) {
	lc := net.ListenConfig{}
	if shared {
		lc.Control = func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) {
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			})
		}
	}
	for _, n := range []string{"udp4", "udp6"} {
		c, err := lc.ListenPacket(context.Background(), n, fmt.Sprintf(":%d", Port))
		if err != nil {
			out.print("error %v", err)
			return
		}
		go func() {
			buf := make([]byte, 100)
			for {
				n, _, err := c.ReadFrom(buf)
				if err != nil {
					return
				}
				out.print("other heard %s", buf[:n])
			}
		}()
	}
	out.print("held")
}

// host is a running hostMain as the test sees it.
type host struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
	seen  []string
}

func newTestHost(t *testing.T, name string) *host {
	t.Helper()
	cmd := exec.Command("unshare", "-n", os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=host")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("unshare -n (root is needed): %v", err)
	}
	h := &host{t: t, name: name, cmd: cmd, in: in, lines: make(chan string, 1000)}
	go func() {
		defer close(h.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			h.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		in.Close()
		for range h.lines {
		}
		cmd.Wait()
	})
	h.want("ready")
	h.ip("link set lo up")
	return h
}

// tell gives a command.
func (h *host) tell(format string, args ...any) { fmt.Fprintf(h.in, format+"\n", args...) }

// ip runs ip(8) in the namespace of the host.
func (h *host) ip(args string) {
	h.t.Helper()
	run(h.t, append([]string{"nsenter", "-t", strconv.Itoa(h.cmd.Process.Pid), "-n", "ip"}, strings.Fields(args)...)...)
}

func run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// want waits for a line that contains all parts and returns it.
func (h *host) want(parts ...string) string {
	h.t.Helper()
	timeout := time.After(time.Minute)
	for {
		for i, l := range h.seen {
			if containsAll(l, parts) {
				h.seen = append(h.seen[:i], h.seen[i+1:]...)
				return l
			}
		}
		select {
		case l, ok := <-h.lines:
			if !ok {
				h.t.Fatalf("%s ended without %q", h.name, parts)
			}
			h.seen = append(h.seen, l)
		case <-timeout:
			h.t.Fatalf("%s: no %q; instead\n%s", h.name, parts, strings.Join(h.seen, "\n"))
		}
	}
}

// never checks that no line so far contains all parts; what could bring one
// must have been answered before.
func (h *host) never(parts ...string) {
	h.t.Helper()
	for {
		select {
		case l := <-h.lines:
			h.seen = append(h.seen, l)
			continue
		default:
		}
		break
	}
	for _, l := range h.seen {
		if containsAll(l, parts) {
			h.t.Errorf("%s: %s", h.name, l)
		}
	}
}

func containsAll(s string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// cable connects two hosts by interfaces of the given name. IPv6 addresses
// are usable at once, without looking for duplicates.
func cable(t *testing.T, a, b *host, name string) {
	t.Helper()
	a.ip("link add " + name + " type veth peer name peer0")
	a.ip(fmt.Sprintf("link set peer0 netns %d", b.cmd.Process.Pid))
	b.ip("link set peer0 name " + name)
	for _, h := range []*host{a, b} {
		run(t, "nsenter", "-t", strconv.Itoa(h.cmd.Process.Pid), "-n", "sysctl", "-qw", "net.ipv6.conf."+name+".accept_dad=0")
		h.ip("link set " + name + " up")
	}
}

// pair is two connected hosts that run, with addresses as asked for.
func pair(t *testing.T, v4, v6 bool) (a, b *host) {
	t.Helper()
	a, b = newTestHost(t, "a"), newTestHost(t, "b")
	for _, h := range []*host{a, b} {
		if !v6 {
			run(t, "nsenter", "-t", strconv.Itoa(h.cmd.Process.Pid), "-n", "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
		}
	}
	cable(t, a, b, "lan0")
	if v4 {
		a.ip("addr add 192.0.2.1/24 dev lan0")
		b.ip("addr add 192.0.2.2/24 dev lan0")
		a.ip("route add 224.0.0.0/4 dev lan0") // for programs without IP_MULTICAST_IF
		b.ip("route add 224.0.0.0/4 dev lan0")
	}
	for _, h := range []*host{a, b} {
		h.tell("run")
		parts := []string{"links ", ":lan0:"}
		if v4 {
			parts = append(parts, "192.0.2.")
		}
		if v6 {
			parts = append(parts, "fe80::")
		}
		h.want(parts...)
	}
	return a, b
}

// id returns the number of an interface of the host.
func (h *host) id(name string) string {
	h.t.Helper()
	out, err := exec.Command("nsenter", "-t", strconv.Itoa(h.cmd.Process.Pid), "-n", "ip", "-o", "link", "show", name).Output()
	if err != nil {
		h.t.Fatal(err)
	}
	id, _, _ := strings.Cut(string(out), ":")
	return id
}

func (h *host) send(dst, data string) { h.tell("send %s %s %s", h.id("lan0"), dst, data) }

func TestNetns_Multicast(t *testing.T) {
	for _, tt := range []struct {
		name   string
		v4, v6 bool
	}{{"dual", true, true}, {"IPv4 only", true, false}, {"IPv6 only", false, true}} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair(t, tt.v4, tt.v6)
			a.send("-", "hello")
			for _, h := range []*host{a, b} { // a hears itself
				if tt.v4 {
					h.want("packet "+h.id("lan0")+" 192.0.2.1:5353", "multicast=true hops=255 hello")
				}
				if tt.v6 {
					h.want("packet "+h.id("lan0")+" [fe80::", "%lan0]:5353", "multicast=true hops=255 hello")
				}
			}
			a.tell("stop")
			a.want("stopped")
		})
	}
}

// RFC 6762 6.7 and 11: legacy answers come from port 5353 with TTL 255.
func TestNetns_LegacyQuerier(t *testing.T) {
	a, b := pair(t, true, true)
	b.tell("ask udp4")
	from := strings.Fields(a.want("packet", " 192.0.2.2:", "question"))[2]
	a.send(from, "answer4")
	b.want("answer 192.0.2.1:5353 answer4 <nil>")
	b.tell("ask udp6")
	from = strings.Fields(a.want("packet", " [fe80::", "question"))[2]
	a.send(from, "answer6")
	b.want("answer [fe80::", "%lan0]:5353 answer6 <nil>")
}

// Alone on the port, unicast answers reach us (QU questions).
func TestNetns_Unicast(t *testing.T) {
	a, b := pair(t, true, true)
	a.want("unicast true")
	b.send("192.0.2.1:5353", "direct")
	a.want("packet "+a.id("lan0")+" 192.0.2.2:5353", "multicast=false hops=255 direct")
	b.send("-", "where")
	v6 := strings.Fields(a.want("packet", " [fe80::", "where"))[2]
	b.send(v6, "own") // b's own address: comes back by b's unicast socket
	b.want("packet", "multicast=false", "own")
	a.send(v6, "six")
	b.want("packet "+b.id("lan0")+" [fe80::", "multicast=false hops=255 six")
}

// mdns.md 1: next to Avahi we take none of its unicast packets; both hear
// multicast, and a second program of ours too.
func TestNetns_SharedPort(t *testing.T) {
	a, b := newTestHost(t, "a"), newTestHost(t, "b")
	cable(t, a, b, "lan0")
	a.ip("addr add 192.0.2.1/24 dev lan0")
	b.ip("addr add 192.0.2.2/24 dev lan0")
	a.tell("hold shared")
	a.want("held")
	a.tell("run")
	a.want("links ", "192.0.2.1/24")
	a.want("unicast false")
	b.tell("run")
	b.want("links ", "192.0.2.2/24")
	b.send("192.0.2.1:5353", "forAvahi")
	a.want("other heard forAvahi")
	b.send("-", "forAll")
	a.want("packet", "192.0.2.2:5353", "forAll")
	a.never("packet", "forAvahi")
	a.send("-", "mine")
	b.want("packet", "192.0.2.1:5353", "mine")
}

func TestNetns_TwoPrograms(t *testing.T) {
	a, b := pair(t, true, false)
	a.tell("run") // a second Source in the same namespace
	a.want("links ", "192.0.2.1/24")
	a.want("unicast true")
	a.want("unicast false")
	b.send("-", "both")
	a.want("packet", "192.0.2.2:5353", "both")
	a.want("packet", "192.0.2.2:5353", "both")
}

// Avahi with disallow-other-stacks=yes.
func TestNetns_TakenPort(t *testing.T) {
	a, b := newTestHost(t, "a"), newTestHost(t, "b")
	cable(t, a, b, "lan0")
	a.ip("addr add 192.0.2.1/24 dev lan0")
	a.tell("hold alone")
	a.want("held")
	a.tell("run")
	a.want("run: link: port 5353 is held exclusively")
}

// No network, then one; link down and up; another address; a second link; a
// link that vanishes.
func TestNetns_Changes(t *testing.T) {
	a, b := newTestHost(t, "a"), newTestHost(t, "b")
	a.tell("run")
	a.want("links")
	b.tell("run")
	b.want("links")
	cable(t, a, b, "lan0")
	a.ip("addr add 192.0.2.1/24 dev lan0")
	b.ip("addr add 192.0.2.2/24 dev lan0")
	a.want("links ", "192.0.2.1/24")
	b.want("links ", "192.0.2.2/24")
	heard := func(data, from string) {
		t.Helper()
		a.send("-", data)
		b.want("packet", " "+from+":5353", data)
	}
	heard("first", "192.0.2.1")

	a.ip("link set lan0 down") // b loses its carrier too
	a.want("links")
	b.want("links")
	a.ip("link set lan0 up")
	a.want("links ", "192.0.2.1/24")
	b.want("links ", "192.0.2.2/24")
	heard("again", "192.0.2.1")

	a.ip("addr add 198.51.100.1/24 dev lan0")
	a.ip("addr del 192.0.2.1/24 dev lan0")
	b.ip("addr add 198.51.100.2/24 dev lan0")
	a.want("links ", "198.51.100.1/24")
	b.want("links ", "198.51.100.2/24")
	heard("moved", "198.51.100.1")

	cable(t, a, b, "lan1")
	a.ip("addr add 203.0.113.1/24 dev lan1")
	b.ip("addr add 203.0.113.2/24 dev lan1")
	a.want("links ", "203.0.113.1/24")
	b.want("links ", "203.0.113.2/24")
	a.tell("send %s - second", a.id("lan1"))
	b.want("packet "+b.id("lan1")+" 203.0.113.1:5353", "second")
	b.never("packet "+b.id("lan0")+" ", "second")

	gone := a.id("lan0")
	a.ip("link del lan0")
	a.want("links ", "203.0.113.1/24")
	a.tell("send %s - nowhere", gone)
	a.want("error", "no such link")
	a.tell("send %s - still", a.id("lan1"))
	b.want("packet "+b.id("lan1")+" 203.0.113.1:5353", "still")
	a.tell("stop")
	a.want("stopped")
}

// With SO_REUSEPORT Linux gave packets to the socket of the wrong link, which
// one depending on the sender's port; see systemOptions.
func TestNetns_TwoLinks(t *testing.T) {
	a, b := pair(t, true, false)
	cable(t, a, b, "lan1")
	a.ip("addr add 203.0.113.1/24 dev lan1")
	b.ip("addr add 203.0.113.2/24 dev lan1")
	b.want("links ", "203.0.113.2/24")
	for name, from := range map[string]string{"lan0": "192.0.2.1", "lan1": "203.0.113.1"} {
		a.tell("burst %s", name)
		for i := range 32 {
			b.want("packet "+b.id(name)+" "+from+":", fmt.Sprintf("burst%02d", i))
		}
	}
}

// L-20: 9,000 octets pass in fragments, 9,001 do not.
func TestL20_NetnsPacketSize(t *testing.T) {
	a, b := pair(t, true, false)
	a.tell("blast 9001")
	a.tell("blast 9000")
	b.want("packet", "xxx 9000")
	a.tell("blast 8999")
	b.want("packet", "xxx 8999")
	b.never("xxx 9001")
}
