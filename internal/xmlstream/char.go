package xmlstream

// ValidChar reports whether XML 1.0 can carry r (section 2.2, production Char).
func ValidChar(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case r <= 0xD7FF:
		return true
	case r < 0xE000:
		return false
	}
	return r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}
