package doctor

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"llchat/internal/health"
	"llchat/internal/netmon"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// eth is an interface on which everything is well.
func eth(change ...func(*iface)) iface {
	i := iface{
		Interface: netmon.Interface{
			Index: 2, Name: "eth0", MTU: 1500, Up: true, Multicast: true,
			Addrs: []netip.Prefix{prefix("10.77.0.1/16"), prefix("fe80::4c:1/64")},
		},
		adminUp: true, used: true, opened: true, echo4: true, echo6: true, heard: 3, answered: 2, people: 2, dialled: 2, reached: 2, announced: true,
	}
	for _, f := range change {
		f(&i)
	}
	return i
}

func loopback() iface {
	return iface{Interface: netmon.Interface{Index: 1, Name: "lo", Up: true, Loopback: true, Addrs: []netip.Prefix{prefix("127.0.0.1/8")}}, adminUp: true}
}

func tun(change ...func(*iface)) iface {
	i := iface{Interface: netmon.Interface{Index: 3, Name: "tun0", Up: true, PointToPoint: true, Addrs: []netip.Prefix{prefix("10.8.0.2/24")}}, adminUp: true}
	for _, f := range change {
		f(&i)
	}
	return i
}

var day = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// well are facts without a fault.
func well(ifaces ...iface) facts {
	return facts{
		system: system{os: "linux", root: true}, running: true, named: true, stream: 41873, seconds: 8,
		ifaces: append([]iface{loopback()}, ifaces...), people: 2, second: Second{Stack: stack, Asked: true, SeesUs: true, People: 2},
		draw: netip.MustParseAddr("169.254.7.9"), now: day, built: day.Add(-time.Hour),
	}
}

func with(f facts, change func(*facts)) facts {
	change(&f)
	return f
}

func unused(i *iface) { i.used, i.opened = false, false }

// judgement is a row: facts and what is found in them.
type judgement struct {
	name string
	f    facts
	want []string // code interface: hint @ where
}

func checkJudgements(t *testing.T, tests []judgement) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range judge(tt.f).Findings {
				got = append(got, strings.ReplaceAll(f.Code+" "+f.Interface+": "+f.Hint+" @ "+f.Where, ":  @", ": @"))
				if !strings.HasSuffix(f.Text, ".") || len(f.Text) < 30 {
					t.Errorf("%s: no sentence: %q", f.Code, f.Text)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("findings\n%q, want\n%q", got, tt.want)
			}
		})
	}
}

var (
	no4    = func(i *iface) { i.Addrs, i.echo4 = i.Addrs[1:], false }
	off6   = func(i *iface) { i.Addrs, i.echo6, i.ipv6Off = i.Addrs[:1], false, true }
	nobody = func(i *iface) { i.heard, i.answered, i.people, i.dialled, i.reached = 0, 0, 0, 0, 0 }
	quiet  = func(i *iface) { i.reached, i.silent, i.answered = 0, 2, 0 }
	alone  = func(f *facts) { f.people, f.second.People = 0, 0 }
)

func TestJudge_Interfaces(t *testing.T) {
	checkJudgements(t, []judgement{
		{"all is well", well(eth()), nil},
		{"nothing but loopback", well(), []string{"no-interface : @ "}},
		{
			"loopback was asked for", with(well(eth(unused)), func(f *facts) { f.ifaces[0].used, f.ifaces[0].opened, f.only = true, true, []string{"lo"} }),
			[]string{"no-interface lo: llchat doctor @ this machine"},
		},
		{
			"switched off", well(eth(unused, func(i *iface) { i.Up, i.adminUp = false, false })),
			[]string{"no-interface eth0: ip link set dev eth0 up @ this machine"},
		},
		{"no cable", well(eth(unused, func(i *iface) { i.Up = false })), []string{"no-interface eth0: @ "}},
		{
			"no Wi-Fi", with(well(eth(unused, func(i *iface) { i.Up, i.wireless = false, true })), func(f *facts) { f.system.networkManager = true }),
			[]string{"no-interface eth0: nmcli device connect eth0 @ this machine"},
		},
		{
			"the one that is connected before the one that is off",
			well(eth(unused, func(i *iface) { i.Name, i.Up, i.adminUp = "eth1", false, false }), eth(unused, func(i *iface) { i.Addrs = nil })),
			[]string{"no-address eth0: ip address add 169.254.7.9/16 dev eth0 @ this machine"},
		},
		{
			"no address, IPv6 off", well(eth(unused, func(i *iface) { i.Addrs, i.ipv6Off = nil, true })),
			[]string{"no-address eth0: sysctl -w net/ipv6/conf/eth0/disable_ipv6=0 @ this machine"},
		},
		{"only a VPN", well(tun()), []string{"left-out tun0: llchat --interface tun0 @ this machine"}},
		{"no IPv4", well(eth(no4)), []string{"no-ipv4 eth0: ip address add 169.254.7.9/16 dev eth0 @ this machine"}},
		{
			"no IPv4, with a DHCP client", with(well(eth(no4)), func(f *facts) { f.system.dhcp, f.system.root = "dhclient", false }),
			[]string{"no-ipv4 eth0: sudo dhclient eth0 @ this machine"},
		},
		{"IPv6 off", well(eth(off6)), []string{"ipv6-off eth0: sysctl -w net/ipv6/conf/eth0/disable_ipv6=0 @ this machine"}},
	})
}

