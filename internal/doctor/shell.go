package doctor

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// hardwareName is an interface name made of its hardware address
// (systemd.net-naming-scheme(7): enx, wlx and twelve digits).
var hardwareName = regexp.MustCompile(`^(en|wl|ww)x[0-9a-f]{12}$`)

// plainName is a name that a shell and a reader take as it is.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@-]*$`)

// shown is the interface name as a Report has it: a hardware address stays out.
func shown(name string) string {
	if hardwareName.MatchString(name) {
		return name[:3] + "*"
	}
	if !plainName.MatchString(name) {
		return "?"
	}
	return name
}

// word is the interface name in a command.
func word(name string) string {
	if hardwareName.MatchString(name) {
		return `"$(basename /sys/class/net/` + name[:3] + `*)"`
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// ifword is word without quotes where none are needed.
func ifword(name string) string {
	if plainName.MatchString(name) && !hardwareName.MatchString(name) {
		return name
	}
	return word(name)
}

// sudo puts sudo before a command that root only may run.
func (s system) sudo(command string) string {
	if s.root || s.os == "windows" {
		return command
	}
	return "sudo " + command
}

// linkUp switches an interface on.
func (s system) linkUp(name string) string {
	switch s.os {
	case "linux":
		return s.sudo("ip link set dev " + ifword(name) + " up")
	case "windows":
		return fmt.Sprintf(`netsh interface set interface name="%s" admin=enabled`, name)
	}
	return s.sudo("ifconfig " + ifword(name) + " up")
}

// linkDown switches an interface off.
func (s system) linkDown(name string) string {
	switch s.os {
	case "linux":
		return s.sudo("ip link set dev " + ifword(name) + " down")
	case "windows":
		return fmt.Sprintf(`netsh interface set interface name="%s" admin=disabled`, name)
	}
	return s.sudo("ifconfig " + ifword(name) + " down")
}

// join connects an interface that has no carrier; empty where a person has to
// plug something in.
func (s system) join(i iface) string {
	if i.wireless && s.networkManager {
		return "nmcli device connect " + ifword(i.Name)
	}
	return ""
}

// lease gets an IPv4 address by what this machine has; without a DHCP client
// it takes a link-local one (RFC 3927), which neighbours without DHCP have too.
func (s system) lease(name string, draw netip.Addr) string {
	switch {
	case s.os == "darwin":
		return s.sudo("ipconfig set " + ifword(name) + " DHCP")
	case s.os == "windows":
		return fmt.Sprintf(`ipconfig /renew "%s"`, name)
	case s.networkManager:
		return "nmcli device connect " + ifword(name)
	case s.networkd:
		return s.sudo("networkctl renew " + ifword(name))
	case s.dhcp != "":
		return s.sudo(s.dhcp + " " + ifword(name))
	case s.os == "linux":
		return s.sudo(fmt.Sprintf("ip address add %s/16 dev %s", draw, ifword(name)))
	}
	return s.sudo("dhclient " + ifword(name))
}

// ipv6On switches IPv6 on; Linux only, where it can be seen that it is off.
func (s system) ipv6On(name string) string {
	// A dot is a level to sysctl unless the path form is used.
	return s.sudo("sysctl -w net/ipv6/conf/" + ifword(name) + "/disable_ipv6=0")
}

// freePort ends who holds port 5353.
func (s system) freePort(h holder) string {
	switch {
	case h.unit != "":
		return s.sudo("systemctl stop " + h.unit)
	case h.pid > 0:
		return s.sudo(fmt.Sprintf("kill %d", h.pid))
	case s.os == "windows":
		return "netstat -abno -p UDP"
	}
	return s.sudo("lsof -nP -iUDP:5353") // names the program
}

// allow opens a port of the local firewall: in the chain that drops, where
// that is known.
func (s system) allow(protocol string, port uint16, drop *chain) string {
	switch {
	case s.os == "darwin":
		return s.sudo("/usr/libexec/ApplicationFirewall/socketfilterfw --add \"$(command -v llchat)\"")
	case s.os == "windows":
		return fmt.Sprintf("netsh advfirewall firewall add rule name=llchat dir=in action=allow protocol=%s localport=%d", strings.ToUpper(protocol), port)
	case s.ufw:
		return s.sudo(fmt.Sprintf("ufw allow %d/%s", port, protocol))
	case s.firewalld:
		return s.sudo(fmt.Sprintf("firewall-cmd --add-port=%d/%s", port, protocol))
	case drop != nil:
		return s.sudo(fmt.Sprintf("nft insert rule %s %s %s %s dport %d accept", drop.Family, drop.Table, drop.Name, protocol, port))
	case s.iptables:
		return s.sudo(fmt.Sprintf("iptables -I INPUT -p %s --dport %d -j ACCEPT", protocol, port))
	case s.root:
		return "nft list ruleset" // shows what drops it
	}
	return "sudo llchat doctor" // root sees the rules
}

// clock sets the clock from the network.
func (s system) clock() string {
	switch s.os {
	case "darwin":
		return "sudo sntp -sS time.apple.com"
	case "windows":
		return "w32tm /resync"
	}
	return s.sudo("timedatectl set-ntp true")
}

// Commands for whoever runs the network. Access points and switches differ;
// these are the ones of Linux, which most home and event equipment runs.
const (
	// floodMulticast ends snooping, which without a querier loses listeners
	// (RFC 4541 section 2.1.1).
	floodMulticast = "ip link set dev %s type bridge mcast_snooping 0"
	// joinClients ends the isolation of the clients of an access point.
	joinClients = "uci set wireless.@wifi-iface[0].isolate=0 && uci commit wireless && wifi reload"
)
