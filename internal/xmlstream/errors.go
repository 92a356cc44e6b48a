package xmlstream

import (
	"errors"
	"slices"
)

// ErrClosed is returned by Next once the peer's closing tag has been read. What
// follows the tag is never looked at.
var ErrClosed = errors.New("xmlstream: stream closed by the peer")

// Namespaces of the stream itself.
const (
	NSStreams      = "http://etherx.jabber.org/streams"
	NSClient       = "jabber:client"
	NSStreamErrors = "urn:ietf:params:xml:ns:xmpp-streams"

	// The two namespaces that XML binds by itself (Namespaces in XML 1.0, section 3).
	NSXML   = "http://www.w3.org/XML/1998/namespace"
	NSXMLNS = "http://www.w3.org/2000/xmlns/"
)

// Stream error conditions of RFC 6120 section 4.9.3.
const (
	BadFormat              = "bad-format"
	BadNamespacePrefix     = "bad-namespace-prefix"
	Conflict               = "conflict"
	ConnectionTimeout      = "connection-timeout"
	HostGone               = "host-gone"
	HostUnknown            = "host-unknown"
	ImproperAddressing     = "improper-addressing"
	InternalServerError    = "internal-server-error"
	InvalidFrom            = "invalid-from"
	InvalidNamespace       = "invalid-namespace"
	InvalidXML             = "invalid-xml"
	NotAuthorized          = "not-authorized"
	NotWellFormed          = "not-well-formed"
	PolicyViolation        = "policy-violation"
	RemoteConnectionFailed = "remote-connection-failed"
	Reset                  = "reset"
	ResourceConstraint     = "resource-constraint"
	RestrictedXML          = "restricted-xml"
	SeeOtherHost           = "see-other-host"
	SystemShutdown         = "system-shutdown"
	UndefinedCondition     = "undefined-condition"
	UnsupportedEncoding    = "unsupported-encoding"
	UnsupportedFeature     = "unsupported-feature"
	UnsupportedStanzaType  = "unsupported-stanza-type"
	UnsupportedVersion     = "unsupported-version"
)

// Application conditions that llchat sends or understands (README 5.5, 5.8).
const (
	StanzaTooBig        = "stanza-too-big"
	StrangersRefused    = "strangers-refused"
	HandledCountTooHigh = "handled-count-too-high"
)

var conditions = []string{
	BadFormat, BadNamespacePrefix, Conflict, ConnectionTimeout, HostGone, HostUnknown,
	ImproperAddressing, InternalServerError, InvalidFrom, InvalidNamespace, InvalidXML,
	NotAuthorized, NotWellFormed, PolicyViolation, RemoteConnectionFailed, Reset,
	ResourceConstraint, RestrictedXML, SeeOtherHost, SystemShutdown, UndefinedCondition,
	UnsupportedEncoding, UnsupportedFeature, UnsupportedStanzaType, UnsupportedVersion,
}

// KnownCondition reports whether name is a stream error condition of RFC 6120.
func KnownCondition(name string) bool { return slices.Contains(conditions, name) }

// AppConditionSpace returns the namespace of an application condition that
// llchat knows, else "".
func AppConditionSpace(name string) string {
	switch name {
	case StanzaTooBig:
		return "urn:xmpp:errors"
	case StrangersRefused:
		return "urn:x-llchat:errors:0"
	case HandledCountTooHigh:
		return "urn:xmpp:sm:3"
	}
	return ""
}

// Error is a stream error: what the reader found wrong with the peer's octets,
// what we send for it, or what the peer sent us. Stream errors are fatal (C-13).
type Error struct {
	Condition    string // one of the conditions above
	AppCondition string // StanzaTooBig and the like, or ""
	Text         string // for people; never parsed (RFC 6120 section 4.9.2)

	Handled, Sent uint32 // with HandledCountTooHigh: what XEP-0198 wants said
}

// Error implements error.
func (e *Error) Error() string {
	s := "stream error " + e.Condition
	if e.AppCondition != "" {
		s += " (" + e.AppCondition + ")"
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

func illFormed(text string) *Error  { return &Error{Condition: NotWellFormed, Text: text} }
func restricted(text string) *Error { return &Error{Condition: RestrictedXML, Text: text} }
func overLimit(text string) *Error  { return &Error{Condition: PolicyViolation, Text: text} }
