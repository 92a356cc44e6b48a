package stanza

import "cmp"

// AppendAddressed is Append with from and to where s has none. It copies no
// stanza to the heap, as filling in the names before Append would.
func AppendAddressed(dst []byte, s Stanza, from, to string) []byte {
	switch v := s.(type) {
	case Message:
		v.From, v.To = cmp.Or(v.From, from), cmp.Or(v.To, to)
		return v.append(dst)
	case Presence:
		v.From, v.To = cmp.Or(v.From, from), cmp.Or(v.To, to)
		return v.append(dst)
	case IQ:
		v.From, v.To = cmp.Or(v.From, from), cmp.Or(v.To, to)
		return v.append(dst)
	}
	return s.append(dst)
}
