package stanza

import (
	"encoding/base64"

	"llchat/internal/xmlstream"
)

// NSHashes is the namespace of XEP-0300.
const NSHashes = "urn:xmpp:hashes:2"

// Hash is a checksum by its registered name (XEP-0300).
type Hash struct {
	Algo string
	Sum  []byte
}

// hashSizes are the hashes of XEP-0414 that a sum may have, by octets. SHA-1 and
// MD5 are refused.
var hashSizes = map[string]int{
	"sha-256": 32, "sha-512": 64, "sha3-256": 32, "sha3-512": 64, "blake2b-256": 32, "blake2b-512": 64,
}

// ParseHash reads a checksum; false when it is none, is too weak or has not
// the size that its name says.
func ParseHash(e *xmlstream.Element) (Hash, bool) {
	if e == nil || !e.Is(NSHashes, "hash") {
		return Hash{}, false
	}
	h := Hash{Algo: e.Attr("algo")}
	size := hashSizes[h.Algo]
	if size == 0 {
		return Hash{}, false
	}
	sum, ok := strictBase64(e.Text, size)
	if !ok || len(sum) != size {
		return Hash{}, false
	}
	h.Sum = sum
	return h, true
}

// Element writes the checksum, base64 without white space.
func (h Hash) Element() *xmlstream.Element {
	return &xmlstream.Element{
		Name: xmlstream.Name{Space: NSHashes, Local: "hash"}, Attrs: attrs("algo", h.Algo),
		Text: base64.StdEncoding.EncodeToString(h.Sum),
	}
}
