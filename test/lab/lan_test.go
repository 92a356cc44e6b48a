//go:build lab && linux

package lab

import (
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
)

// lan is a switch and its hosts, h1 to hN, dual stack: 10.77.0.N/16 and
// fe80::4c:4cff:fe00:N. It is reachable from nowhere else.
type lan struct {
	t     testing.TB
	sw    *host
	hosts []*host // hosts[0] is h1
}

// newLAN makes a switch with n hosts. All of it ends with the test.
func newLAN(t testing.TB, n int) *lan {
	t.Helper()
	l := &lan{t: t, sw: newHost(t, "sw", 0)}
	l.sw.do(func() {
		if err := makeSwitch(); err != nil {
			t.Errorf("make the switch: %v", err)
		}
	})
	for no := 1; no <= n; no++ {
		l.add(no)
	}
	if t.Failed() {
		t.FailNow()
	}
	return l
}

func (l *lan) add(no int) {
	l.t.Helper()
	h := newHost(l.t, fmt.Sprintf("h%d", no), no)
	l.hosts = append(l.hosts, h)
	port := fmt.Sprintf("p%d", no)
	l.sw.do(func() {
		if err := plug(h, port); err != nil {
			l.t.Errorf("plug %s in: %v", h.name, err)
		}
	})
	l.sw.mustRun(l.t, "ethtool", "-K", port, "tx", "off", "gso", "off", "tso", "off", "gro", "off")
	h.do(func() {
		if err := configure(h); err != nil {
			l.t.Errorf("configure %s: %v", h.name, err)
		}
	})
	h.mustRun(l.t, "ethtool", "-K", "eth0", "tx", "off", "gso", "off", "tso", "off", "gro", "off")
}

// makeSwitch makes the bridge. It only forwards frames: no address, no IPv6
// and no multicast snooping of its own, so that multicast reaches every port.
func makeSwitch() error {
	for _, which := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0); err != nil {
			return err
		}
	}
	off := false
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}, MulticastSnooping: &off}
	if err := netlink.LinkAdd(br); err != nil {
		return err
	}
	if err := netlink.SetPromiscOn(br); err != nil { // captures see every frame
		return err
	}
	return netlink.LinkSetUp(br)
}

// plug makes the cable between the switch and a host.
func plug(h *host, port string) error {
	br, err := netlink.LinkByName("br0")
	if err != nil {
		return err
	}
	cable := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: port, MasterIndex: br.Attrs().Index},
		PeerName:         "eth0",
		PeerHardwareAddr: net.HardwareAddr{0x02, 0x4c, 0x4c, 0, 0, byte(h.no)},
		PeerNamespace:    netlink.NsPid(h.init.Process.Pid),
	}
	if err := netlink.LinkAdd(cable); err != nil {
		return err
	}
	return netlink.LinkSetUp(cable)
}

// configure gives the host its addresses.
func configure(h *host) error {
	// No duplicate address detection: it would take a second of every test.
	for _, which := range []string{"all", "default", "eth0"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/accept_dad", []byte("0"), 0); err != nil {
			return err
		}
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	eth, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	addr, err := netlink.ParseAddr(h.address() + "/16")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	if err := netlink.AddrAdd(eth, addr); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(eth); err != nil {
		return err
	}
	_, multicast, err := net.ParseCIDR("224.0.0.0/4")
	if err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{
		LinkIndex: eth.Attrs().Index, Dst: multicast, Scope: netlink.SCOPE_LINK,
	})
}
