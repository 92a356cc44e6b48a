package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// texts remembers the newest messages, for lines about one of them.
type texts struct {
	ids  []string
	body map[string]chat.Message
}

// keptTexts is how many.
const keptTexts = 256

func (t *texts) put(m chat.Message) {
	if t.body == nil {
		t.body = map[string]chat.Message{}
	}
	if _, ok := t.body[m.ID]; !ok {
		t.ids = append(t.ids, m.ID)
	}
	t.body[m.ID] = m
	if len(t.ids) > keptTexts {
		delete(t.body, t.ids[0])
		t.ids = slices.Delete(t.ids, 0, 1)
	}
}

// short is what a message said, for a line about it; a spoiler says nothing.
func (t *texts) short(id string) safetext.Text {
	m := t.body[id]
	if m.Spoiler {
		return safetext.Line("a spoiler")
	}
	return safetext.Line(m.Body.String())
}

// message prints a message, or what is new about one.
func (p *plain) message(m chat.Message) {
	defer func() {
		if m.Kind == chat.Plain {
			p.texts.put(m)
		}
	}()
	switch {
	case m.Kind == chat.Deleted:
		delete(p.waiting, m.ID)
	case m.Direction == chat.In:
		p.heard(m)
	default:
		p.told(m)
	}
}

// nameOf is what a peer is called, and the word of trust.
func (p *plain) nameOf(m *chat.Message) (safetext.Text, string) {
	if e := p.peers.get(m.Peer.String()); e != nil {
		return e.name, wordOf(&e.peer)
	}
	return m.Name, "pinned"
}

// heard prints what a peer wrote.
func (p *plain) heard(m chat.Message) {
	known := p.states[m.ID] != ""
	p.states[m.ID] = m.State
	if known || m.Kind == chat.Plain && !(m.Edited.IsZero() && m.Retracted.IsZero() && len(m.Reactions) == 0) {
		return // what is new about it was a line of its own
	}
	name, word := p.nameOf(&m)
	who := fmt.Sprint(m.Written.Local().Format("15:04"), " ", name, ", ", word)
	switch m.Kind {
	case chat.Correction:
		p.print(who, ", corrected: ", p.texts.short(m.About), ". now: ", m.Body)
	case chat.Retraction:
		p.print(who, ", took back: ", p.texts.short(m.About))
	case chat.Reacting:
		p.print(who, ", ", reactedWith(&m), ": ", p.texts.short(m.About))
	default:
		p.print(who, spoken(&m))
	}
}

// reactedWith says what a reaction is, before what it is a reaction to.
func reactedWith(m *chat.Message) string {
	if len(m.Reactions) == 0 {
		return "took reactions back from"
	}
	set := make([]string, 0, len(m.Reactions))
	for _, r := range m.Reactions {
		set = append(set, r.Emoji.String())
	}
	return "reacted with " + strings.Join(set, " ") + " to"
}

// spoken is a message behind its author.
func spoken(m *chat.Message) string {
	about := ""
	if m.Reply != nil && !m.Reply.Spoiler {
		about = ", answering: " + safetext.Line(m.Reply.Body.String()).String()
	}
	body := m.Body.String()
	switch done, ok := strings.CutPrefix(body, action); {
	case m.Spoiler:
		return about + ": spoiler: " + m.Hint.String() + ". /show shows it"
	case ok:
		return about + " * " + done
	case about != "":
		return about + ". " + body
	}
	return ": " + body
}

// kindWords say what of ours a state is about.
var kindWords = map[string]string{chat.Correction: "correction ", chat.Retraction: "taking back ", chat.Reacting: "reaction "}

// told prints how far something of ours came.
func (p *plain) told(m chat.Message) {
	name, _ := p.nameOf(&m)
	state, _ := stateWord(&m)
	if p.states[m.ID] == chat.State(state.String()) {
		return
	}
	p.states[m.ID] = chat.State(state.String())
	if m.State == chat.Delivered || m.State == chat.Displayed || m.State == chat.Failed {
		delete(p.waiting, m.ID)
	} else {
		p.waiting[m.ID] = true
	}
	line := fmt.Sprint(m.Written.Local().Format("15:04"), " to ", name, ": ", kindWords[m.Kind], state)
	if m.State == chat.Failed && m.Reason != "" {
		line += ": " + safetext.Error(m.Reason).String()
	}
	p.print(line)
}

// lastWord runs the commands about the last message.
func (p *plain) lastWord(name, rest string) error {
	to, err := p.addressee()
	if err != nil {
		return err
	}
	page, err := p.api.History(p.ctx, to, 0, pageSize)
	if err != nil {
		return err
	}
	slices.Reverse(page)
	i := slices.IndexFunc(page, func(m chat.Message) bool { return suits(name, &m) })
	if i < 0 {
		return &chat.Error{Code: chat.CodeNoSuch, Text: "there is no message for " + name, Hint: "/help says what it is for"}
	}
	m := &page[i]
	switch name {
	case "/retry":
		_, err = p.api.Retry(p.ctx, to, m.ID)
		return err
	case "/show":
		p.mu.Lock()
		defer p.mu.Unlock()
		p.print("spoiler: ", cmp.Or(m.Hint.String(), "no hint"), ": ", m.Body)
		return nil
	case "/takeback":
		return p.send(to, chat.Writing{Retracts: m.ID})
	case "/react":
		return p.send(to, reacting(m, rest))
	case "/reply":
		return p.send(to, chat.Writing{Text: rest, Reply: m.ID})
	}
	if rest == "" {
		return &chat.Error{Code: chat.CodeUsage, Text: "/edit TEXT: the new text of your last message", Hint: "it was: " + safetext.Line(m.Body.String()).String()}
	}
	return p.send(to, correction(m, rest))
}

// search prints the newest messages that hold some words, the newest last.
func (p *plain) search(words string) error {
	p.mu.Lock()
	q, err := parseQuestion(words).asks(p.peers, p.to)
	p.mu.Unlock()
	switch {
	case err != nil:
		return err
	case q.empty():
		return &chat.Error{Code: chat.CodeUsage, Text: "/search WORDS: what the message says", Hint: "from:NAME what they wrote, in:NAME with them"}
	}
	var found []chat.Message
	for last, more := int64(0), true; more && len(found) == 0; {
		if found, last, more, err = q.answer(p.ctx, p.api, last); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(found) {
		name, word := p.nameOf(&m)
		who := fmt.Sprint("found: ", m.Written.Local().Format("2006-01-02 15:04"), " ", name, ", ", word)
		if m.Direction == chat.Out {
			who = fmt.Sprint("found: ", m.Written.Local().Format("2006-01-02 15:04"), " you to ", name)
		}
		p.print(who, spoken(&m))
	}
	if len(found) == 0 {
		p.print("found: nothing")
	}
	return nil
}
