// Package doctor says what works on each network interface right now and what
// does not, why, and which one command mends it.
//
// Call Run; it takes about 9 s, at most 12, and works the same whether a node
// runs or not. It changes nothing: it looks at the interfaces and, where it
// may, at the firewall; asks the questions of multicast DNS that every browser
// of services asks; opens and closes a TCP connection to a few of the
// addresses that people announce; and lets a second mDNS stack
// (github.com/grandcat/zeroconf) look too.
//
// For a ghost it sends nothing and joins no multicast group, and says so. For
// a quiet profile it sends what every browser of services does: no name of
// ours, and of random octets only the name by which it knows its own packets.
//
// What it finds are facts; judge turns facts into findings and touches
// nothing. Where the facts allow two causes the text names both.
//
// A Report is safe to publish (security.md G-5): it holds no name, nick, key
// or fingerprint of anybody, no address, and counts of people only. Names of
// network interfaces and of a program that took a port are in it, because the
// commands need them; an interface that is named after its hardware address
// is not (see shell.go).
package doctor
