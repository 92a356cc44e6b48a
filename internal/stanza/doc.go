// Package stanza turns the elements of an XMPP stream into values and back:
// message, presence, iq, stream features and stream errors, with the payloads
// llchat knows. It does no I/O and keeps no state.
//
// Decode returns one of the value types Message, Presence, IQ, Features and
// StreamError (never pointers); Append writes any of them. What Decode returns,
// Append writes so that Decode returns it again. Text is the peer's, raw: it has to
// pass safetext before a person sees it.
package stanza

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"llchat/internal/xmlstream"
)

// Namespaces of what is inside a stream.
const (
	NSClient       = xmlstream.NSClient
	NSStreams      = xmlstream.NSStreams
	NSStreamErrors = xmlstream.NSStreamErrors
	NSStanzaErrors = "urn:ietf:params:xml:ns:xmpp-stanzas"
	NSTLS          = "urn:ietf:params:xml:ns:xmpp-tls"
	NSSASL         = "urn:ietf:params:xml:ns:xmpp-sasl"
	NSPing         = "urn:xmpp:ping"
	NSReceipts     = "urn:xmpp:receipts"
	NSDelay        = "urn:xmpp:delay"
	NSNick         = "http://jabber.org/protocol/nick"
	NSLimits       = "urn:xmpp:stream-limits:0"
	NSSM           = "urn:xmpp:sm:3"
	NSDiscoInfo    = "http://jabber.org/protocol/disco#info"
	NSWaiting      = "urn:x-llchat:request:0"
)

// Limits of what one stanza may carry (security.md L-12, L-15).
const (
	MaxID   = 128
	MaxBody = 32 << 10
)

// Stanza is a Message, Presence, IQ, Features or StreamError.
type Stanza interface {
	append(dst []byte) []byte
}

// Append appends s as XML, for a place right inside a stream.
func Append(dst []byte, s Stanza) []byte { return s.append(dst) }

// NewID returns a fresh random id of 128 bits, 32 lower-case hex digits (README 5.7).
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: the program ends instead (Go 1.24)
	return hex.EncodeToString(b[:])
}

// Message is a message stanza (RFC 6121 section 5).
type Message struct {
	ID, From, To string
	Type         string // "", chat, error, groupchat, headline, normal
	Body         string
	HasBody      bool                 // an empty body is still a body
	Request      bool                 // XEP-0184: a receipt is asked for
	Received     string               // XEP-0184: the id this is a receipt for
	Nick         string               // XEP-0172: a claim, never an identity
	Delay        time.Time            // XEP-0203, UTC; zero = none; never trusted for order
	Error        *StanzaError         // with Type error
	Payloads                          // what README 7 adds
	Unknown      []*xmlstream.Element // children that are none of the above
}

// Presence is a presence stanza (RFC 6121 section 4).
type Presence struct {
	From, To string
	ID       string
	Type     string // "" = available, unavailable, error, subscribe ...
	Show     string // "" = available, away, chat, dnd, xa
	Status   string
	Error    *StanzaError
	Unknown  []*xmlstream.Element
}

// IQ is an iq stanza (RFC 6120 section 8.2.3).
type IQ struct {
	ID, From, To string
	Type         string             // get, set, result, error
	Ping         bool               // XEP-0199 request; Payload is nil then
	Payload      *xmlstream.Element // nil: none, or more than the one that is allowed
	Error        *StanzaError       // with Type error
}

// StanzaError is the error of one stanza (RFC 6120 section 8.3).
type StanzaError struct {
	Type, Condition, Text string
}

// Features is what a stream offers (RFC 6120 section 4.3.2).
type Features struct {
	StartTLS, StartTLSRequired bool
	Mechanisms                 []string             // SASL
	MaxBytes                   int                  // XEP-0478; 0 = not said
	IdleSeconds                int                  // XEP-0478; 0 = not said
	Waiting                    bool                 // we wait until the peer's user accepts us (README 5.5)
	SM                         bool                 // XEP-0198 is offered
	Unknown                    []*xmlstream.Element // anything else, disco#info included
}

// StreamError is a stream error that the peer sent; the stream is over.
type StreamError struct{ xmlstream.Error }
