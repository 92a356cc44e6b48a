package xmlstream

// Header is a stream header. Addresses are raw: they are the peer's claim.
type Header struct {
	To, From, ID, Lang string
	Version            string // as sent; AppendHeader writes 1.0 for ""
	HasVersion         bool   // false: a peer of XMPP 0.9, which cannot encrypt
	Major, Minor       int    // Version as two integers (C-12); 0 and 9 without one
}
