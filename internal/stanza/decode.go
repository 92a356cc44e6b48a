package stanza

import (
	"strconv"
	"time"

	"llchat/internal/xmlstream"
)

// Decode turns a top-level element of a stream into a value. Its errors are
// *xmlstream.Error and end the stream: an element that is no stanza (C-20), an id
// or a body above its limit, an iq without id or with a type that RFC 6120 does not
// know. What is merely useless, such as a malformed delay, is left out instead.
func Decode(e *xmlstream.Element) (Stanza, error) {
	switch e.Name {
	case xmlstream.Name{Space: NSClient, Local: "message"}:
		return asStanza(decodeMessage(e))
	case xmlstream.Name{Space: NSClient, Local: "presence"}:
		return asStanza(decodePresence(e))
	case xmlstream.Name{Space: NSClient, Local: "iq"}:
		return asStanza(decodeIQ(e))
	case xmlstream.Name{Space: NSStreams, Local: "features"}:
		return decodeFeatures(e), nil
	case xmlstream.Name{Space: NSStreams, Local: "error"}:
		return decodeStreamError(e), nil
	}
	return nil, &xmlstream.Error{Condition: xmlstream.UnsupportedStanzaType}
}

func asStanza[S Stanza](s S, err error) (Stanza, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func tooLong(what string) error {
	return &xmlstream.Error{Condition: xmlstream.PolicyViolation, Text: what + " too long"}
}

// checkID wants an id within the bounds in which it can be remembered (L-15).
func checkID(id string) error {
	if len(id) > MaxID {
		return tooLong("id")
	}
	return nil
}

func decodeMessage(e *xmlstream.Element) (Message, error) {
	m := Message{ID: e.Attr("id"), From: e.Attr("from"), To: e.Attr("to"), Type: messageType(e.Attr("type"))}
	if err := checkID(m.ID); err != nil {
		return m, err
	}
	body := bodyOf(e)
	if body != nil {
		m.Body, m.HasBody = body.Text, true
		if len(m.Body) > MaxBody {
			return m, tooLong("body")
		}
	}
	for _, c := range e.Children {
		switch c.Name {
		case xmlstream.Name{Space: NSClient, Local: "body"}: // chosen above
		case xmlstream.Name{Space: NSClient, Local: "error"}:
			m.Error = decodeError(c)
		case xmlstream.Name{Space: NSReceipts, Local: "request"}:
			m.Request = true
		case xmlstream.Name{Space: NSReceipts, Local: "received"}:
			m.Received = first(m.Received, c.Attr("id"))
		case xmlstream.Name{Space: NSNick, Local: "nick"}:
			m.Nick = first(m.Nick, c.Text)
		case xmlstream.Name{Space: NSDelay, Local: "delay"}:
			if m.Delay.IsZero() {
				m.Delay = parseStamp(c.Attr("stamp"))
			}
		default:
			if !m.take(c) {
				m.Unknown = append(m.Unknown, c)
			}
		}
	}
	m.Error = needError(m.Type, m.Error)
	if err := m.checkIDs(); err != nil {
		return m, err
	}
	return m, checkID(m.Received)
}

// messageType takes a type that is not known for normal (RFC 6121 section 5.2.2).
func messageType(t string) string {
	switch t {
	case "", "chat", "error", "groupchat", "headline", "normal":
		return t
	}
	return "normal"
}

// bodyOf chooses among bodies in several languages (RFC 6121 section 5.2.3): the
// first without a language of its own, else the first.
func bodyOf(e *xmlstream.Element) *xmlstream.Element {
	var body *xmlstream.Element
	for _, c := range e.Children {
		switch {
		case !c.Is(NSClient, "body"):
		case c.Lang() == "":
			return c
		case body == nil:
			body = c
		}
	}
	return body
}

func first(have, next string) string {
	if have != "" {
		return have
	}
	return next
}

// parseStamp reads the UTC form of XEP-0082; zero when it is none. A stamp with an
// offset, which XEP-0203 does not allow, is understood all the same.
func parseStamp(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if t = t.UTC(); err != nil || t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func decodePresence(e *xmlstream.Element) (Presence, error) {
	p := Presence{ID: e.Attr("id"), From: e.Attr("from"), To: e.Attr("to"), Type: e.Attr("type")}
	for _, c := range e.Children {
		switch c.Name {
		case xmlstream.Name{Space: NSClient, Local: "show"}:
			p.Show = first(p.Show, showValue(c.Text))
		case xmlstream.Name{Space: NSClient, Local: "status"}:
			p.Status = first(p.Status, c.Text)
		case xmlstream.Name{Space: NSClient, Local: "error"}:
			p.Error = decodeError(c)
		default:
			p.Unknown = append(p.Unknown, c)
		}
	}
	p.Error = needError(p.Type, p.Error)
	return p, checkID(p.ID)
}

// showValue ignores what RFC 6121 section 4.7.2.1 does not define.
func showValue(s string) string {
	switch s {
	case "away", "chat", "dnd", "xa":
		return s
	}
	return ""
}

func decodeIQ(e *xmlstream.Element) (IQ, error) {
	q := IQ{ID: e.Attr("id"), From: e.Attr("from"), To: e.Attr("to"), Type: e.Attr("type")}
	if q.ID == "" {
		return q, &xmlstream.Error{Condition: xmlstream.InvalidXML, Text: "iq without id"}
	}
	if err := checkID(q.ID); err != nil {
		return q, err
	}
	var payloads []*xmlstream.Element
	switch q.Type {
	case "get", "set", "result":
		payloads = e.Children
	case "error":
		for _, c := range e.Children {
			if c.Is(NSClient, "error") {
				q.Error = decodeError(c)
			} else {
				payloads = append(payloads, c)
			}
		}
	default:
		return q, &xmlstream.Error{Condition: xmlstream.InvalidXML, Text: "iq of an unknown type"}
	}
	q.Error = needError(q.Type, q.Error)
	if len(payloads) == 1 {
		q.Payload = payloads[0]
	}
	if q.Type == "get" && q.Payload != nil && q.Payload.Is(NSPing, "ping") {
		q.Ping, q.Payload = true, nil
	}
	return q, nil
}

func decodeFeatures(e *xmlstream.Element) Features {
	var f Features
	for _, c := range e.Children {
		switch c.Name {
		case xmlstream.Name{Space: NSTLS, Local: "starttls"}:
			f.StartTLS = true
			f.StartTLSRequired = f.StartTLSRequired || c.Child(NSTLS, "required") != nil
		case xmlstream.Name{Space: NSSASL, Local: "mechanisms"}:
			f.Mechanisms = appendMechanisms(f.Mechanisms, c)
		case xmlstream.Name{Space: NSLimits, Local: "limits"}:
			if n := childNumber(c, "max-bytes"); f.MaxBytes == 0 || n > 0 && n < f.MaxBytes {
				f.MaxBytes = n // given twice, the smaller one counts: nothing is refused then
			}
			f.IdleSeconds = childNumber(c, "idle-seconds")
		case xmlstream.Name{Space: NSWaiting, Local: "waiting"}:
			f.Waiting = true
		case xmlstream.Name{Space: NSSM, Local: "sm"}:
			f.SM = true
		default:
			f.Unknown = append(f.Unknown, c)
		}
	}
	return f
}

func appendMechanisms(list []string, e *xmlstream.Element) []string {
	for _, c := range e.Children {
		if c.Is(NSSASL, "mechanism") && c.Text != "" {
			list = append(list, c.Text)
		}
	}
	return list
}

// childNumber reads a child that holds a positive integer, or returns 0: a limit
// that cannot be read is no limit that was said.
func childNumber(e *xmlstream.Element, local string) int {
	c := e.Child(NSLimits, local)
	if c == nil {
		return 0
	}
	n, err := strconv.ParseUint(c.Text, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// Mandatory returns the name of a feature that is not understood and that must be
// negotiated (RFC 6120 section 4.3.2): such a stream ends with unsupported-feature.
func (f Features) Mandatory() (xmlstream.Name, bool) {
	for _, e := range f.Unknown {
		if e.Child(e.Name.Space, "required") != nil {
			return e.Name, true
		}
	}
	return xmlstream.Name{}, false
}
