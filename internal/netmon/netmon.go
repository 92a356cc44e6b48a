// Package netmon tells which network interfaces there are and when they
// change (Watch), and when the machine has slept (Jumps). Both block until
// their context ends, call back from their own goroutine only, and leave
// nothing running behind.
//
// On Linux the kernel says when something changed (rtnetlink); elsewhere, and
// where that is forbidden, the interfaces are listed every two seconds.
package netmon

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Interface is one network interface with its addresses.
type Interface struct {
	Index        int
	Name         string
	MTU          int
	Up           bool // switched on and with a carrier
	Multicast    bool
	Loopback     bool
	PointToPoint bool
	Addrs        []netip.Prefix // without zones, host bits kept, sorted
}

// Interfaces lists all interfaces in the order of their index.
func Interfaces() ([]Interface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	out := make([]Interface, 0, len(list))
	for _, i := range list {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went away meanwhile; the next change tells
		}
		out = append(out, Interface{
			Index: i.Index,
			Name:  i.Name,
			MTU:   i.MTU,
			// Without a carrier nobody hears us, and the carrier's return
			// must look like a new link (RFC 6762 section 8).
			Up:           i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0,
			Multicast:    i.Flags&net.FlagMulticast != 0,
			Loopback:     i.Flags&net.FlagLoopback != 0,
			PointToPoint: i.Flags&net.FlagPointToPoint != 0,
			Addrs:        prefixes(addrs),
		})
	}
	slices.SortFunc(out, func(a, b Interface) int { return cmp.Compare(a.Index, b.Index) })
	return out, nil
}

func prefixes(addrs []net.Addr) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if !ok {
			continue
		}
		ones, bits := n.Mask.Size()
		ip = ip.Unmap()
		if ip.Is4() && bits == 128 {
			ones -= 96
		}
		if p := netip.PrefixFrom(ip, ones); p.IsValid() {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return out
}

// inner are the beginnings of names of interfaces that lead to containers,
// virtual machines and tunnels of this machine, not to a room of people. Who
// wants one of them names it (Usable, only).
var inner = []string{
	"docker", "br-", "veth", "virbr", "vnet", "vmnet", "vboxnet", "lxc", "lxdbr", "podman", "cni", "flannel", "cali", "kube",
	"vEthernet", "VirtualBox", "VMware",
	"tun", "tap", "wg", "utun", "ppp", "ipsec", "tailscale", "zt", "nordlynx", "proton", "gif", "stf", "sit", "gre",
	"awdl", "llw", "dummy", "ifb",
}

// Usable reports whether multicast DNS should run on i: it is up and has an
// address, can multicast, and is no loopback, tunnel or inner interface. With
// only, exactly the interfaces of these names are usable while they are up
// and have an address.
func Usable(i Interface, only []string) bool {
	if !i.Up || len(i.Addrs) == 0 {
		return false
	}
	if len(only) > 0 {
		return slices.Contains(only, i.Name)
	}
	if !i.Multicast || i.Loopback || i.PointToPoint {
		return false
	}
	return !slices.ContainsFunc(inner, func(p string) bool { return strings.HasPrefix(i.Name, p) })
}
