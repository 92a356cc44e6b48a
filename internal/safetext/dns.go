package safetext

import "strings"

// UnescapeDNS undoes the escapes of the DNS presentation format (RFC 1035,
// 5.1): \DDD is the octet with that decimal number, \X is X. What is no escape
// stays as it is. The result is raw: give it to Name.
func UnescapeDNS(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		if octet, ok := decimalOctet(s[i+1:]); ok {
			out = append(out, octet)
			i += 3
			continue
		}
		if c := s[i+1]; c < '0' || c > '9' {
			out = append(out, c)
			i++
			continue
		}
		out = append(out, '\\') // a digit, but not \DDD
	}
	return string(out)
}

// decimalOctet reads the three digits of \DDD.
func decimalOctet(s string) (octet byte, ok bool) {
	if len(s) < 3 {
		return 0, false
	}
	n := 0
	for i := range 3 {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return byte(n), n <= 255
}
