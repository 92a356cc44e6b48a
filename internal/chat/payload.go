package chat

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/stanza"
)

// retracted is the text of a retraction for readers that know none.
const retracted = "(I take a message back. Your program does not know how to remove it.)"

// outgoing is the stanza of a stored message.
func (n *Node) outgoing(l *live, m history.Message) stanza.Message {
	s := stanza.Message{ID: m.ID, Type: "chat", Body: m.Body, HasBody: true, Request: true}
	switch m.Kind {
	case history.Correction:
		s.Replaces = m.Target
	case history.Retraction:
		s.Retracts, s.Body = m.Target, retracted
		s.Fallbacks = []stanza.Fallback{{For: stanza.NSRetract}}
	case history.Reaction:
		s.HasBody, s.Reactions = false, &stanza.Reactions{ID: m.Target, Set: m.Emoji}
	}
	if m.Reply != "" {
		s.Payloads.Reply = &stanza.Reply{ID: m.Reply, To: n.authorOf(l, m)}
		if m.Quote.End > m.Quote.Start {
			s.Fallbacks = []stanza.Fallback{{For: stanza.NSReply, Start: int(m.Quote.Start), End: int(m.Quote.End)}}
		}
	}
	if m.Spoiler {
		s.Spoiler = &m.Hint
	}
	s.Unstyled = m.Unstyled
	if l.remote.retries[m.ID] || time.Since(m.Time) > delayAfter {
		s.Delay = m.Time.UTC()
	}
	if l.theyWait() {
		s.Nick = n.settings.Nick // XEP-0172: with the first message to a new peer
		return s
	}
	s.Markable = m.Kind == history.Chat && n.tellsDisplayed()
	if s.HasBody {
		s.State = l.typing.withContent(n.tellsTyping())
	}
	return s
}

// authorOf is the address of who wrote what m answers (XEP-0461).
func (n *Node) authorOf(l *live, m history.Message) string {
	ours, theirs := l.conn.Names()
	if old, ok, err := n.hist.Get(m.Peer, m.Reply); err == nil && ok && old.Direction == history.Out {
		return ours
	}
	return theirs
}

// incoming is what a stanza says, as it is stored. Who said it is the key of
// its stream, whatever it says itself (T-29).
func incoming(pin identity.Pin, s stanza.Message) (m history.Message, ok bool) {
	m = history.Message{
		ID: s.ID, Peer: pin, Direction: history.In, State: history.Received,
		Time: time.Now(), Delay: s.Delay, Body: textOf(s),
	}
	if m.ID == "" {
		m.ID = stanza.NewID()
	}
	switch {
	case s.Retracts != "":
		m.Kind, m.Target = history.Retraction, s.Retracts
		return m, true
	case s.Reactions != nil:
		m.Kind, m.Target, m.Emoji = history.Reaction, s.Reactions.ID, s.Reactions.Set
		return m, true
	case s.Replaces != "":
		m.Kind, m.Target = history.Correction, s.Replaces
	case s.Payloads.Reply != nil:
		m.Reply = s.Payloads.Reply.ID
	}
	for _, f := range s.Fallbacks {
		if f.For == stanza.NSReply && f.End > f.Start && m.Reply != "" && s.Encrypted == "" {
			m.Quote = history.Range{Start: uint32(f.Start), End: uint32(f.End)} //nolint:gosec // within a body (L-12)
			break
		}
	}
	if s.Spoiler != nil {
		m.Spoiler, m.Hint = true, cut(*s.Spoiler, maxHint)
	}
	m.Unstyled, m.Markable = s.Unstyled, s.Markable
	return m, s.HasBody || m.Body != ""
}

// maxNick is how much of a nick is taken in (L-27).
const maxNick = 63

// cut shortens what a peer says beside its text.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// textOf is the text of a message with what is shown as text: addresses and
// places. Neither is ever fetched (P-12). What is encrypted once more is not
// shown as the nonsense that it is to us.
func textOf(s stanza.Message) string {
	if s.Encrypted != "" {
		return fmt.Sprintf("(encrypted once more with %s, which llchat cannot read)", cut(s.Encrypted, maxHint))
	}
	text := s.Body
	add := func(line string) {
		if text != "" {
			line = "\n" + line
		}
		if len(text)+len(line) <= stanza.MaxBody {
			text += line
		}
	}
	if l := s.Link; l != nil && !strings.Contains(text, l.URL) {
		add(strings.TrimSpace(l.URL + " " + l.Text))
	}
	if p := s.Location; p != nil {
		add(geoloc(p))
	}
	return text
}

// geoloc is a location as somebody would write it down (XEP-0080).
func geoloc(p *stanza.Location) string {
	number := func(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }
	line := "place: " + number(p.Lat, 6) + ", " + number(p.Lon, 6)
	if p.Accuracy > 0 {
		line += " ± " + number(p.Accuracy, 0) + " m"
	}
	if p.Text != "" {
		line += " (" + p.Text + ")"
	}
	return line
}
