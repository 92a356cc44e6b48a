package tui

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// fake is an engine without a network. What the tests look at is guarded by mu.
type fake struct {
	mu       sync.Mutex
	status   chat.Status
	peers    []chat.Peer
	requests []chat.Request
	lines    map[string][]chat.Message
	drafts   map[string]chat.Writing
	pictures map[string][]byte
	looked   []string   // what Focus was told
	viewed   [][]string // what View was told
	calls    []string
	typed    []string // what Typing was told
	sendErr  error
	block    chan struct{} // Send waits for it, when not nil
	row      int64
	seq      uint64
	feeds    []*fakeFeed
	echo     bool
	at       time.Time
}

type fakeFeed struct {
	ch chan []chat.Event
}

func newFake() *fake {
	return &fake{
		lines: map[string][]chat.Message{}, drafts: map[string]chat.Writing{}, at: noon,
		status: chat.Status{
			Name: safetext.Name("anna@zbox"), Nick: safetext.Name("anna"), Status: chat.Online, Fingerprint: pinOf("anna"),
			Ready: true, Running: true, Strangers: "ask", Visibility: "open", Addresses: []string{"10.23.4.9:41873"}, PostQuantum: true,
			Interfaces: []chat.Interface{{Name: "wlan0", Addresses: []string{"10.23.4.9", "fe80::1c2d%wlan0"}}},
		},
	}
}

var noon = time.Date(2026, 11, 23, 9, 47, 0, 0, time.UTC)

func pinOf(name string) identity.Pin { return sha256.Sum256([]byte(name)) }

// peerOf makes a roster row.
func peerOf(name string, trust chat.Trust, presence chat.Presence) chat.Peer {
	p := chat.Peer{
		Key: "~" + name + "@" + name + "-pc", Name: safetext.Name(name), Nick: safetext.Name(name),
		Instance: safetext.Name(name + "@" + name + "-pc"), Trust: trust, Presence: presence, LastSeen: noon.Add(-2 * time.Hour),
	}
	if trust != "" {
		p.Fingerprint = pinOf(name)
		p.Key = p.Fingerprint.String()
		p.Encrypts = new(true)
	}
	return p
}

func (f *fake) call(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fake) Status(context.Context) (chat.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status, nil
}

func (f *fake) Peers(context.Context) ([]chat.Peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.peers), nil
}

func (f *fake) Requests(context.Context) ([]chat.Request, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests), nil
}

func (f *fake) find(who string) *chat.Peer {
	for i := range f.peers {
		if p := &f.peers[i]; p.Key == who || p.Name.String() == who {
			return p
		}
	}
	return nil
}

func (f *fake) Send(ctx context.Context, who, text string) (chat.Message, error) {
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			return chat.Message{}, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("send %s %s", who, text)
	if f.sendErr != nil {
		return chat.Message{}, f.sendErr
	}
	p := f.find(who)
	if p == nil {
		return chat.Message{}, &chat.Error{Code: chat.CodeNoSuch, Text: "no such peer", Hint: "see who is here"}
	}
	if p.Trust == "" || p.Trust == chat.Unknown {
		p.Trust, p.Fingerprint = chat.Pinned, pinOf(p.Name.String())
		old := *p
		p.Key = p.Fingerprint.String()
		old.Gone = true
		f.emit(*p)
		if old.Key != p.Key {
			f.emit(old)
		}
	}
	m := f.message(p.Name.String(), chat.Out, text, chat.Queued)
	f.emit(m)
	if f.echo {
		m.State = chat.Delivered
		f.keep(m)
		f.emit(m, f.message(p.Name.String(), chat.In, text, chat.Received))
	}
	return m, nil
}

// message makes the next message of a conversation and keeps it.
func (f *fake) message(peer string, dir chat.Direction, text string, state chat.State) chat.Message {
	f.row++
	f.at = f.at.Add(time.Second)
	id := sha256.Sum256(fmt.Append(nil, f.row))
	m := chat.Message{
		ID: hex.EncodeToString(id[:16]), Peer: pinOf(peer), Name: safetext.Name(peer), Direction: dir,
		Body: safetext.Body(text), State: state, Row: f.row, Written: f.at,
	}
	f.keep(m)
	return m
}

