package wire

// nameTable remembers the names of one packet by where they began, so that a
// pointer to a whole name costs no memory again, and counts what was expanded.
type nameTable struct {
	used int // octets expanded so far
	next int // ring position
	seen [32]struct {
		off  int // 0: unused, a name never starts in the header
		name Name
	}
}

func (t *nameTable) get(off int) (Name, bool) {
	for i := range t.seen {
		if t.seen[i].off == off && off != 0 {
			return t.seen[i].name, true
		}
	}
	return Name{}, false
}

func (t *nameTable) put(off int, n Name) {
	t.seen[t.next].off, t.seen[t.next].name = off, n
	t.next = (t.next + 1) % len(t.seen)
}

// name reads the name at off whose first part must end before limit, and
// returns where it ends there. With errBad the end is valid.
func (p *parser) name(off, limit int) (Name, int, error) {
	end, ok := p.skipName(off, limit)
	if !ok {
		return Name{}, 0, ErrFraming
	}
	if at, ok := p.pointer(off); ok {
		if n, ok := p.names.get(at); ok {
			return n, end, nil
		}
	}
	var buf [MaxName]byte
	n, ok := p.expand(buf[:], off)
	if !ok {
		return Name{}, end, errBad
	}
	if p.names.used += n + 1; p.names.used > MaxNames {
		return Name{}, end, errFull
	}
	name := Name{string(buf[:n])}
	if at, ok := p.pointer(off); ok {
		off = at
	}
	p.names.put(off, name)
	return name, end, nil
}

// pointer returns where the compression pointer at off points to, if there is
// one (RFC 1035 section 4.1.4). skipName has checked that both octets exist.
func (p *parser) pointer(off int) (int, bool) {
	if p.msg[off] < 0xc0 {
		return 0, false
	}
	return int(p.msg[off]&0x3f)<<8 | int(p.msg[off+1]), true
}

// expand copies the labels of the name at off into buf. Each pointer must go
// to before the part in which it stands; so the walk ends.
func (p *parser) expand(buf []byte, off int) (n int, ok bool) {
	start := off
	for off < len(p.msg) {
		c := int(p.msg[off])
		switch {
		case c == 0:
			return n, true
		case c <= MaxLabel:
			if off+1+c > len(p.msg) || n+1+c > len(buf) {
				return 0, false
			}
			n += copy(buf[n:], p.msg[off:off+1+c])
			off += 1 + c
		case c >= 0xc0 && off+1 < len(p.msg):
			at, _ := p.pointer(off)
			if at >= start {
				return 0, false
			}
			start, off = at, at
		default:
			return 0, false
		}
	}
	return 0, false
}

// skipName returns where the name at off ends without following pointers;
// false when that cannot be told before limit.
func (p *parser) skipName(off, limit int) (end int, ok bool) {
	for off < limit {
		c := int(p.msg[off])
		switch {
		case c == 0:
			return off + 1, true
		case c <= MaxLabel:
			off += 1 + c
		case c >= 0xc0 && off+2 <= limit:
			return off + 2, true
		default: // 0x40 and 0x80 are reserved: length unknown
			return 0, false
		}
	}
	return 0, false
}