func TestJudge_Multicast(t *testing.T) {
	checkJudgements(t, []judgement{
		{
			"port taken", with(well(eth(func(i *iface) { i.opened, i.echo4, i.echo6 = false, false, false })), func(f *facts) {
				alone(f)
				f.taken, f.holder, f.seconds = []string{family4, family6}, holder{"avahi-daemon", 77, "avahi-daemon.service"}, 0
				f.second = Second{}
			}),
			[]string{"port-taken : systemctl stop avahi-daemon.service @ this machine"},
		},
		{
			// What follows from the port being taken is no second cause.
			"port taken for IPv4 only", with(well(eth(nobody, func(i *iface) { i.echo4, i.announced, i.answered = false, false, 1 })), func(f *facts) {
				f.taken, f.holder, f.people = []string{family4}, holder{"socat", 77, ""}, 0
			}),
			[]string{"port-taken : kill 77 @ this machine"},
		},
		{
			"port taken for IPv6, IPv4 eaten", with(well(eth(func(i *iface) { i.echo4, i.echo6 = false, false })), func(f *facts) { f.taken = []string{family6} }),
			[]string{"port-taken : lsof -nP -iUDP:5353 @ this machine", "no-echo eth0: nft list ruleset @ this machine"},
		},
		{
			"own multicast eaten", well(eth(func(i *iface) { i.echo4, i.echo6 = false, false })),
			[]string{"no-echo eth0: nft list ruleset @ this machine"},
		},
		{
			"own multicast eaten by a rule", with(well(eth(func(i *iface) { i.echo4 = false })), func(f *facts) {
				f.rules = rules(t, input("accept"), rule("in", is(udpDport, "==", "5353"), drop))
			}),
			[]string{"no-echo eth0: nft insert rule inet fw in udp dport 5353 accept @ this machine"},
		},
		{
			"nobody", with(well(eth(nobody)), alone),
			[]string{"nobody-heard eth0: llchat echo @ a second machine on this network"},
		},
		{
			"filtered: they answer directly", with(well(eth(nobody, func(i *iface) { i.answered = 1 })), alone),
			[]string{"multicast-filtered eth0: ip link set dev br0 type bridge mcast_snooping 0 @ the access point or switch"},
		},
		{
			"filtered: they were here", with(well(eth(nobody, func(i *iface) { i.known = 2 })), alone),
			[]string{"multicast-filtered eth0: ip link set dev br0 type bridge mcast_snooping 0 @ the access point or switch"},
		},
		{
			"a bridge of ours", with(well(eth(nobody, func(i *iface) { i.Name, i.snooping = "br0", true })), alone),
			[]string{"nobody-heard br0: ip link set dev br0 type bridge mcast_snooping 0 @ this machine"},
		},
		{
			"isolation", well(eth(quiet)),
			[]string{"client-isolation eth0: uci set wireless.@wifi-iface[0].isolate=0 && uci commit wireless && wifi reload @ the access point or switch"},
		},
		{
			"their firewall", well(eth(quiet, func(i *iface) { i.answered, i.silentSpeak = 1, 1 })),
			[]string{"peer-firewall eth0: llchat doctor @ a second machine on this network"},
		},
		{"one of two is reached", well(eth(func(i *iface) { i.reached, i.silent = 1, 1 })), nil},
		{"one refuses", well(eth(func(i *iface) { i.reached, i.silent = 0, 1 })), nil},
	})
}

