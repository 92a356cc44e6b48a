package chat

import (
	"context"
	"time"

	"llchat/internal/identity"
	"llchat/internal/safetext"
	"llchat/internal/stanza"
)

// What a switch can be.
const (
	SettingOn  = "on"
	SettingOff = "off"
)

const (
	// maxTyping is how many chat states of a peer count in a minute (L-13).
	maxTyping = 10

	// typingTime is how long somebody is shown as writing who says no more.
	typingTime = time.Minute
)

// Typing tells that somebody writes, or does not any more (XEP-0085).
type Typing struct {
	Peer   identity.Pin  `json:"peer"`
	Name   safetext.Text `json:"name"`
	Typing bool          `json:"typing"`
}

// typing is what both ends of a stream say of writing.
type typing struct {
	theirs stanza.ChatState // what they said last
	ours   stanza.ChatState // what we said last
	asked  bool             // we said it with a message: the answer tells
	known  bool             // they say it, too
	mute   bool             // they do not: neither do we (XEP-0085 section 5.1)
	rate   rate
	timer  *time.Timer
}

// withContent is the state that goes with a message.
func (t *typing) withContent(tell bool) stanza.ChatState {
	if !tell || t.mute {
		return ""
	}
	t.asked, t.ours = true, stanza.Active
	return stanza.Active
}

// hear follows what came with or without a message. It reports whether the
// state is to be shown.
func (t *typing) hear(s stanza.Message) bool {
	if s.State == "" {
		// A message without one, in answer to one with: they say none.
		t.mute = t.mute || s.HasBody && t.asked && !t.known
		return s.HasBody
	}
	t.known, t.mute = true, false
	return true
}

// tellsTyping reports whether the user lets contacts know when he writes. It
// is off until asked for: times and sizes tell a listener (T-03).
func (n *Node) tellsTyping() bool { return n.settings.Typing == SettingOn }

// heardTyping follows the chat state of a contact.
func (n *Node) heardTyping(l *live, s stanza.Message) {
	if !l.typing.hear(s) {
		return
	}
	if !s.HasBody && !l.typing.rate.take(time.Now()) {
		return // L-13
	}
	n.showTyping(l, s.State)
}

// showTyping tells every face when it changed whether a contact writes.
func (n *Node) showTyping(l *live, s stanza.ChatState) {
	t := &l.typing
	was := t.theirs == stanza.Composing
	t.theirs = s
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	now := s == stanza.Composing
	if now {
		t.timer = n.after(typingTime, func() { n.showTyping(l, stanza.Paused) })
	}
	if was != now {
		n.emit(Typing{Peer: l.remote.pin, Name: n.nameOf(l.remote.pin), Typing: now})
	}
}

// Typing implements API: the user began to write, or stopped.
func (n *Node) Typing(ctx context.Context, key string, writes bool) error {
	return n.call(ctx, func() error {
		row, ok := n.rows[key]
		if !ok || !n.tellsTyping() {
			return nil
		}
		r := n.remotes[row.Fingerprint]
		if r == nil {
			return nil
		}
		l := r.best()
		if l == nil || !l.accepted || l.theyWait() || !l.typing.known {
			return nil // P-19, and nobody is told who did not ask (XEP-0085 5.1)
		}
		state := stanza.Paused
		if writes {
			state = stanza.Composing
		}
		if l.typing.ours == state || state == stanza.Paused && l.typing.ours != stanza.Composing {
			return nil // never the same twice (section 5.3)
		}
		l.typing.ours = state
		n.say(l, stanza.Message{ID: stanza.NewID(), Type: "chat", Payloads: stanza.Payloads{State: state}})
		return nil
	})
}
