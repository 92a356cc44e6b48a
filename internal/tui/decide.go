package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// A key in conflict is decided with typed words, never with a key press alone
// (ui/README.md 6.1): the card only begins the line. What confirms is the
// contact's petname, which the user types and nothing completes.
var (
	otherPerson = hint{ink.Const("o"), ink.Const("other person")}
	newKey      = hint{ink.Const("n"), ink.Const("new key")}
)

// claimed is the contact whose name the key of the open conversation claims.
func (m *model) claimed() *entry {
	e := m.openEntry()
	if e == nil || e.peer.Trust != chat.Conflict || e.peer.Of.IsZero() {
		return nil
	}
	return m.book.get(e.peer.Of.String())
}

// replaced reports whether the open conversation is that of a retired key.
func (m *model) replaced() bool {
	e := m.openEntry()
	return e != nil && e.peer.Trust == chat.Retired
}

// startDecision begins the line that decides; the user ends it.
func (m *model) startDecision(key string) tea.Cmd {
	c := m.current()
	if !c.draft.IsEmpty() {
		return m.say(ink.L(ink.Err, "there is a line already: "), ink.L(ink.Fg, "send or clear it first, Ctrl+U clears"))
	}
	if key == "o" {
		c.draft.Set("/accept as ")
		return m.say(ink.L(ink.Fg, "another person: type a name of your own for it, then "), ink.L(ink.Acc, "Enter"))
	}
	c.draft.Set("/trust ")
	return m.say(ink.L(ink.Fg, "a new key: type the name of your contact to confirm, then "), ink.L(ink.Acc, "Enter"))
}

// acceptWords reads what follows /accept: a person or none, and after the word
// as a name, to the end of the line.
func acceptWords(rest string) (who, name string, ok bool) {
	if after, found := strings.CutPrefix(rest, "as "); found {
		return "", unquote(after), true
	}
	who, after := person(rest)
	after, ok = strings.CutPrefix(after, "as ")
	return who, unquote(after), ok
}

// unquote takes a name out of its quotes.
func unquote(name string) string {
	name = strings.TrimSpace(name)
	if n := len(name); n > 1 && name[0] == '"' && name[n-1] == '"' {
		return name[1 : n-1]
	}
	return name
}

// acceptAny runs /accept.
func (m *model) acceptAny(rest string) tea.Cmd {
	who, name, as := acceptWords(rest)
	if !as {
		return m.accept(m.personOr(rest))
	}
	key := m.personOr(quote(who))
	return func() tea.Msg {
		p, err := m.api.AcceptAs(m.ctx, key, name)
		return doneMsg{err: err, open: p.Key, said: []ink.Seg{
			ink.T(ink.Fg|ink.Bold, p.Name), ink.L(ink.Fg, " is kept under this name: messages go both ways now"),
		}}
	}
}

// trustWords reads what follows /trust: in the conversation of a key in conflict
// the whole rest is the name, else the key comes first.
func trustWords(rest string, inConflict bool) (who, name string) {
	if inConflict {
		return "", unquote(rest)
	}
	who, name = person(rest)
	return who, unquote(name)
}

// trust runs /trust.
func (m *model) trust(rest string) tea.Cmd {
	e := m.openEntry()
	who, name := trustWords(rest, e != nil && e.peer.Trust == chat.Conflict)
	if name == "" {
		return m.say(ink.L(ink.Acc, "/trust KEY NAME"), ink.L(ink.Mut, ": go to the key in conflict first, or name it by 8 digits"))
	}
	key := m.open
	if who != "" {
		key = m.keyOf(who)
	}
	return func() tea.Msg {
		p, err := m.api.Replace(m.ctx, key, name)
		return doneMsg{err: err, open: p.Key, said: []ink.Seg{
			ink.T(ink.Fg|ink.Bold, p.Name), ink.L(ink.Fg, " has this key now. What waited for the old one was not sent: "), ink.L(ink.Acc, "/info"), ink.L(ink.Fg, " names it"),
		}}
	}
}

// inConflict is the key that is talked to, if it is one in conflict: a decision
// that names none means that one, whoever else asks.
func (p *plain) inConflict() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.peers.get(p.to); e == nil || e.peer.Trust != chat.Conflict {
		return ""
	}
	return p.to
}

// accept is /accept in the line mode.
func (p *plain) accept(rest string) error {
	who, name, as := acceptWords(rest)
	if !as {
		return p.judge(rest, p.api.Accept)
	}
	if who == "" {
		who = p.inConflict()
	}
	return p.judge(quote(who), func(ctx context.Context, key string) (chat.Peer, error) {
		return p.api.AcceptAs(ctx, key, name)
	})
}

// trust is /trust in the line mode.
func (p *plain) trust(rest string) error {
	open := p.inConflict()
	who, name := trustWords(rest, open != "")
	if who == "" {
		who = open
	}
	if name == "" {
		return &chat.Error{
			Code: chat.CodeUsage, Text: "/trust KEY NAME: which key is whose new one",
			Hint: "the key by 8 digits, then the name of your contact: " + safetext.Name(rest).String() + " is one of them",
		}
	}
	return p.judge(quote(who), func(ctx context.Context, key string) (chat.Peer, error) {
		return p.api.Replace(ctx, key, name)
	})
}
