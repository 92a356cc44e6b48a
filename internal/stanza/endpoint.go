package stanza

import (
	"encoding/base64"
	"strconv"

	"llchat/internal/xmlstream"
)

// NSEndpoints is the namespace of docs/design/endpoints.md.
const NSEndpoints = "urn:x-llchat:endpoints:0"

// Bounds of a Card: two certificates (L-07), eight addresses (L-25).
const (
	maxCardCerts = 2
	maxCardCert  = 1024
	maxCardAddrs = 8
	maxCardAddr  = 45 // an IPv6 address as text
	tagSize      = 16
)

// Card is where somebody is to be found, signed. Nothing in it is checked
// here but its form.
type Card struct {
	Time  int64 // ms since 1970, by the signer's clock
	Port  uint16
	Addrs []string
	Certs [][]byte // DER, device then identity
	Sig   []byte
}

// Ask is the question for a person: "find" to a common contact, "may" to the
// person. Who is a tag that only somebody who knows the person can match.
func Ask(word string, who [tagSize]byte) *xmlstream.Element {
	return &xmlstream.Element{
		Name:  xmlstream.Name{Space: NSEndpoints, Local: word},
		Attrs: []xmlstream.Attr{{Name: xmlstream.Name{Local: "who"}, Value: base64.StdEncoding.EncodeToString(who[:])}},
	}
}

// Asked reads what Ask wrote.
func Asked(e *xmlstream.Element) (word string, who [tagSize]byte, ok bool) {
	if e == nil || e.Name.Space != NSEndpoints || len(e.Children) > 0 {
		return "", who, false
	}
	raw, ok := strictBase64(e.Attr("who"), tagSize)
	if !ok || len(raw) != tagSize || e.Name.Local != "find" && e.Name.Local != "may" {
		return "", who, false
	}
	copy(who[:], raw)
	return e.Name.Local, who, true
}

// Element writes the card.
func (c Card) Element() *xmlstream.Element {
	e := &xmlstream.Element{
		Name: xmlstream.Name{Space: NSEndpoints, Local: "card"},
		Attrs: []xmlstream.Attr{
			{Name: xmlstream.Name{Local: "time"}, Value: strconv.FormatInt(c.Time, 10)},
			{Name: xmlstream.Name{Local: "port"}, Value: strconv.Itoa(int(c.Port))},
			{Name: xmlstream.Name{Local: "sig"}, Value: base64.StdEncoding.EncodeToString(c.Sig)},
		},
	}
	for _, a := range c.Addrs {
		e.Children = append(e.Children, text("addr", a))
	}
	for _, raw := range c.Certs {
		e.Children = append(e.Children, text("cert", base64.StdEncoding.EncodeToString(raw)))
	}
	return e
}

func text(local, s string) *xmlstream.Element {
	return &xmlstream.Element{Name: xmlstream.Name{Space: NSEndpoints, Local: local}, Text: s}
}

// ParseCard reads what Element wrote, within the bounds of a Card.
func ParseCard(e *xmlstream.Element) (Card, bool) {
	var c Card
	if e == nil || !e.Is(NSEndpoints, "card") {
		return c, false
	}
	when, err := strconv.ParseInt(e.Attr("time"), 10, 64)
	port, perr := strconv.ParseUint(e.Attr("port"), 10, 16)
	sig, ok := strictBase64(e.Attr("sig"), 64)
	if err != nil || perr != nil || !ok {
		return c, false
	}
	c = Card{Time: when, Port: uint16(port), Sig: sig}
	for _, child := range e.Children {
		if !c.take(child) {
			return Card{}, false
		}
	}
	return c, true
}

func (c *Card) take(e *xmlstream.Element) bool {
	switch {
	case e.Is(NSEndpoints, "addr"):
		c.Addrs = append(c.Addrs, e.Text)
		return len(c.Addrs) <= maxCardAddrs && len(e.Text) <= maxCardAddr
	case e.Is(NSEndpoints, "cert"):
		raw, ok := strictBase64(e.Text, maxCardCert)
		c.Certs = append(c.Certs, raw)
		return ok && len(c.Certs) <= maxCardCerts
	}
	return true // unknown children are for a later version
}

// strictBase64 is RFC 6120 section 13.9.1: no foreign octet, no white space,
// padding in its place, no bits left over. Nothing is decoded beyond most.
func strictBase64(s string, most int) ([]byte, bool) {
	if len(s) > base64.StdEncoding.EncodedLen(most) {
		return nil, false
	}
	for i := range len(s) {
		if s[i] == '\r' || s[i] == '\n' { // the decoder would skip them
			return nil, false
		}
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	return raw, err == nil && len(raw) <= most
}
