package stanza

import "llchat/internal/xmlstream"

// PreludeFeatures is what a listener offers before TLS, and nothing else (C-1, README 5.3).
func PreludeFeatures() Features { return Features{StartTLS: true, StartTLSRequired: true} }

// StreamFeatures is what a listener offers inside TLS: its limits (XEP-0478), and to
// a key that is not accepted the mark that it has to wait (README 5.5).
func StreamFeatures(maxBytes, idleSeconds int, waiting bool) Features {
	return Features{MaxBytes: maxBytes, IdleSeconds: idleSeconds, Waiting: waiting}
}

// Receipt is the answer to a message that asks for one (XEP-0184). It has no body
// and asks for nothing, so it is never answered itself. False when none is due: an
// error, a message to a room, a receipt, or a message without an id.
func (m Message) Receipt() (Message, bool) {
	if !m.Request || m.ID == "" || m.Received != "" || m.Type == "error" || m.Type == "groupchat" {
		return Message{}, false
	}
	return Message{ID: NewID(), From: m.To, To: m.From, Type: m.Type, Received: m.ID}, true
}

// Ping returns a request of XEP-0199 with a fresh id.
func Ping(from, to string) IQ {
	return IQ{ID: NewID(), From: from, To: to, Type: "get", Ping: true}
}

// NeedsAnswer reports whether RFC 6120 section 8.2.3 wants a result or an error.
func (q IQ) NeedsAnswer() bool { return q.Type == "get" || q.Type == "set" }

// Result is the answer to q with a payload, which may be nil.
func (q IQ) Result(payload *xmlstream.Element) IQ {
	return IQ{ID: q.ID, From: q.To, To: q.From, Type: "result", Payload: payload}
}

// Refuse is the answer to q with an error. The payload is not sent back: it may be
// large, and the peer knows it by the id.
func (q IQ) Refuse(condition string) IQ {
	return IQ{ID: q.ID, From: q.To, To: q.From, Type: "error", Error: NewError(condition)}
}