func TestJudge_Rest(t *testing.T) {
	fw := rules(t, input("drop"), rule("in", is(udpDport, "==", "5353"), accept))
	checkJudgements(t, []judgement{
		{
			"a VPN takes the network", with(well(eth(quiet, func(i *iface) { i.captured = "tun0" }), tun()), func(f *facts) { f.route = "tun0" }),
			[]string{"vpn-captures eth0: ip link set dev tun0 down @ this machine"},
		},
		{
			"a VPN has the default route", with(well(eth(), tun()), func(f *facts) { f.route = "tun0" }),
			[]string{"vpn-default tun0: llchat --interface tun0 @ this machine"},
		},
		{"the default route by a router", with(well(eth()), func(f *facts) { f.route = "eth0" }), nil},
		{
			"our firewall", with(well(eth()), func(f *facts) { f.rules = fw }),
			[]string{"port-firewall eth0: nft insert rule inet fw in tcp dport 41873 accept @ this machine"},
		},
		{"our firewall, no node", with(well(eth()), func(f *facts) { f.rules, f.stream, f.running = fw, 0, false }), nil},
		{"conflict", well(eth(func(i *iface) { i.fight, i.announced = true, false })), []string{"name-conflict eth0: llchat status @ this machine"}},
		{"not announced", well(eth(func(i *iface) { i.announced = false })), []string{"not-announced eth0: llchat status @ this machine"}},
		{"no name yet", with(well(eth(func(i *iface) { i.announced = false })), func(f *facts) { f.named = false }), nil},
		{"the other stack sees more", with(well(eth()), func(f *facts) { f.people = 0 }), []string{"second-opinion : llchat doctor @ this machine"}},
		{"the other stack does not see us", with(well(eth()), func(f *facts) { f.second.SeesUs = false }), []string{"second-opinion : llchat doctor @ this machine"}},
		{"the other stack was not asked", with(well(eth()), func(f *facts) { f.second = Second{} }), nil},
		{"before it was built", with(well(eth()), func(f *facts) { f.now = day.AddDate(-40, 0, 0) }), []string{"clock-off : timedatectl set-ntp true @ this machine"}},
		{"in the far future", with(well(eth()), func(f *facts) { f.now = day.AddDate(50, 0, 0) }), []string{"clock-off : timedatectl set-ntp true @ this machine"}},
		{"built who knows when", with(well(eth()), func(f *facts) { f.built = time.Time{} }), nil},
	})
}

