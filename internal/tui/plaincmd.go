package tui

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// line runs one line of the line mode: a command, or a text for the one who is
// being written to. io.EOF means that the user wants to leave.
func (p *plain) line(line string) error {
	text := strings.TrimRight(line, "\r")
	switch {
	case strings.TrimSpace(text) == "":
		return nil
	case strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//"):
		return p.command(text)
	}
	return p.sayTo(chat.Writing{Text: strings.TrimPrefix(text, "/")})
}

// sayTo writes to the one who is being written to.
func (p *plain) sayTo(w chat.Writing) error {
	to, err := p.addressee()
	if err != nil {
		return err
	}
	return p.send(to, w)
}

func (p *plain) addressee() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.to == "" {
		return "", &chat.Error{Code: chat.CodeUsage, Text: "nobody is being written to", Hint: "/msg NAME chooses somebody, /who lists them"}
	}
	return p.to, nil
}

func (p *plain) command(line string) error {
	name, rest := parse(line)
	cmd, ok := lookup(name)
	if !ok {
		return &chat.Error{Code: chat.CodeUsage, Text: "no command " + safetext.Name(name).String(), Hint: "did you mean " + nearest(name).name.String() + "?"}
	}
	if len(strings.Fields(rest)) < cmd.needs {
		return &chat.Error{Code: chat.CodeUsage, Text: cmd.name.String() + " " + cmd.args.String() + ": " + cmd.help.String()}
	}
	switch name {
	case "/quit":
		return io.EOF
	case "/msg":
		return p.msg(rest)
	case "/accept":
		return p.accept(rest)
	case "/trust":
		return p.trust(rest)
	case "/block":
		return p.judge(rest, p.api.Block)
	case "/info":
		return p.info(rest)
	case "/search":
		return p.search(rest)
	case "/me":
		return p.sayTo(chat.Writing{Text: action + rest})
	case "/spoiler":
		return p.sayTo(spoiler(rest))
	case "/reply", "/edit", "/takeback", "/react", "/retry", "/show":
		return p.lastWord(name, rest)
	case "/add":
		return p.add(rest)
	case "/set":
		key, value, _ := strings.Cut(rest, " ")
		return p.set(key, strings.TrimSpace(value))
	case "/id", "/net":
		return p.about(name)
	case "/log":
		p.mu.Lock()
		defer p.mu.Unlock()
		p.print("log: all that was said stands above; nothing is taken back")
	case "/who":
		p.who(rest)
	case "/help":
		p.help(rest)
	case "/nick":
		return p.set("nick", rest)
	case "/visibility":
		return p.set("visibility", rest)
	case "/status":
		if value, ok := presenceOf(rest); ok {
			return p.set("status", value)
		}
		return p.set("message", rest)
	case "/away", "/dnd", "/back":
		value, _ := presenceOf(name[1:])
		if err := p.set("status", value); err != nil || rest == "" && name != "/back" {
			return err
		}
		return p.api.Set(p.ctx, "message", rest)
	}
	return nil
}

// key is the row that a word means, or an error that lists who it could be.
func (p *plain) key(who string) (string, error) {
	found := p.peers.find(who)
	switch len(found) {
	case 0:
		return who, nil // the engine says what is wrong with it
	case 1:
		return found[0].peer.Key, nil
	}
	var names []string
	for _, e := range found {
		names = append(names, fmt.Sprint(e.label, " ", wordOf(&e.peer)))
	}
	return "", &chat.Error{
		Code: chat.CodeRefused, Text: "more than one is called " + safetext.Name(who).String(),
		Hint: "name the key: " + strings.Join(names, ", "),
	}
}

func (p *plain) msg(rest string) error {
	who, text := person(rest)
	p.mu.Lock()
	key, err := p.key(who)
	e := p.peers.get(key)
	if err == nil && e == nil {
		err = &chat.Error{Code: chat.CodeNoSuch, Text: "nobody here is called " + safetext.Name(who).String(), Hint: "/who lists who is here"}
	}
	if err == nil {
		p.to = key
		if text == "" {
			p.print("now writing to ", e.name, ", ", wordOf(&e.peer))
		}
	}
	p.mu.Unlock()
	if err != nil || text == "" {
		return err
	}
	return p.send(key, chat.Writing{Text: text})
}

