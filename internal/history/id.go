package history

import "encoding/hex"

// idLen is the length of our own ids, in hex digits (README 5.7).
const idLen = 32

// unhex decodes an id of exactly 32 lower-case hex digits.
func unhex(dst *[idLen / 2]byte, id string) bool {
	if len(id) != idLen {
		return false
	}
	for i := range dst {
		hi, ok1 := digit(id[2*i])
		lo, ok2 := digit(id[2*i+1])
		if !ok1 || !ok2 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

func digit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

func tohex(raw []byte) string {
	var digits [idLen]byte
	return string(hex.AppendEncode(digits[:0], raw))
}