// The worst comes first, and one interface's fault is not the other's.
func TestJudge_Order(t *testing.T) {
	r := judge(well(
		eth(func(i *iface) { i.Addrs, i.echo6, i.ipv6Off = i.Addrs[:1], false, true }),
		eth(func(i *iface) { i.Index, i.Name, i.echo4 = 4, "wlan0", false }),
	))
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Severity.String()+" "+f.Code+" "+f.Interface)
	}
	if want := []string{"error no-echo wlan0", "info ipv6-off eth0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// G-5: whatever is wrong, no address of anybody and no hardware address is in
// the report, in neither form.
func TestReport_SafeToPublish(t *testing.T) {
	named := func(i *iface) { i.Name = "enx0200c0ffee01" }
	all := []facts{
		well(eth(named)), well(eth(named, unused, func(i *iface) { i.Up, i.adminUp = false, false })),
		well(eth(named, func(i *iface) { i.echo4 = false })), well(eth(named, func(i *iface) { i.captured = "wgx0200c0ffee01" })),
		well(eth(named, func(i *iface) { i.Addrs = i.Addrs[1:] })), well(eth(named, func(i *iface) { i.heard, i.known = 0, 1 })),
		well(eth(named, func(i *iface) { i.heard, i.snooping = 0, true })), well(eth(named, func(i *iface) { i.fight = true })),
	}
	for n, f := range all {
		r := judge(f)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		said := string(data) + r.Text()
		for _, secret := range []string{"10.77", "fe80", "127.0", "4c:1"} {
			if strings.Contains(said, secret) {
				t.Errorf("%d: %q in %s", n, secret, said)
			}
		}
		if strings.Contains(strings.ReplaceAll(said, "wgx0200c0ffee01", ""), "c0ffee") {
			t.Errorf("%d: hardware address in %s", n, said)
		}
	}
}

// A remark is nothing wrong; what is wrong is named once.
func TestReport_Wrong(t *testing.T) {
	r := judge(well(
		eth(func(i *iface) { i.echo4 = false }), eth(func(i *iface) { i.Index, i.Name, i.echo4 = 4, "wlan0", false }), eth(nobody), eth(no4),
	))
	if got, want := r.Wrong(), []string{NoEcho, NoIPv4}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := judge(well(eth(nobody))).Wrong(); len(got) != 0 {
		t.Errorf("alone: %q, want nothing", got)
	}
}

// Who can do nothing about the network still reaches people.
func TestJudge_FilteredButDialled(t *testing.T) {
	f, ok := judge(with(well(eth(nobody, func(i *iface) { i.answered = 1 })), alone)).Find(MulticastFiltered)
	if !ok || !strings.Contains(f.Text, "llchat add ADDRESS") {
		t.Errorf("%+v, %v", f, ok)
	}
}

func TestReport_JSON(t *testing.T) {
	r := judge(well())
	r.Findings = []Finding{}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"running":true,"silent":false,"seconds":8,"interfaces":[],"findings":[],"people":2,"second":{"stack":"github.com/grandcat/zeroconf","asked":true,"seesUs":true,"people":2},"unchecked":[]}`
	if string(got) != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if _, ok := r.Find(NoEcho); ok {
		t.Error("found what is not there")
	}
}

func TestReport_Text(t *testing.T) {
	f := well(eth(func(i *iface) { i.heard, i.answered, i.people, i.dialled, i.reached = 1, 1, 1, 1, 0; i.echo6 = false }), tun())
	f.unknown = []string{"the weather"}
	f.rules = rules(t, input("drop"))
	got := judge(f).Text()
	for _, want := range []string{
		"eth0\n   ok  IPv4 address: private\n   ok  IPv6 address: link-local\n   ok  own multicast came back over: IPv4\n   ok  own announcement heard\n" +
			"   ok  1 other machine heard in 8 s, 1 answers by unicast\n   ok  1 chat announced here\n   no  0 of 1 tried can be dialled\n",
		"tun0\n   --  not used: a VPN is left out by rule\n",
		"second opinion (github.com/grandcat/zeroconf)\n   ok  sees us\n   ok  sees 2 chats beside us\n",
		"\nerror: no-echo on eth0\n  Our own multicast does not come back over IPv6: ",
		"\n  on this machine:\n    nft insert rule inet fw in udp dport 5353 accept\n",
		"\nnot looked at: the weather\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := judge(well(eth())).Text(); !strings.Contains(got, "\nnothing is wrong\n") {
		t.Errorf("all well:\n%s", got)
	}
}

func TestKinds(t *testing.T) {
	tests := []struct {
		addrs     []netip.Prefix
		off       bool
		four, six string
	}{
		{nil, false, kindNone, kindNone},
		{nil, true, kindNone, kindOff},
		{[]netip.Prefix{prefix("169.254.1.2/16"), prefix("fe80::1/64")}, false, kindLinkLocal, kindLinkLocal},
		{[]netip.Prefix{prefix("169.254.1.2/16"), prefix("192.168.1.2/24"), prefix("fd00::1/64"), prefix("fe80::1/64")}, false, kindPrivate, kindPrivate},
		{[]netip.Prefix{prefix("192.168.1.2/24"), prefix("169.254.1.2/16")}, false, kindPrivate, kindNone},
		{[]netip.Prefix{prefix("192.0.2.1/24"), prefix("2001:db8::1/64"), prefix("fe80::1/64")}, false, kindPublic, kindPublic},
	}
	for _, tt := range tests {
		if four, six := kind4(tt.addrs), kind6(tt.addrs, tt.off); four != tt.four || six != tt.six {
			t.Errorf("%v: %s and %s, want %s and %s", tt.addrs, four, six, tt.four, tt.six)
		}
	}
}

func TestNames(t *testing.T) {
	tests := []struct{ name, shown, word string }{
		{"eth0", "eth0", "eth0"},
		{"eth0.12@if", "eth0.12@if", "eth0.12@if"},
		{"wlx0200c0ffee01", "wlx*", `"$(basename /sys/class/net/wlx*)"`},
		{"a b", "?", "'a b'"},
		{"a'b;reboot", "?", `'a'\''b;reboot'`},
		{"-x", "?", "'-x'"},
		{"\x1b[2J", "?", "'\x1b[2J'"},
	}
	for _, tt := range tests {
		if s, w := shown(tt.name), ifword(tt.name); s != tt.shown || w != tt.word {
			t.Errorf("%q: %q and %q, want %q and %q", tt.name, s, w, tt.shown, tt.word)
		}
	}
}