// send is not under the lock: to a mere claim it dials first.
func (p *plain) send(key string, w chat.Writing) error {
	if len(w.Text) > maxBody {
		return &chat.Error{Code: chat.CodeUsage, Text: "too long: a message holds 32 KB", Hint: "send it in parts"}
	}
	if err := p.mistakable(key); err != nil {
		return err
	}
	m, err := p.api.Write(p.ctx, key, w)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if to := m.Peer.String(); p.to == key && to != key {
		p.to = to
	}
	if p.states[m.ID] == "" {
		p.message(m)
	}
	return nil
}

// mistakable asks once before the first text to a look-alike goes out.
func (p *plain) mistakable(key string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.peers.get(key)
	if e == nil || e.peer.Namesake.IsZero() || e.peer.Contact() || p.twins[key] {
		return nil
	}
	p.twins[key] = true
	return &chat.Error{
		Code: chat.CodeRefused, Text: "not sent: this only looks like your contact, it is somebody else",
		Hint: "the same line again sends it. /info tells them apart",
	}
}

// about prints the facts of /id and /net.
func (p *plain) about(name string) error {
	s, err := p.api.Status(p.ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == "/id" {
		p.facts("you: ", selfFacts(&s))
		return nil
	}
	p.facts("net: ", netFacts(&s, s.Health, true))
	for _, h := range nobodyHelps {
		p.print("net: try ", h.word, ": ", h.text)
	}
	return nil
}

func (p *plain) facts(before string, facts []fact) {
	for i := range facts {
		p.print(before, facts[i].line())
	}
}

// info prints what is known of somebody.
func (p *plain) info(rest string) error {
	who, _ := person(rest)
	p.mu.Lock()
	key, err := p.to, error(nil)
	if who != "" {
		key, err = p.key(who)
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	pic := pictureOf(p.ctx, p.api, key)
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.peers.get(key)
	if e == nil {
		return &chat.Error{Code: chat.CodeNoSuch, Text: "nobody here is called " + safetext.Name(who).String(), Hint: "/who lists who is here"}
	}
	p.print("info: ", e.name, ", ", wordOf(&e.peer))
	p.facts("info: ", peerFacts(p.peers, e, pic, time.Now()))
	return nil
}

// add looks for somebody at an address, and writes to whoever answers there.
func (p *plain) add(address string) error {
	peer, err := p.api.Add(p.ctx, address)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = peer.Key
	p.print("now writing to ", peer.Name, ", ", wordOf(&peer), ", key ", groups(peer.Fingerprint), ". compare it before you trust it")
	return nil
}

func (p *plain) judge(rest string, call func(ctx context.Context, who string) (chat.Peer, error)) error {
	who, _ := person(rest)
	p.mu.Lock()
	key, err := p.to, error(nil)
	if who != "" {
		key, err = p.key(who)
	} else if asks := p.peers.of(asking); len(asks) == 1 {
		key = asks[0].peer.Key
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	peer, err := call(p.ctx, key)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print("done: ", peer.Name, ", ", wordOf(&peer))
	return nil
}

func (p *plain) set(key, value string) error {
	if err := p.api.Set(p.ctx, key, value); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print("done: ", key, " is ", safetext.Line(value))
	return nil
}

func (p *plain) who(filter string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.peers.matching(filter)
	for _, e := range found {
		line := fmt.Sprint("who: ", e.name, ", ", wordOf(&e.peer), ", ", presenceWord(e.peer.Presence))
		if e.peer.Presence == chat.Offline && !e.peer.LastSeen.IsZero() {
			line += ", last seen " + ink.Seen(0, e.peer.LastSeen, time.Now()).String()
		}
		if !e.label.IsEmpty() {
			line += fmt.Sprint(", key ", e.label)
		}
		if !e.peer.Message.IsEmpty() {
			line += fmt.Sprint(": ", e.peer.Message)
		}
		p.print(line)
	}
	if len(found) == 0 {
		p.print("who: nobody")
	}
}

func (p *plain) help(filter string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	filter = strings.ToLower(filter)
	for _, c := range commands {
		if strings.Contains(c.name.String()+" "+c.help.String(), filter) {
			p.print(strings.TrimSpace(c.name.String()+" "+c.args.String()), ": ", c.help)
		}
	}
	if filter == "" {
		p.print("anything else is a text for the one you write to. a text that starts with / is written with //")
	}
}
