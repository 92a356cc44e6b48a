package dnssd

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"strings"
)

// resolvConf is where the system says whom to ask (resolv.conf(5)).
const resolvConf = "/etc/resolv.conf"

const (
	maxResolvConf = 64 << 10 // octets looked at
	maxServers    = 3        // MAXNS of resolv.conf(5)
	dnsPort       = 53
)

// systemServers reads the name servers of the system. Its search domains are
// not looked at.
func systemServers(path string) ([]netip.AddrPort, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{Op: "read", What: path, Err: err, Hint: hint("read", errNoServers)}
	}
	defer f.Close()
	servers := parseResolvConf(io.LimitReader(f, maxResolvConf))
	if len(servers) == 0 {
		return nil, &Error{Op: "read", What: path, Err: errNoServers, Hint: hint("read", errNoServers)}
	}
	return servers, nil
}

func parseResolvConf(r io.Reader) []netip.AddrPort {
	var servers []netip.AddrPort
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(servers) < maxServers {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil {
			servers = append(servers, netip.AddrPortFrom(a, dnsPort))
		}
	}
	return servers
}
