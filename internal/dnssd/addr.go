package dnssd

import "net/netip"

// useless are ranges in which nobody else can be, or in which an address means
// nothing without a link: L-25 as far as it holds off-link.
var useless = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // RFC 1122 3.2.1.3
	netip.MustParsePrefix("127.0.0.0/8"),    // loopback
	netip.MustParsePrefix("169.254.0.0/16"), // RFC 3927 2.11: never in unicast DNS
	netip.MustParsePrefix("224.0.0.0/4"),    // multicast
	netip.MustParsePrefix("240.0.0.0/4"),    // reserved, and broadcast
	netip.MustParsePrefix("::/96"),          // unspecified, loopback, RFC 4291 2.5.5.1
	netip.MustParsePrefix("fe80::/10"),      // link-local: DNS carries no zone
	netip.MustParsePrefix("ff00::/8"),       // multicast
	netip.MustParsePrefix("64:ff9b::/96"),   // RFC 6052: would wrap any of the above
}

// usable says whether others may be told, or we may believe, this address.
func usable(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	for _, p := range useless {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
