package wire

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// rdata reads the data of r between start and end. Anything but errFull means
// that the record is bad.
func (p *parser) rdata(r *Record, start, end int) error {
	data := p.msg[start:end]
	switch r.Type {
	case TypeA, TypeAAAA:
		return parseAddr(r, data)
	case TypePTR:
		name, at, err := p.name(start, end)
		if err == nil && at != end {
			return errBad
		}
		r.PTR = name
		return err
	case TypeSRV:
		return p.srv(r, start, end)
	case TypeTXT:
		return parseTXT(r, data)
	case TypeNSEC:
		return p.nsec(r, start, end)
	default:
		r.Raw = bytes.Clone(data)
		return nil
	}
}

func parseAddr(r *Record, data []byte) error {
	a, ok := netip.AddrFromSlice(data)
	if !ok || a.Is4() != (r.Type == TypeA) {
		return errBad
	}
	r.Addr = a
	return nil
}

// srv accepts a compressed target, which RFC 2782 forbids and RFC 6762
// section 18.14 demands.
func (p *parser) srv(r *Record, start, end int) error {
	if end-start < 7 {
		return errBad
	}
	target, at, err := p.name(start+6, end)
	if err != nil {
		return err
	}
	if at != end {
		return errBad
	}
	r.SRV = SRV{
		Priority: binary.BigEndian.Uint16(p.msg[start:]),
		Weight:   binary.BigEndian.Uint16(p.msg[start+2:]),
		Port:     binary.BigEndian.Uint16(p.msg[start+4:]),
		Target:   target,
	}
	return nil
}

// parseTXT checks all strings and keeps whole ones up to L-21. No data at all
// is the same as one empty string (RFC 6763 section 6.1).
func parseTXT(r *Record, data []byte) error {
	if len(data) == 0 {
		r.TXT = []byte{0}
		return nil
	}
	keep, strings := 0, 0
	for off := 0; off < len(data); {
		off += 1 + int(data[off])
		if off > len(data) {
			return errBad
		}
		if strings++; strings <= MaxStrings && off <= MaxTXT {
			keep = off
		}
	}
	r.TXT = bytes.Clone(data[:keep])
	return nil
}

// nsec reads the types of block 0 and forgives everything about the other
// blocks (RFC 6762 section 6.1: never reject a message because of an NSEC).
// Only a next name without an end makes the record useless.
func (p *parser) nsec(r *Record, start, end int) error {
	next, at, err := p.name(start, end)
	if err != nil && err != errBad {
		return err
	}
	r.NSEC.Next = next
	var seen [256]bool
	for at+2 <= end {
		block, n := p.msg[at], int(p.msg[at+1])
		at += 2
		bits := p.msg[at:min(at+n, end)]
		at += n
		if block != 0 {
			continue
		}
		for i, b := range bits[:min(len(bits), 32)] {
			for j := range 8 {
				seen[i*8+j] = seen[i*8+j] || b&(0x80>>j) != 0
			}
		}
	}
	for t, ok := range seen {
		if ok {
			r.NSEC.Types = append(r.NSEC.Types, Type(t))
		}
	}
	return nil
}

// appendNSECTypes writes block 0 of the bitmap, shortest form (RFC 4034
// section 4.1.2). Types above 255 cannot be said in multicast DNS.
func appendNSECTypes(dst []byte, types []Type) []byte {
	var bits [32]byte
	n := 0
	for _, t := range types {
		if t < 256 {
			bits[t/8] |= 0x80 >> (t % 8)
			n = max(n, int(t/8)+1)
		}
	}
	if n == 0 {
		return dst
	}
	return append(append(dst, 0, byte(n)), bits[:n]...)
}

// RdataWire returns the data of r as on the wire, names uncompressed: what
// RFC 6762 section 8.2 compares.
func (r Record) RdataWire() []byte {
	return appendRdata(nil, &r, func(dst []byte, n Name) []byte { return n.AppendWire(dst) })
}

// appendRdata writes the data of r; name writes the names that may be
// compressed (RFC 6762 section 18.14).
func appendRdata(dst []byte, r *Record, name func([]byte, Name) []byte) []byte {
	switch r.Type {
	case TypeA:
		return append(dst, addr4(r.Addr)...)
	case TypeAAAA:
		a := addr16(r.Addr)
		return append(dst, a[:]...)
	case TypePTR:
		return name(dst, r.PTR)
	case TypeSRV:
		dst = binary.BigEndian.AppendUint16(dst, r.SRV.Priority)
		dst = binary.BigEndian.AppendUint16(dst, r.SRV.Weight)
		dst = binary.BigEndian.AppendUint16(dst, r.SRV.Port)
		return name(dst, r.SRV.Target)
	case TypeTXT:
		if len(r.TXT) == 0 { // never zero length, RFC 6763 section 6.1
			return append(dst, 0)
		}
		return append(dst, r.TXT...)
	case TypeNSEC:
		return appendNSECTypes(name(dst, r.NSEC.Next), r.NSEC.Types)
	default:
		return append(dst, r.Raw...)
	}
}

// addr4 never panics: an address of the wrong family becomes 0.0.0.0, which
// no receiver uses.
func addr4(a netip.Addr) []byte {
	a = a.Unmap()
	if !a.Is4() {
		a = netip.IPv4Unspecified()
	}
	return a.AsSlice()
}

func addr16(a netip.Addr) [16]byte {
	if !a.IsValid() {
		return [16]byte{}
	}
	return a.As16()
}

// rdataLen is len(r.RdataWire()) without making it.
func (r *Record) rdataLen() int {
	switch r.Type {
	case TypeA:
		return 4
	case TypeAAAA:
		return 16
	case TypePTR:
		return r.PTR.Len()
	case TypeSRV:
		return 6 + r.SRV.Target.Len()
	case TypeTXT:
		return max(1, len(r.TXT))
	case TypeNSEC:
		return r.NSEC.Next.Len() + len(appendNSECTypes(nil, r.NSEC.Types))
	default:
		return len(r.Raw)
	}
}

// Compare orders records for the tie-break of RFC 6762 section 8.2: class
// without the flush bit, type, then uncompressed data octet by octet.
func Compare(a, b Record) int {
	return cmp.Or(
		cmp.Compare(a.Class.orIN(), b.Class.orIN()),
		cmp.Compare(a.Type, b.Type),
		bytes.Compare(a.RdataWire(), b.RdataWire()),
	)
}

// SameData reports whether a and b carry the same type, class and data; names
// inside compare without regard to ASCII case. Owner, TTL and flush bit do
// not count.
func SameData(a, b Record) bool {
	if a.Type != b.Type || a.Class.orIN() != b.Class.orIN() {
		return false
	}
	switch a.Type {
	case TypePTR:
		return a.PTR.Equal(b.PTR)
	case TypeSRV:
		return a.SRV.Priority == b.SRV.Priority && a.SRV.Weight == b.SRV.Weight &&
			a.SRV.Port == b.SRV.Port && a.SRV.Target.Equal(b.SRV.Target)
	case TypeNSEC:
		return a.NSEC.Next.Equal(b.NSEC.Next) && slices.Equal(a.NSEC.Types, b.NSEC.Types)
	default:
		return bytes.Equal(a.RdataWire(), b.RdataWire())
	}
}

func (c Class) orIN() Class { return cmp.Or(c, ClassIN) }