func (f *fake) keep(m chat.Message) {
	key := m.Peer.String()
	for i := range f.lines[key] {
		if f.lines[key][i].ID == m.ID {
			f.lines[key][i] = m
			return
		}
	}
	f.lines[key] = append(f.lines[key], m)
}

func (f *fake) Accept(_ context.Context, who string) (chat.Peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("accept %s", who)
	p := f.find(who)
	if p == nil {
		return chat.Peer{}, &chat.Error{Code: chat.CodeNoSuch, Text: "no request of that name", Hint: "see who asks"}
	}
	p.Trust, p.Asks = chat.Pinned, false
	f.emit(*p)
	for _, r := range f.requests {
		if r.Fingerprint == p.Fingerprint {
			r.Gone = true
			f.emit(r)
			for _, b := range r.Bodies {
				f.emit(f.message(p.Name.String(), chat.In, b.String(), chat.Received))
			}
		}
	}
	f.requests = slices.DeleteFunc(f.requests, func(r chat.Request) bool { return r.Fingerprint == p.Fingerprint })
	return *p, nil
}

func (f *fake) Block(_ context.Context, who string) (chat.Peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("block %s", who)
	p := f.find(who)
	if p == nil {
		return chat.Peer{}, &chat.Error{Code: chat.CodeNoSuch, Text: "no such peer", Hint: "see who is here"}
	}
	p.Trust, p.Asks = chat.Blocked, false
	f.emit(*p)
	return *p, nil
}

func (f *fake) Set(_ context.Context, key, value string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("set %s %s", key, value)
	switch key {
	case "nick":
		f.status.Nick, f.status.Name, f.status.Fresh = safetext.Name(value), safetext.Name(value+"@zbox"), false
	case "strangers":
		f.status.Strangers = value
	case "status":
		f.status.Status = chat.Presence(cmp.Or(map[string]string{"avail": "online"}[value], value))
	}
	return nil
}

func (f *fake) History(_ context.Context, who string, before int64, n int) ([]chat.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.lines[who]
	if before != 0 {
		i, _ := slices.BinarySearchFunc(all, before, func(m chat.Message, row int64) int { return cmp.Compare(m.Row, row) })
		all = all[:i]
	}
	return slices.Clone(all[max(0, len(all)-n):]), nil
}

func (f *fake) Draft(_ context.Context, key string) (chat.Writing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.drafts[key], nil
}

func (f *fake) Avatar(_ context.Context, who string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pictures[who] == nil {
		return nil, &chat.Error{Code: chat.CodeNoSuch, Text: "there is no picture"}
	}
	return f.pictures[who], nil
}

func (f *fake) SetDraft(_ context.Context, key string, w chat.Writing) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drafts[key] = w
	return nil
}

func (f *fake) Focus(_ context.Context, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = append(f.looked, key)
	return nil
}

func (f *fake) View(_ context.Context, keys []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.viewed = append(f.viewed, slices.Clone(keys))
	return nil
}

func (f *fake) Add(_ context.Context, address string) (chat.Peer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("add %s", address)
	if f.sendErr != nil {
		return chat.Peer{}, f.sendErr
	}
	p := peerOf("nora", chat.Unknown, chat.Online)
	p.Addresses = []string{address}
	f.peers = append(f.peers, p)
	f.emit(p)
	return p, nil
}

func (f *fake) Subscribe(context.Context, uint64) (chat.Feed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	feed := &fakeFeed{ch: make(chan []chat.Event, 1024)}
	f.feeds = append(f.feeds, feed)
	return feed, nil
}

// emit gives events to all subscribers; f.mu is held.
func (f *fake) emit(bodies ...any) {
	for _, b := range bodies {
		f.seq++
		for _, feed := range f.feeds {
			feed.ch <- []chat.Event{{Seq: f.seq, Time: f.at, Body: b}}
		}
	}
}

