// Package dnssd finds others, and lets them find us, through a unicast DNS-SD
// domain (XEP-0174 11.4, RFC 6763 11): the way out where multicast is filtered.
//
// [Open] browses _presence._tcp of a domain by asking its name servers; what
// is there comes as an [Event] and is always available whole from
// [Browser.Peers]. [Register] puts our own instance into the zone by DNS UPDATE
// (RFC 2136) signed with a [Key] (RFC 8945) and keeps it there until
// [Published.Close].
//
// Browsing sends questions about the domain and nothing else: no search
// domains, no domain enumeration, no client subnet, nothing about us.
//
// What a server says is a claim, as what is heard on the link is: names and
// values are raw octets, not fit for a terminal, and say where to knock, never
// who opens. The bounds are those of security.md L-21, L-22 and L-25, except
// that addresses may be off-link here.
//
// The client side of the codec is github.com/miekg/dns (docs/decisions/0009).
// One goroutine owns what a Browser knows; at most Limits.Parallel more ask.
// One goroutine keeps a Published. All methods are safe for concurrent use.
package dnssd
