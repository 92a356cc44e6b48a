package tui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// Plain is the line mode: for screen readers, dumb terminals and pipes. It
// only appends lines, one fact each, and never writes an escape character. It
// ends with its input, with /quit or with ctx.
func Plain(ctx context.Context, api chat.API, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &plain{
		ctx: ctx, api: api, out: out, peers: newBook(),
		states: map[string]chat.State{}, waiting: map[string]bool{}, troubles: map[string]string{}, twins: map[string]bool{},
	}
	feed, err := api.Subscribe(ctx, 0)
	if err != nil {
		return fmt.Errorf("line mode: %w", err)
	}
	defer feed.Close()
	if err := p.greet(); err != nil {
		return fmt.Errorf("line mode: %w", err)
	}
	lines := make(chan string)
	go readLines(ctx, in, lines)

	var wg sync.WaitGroup
	wg.Go(func() { p.follow(feed) })
	err = p.loop(lines)
	cancel()
	wg.Wait()
	return err
}

// plain is the state of the line mode. mu guards all that follows it: lines of
// the user and events of the engine come from two goroutines.
type plain struct {
	ctx context.Context
	api chat.API

	mu      sync.Mutex
	out     io.Writer
	failed  error // of out
	peers   *book
	to      string // Peer.Key of the one who is written to
	states  map[string]chat.State
	texts   texts
	waiting map[string]bool // our messages without a receipt, while input ended

	troubles map[string]string // what is wrong, by code: said once, and when it is over
	twins    map[string]bool   // look-alikes that were asked about
}

// plainMaxLine bounds a line of input: the most a message may hold, and its
// command.
const plainMaxLine = maxBody + 4<<10

func readLines(ctx context.Context, in io.Reader, lines chan<- string) {
	defer close(lines)
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, plainMaxLine)
	for sc.Scan() {
		select {
		case lines <- sc.Text():
		case <-ctx.Done():
			return
		}
	}
}

// print writes one line. Only cleaned text and our own words come here, and a
// word of ours or a time comes first: a name or a text that reads like an
// alarm must not stand where alarms stand (security.md 10.5).
func (p *plain) print(parts ...any) {
	if p.failed == nil {
		_, p.failed = fmt.Fprintln(p.out, oneRow(fmt.Sprint(parts...)))
	}
}

// oneRow keeps a fact on one line; rows of a longer text are set in, so that
// none of them looks like a line of ours.
func oneRow(s string) string { return strings.ReplaceAll(s, "\n", "\n    ") }

