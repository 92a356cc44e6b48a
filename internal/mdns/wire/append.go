package wire

import (
	"encoding/binary"
	"errors"
)

// ErrTooLarge means that something cannot fit into any packet.
var ErrTooLarge = errors.New("wire: does not fit into a packet")

// Append encodes m behind dst using at most max octets (0: MaxPacket). What did
// not fit comes back in rest, with the same header: nothing is written behind
// the first question or record that does not fit. rest.Empty() means that all
// was written.
func (m *Message) Append(dst []byte, max int) (packet []byte, rest Message) {
	if max <= 0 || max > MaxPacket {
		max = MaxPacket
	}
	rest = *m
	if max < headerLen {
		return dst, rest
	}
	p := packer{buf: m.appendHeader(dst), base: len(dst), limit: max, legacy: m.Legacy, names: map[string]int{}}
	if n := p.questions(m.Questions); n > 0 {
		rest.Questions = m.Questions[n:]
		binary.BigEndian.PutUint16(p.buf[p.base+4:], uint16(n))
	}
	for i, s := range []*[]Record{&rest.Answers, &rest.Authority, &rest.Additional} {
		if p.full {
			break
		}
		n := p.records(*s)
		*s = (*s)[n:]
		binary.BigEndian.PutUint16(p.buf[p.base+6+2*i:], uint16(n))
	}
	return p.buf, rest
}

func (m *Message) appendHeader(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, m.ID)
	flags := m.Opcode & 0x0f << 3
	if m.Response {
		flags |= 0x80
	}
	if m.Authoritative {
		flags |= 0x04
	}
	if m.Truncated {
		flags |= 0x02
	}
	return append(dst, flags, m.Rcode&0x0f, 0, 0, 0, 0, 0, 0, 0, 0)
}

// packer writes one packet that begins at base of buf. names holds where each
// name, written without its leading labels too, can be pointed to.
type packer struct {
	buf         []byte
	base, limit int
	legacy      bool
	full        bool // something did not fit: the packet is closed
	names       map[string]int
}

// fits takes back what was written since start when it went over the limit.
func (p *packer) fits(start int) bool {
	if len(p.buf)-p.base > p.limit {
		p.buf = p.buf[:start]
		p.full = true
	}
	return !p.full
}

func (p *packer) questions(qs []Question) int {
	for i := range qs {
		q := &qs[i]
		start := len(p.buf)
		p.buf = p.name(p.buf, q.Name)
		p.buf = binary.BigEndian.AppendUint16(p.buf, uint16(q.Type))
		p.buf = binary.BigEndian.AppendUint16(p.buf, withTop(q.Class, q.Unicast))
		if !p.fits(start) {
			return i
		}
	}
	return len(qs)
}

func (p *packer) records(rs []Record) int {
	for i := range rs {
		start := len(p.buf)
		p.record(&rs[i])
		if !p.fits(start) {
			return i
		}
	}
	return len(rs)
}

func (p *packer) record(r *Record) {
	p.buf = p.name(p.buf, r.Name)
	p.buf = binary.BigEndian.AppendUint16(p.buf, uint16(r.Type))
	p.buf = binary.BigEndian.AppendUint16(p.buf, withTop(r.Class, r.Flush))
	p.buf = binary.BigEndian.AppendUint32(p.buf, r.TTL)
	at := len(p.buf)
	p.buf = append(p.buf, 0, 0)
	name := p.name
	if p.legacy && r.Type == TypeSRV {
		name = p.plainName
	}
	p.buf = appendRdata(p.buf, r, name)
	// Data too long for 16 bits is over the limit of the packet anyway.
	binary.BigEndian.PutUint16(p.buf[at:], uint16(len(p.buf)-at-2))
}

// name writes n with a pointer to the longest part that was written before
// with the same octets: case is kept. MaxPacket is below the reach of a
// pointer, 16 KiB.
func (p *packer) name(dst []byte, n Name) []byte {
	for ; !n.IsRoot(); n = n.Parent() {
		if at, ok := p.names[n.wire]; ok {
			return binary.BigEndian.AppendUint16(dst, 0xc000|uint16(at))
		}
		if at := len(dst) - p.base; at < MaxPacket {
			p.names[n.wire] = at
		}
		dst = append(append(dst, n.wire[0]), n.First()...)
	}
	return append(dst, 0)
}

// plainName writes n without a pointer; later names may point to it.
func (p *packer) plainName(dst []byte, n Name) []byte {
	for ; !n.IsRoot(); n = n.Parent() {
		if _, ok := p.names[n.wire]; !ok && len(dst)-p.base < MaxPacket {
			p.names[n.wire] = len(dst) - p.base
		}
		dst = append(append(dst, n.wire[0]), n.First()...)
	}
	return append(dst, 0)
}

func withTop(c Class, top bool) uint16 {
	v := uint16(c.orIN())
	if top {
		v |= topBit
	}
	return v
}

// Packets encodes m into as many packets of at most mtu octets (0: DefaultMTU)
// as needed. In a query the authority records (probes) must fit into the first
// packet, or it grows; known answers go on in further packets without
// questions, and all but the last have the TC bit (RFC 6762 section 7.2). In a
// response answers and additional records flow over several packets. One
// record larger than mtu travels alone, up to MaxPacket (section 17).
func (m *Message) Packets(mtu int) ([][]byte, error) {
	if mtu <= 0 {
		mtu = DefaultMTU
	}
	if !m.Response && len(m.Authority) > 0 {
		packet, rest := m.Append(nil, mtu)
		if !rest.Empty() {
			packet, rest = m.Append(nil, MaxPacket)
		}
		if !rest.Empty() {
			return nil, ErrTooLarge
		}
		return [][]byte{packet}, nil
	}
	var out [][]byte
	for cur := *m; ; {
		packet, rest := cur.Append(nil, mtu)
		if len(packet) <= headerLen && !rest.Empty() {
			if packet, rest = cur.appendOne(); packet == nil {
				return nil, ErrTooLarge
			}
		}
		if !m.Response && len(rest.Questions) == 0 && len(rest.Answers) > 0 {
			packet[2] |= 0x02
		}
		out = append(out, packet)
		if rest.Empty() {
			return out, nil
		}
		cur = rest
	}
}

// appendOne encodes only the first question or record of m, up to MaxPacket;
// nil when even that is too small.
func (m *Message) appendOne() (packet []byte, rest Message) {
	one := *m
	one.Questions, one.Answers, one.Authority, one.Additional = nil, nil, nil, nil
	rest = *m
	switch {
	case len(m.Questions) > 0:
		one.Questions, rest.Questions = m.Questions[:1], m.Questions[1:]
	case len(m.Answers) > 0:
		one.Answers, rest.Answers = m.Answers[:1], m.Answers[1:]
	case len(m.Authority) > 0:
		one.Authority, rest.Authority = m.Authority[:1], m.Authority[1:]
	default:
		one.Additional, rest.Additional = m.Additional[:1], m.Additional[1:]
	}
	packet, left := one.Append(nil, MaxPacket)
	if !left.Empty() {
		return nil, *m
	}
	return packet, rest
}

// Size returns the uncompressed size of q, its upper bound in a packet.
func (q Question) Size() int { return q.Name.Len() + 4 }

// Size returns the uncompressed size of r, its upper bound in a packet.
func (r Record) Size() int { return r.Name.Len() + 10 + r.rdataLen() }
