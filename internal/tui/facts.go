package tui

import (
	"strings"
	"time"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/identity"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// fact is one thing known: a word, and what is to be said of it. Both faces
// show the same ones, the window as rows, the line mode as lines.
type fact struct {
	word  ink.Own
	style ink.Style // of the word
	segs  []ink.Seg
	hint  ink.Seg // what to do about it
}

func known(word ink.Own, segs ...ink.Seg) fact { return fact{word: word, style: ink.Mut, segs: segs} }

func told(word ink.Own, style ink.Style, segs ...ink.Seg) fact {
	return fact{word: word, style: style, segs: segs}
}

// The words before facts about the network.
var (
	wordOK    = ink.Const("ok")
	wordNone  = ink.Const("no")
	wordSoon  = ink.Const("..")
	wordNote  = ink.Const("--")
	wordWarn  = ink.Const("!")
	wordError = ink.Const("!!")
)

// netFacts say how things stand between this machine and the network: links,
// how we are seen, and what is wrong, the worst first.
func netFacts(s *chat.Status, items []health.Item, loaded bool) []fact {
	var out []fact
	for _, i := range s.Interfaces {
		segs := []ink.Seg{ink.T(ink.Fg, safetext.Line(i.Name)), ink.L(ink.Fg, " is up")}
		for n, a := range i.Addresses {
			if n < 2 {
				segs = append(segs, ink.L(ink.Mut, "  "), ink.T(ink.Mut, safetext.Line(a)))
			}
		}
		out = append(out, told(wordOK, ink.Acc, segs...))
	}
	if loaded && len(s.Interfaces) == 0 && !has(items, "no-network") {
		out = append(out, told(wordNone, ink.Err, ink.L(ink.Fg, "no usable network: connect to one, llchat goes on by itself")))
	}
	out = append(out, seenAs(s, len(s.Interfaces) > 0 && !has(items, "discovery")))
	return append(out, healthFacts(items)...)
}

func has(items []health.Item, code string) bool {
	for _, it := range items {
		if it.Code == code {
			return true
		}
	}
	return false
}

// seenAs says what others can learn of us, where there is a network for it.
func seenAs(s *chat.Status, works bool) fact {
	switch {
	case s.Visibility == "ghost":
		f := told(wordNote, ink.New, ink.L(ink.Fg, "you are a ghost: nothing is sent, so nobody can find you here"))
		f.hint = ink.L(ink.Mut, "/visibility open ends it")
		return f
	case s.Ready && !works:
		return told(wordSoon, ink.New, ink.L(ink.Fg, "others can find you as "), ink.T(ink.Fg|ink.Bold, s.Name), ink.L(ink.Fg, " once there is a network"))
	case !s.Ready:
		return told(wordSoon, ink.New, ink.L(ink.Fg, "taking a name on the network"))
	case s.Visibility == "quiet":
		return told(wordOK, ink.Acc, ink.L(ink.Fg, "others see you as "), ink.T(ink.Fg|ink.Bold, s.Name), ink.L(ink.Fg, ", no name and no status (quiet)"))
	}
	return told(wordOK, ink.Acc, ink.L(ink.Fg, "others can find you as "), ink.T(ink.Fg|ink.Bold, s.Name))
}

// healthFacts are what is wrong, each with what to do.
func healthFacts(items []health.Item) []fact {
	var out []fact
	for _, level := range []health.Severity{health.Error, health.Warning, health.Info} {
		for _, it := range items {
			if it.Severity != level {
				continue
			}
			f := told(wordNote, ink.Acc, ink.T(ink.Fg, safetext.Line(it.Text)))
			switch level {
			case health.Error:
				f.word, f.style = wordError, ink.Err
			case health.Warning:
				f.word, f.style = wordWarn, ink.New
			}
			if it.Hint != "" {
				f.hint = ink.T(ink.Mut, safetext.Line(it.Hint))
			}
			out = append(out, f)
		}
	}
	return out
}

// selfFacts are what another person needs to reach us and to know our key.
func selfFacts(s *chat.Status) []fact {
	out := []fact{known(ink.Const("name"), ink.T(ink.Fg|ink.Bold, s.Name))}
	if s.Name.IsEmpty() {
		out[0].segs = []ink.Seg{ink.L(ink.Fg, "none on the network now")}
	}
	if !s.Nick.IsEmpty() {
		out = append(out, known(ink.Const("nick"), ink.T(ink.Fg, s.Nick)))
	}
	out = append(out, keyFact(s.Fingerprint))
	for _, a := range s.Addresses {
		out = append(out, known(ink.Const("address"), ink.T(ink.Fg, safetext.Line(a))))
	}
	return append(out, known(ink.Const("seen"), ink.T(ink.Fg, safetext.Line(s.Visibility))),
		known(ink.Const("strangers"), ink.T(ink.Fg, safetext.Line(s.Strangers))))
}

func keyFact(pin identity.Pin) fact {
	f := known(ink.Const("key"))
	for _, g := range pin.Groups() {
		f.segs = append(f.segs, ink.T(ink.Fg, safetext.Line(g)))
	}
	return f
}

// peerFacts are all that is known of somebody.
func peerFacts(b *book, e *entry, pic picture, now time.Time) []fact {
	p := &e.peer
	s := standingOf(p)
	out := []fact{known(ink.Const("trust"), ink.O(s.style, s.long))}
	if of := b.lookAlike(e); of != nil {
		out = append(out, told(ink.Const("looks like"), ink.Err, ink.L(ink.Fg, "your contact "), ink.T(ink.Fg|ink.Bold, of.name), ink.L(ink.Fg, ", and is somebody else")))
	}
	if of := b.get(p.Of.String()); !p.Of.IsZero() && of != nil {
		out = append(out, told(ink.Const("claims"), ink.Err, ink.L(ink.Fg, "the name of your contact "), ink.T(ink.Fg|ink.Bold, of.name), ink.L(ink.Fg, ", with another key")))
	}
	if p.Fingerprint.IsZero() {
		out = append(out, known(ink.Const("key"), ink.L(ink.Mut, "none proven yet")))
	} else {
		out = append(out, keyFact(p.Fingerprint))
	}
	out = append(out, keysBefore(b, p)...)
	out = append(out, claimFacts(p)...)
	out = append(out, pictureFacts(p, pic)...)
	out = append(out, whereFacts(p, now)...)
	if n := len(b.conflicts(p.Fingerprint)); n > 0 && p.Contact() {
		out = append(out, told(ink.Const("conflict"), ink.Err, ink.N(ink.Fg, n), ink.L(ink.Fg, " other key claims this name")))
	}
	return out
}

// keysBefore are the keys that a contact had before this one, and whose place a
// retired one has left.
func keysBefore(b *book, p *chat.Peer) []fact {
	var out []fact
	for _, e := range b.order {
		if e.peer.Trust == chat.Retired && e.peer.ReplacedBy == p.Fingerprint && !p.Fingerprint.IsZero() {
			f := known(ink.Const("key before"), ink.T(ink.Fg, e.label), ink.L(ink.Mut, " retired"))
			f.hint = ink.T(ink.Mut, safetext.Line("what was written with it is kept as "+quote(e.name.String())))
			out = append(out, f)
		}
	}
	if now := b.get(p.ReplacedBy.String()); !p.ReplacedBy.IsZero() && now != nil {
		out = append(out, known(ink.Const("replaced by"), ink.T(ink.Fg, now.label), ink.L(ink.Fg, " "), ink.T(ink.Fg|ink.Bold, now.name)))
	}
	return out
}

// claimFacts are what somebody says of himself: the words of a claim.
func claimFacts(p *chat.Peer) []fact {
	var out []fact
	for _, c := range []struct {
		word ink.Own
		text safetext.Text
	}{
		{ink.Const("name"), p.Instance},
		{ink.Const("nick"), p.Nick},
		{ink.Const("message"), p.Message},
		{ink.Const("first name"), p.First},
		{ink.Const("last name"), p.Last},
		{ink.Const("email"), p.Email},
		{ink.Const("jid"), p.JID},
		{ink.Const("note"), p.Note},
	} {
		if !c.text.IsEmpty() {
			out = append(out, known(c.word, ink.T(ink.Fg, c.text)))
		}
	}
	return out
}

// whereFacts say whether somebody is here, and where.
func whereFacts(p *chat.Peer, now time.Time) []fact {
	out := []fact{known(ink.Const("presence"), ink.O(ink.Fg, presenceWord(p.Presence)))}
	if p.Stream {
		out = append(out, known(ink.Const("stream"), ink.L(ink.Fg, "connected, TLS 1.3, both sides proved")))
	}
	switch {
	case p.Waiting:
		out = append(out, known(ink.Const("accepted"), ink.L(ink.New, "not yet: your messages wait until they accept you")))
	case p.Asks:
		out = append(out, known(ink.Const("asks"), ink.L(ink.New, "to write to you: /accept or /block")))
	}
	for _, a := range p.Addresses {
		out = append(out, known(ink.Const("address"), ink.T(ink.Fg, safetext.Line(a))))
	}
	if p.Presence == chat.Offline && !p.LastSeen.IsZero() {
		out = append(out, known(ink.Const("last seen"), ink.Seen(ink.Fg, p.LastSeen, now), ink.L(ink.Mut, "  "), ink.Date(ink.Mut, p.LastSeen)))
	}
	return out
}

// line is a fact as the line mode says it.
func (f *fact) line() string {
	parts := make([]string, 0, len(f.segs))
	for _, s := range f.segs {
		parts = append(parts, s.String())
	}
	between := ""
	if len(f.segs) == keyGroups {
		between = " "
	}
	text := f.word.String() + " " + strings.Join(parts, between)
	if !f.hint.IsEmpty() {
		text += ". " + f.hint.String()
	}
	return text
}

// nobodyHelps are what can be done when nobody is found.
var nobodyHelps = []struct{ word, text ink.Own }{
	{ink.Const("/add ADDRESS"), ink.Const("reach somebody whose address you know")},
	{ink.Const("/id"), ink.Const("your own address and key, for somebody else's /add")},
	{ink.Const("llchat doctor"), ink.Const("in another terminal: finds the cause and what mends it")},
}
