package netmon

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var comparePrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func lan(name string) Interface {
	return Interface{
		Index: 2, Name: name, MTU: 1500, Up: true, Multicast: true,
		Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")},
	}
}

func TestUsable(t *testing.T) {
	with := func(i Interface, f func(*Interface)) Interface { f(&i); return i }
	tests := []struct {
		name string
		i    Interface
		only []string
		want bool
	}{
		{"Ethernet", lan("eth0"), nil, true},
		{"Wi-Fi", lan("wlp3s0"), nil, true},
		{"a bridge that is the LAN", lan("br0"), nil, true},
		{"macOS", lan("en0"), nil, true},
		{"Windows", lan("Ethernet 2"), nil, true},
		{"down", with(lan("eth0"), func(i *Interface) { i.Up = false }), nil, false},
		{"no address", with(lan("eth0"), func(i *Interface) { i.Addrs = nil }), nil, false},
		{"no multicast", with(lan("eth0"), func(i *Interface) { i.Multicast = false }), nil, false},
		{"loopback", with(lan("lo"), func(i *Interface) { i.Loopback = true }), nil, false},
		{"point to point", with(lan("eth0"), func(i *Interface) { i.PointToPoint = true }), nil, false},
		{"docker0", lan("docker0"), nil, false},
		{"docker network", lan("br-4fd1c9a2"), nil, false},
		{"container end", lan("veth12ab"), nil, false},
		{"libvirt", lan("virbr0"), nil, false},
		{"VPN tun", lan("tun0"), nil, false},
		{"VPN tap", lan("tap0"), nil, false},
		{"WireGuard", lan("wg0"), nil, false},
		{"macOS VPN", lan("utun3"), nil, false},
		{"AirDrop", lan("awdl0"), nil, false},
		{"asked for", lan("docker0"), []string{"docker0"}, true},
		{"loopback asked for", with(lan("lo"), func(i *Interface) { i.Loopback = true }), []string{"lo"}, true},
		{"asked for and down", with(lan("eth0"), func(i *Interface) { i.Up = false }), []string{"eth0"}, false},
		{"another asked for", lan("eth0"), []string{"eth1"}, false},
		{"exact names only", lan("eth01"), []string{"eth0"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Usable(tt.i, tt.only); got != tt.want {
				t.Errorf("Usable = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPrefixes(t *testing.T) {
	cidr := func(s string) *net.IPNet {
		ip, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		return &net.IPNet{IP: ip, Mask: n.Mask}
	}
	got := prefixes([]net.Addr{
		cidr("fe80::1/64"),
		cidr("192.0.2.7/24"),
		&net.IPNet{IP: net.ParseIP("10.0.0.1").To16(), Mask: net.CIDRMask(96+8, 128)},
		&net.IPNet{IP: net.IP{1}, Mask: net.CIDRMask(8, 32)},
		&net.IPAddr{IP: net.ParseIP("192.0.2.9")},
	})
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.1/8"),
		netip.MustParsePrefix("192.0.2.7/24"),
		netip.MustParsePrefix("fe80::1/64"),
	}
	if diff := cmp.Diff(want, got, comparePrefix); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The loopback interface of the machine is listed, whatever else there is.
func TestInterfaces_Loopback(t *testing.T) {
	list, err := Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for n, i := range list {
		if n > 0 && list[n-1].Index >= i.Index {
			t.Errorf("not in order: %v", list)
		}
		if i.Loopback && i.Up && i.Name != "" {
			return
		}
	}
	t.Errorf("no loopback in %+v", list)
}
