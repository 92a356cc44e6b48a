package chat

import (
	"slices"
	"time"
	"unicode/utf8"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// Kinds of messages. All but Plain are said about another message and shown on
// it: a face that draws a conversation leaves them out and takes the other
// message as it now is, which follows.
const (
	Plain      = ""
	Correction = "correction"
	Retraction = "retraction"
	Reacting   = "reaction"
	Deleted    = "deleted" // by this user, here alone
)

// Reaction is one emoji on a message and who gave it.
type Reaction struct {
	Emoji  safetext.Text `json:"emoji"`
	Ours   bool          `json:"ours,omitempty"`
	Theirs bool          `json:"theirs,omitempty"`
}

// Quotation is the message that another one answers, as far as we have it.
type Quotation struct {
	ID        string        `json:"id"`
	Direction Direction     `json:"direction,omitempty"`
	Body      safetext.Text `json:"body,omitzero"`
	Spoiler   bool          `json:"spoiler,omitempty"` // Body is not to be seen at once
}

// Version is a text that a message had.
type Version struct {
	Body    safetext.Text `json:"body"`
	Written time.Time     `json:"written"`
}

func faceVersion(v history.Version) Version {
	return Version{Body: safetext.Body(v.Body), Written: v.Time}
}

// face makes a stored message fit for a face.
func (n *Node) face(h history.Message) Message {
	m := Message{
		ID: safetext.Line(h.ID).String(), Peer: h.Peer, Name: n.nameOf(h.Peer),
		Direction: Direction(h.Direction), Body: safetext.Body(h.Body),
		State: State(h.State), Reason: h.Reason, Row: h.Row,
		Delayed: !h.Delay.IsZero(), Written: h.Time,
		Kind: string(h.Kind), Spoiler: h.Spoiler, Hint: safetext.Line(h.Hint), Unstyled: h.Unstyled,
		Edited: h.Edited, Retracted: h.Retracted, Reactions: reactions(h.Ours, h.Theirs),
	}
	if h.Kind != history.Chat {
		m.About = safetext.Line(h.Target).String()
		if h.Kind == history.Correction {
			m.Replaces = m.About
		}
		for _, e := range h.Emoji {
			m.Reactions = append(m.Reactions, Reaction{
				Emoji: safetext.Line(e), Ours: h.Direction == history.Out, Theirs: h.Direction == history.In,
			})
		}
	}
	if h.Reply != "" {
		m.Reply = n.quotation(h.Peer, h.Reply)
		if m.Reply.Direction != "" { // else the quotation is all that the reader gets
			m.Body = safetext.Body(withoutQuote(h))
		}
	}
	return m
}

// quotation finds what is answered.
func (n *Node) quotation(pin identity.Pin, id string) *Quotation {
	q := &Quotation{ID: safetext.Line(id).String()}
	old, ok, err := n.hist.Get(pin, id)
	if err != nil || !ok || old.Kind != history.Chat {
		return q
	}
	q.Direction, q.Body, q.Spoiler = Direction(old.Direction), safetext.Body(withoutQuote(old)), old.Spoiler
	return q
}

// withoutQuote is the text of a message without what it repeats of another.
// Its range counts code points of the text as it came (XEP-0426).
func withoutQuote(h history.Message) string {
	if h.Quote.End <= h.Quote.Start || int64(h.Quote.End) > int64(utf8.RuneCountInString(h.Body)) {
		return h.Body
	}
	var start, end int
	at := uint32(0)
	for i, r := range h.Body {
		if at == h.Quote.Start {
			start = i
		}
		if at++; at == h.Quote.End {
			end = i + utf8.RuneLen(r)
			break
		}
	}
	return h.Body[:start] + h.Body[end:]
}

// reactions puts the reactions of both sides together, ours first.
func reactions(ours, theirs []string) []Reaction {
	var list []Reaction
	for _, e := range ours {
		list = append(list, Reaction{Emoji: safetext.Line(e), Ours: true, Theirs: slices.Contains(theirs, e)})
	}
	for _, e := range theirs {
		if !slices.Contains(ours, e) {
			list = append(list, Reaction{Emoji: safetext.Line(e), Theirs: true})
		}
	}
	return list
}
