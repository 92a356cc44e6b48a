package stanza

import (
	"slices"

	"llchat/internal/xmlstream"
)

// Stanza error conditions (RFC 6120 section 8.3.3) that llchat itself sends. All
// others are understood.
const (
	BadRequest            = "bad-request"
	FeatureNotImplemented = "feature-not-implemented"
	InternalServerError   = "internal-server-error"
	NotAcceptable         = "not-acceptable"
	NotAllowed            = "not-allowed"
	ServiceUnavailable    = "service-unavailable"
	UndefinedCondition    = "undefined-condition"
	UnexpectedRequest     = "unexpected-request"
)

// errorTypes holds all conditions of RFC 6120 section 8.3.3, each with the error
// type that the section gives it (the first, where it allows two).
var errorTypes = map[string]string{
	BadRequest:                "modify",
	"conflict":                "cancel",
	FeatureNotImplemented:     "cancel",
	"forbidden":               "auth",
	"gone":                    "cancel",
	InternalServerError:       "cancel",
	"item-not-found":          "cancel",
	"jid-malformed":           "modify",
	NotAcceptable:             "modify",
	NotAllowed:                "cancel",
	"not-authorized":          "auth",
	"policy-violation":        "modify",
	"recipient-unavailable":   "wait",
	"redirect":                "modify",
	"registration-required":   "auth",
	"remote-server-not-found": "cancel",
	"remote-server-timeout":   "wait",
	"resource-constraint":     "wait",
	ServiceUnavailable:        "cancel",
	"subscription-required":   "auth",
	UndefinedCondition:        "cancel",
	UnexpectedRequest:         "wait",
}

// NewError returns a stanza error of the type that belongs to the condition.
func NewError(condition string) *StanzaError {
	t, ok := errorTypes[condition]
	if !ok {
		condition, t = UndefinedCondition, "cancel"
	}
	return &StanzaError{Type: t, Condition: condition}
}

// Error implements error.
func (e *StanzaError) Error() string {
	s := "stanza error " + e.Condition
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

func decodeError(e *xmlstream.Element) *StanzaError {
	out := &StanzaError{Type: errorType(e.Attr("type")), Condition: UndefinedCondition}
	found := false
	for _, c := range e.Children {
		switch {
		case c.Name.Space != NSStanzaErrors:
		case c.Name.Local == "text":
			out.Text = first(out.Text, c.Text)
		case !found && errorTypes[c.Name.Local] != "":
			out.Condition, found = c.Name.Local, true
		}
	}
	return out
}

// needError makes sure that a stanza of type error says which.
func needError(kind string, e *StanzaError) *StanzaError {
	if kind == "error" && e == nil {
		return NewError(UndefinedCondition)
	}
	return e
}

func errorType(t string) string {
	if slices.Contains([]string{"auth", "cancel", "continue", "modify", "wait"}, t) {
		return t
	}
	return "cancel"
}

func (e *StanzaError) append(dst []byte) []byte {
	condition := e.Condition
	if errorTypes[condition] == "" {
		condition = UndefinedCondition
	}
	dst = append(dst, "<error"...)
	dst = xmlstream.AppendAttr(dst, "type", errorType(e.Type))
	dst = append(dst, "><"...)
	dst = append(dst, condition...)
	dst = append(dst, " xmlns='"+NSStanzaErrors+"'/>"...)
	if e.Text != "" {
		dst = append(dst, "<text xmlns='"+NSStanzaErrors+"'>"...)
		dst = xmlstream.AppendText(dst, e.Text)
		dst = append(dst, "</text>"...)
	}
	return append(dst, "</error>"...)
}

// decodeStreamError understands RFC 6120 section 4.9 and the application conditions
// of README 5.5 and 5.8; anything else is undefined-condition.
func decodeStreamError(e *xmlstream.Element) StreamError {
	out := StreamError{xmlstream.Error{Condition: xmlstream.UndefinedCondition}}
	found := false
	for _, c := range e.Children {
		switch n := c.Name; {
		case n.Space == NSStreamErrors && n.Local == "text":
			out.Text = first(out.Text, c.Text)
		case n.Space == NSStreamErrors && !found && xmlstream.KnownCondition(n.Local):
			out.Condition, found = n.Local, true
		case n.Space != "" && n.Space == xmlstream.AppConditionSpace(n.Local):
			out.AppCondition = first(out.AppCondition, n.Local)
		}
	}
	return out
}

func (s StreamError) append(dst []byte) []byte { return xmlstream.AppendStreamError(dst, s.Error) }