func (f *fakeFeed) Next(ctx context.Context) ([]chat.Event, error) {
	select {
	case evs := <-f.ch:
		for {
			select {
			case more := <-f.ch:
				evs = append(evs, more...)
			default:
				return evs, nil
			}
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fakeFeed) Close() error { return nil }

// TestMain is also a window with invented people, to be looked at:
// LLCHAT_TUIDEMO=1 with a binary of "go test -c".
func TestMain(m *testing.M) {
	if os.Getenv("LLCHAT_TUIDEMO") == "" {
		time.Local = time.UTC
		os.Exit(m.Run())
	}
	f := meetingAt(time.Now())
	f.echo = true
	f.status.Fresh = os.Getenv("LLCHAT_TUIDEMO") == "fresh"
	switch os.Getenv("LLCHAT_TUIDEMO") {
	case "forms":
		formsOf(f)
	case "nobody":
		empty(f)
	case "trouble": // nobody, and why
		empty(f)
		f.status.Health = troubles[:2]
	case "mallory": // somebody who looks like bob, and what is wrong
		claim := peerOf("bоb", "", chat.Online)
		claim.Namesake = pinOf("bob")
		f.peers = append(f.peers, claim)
		f.status.Health = troubles[:2]
	}
	if err := Run(context.Background(), f, Options{Plain: os.Getenv("LLCHAT_TUIDEMO") == "plain"}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// meeting is the cast of the mock-ups.
func meeting() *fake { return meetingAt(noon) }

func meetingAt(now time.Time) *fake {
	f := newFake()
	f.at = now.Add(-40 * time.Hour)
	grace := peerOf("grace", chat.Verified, chat.Offline)
	fake := peerOf("grace", chat.Conflict, chat.Online)
	fake.Fingerprint = pinOf("mallory")
	fake.Key, fake.Of = fake.Fingerprint.String(), grace.Fingerprint
	pidgin := peerOf("zoltan", "", chat.Online)
	pidgin.Encrypts, pidgin.Note = new(false), safetext.Line("speaks XEP-0174 without STARTTLS")
	wei := peerOf("wei", chat.Unknown, chat.Online)
	wei.Asks = true
	bob := peerOf("bob", chat.Verified, chat.Online)
	bob.Stream, bob.Message = true, safetext.Line("hall 2, table 7")
	ivo := peerOf("ivo", chat.Pinned, chat.Away)
	judy := peerOf("judy", chat.Pinned, chat.Offline)
	dmitri := peerOf("dmitri", chat.Pinned, chat.Online)
	dmitri.Waiting = true
	f.peers = []chat.Peer{
		bob, peerOf("chloe", chat.Verified, chat.Online), dmitri, peerOf("Füsun 漢", chat.Pinned, chat.Online),
		wei, grace, fake, ivo, peerOf("heidi", chat.Verified, chat.Offline), judy, pidgin, peerOf("kai", "", chat.Online),
	}
	f.requests = []chat.Request{{
		Fingerprint: wei.Fingerprint, Name: wei.Name, Address: "10.23.4.71",
		Bodies: []safetext.Text{safetext.Body("hello 大家好, first time here"), safetext.Body("may I join your table?")},
	}}
	f.message("bob", chat.In, "are you coming to the meeting?", chat.Received)
	f.message("bob", chat.Out, "yes, with the train at nine", chat.Displayed)
	f.at = now.Add(-time.Hour)
	f.message("bob", chat.In, "morning! the beamer in hall 2 is free until ten\nif we want it we should say so now", chat.Received)
	f.at = f.at.Add(time.Minute)
	f.message("bob", chat.Out, "take it. I bring the logic analyser 🦊", chat.Delivered)
	f.at = f.at.Add(18 * time.Minute)
	f.message("bob", chat.In, "found the datasheet. page 14 has the timing diagram, and what do we answer the people asking in the hall about the third trace? 漢字 labels, I only see boxes", chat.Received)
	f.message("bob", chat.Out, "reading it now", chat.Delivered)
	f.message("bob", chat.Out, "sent you the trace", chat.Sent)
	m := f.message("bob", chat.Out, "and the other one", chat.Queued)
	m.Reason = chat.ReasonNotHere
	f.keep(m)
	m = f.message("bob", chat.Out, "this one was too much", chat.Failed)
	m.Reason = "the outbox is full"
	f.keep(m)
	f.message("dmitri", chat.In, "here are the photos", chat.Received)
	return f
}
