package wire

// RdataWire returns the data of r as on the wire, names uncompressed: what
// RFC 6762 section 8.2 compares.
func (r Record) RdataWire() []byte { return nil }

// Compare orders records for the tie-break of RFC 6762 section 8.2: class
// without the flush bit, type, then uncompressed data octet by octet.
func Compare(a, b Record) int { return 0 }

// SameData reports whether a and b carry the same type, class and data; names
// inside compare without regard to ASCII case. Owner, TTL and flush bit do
// not count.
func SameData(a, b Record) bool { return false }
