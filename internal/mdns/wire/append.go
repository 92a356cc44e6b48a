package wire

import "errors"

// ErrTooLarge means that something cannot fit into any packet.
var ErrTooLarge = errors.New("wire: does not fit into a packet")

// Append encodes m behind dst using at most max octets (0: MaxPacket). What did not fit
// comes back in rest, with the same header: nothing is written behind the
// first question or record that does not fit. rest.Empty() means that all was
// written.
func (m *Message) Append(dst []byte, max int) (packet []byte, rest Message) {
	return dst, *m
}

// Packets encodes m into as many packets of at most mtu octets (0: DefaultMTU)
// as needed. In a query the questions and authority records are in the first
// packet, known answers go on in further packets without questions, and all
// but the last have the TC bit (RFC 6762 section 7.2). In a response answers
// and additional records flow over several packets. One record larger than
// mtu travels alone, up to MaxPacket (section 17).
func (m *Message) Packets(mtu int) ([][]byte, error) {
	return nil, ErrTooLarge
}

// Size returns the uncompressed size of q, its upper bound in a packet.
func (q Question) Size() int { return q.Name.Len() + 4 }

// Size returns the uncompressed size of r, its upper bound in a packet.
func (r Record) Size() int { return r.Name.Len() + 10 + len(r.RdataWire()) }
