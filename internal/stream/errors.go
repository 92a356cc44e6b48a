package stream

import (
	"errors"
	"net/netip"

	"llchat/internal/identity"
	"llchat/internal/xmlstream"
)

// Reason says in one word why there is no stream.
type Reason string

// Reasons of DialError and Refusal.
const (
	ReasonUnreachable      Reason = "unreachable"       // no TCP connection
	ReasonClosed           Reason = "closed"            // hung up without a word: busy, or no XMPP
	ReasonTimeout          Reason = "timeout"           // too slow, or the caller gave up
	ReasonCannotEncrypt    Reason = "cannot-encrypt"    // speaks, but no STARTTLS
	ReasonTLS              Reason = "tls"               // the handshake failed
	ReasonBadCertificate   Reason = "bad-certificate"   // not the chain of security.md 4.2
	ReasonWrongKey         Reason = "wrong-key"         // somebody else answers at this address
	ReasonSelf             Reason = "self"              // that is us
	ReasonRefused          Reason = "refused"           // it sent a stream error
	ReasonStrangersRefused Reason = "strangers-refused" // it takes nobody it does not know
	ReasonBadStream        Reason = "bad-stream"        // it broke the rules of the stream
)

// DialError is why Dial has no stream. Nothing that the user wrote has left.
type DialError struct {
	Addr   netip.AddrPort
	Reason Reason
	Pin    identity.Pin // zero unless the key was proven
	Err    error
}

// Error implements error.
func (e *DialError) Error() string {
	s := "dial " + e.Addr.String() + ": " + string(e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

// PeerError is a stream error that the peer sent: it has ended the stream.
type PeerError struct{ Err xmlstream.Error }

// Error implements error. The text of the peer is not part of it: it has to
// pass safetext first.
func (e *PeerError) Error() string {
	return "ended by the peer: " + (&xmlstream.Error{Condition: e.Err.Condition, AppCondition: e.Err.AppCondition}).Error()
}

// Errors of streams.
var (
	// ErrEnded is returned by Send and Ping once a stream ends.
	ErrEnded = errors.New("stream: ended")
	// ErrTruncated: the connection ended without close_notify or without a
	// closing tag. What was said last may be missing (T-09, P-25).
	ErrTruncated = errors.New("stream: cut off")
	// ErrTooBig: a stanza above what the peer takes (XEP-0478).
	ErrTooBig = errors.New("stream: stanza too big for the peer")
	// ErrSilent: nothing came for 15 s although the peer had to acknowledge
	// something (README 5.7).
	ErrSilent = errors.New("stream: no answer, the connection is dead")
	// ErrFound: the other side has dialled us meanwhile (README 5.6).
	ErrFound = errors.New("stream: the other side has dialled us")
	// ErrNodeClosed is returned once a Node is closed.
	ErrNodeClosed = errors.New("stream: node is closed")

	errWrongKey     = errors.New("not the key that was wanted")
	errCloseTimeout = errors.New("stream: no closing tag in time")
	errTooMany      = errors.New("too many octets before TLS")
)

// violation makes a stream error for what the peer did.
func violation(condition, text string) *xmlstream.Error {
	return &xmlstream.Error{Condition: condition, Text: text}
}

// asViolation returns the stream error inside err, if that is what it is.
func asViolation(err error) (*xmlstream.Error, bool) {
	return errors.AsType[*xmlstream.Error](err)
}