func (p *plain) greet() error {
	s, err := p.api.Status(p.ctx)
	if err != nil {
		return err
	}
	peers, err := p.api.Peers(p.ctx)
	if err != nil {
		return err
	}
	requests, err := p.api.Requests(p.ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peers.replace(peers, requests, nil)
	name := s.Name
	if name.IsEmpty() {
		name = s.Nick
	}
	if name.IsEmpty() {
		p.print("you have no name yet: /nick NAME chooses one. your key is ", groups(s.Fingerprint), ".")
	} else {
		p.print("you are ", name, ", key ", groups(s.Fingerprint), ".")
	}
	for _, i := range s.Interfaces {
		p.print("network ", safetext.Line(i.Name), ".")
	}
	here := p.peers.count[near] + p.peers.count[strangers] + p.peers.count[asking]
	p.print(here, " near. type /help")
	for _, e := range p.peers.of(asking) {
		p.asks(e)
	}
	for _, it := range s.Health {
		p.trouble(chat.HealthNotice{Item: it})
	}
	if here == 0 {
		p.print("nobody here yet. /net says how the network is, llchat doctor in another terminal finds the cause")
	}
	return p.failed
}

func groups(pin identity.Pin) string {
	if pin.IsZero() {
		return "none yet"
	}
	return strings.Join(pin.Groups(), " ")
}

// follow prints what happens, also after the node ended and another one is
// there: what was stored meanwhile comes then.
func (p *plain) follow(feed chat.Feed) {
	var since uint64
	for feed != nil {
		events, err := feed.Next(p.ctx)
		if err != nil {
			_ = feed.Close()
			feed = p.again(since, err)
			continue
		}
		p.mu.Lock()
		for _, ev := range events {
			since = max(since, ev.Seq)
			p.event(ev)
		}
		p.mu.Unlock()
	}
}

// again waits for another feed; nil when there is none before the end.
func (p *plain) again(since uint64, why error) chat.Feed {
	if p.ctx.Err() != nil {
		return nil
	}
	p.mu.Lock()
	text, _ := explain(why)
	p.print("error: ", text, ". who is here is not known until it runs again")
	p.peers.lose()
	p.mu.Unlock()
	for {
		pause := time.NewTimer(feedRetry)
		select {
		case <-p.ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
		feed, err := p.api.Subscribe(p.ctx, since)
		if err != nil {
			continue
		}
		p.mu.Lock()
		p.print("the node runs again")
		p.mu.Unlock()
		p.whoIsHere()
		return feed
	}
}

// whoIsHere takes the people anew, as news.
func (p *plain) whoIsHere() {
	rows, err := p.api.Peers(p.ctx)
	if err != nil {
		return // the next event tells
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, row := range rows {
		p.peer(row)
	}
}

func (p *plain) event(ev chat.Event) {
	switch b := ev.Body.(type) {
	case chat.Peer:
		p.peer(b)
	case chat.Message:
		p.message(b)
	case chat.Request:
		if e := p.peers.ask(b); e != nil && !b.Gone {
			p.asks(e)
		}
	case chat.ConflictNotice:
		p.print("ALARM another key claims the name ", b.OfName, ": key ", groups(b.Fingerprint),
			". nothing is sent to it. ask that person in another way. another person: /accept ", b.Fingerprint.Label(),
			" as NAME. a new key of your contact: /trust ", b.Fingerprint.Label(), " and the contact's name. neither: /block ", b.Fingerprint.Label())
	case chat.HealthNotice:
		p.trouble(b)
	case chat.Resync:
		p.print("note: some events were missed; /who shows who is here now")
	}
}

// trouble says what is wrong, with what to do, and that it is over.
func (p *plain) trouble(h chat.HealthNotice) {
	old := p.troubles[h.Code]
	text := safetext.Line(h.Text).String()
	switch {
	case h.Gone && old != "":
		p.print("over: ", old)
		delete(p.troubles, h.Code)
		return
	case h.Gone || old == text:
		return
	}
	p.troubles[h.Code] = text
	if hint := safetext.Line(h.Hint); !hint.IsEmpty() {
		text += ". " + hint.String()
	}
	p.print(severityWord(h.Severity), text)
}

func severityWord(s health.Severity) string {
	switch s {
	case health.Error:
		return "problem: "
	case health.Warning:
		return "warning: "
	}
	return "note: "
}

// peer prints the changes that matter to somebody who listens.
func (p *plain) peer(news chat.Peer) {
	var was section = hidden
	var trust chat.Trust
	if old := p.peers.get(news.Key); old != nil {
		was, trust = old.section, old.peer.Trust
		if news.Gone && was != hidden && was != quiet {
			p.print("gone: ", old.name, ", ", wordOf(&old.peer))
		}
	}
	e := p.peers.put(news)
	if e == nil {
		return
	}
	here := func(s section) bool { return s == near || s == strangers || s == asking }
	switch {
	case e.peer.Trust != trust && trust != "":
		p.print("now ", wordOf(&e.peer), ": ", e.name)
	case here(e.section) && !here(was):
		p.print("here: ", e.name, ", ", wordOf(&e.peer))
	case !here(e.section) && here(was):
		p.print("gone: ", e.name, ", ", wordOf(&e.peer))
	}
}

func wordOf(p *chat.Peer) string { return standingOf(p).short.String() }

func (p *plain) asks(e *entry) {
	p.print("request: ", e.name, ", new key ", e.label, ", wants to write to you. /accept ", e.label, " or /block ", e.label)
	if e.request != nil {
		for _, t := range requestBodies(e.request) {
			p.print("  ", e.name, " wrote: ", t)
		}
	}
}

// loop runs the lines of the user.
func (p *plain) loop(lines <-chan string) error {
	for {
		select {
		case <-p.ctx.Done():
			return nil
		case line, ok := <-lines:
			if !ok {
				p.settle()
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.failed
			}
			if err := p.line(line); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				p.mu.Lock()
				text, hint := explain(err)
				p.print("error: ", text)
				if !hint.IsEmpty() {
					p.print("hint: ", hint)
				}
				p.mu.Unlock()
			}
		}
	}
}

// settleFor is how long the line mode waits for receipts when its input ended.
const settleFor = 3 * time.Second

// settle lets what was just sent arrive, for a script that ends right away.
func (p *plain) settle() {
	end := time.NewTimer(settleFor)
	defer end.Stop()
	look := time.NewTicker(settleFor / 60)
	defer look.Stop()
	for {
		p.mu.Lock()
		n := len(p.waiting)
		p.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-end.C:
			return
		case <-p.ctx.Done():
			return
		case <-look.C:
		}
	}
}
