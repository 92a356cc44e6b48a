// Package wire is the bounded codec of multicast DNS messages (RFC 1035
// section 4 as narrowed by RFC 6762 section 18).
//
// Call Parse for what came from the network and Message.Append or
// Message.Packets for what goes out. Names are kept as the octets of their
// labels, never as text with escapes: an instance name may hold any octet, a
// dot too. Name.Key is what maps are keyed by.
//
// What Parse promises (security.md L-20, L-21, L-30):
//
//   - at most MaxPacket octets, MaxQuestions questions, MaxRecords records and
//     MaxNames octets of expanded names; the rest is ignored and counted in
//     Message.Skipped
//   - compression pointers go strictly backwards
//   - a record or question that makes no sense is skipped and counted; only
//     broken framing (the next record cannot be found) is an error
//   - TTLs are at most MaxTTL; an NSEC never harms its neighbours
//   - TXT data keeps at most MaxTXT octets and MaxStrings strings
//   - nothing returned shares memory with the packet
//
// The package has no state; everything may be used from any goroutine.
//
// Layout of a record on the wire:
//
//	name | type 16 | flush 1, class 15 | TTL 32 | rdlength 16 | rdata
package wire

// Bounds of one message.
const (
	MaxPacket    = 9000     // RFC 6762 section 17, L-20
	MaxQuestions = 64       // L-20
	MaxRecords   = 512      // L-20, over all three sections
	MaxNames     = 16 << 10 // L-20, octets of names after expansion
	MaxTTL       = 75 * 60  // mdns.md 2.1: a hostile 2^31 must not pin a peer
	MaxTXT       = 1300     // L-21
	MaxStrings   = 32       // L-21
	MaxKey       = 32       // L-21, octets of a TXT key
	MaxName      = 255      // RFC 6762 appendix C: 255 octets and the root
	MaxLabel     = 63       // RFC 1035 section 2.3.4

	// DefaultMTU is the packet size to aim for when nothing else is known:
	// fits IPv6 and UDP headers into Ethernet with room for tunnels.
	DefaultMTU = 1400

	headerLen = 12
)