// Every system gets a command of its own.
func TestCommands(t *testing.T) {
	draw := netip.MustParseAddr("169.254.7.9")
	c := &chain{Family: "ip", Table: "filter", Name: "INPUT"}
	tests := []struct {
		s    system
		call func(system) string
		want string
	}{
		{system{os: "darwin"}, func(s system) string { return s.linkUp("en0") }, "sudo ifconfig en0 up"},
		{system{os: "windows"}, func(s system) string { return s.linkUp("Ethernet 2") }, `netsh interface set interface name="Ethernet 2" admin=enabled`},
		{system{os: "freebsd", root: true}, func(s system) string { return s.linkDown("em0") }, "ifconfig em0 down"},
		{system{os: "windows"}, func(s system) string { return s.linkDown("VPN") }, `netsh interface set interface name="VPN" admin=disabled`},
		{system{os: "darwin"}, func(s system) string { return s.lease("en0", draw) }, "sudo ipconfig set en0 DHCP"},
		{system{os: "windows"}, func(s system) string { return s.lease("Wi-Fi", draw) }, `ipconfig /renew "Wi-Fi"`},
		{system{os: "linux", networkManager: true}, func(s system) string { return s.lease("eth0", draw) }, "nmcli device connect eth0"},
		{system{os: "linux", networkd: true}, func(s system) string { return s.lease("eth0", draw) }, "sudo networkctl renew eth0"},
		{system{os: "openbsd"}, func(s system) string { return s.lease("em0", draw) }, "sudo dhclient em0"},
		{system{os: "linux"}, func(s system) string { return s.freePort(holder{name: "x", pid: 7}) }, "sudo kill 7"},
		{system{os: "linux"}, func(s system) string { return s.freePort(holder{}) }, "sudo lsof -nP -iUDP:5353"},
		{system{os: "windows"}, func(s system) string { return s.freePort(holder{}) }, "netstat -abno -p UDP"},
		{system{os: "linux", ufw: true}, func(s system) string { return s.allow("udp", 5353, c) }, "sudo ufw allow 5353/udp"},
		{system{os: "linux", firewalld: true}, func(s system) string { return s.allow("tcp", 4, c) }, "sudo firewall-cmd --add-port=4/tcp"},
		{system{os: "linux", iptables: true}, func(s system) string { return s.allow("udp", 5353, nil) }, "sudo iptables -I INPUT -p udp --dport 5353 -j ACCEPT"},
		{system{os: "linux"}, func(s system) string { return s.allow("udp", 5353, c) }, "sudo nft insert rule ip filter INPUT udp dport 5353 accept"},
		{system{os: "linux"}, func(s system) string { return s.allow("udp", 5353, nil) }, "sudo llchat doctor"},
		{system{os: "windows"}, func(s system) string { return s.allow("tcp", 4, nil) }, "netsh advfirewall firewall add rule name=llchat dir=in action=allow protocol=TCP localport=4"},
		{system{os: "darwin"}, func(s system) string { return s.allow("tcp", 4, nil) }, `sudo /usr/libexec/ApplicationFirewall/socketfilterfw --add "$(command -v llchat)"`},
		{system{os: "darwin"}, system.clock, "sudo sntp -sS time.apple.com"},
		{system{os: "windows"}, system.clock, "w32tm /resync"},
	}
	for _, tt := range tests {
		if got := tt.call(tt.s); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.s, got, tt.want)
		}
	}
}

func TestSeverities(t *testing.T) {
	if health.Info >= health.Warning || health.Warning >= health.Error {
		t.Error("findings are sorted by severity")
	}
}
