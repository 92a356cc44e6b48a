package stream

// padded returns the length that a flush of n octets is brought to (security.md
// 6.4): 256, 512, 1 024, 2 048, 4 096, then multiples of 4 096.
func padded(n int) int {
	const top = 4096
	if n > top {
		return (n + top - 1) / top * top
	}
	size := 256
	for size < n {
		size *= 2
	}
	return size
}

// appendPadded appends tail to b and, between the two, so many spaces that the
// whole has a padded length. White space is free between stanzas and after the
// stream header (security.md 9.2); behind the closing tag it would be none of
// the stream any more.
func (n *Node) appendPadded(b []byte, tail string) []byte {
	if n.cfg.Field {
		return append(b, tail...)
	}
	total := len(b) + len(tail)
	for missing := padded(total) - total; missing > 0; {
		take := min(missing, len(spaces))
		b = append(b, spaces[:take]...)
		missing -= take
	}
	return append(b, tail...)
}

var spaces = func() (s [256]byte) {
	for i := range s {
		s[i] = ' '
	}
	return s
}()
