//go:build lab && linux

package lab

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// What the network does to a host. The kernel here has no netem, so loss and
// silence are rules on the switch, and delay is a relay in the cable.

func (h *host) port() string { return fmt.Sprintf("p%d", h.no) }

// pull takes the cable of h out of the switch, or puts it in again: the link
// of the host goes down and up.
func (l *lan) pull(h *host, out bool) {
	l.t.Helper()
	state := "up"
	if out {
		state = "down"
	}
	l.sw.mustRun(l.t, "ip", "link", "set", h.port(), state)
}

// filter has the switch treat all frames of h, either way, by a rule of
// nftables; none takes it away.
func (l *lan) filter(h *host, rule string) {
	l.t.Helper()
	table := "weather" + h.port()
	l.sw.mustRun(l.t, "sh", "-c", "nft delete table bridge "+table+" 2>/dev/null || true")
	if rule == "" {
		return
	}
	l.sw.mustRun(l.t, "nft", fmt.Sprintf(`
		add table bridge %[1]s
		add chain bridge %[1]s c { type filter hook forward priority 0; }
		add rule bridge %[1]s c iifname "%[2]s" %[3]s
		add rule bridge %[1]s c oifname "%[2]s" %[3]s
	`, table, h.port(), rule))
}

// silence has every frame of h vanish while its link stays up.
func (l *lan) silence(h *host, on bool) {
	l.t.Helper()
	rule := ""
	if on {
		rule = "drop"
	}
	l.filter(h, rule)
}

// lose has a part of all frames of h vanish, each way.
func (l *lan) lose(h *host, percent int) {
	l.t.Helper()
	rule := ""
	if percent > 0 {
		rule = fmt.Sprintf("numgen random mod 100 < %d drop", percent)
	}
	l.filter(h, rule)
}

// slow makes every frame of h late by d, each way, for the rest of the test.
func (l *lan) slow(h *host, d time.Duration) {
	l.t.Helper()
	near, far := fmt.Sprintf("s%d", h.no), fmt.Sprintf("f%d", h.no)
	var fds [2]int
	var err error
	l.sw.do(func() {
		if err = l.splice(h.port(), near, far); err != nil {
			return
		}
		for i, name := range []string{h.port(), near} {
			if fds[i], err = rawSocket(name); err != nil {
				return
			}
		}
	})
	if err != nil {
		l.t.Fatalf("delay %s: %v", h.name, err)
	}
	stop := make(chan struct{})
	var relays sync.WaitGroup
	for i := range fds {
		relays.Go(func() { relay(fds[i], fds[1-i], d, stop) })
	}
	l.t.Cleanup(func() {
		close(stop)
		relays.Wait()
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	})
}

// splice takes a port off the bridge, which gets one end of a cable instead.
func (l *lan) splice(port, near, far string) error {
	p, err := netlink.LinkByName(port)
	if err != nil {
		return err
	}
	br, err := netlink.LinkByName("br0")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetNoMaster(p); err != nil {
		return err
	}
	cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: far, MasterIndex: br.Attrs().Index}, PeerName: near}
	if err := netlink.LinkAdd(cable); err != nil {
		return err
	}
	other, err := netlink.LinkByName(near)
	if err != nil {
		return err
	}
	for _, link := range []netlink.Link{p, other} { // not addressed to us, and yet ours to carry
		if err := netlink.SetPromiscOn(link); err != nil {
			return err
		}
	}
	if err := netlink.LinkSetUp(cable); err != nil {
		return err
	}
	return netlink.LinkSetUp(other)
}

// rawSocket carries the frames that come in at an interface.
func rawSocket(name string) (int, error) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return 0, err
	}
	all := int(uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8) // network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return 0, err
	}
	// It wakes up now and then to notice the end of the test.
	tick := unix.Timeval{Usec: 200_000}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tick); err != nil {
		return 0, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: link.Attrs().Index})
}

// relay carries frames one way, in order, each d later. What is more than a
// queue can hold is lost.
func relay(from, to int, d time.Duration, stop chan struct{}) {
	type frame struct {
		due  time.Time
		data []byte
	}
	queue := make(chan frame, 20_000)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for f := range queue {
			time.Sleep(time.Until(f.due))
			_, _ = unix.Write(to, f.data) // the port is down: lost
		}
	}()
	defer func() {
		close(queue)
		<-sent
	}()
	buf := make([]byte, 65536)
	for {
		n, err := unix.Read(from, buf)
		select {
		case <-stop:
			return
		default:
		}
		if err != nil {
			continue // nothing came for a while, or the link is down
		}
		select {
		case queue <- frame{time.Now().Add(d), append([]byte(nil), buf[:n]...)}:
		default:
		}
	}
}

// TestWeather: the tools above do what they say.
func TestWeather(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	a, b := l.hosts[0], l.hosts[1]
	ping := func(want bool, what string) {
		t.Helper()
		r := a.run(t, nil, "ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", b.address())
		if (r.code == 0) != want {
			t.Errorf("%s: ping ends with %d\n%s", what, r.code, r.stdout)
		}
	}
	ping(true, "at first")
	l.silence(a, true)
	ping(false, "silent")
	l.silence(a, false)
	l.pull(b, true)
	ping(false, "pulled")
	l.pull(b, false)
	ping(true, "healed")
	l.lose(a, 30)
	r := a.run(t, nil, "ping", "-n", "-c", "100", "-i", "0.01", "-W", "1", b.address())
	var got int
	for line := range strings.Lines(r.stdout) {
		_, _ = fmt.Sscanf(line, "100 packets transmitted, %d received", &got)
	}
	if got < 20 || got > 80 { // each way 70 %: 49 of 100
		t.Errorf("with 30 %% lost each way %d of 100 came back", got)
	}
	l.lose(a, 0)
	l.slow(a, 100*time.Millisecond)
	start := time.Now()
	ping(true, "slow")
	if d := time.Since(start); d < 200*time.Millisecond {
		t.Errorf("three pings took %v", d)
	}
}
