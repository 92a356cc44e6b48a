package cli

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// The people and the moment of the examples in docs/json.md.
var (
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	me    = pin("3f9c0a71")
	bobs  = pin("7be1d402")
	carol = pin("c4a01b55")
	wrong = pin("b0d9ee10")
)

// pin is a fingerprint that begins with these digits.
func pin(digits string) identity.Pin {
	p, err := identity.ParsePin(strings.Repeat(digits, 8))
	if err != nil {
		panic(err)
	}
	return p
}

var bobRow = chat.Peer{
	Key: bobs.String(), Fingerprint: bobs, Name: safetext.Name("bob"), Nick: safetext.Name("bob"),
	Instance: safetext.Name("bob@nuc"), Trust: chat.Pinned, Presence: chat.Online, Message: safetext.Line("back at two"),
	Encrypts: new(true), Stream: true, Addresses: []string{"10.77.0.2:41873"}, LastSeen: noon,
}

// carolRow is somebody who was added by address.
var carolRow = chat.Peer{
	Key: carol.String(), Fingerprint: carol, Name: safetext.Name("carol"), Instance: safetext.Name("carol@ivy-03nm"),
	Trust: chat.Unknown, Presence: chat.Online, Encrypts: new(true), Stream: true,
	Addresses: []string{"10.80.0.3:5298"}, LastSeen: noon, Waiting: true,
}

// danRow is a mere claim.
var danRow = chat.Peer{
	Key: "~dan@fig-k2x9", Name: safetext.Name("dan"), Nick: safetext.Name("dan"), Instance: safetext.Name("dan@fig-k2x9"),
	Presence: chat.Away, Addresses: []string{"10.77.0.4:5298"}, LastSeen: noon,
}

var toBob = chat.Message{
	ID: "0c5f2a9e6b7d41c38f10a2b4c6d8e0f1", Peer: bobs, Name: safetext.Name("bob"), Direction: chat.Out,
	Body: safetext.Body("lunch?"), State: chat.Delivered, Row: 12, Written: noon,
}

var fromBob = chat.Message{
	ID: "9a4e1b7c3d5f60728e9fa0b1c2d3e4f5", Peer: bobs, Name: safetext.Name("bob"), Direction: chat.In,
	Body: safetext.Body("one\ntwo"), State: chat.Received, Row: 13, Written: noon,
}

var carolAsks = chat.Request{
	Fingerprint: carol, Name: safetext.Name("carol"), Body: safetext.Body("may I?"),
	Bodies: []safetext.Text{safetext.Body("may I?")}, Address: "10.77.0.3:50122",
}

var status = chat.Status{
	Name: safetext.Name("alice@oak-7qpd"), Nick: safetext.Name("alice"), Status: chat.Online,
	Fingerprint: me, Port: 41873, Addresses: []string{"10.77.0.1:41873"},
	Interfaces: []chat.Interface{{Name: "eth0", Addresses: []string{"10.77.0.1/16"}}},
	Visibility: chat.VisibleOpen, Strangers: chat.StrangersAsk, Running: true, Ready: true,
	Discovery: chat.Discovery{MDNS: chat.MDNSAuto, Uses: chat.MDNSAvahi, Most: 840, Domain: "example.org", Entry: safetext.Line("alice@oak-7qpd")},
	Profile:   "/home/alice/.local/share/llchat/default", PostQuantum: true,
	Health: []health.Item{{
		Code: "renamed", Severity: health.Info, Text: "your name was taken on this network: you are now alice-1@oak-7qpd", Since: noon,
	}},
}

// ambiguous is what a name gets that two bear.
var ambiguous = &chat.Error{
	Code: chat.CodeRefused, Text: `"bob" is the name of 2 peers: nothing was done`,
	Hint: "name one by its instance or by 8 hex digits of its fingerprint", Candidates: []chat.Peer{bobRow, danRow},
}

// stub is an engine whose answers a test chooses.
type stub struct {
	rows     []chat.Peer
	status   chat.Status
	events   []chat.Event // what follows a subscription
	sent     chat.Message
	accepted *chat.Peer    // what Accept answers; nil: bob
	err      error         // of Send, Accept, Block and Set
	slow     time.Duration // Send takes this long

	mu    sync.Mutex // guards the following
	texts []string
	since []uint64
}

func (s *stub) Status(context.Context) (chat.Status, error) { return s.status, nil }
func (s *stub) Peers(context.Context) ([]chat.Peer, error)  { return s.rows, nil }
func (s *stub) Requests(context.Context) ([]chat.Request, error) {
	return []chat.Request{carolAsks}, nil
}

func (s *stub) Send(ctx context.Context, who, text string) (chat.Message, error) {
	s.note(who + ": " + text)
	select {
	case <-time.After(s.slow):
	case <-ctx.Done():
		return chat.Message{}, ctx.Err()
	}
	return s.sent, s.err
}

func (s *stub) Accept(context.Context, string) (chat.Peer, error) {
	if s.accepted != nil {
		return *s.accepted, s.err
	}
	return bobRow, s.err
}

func (s *stub) Block(context.Context, string) (chat.Peer, error) {
	p := bobRow
	p.Trust = chat.Blocked
	return p, s.err
}

func (s *stub) Add(_ context.Context, address string) (chat.Peer, error) {
	s.note("add " + address)
	return carolRow, s.err
}

func (s *stub) Set(_ context.Context, key, value string) error {
	s.note(key + "=" + value)
	return s.err
}

func (s *stub) History(context.Context, string, int64, int) ([]chat.Message, error) {
	return []chat.Message{toBob, fromBob}, nil
}
func (s *stub) Focus(context.Context, string) error            { return nil }
func (s *stub) View(context.Context, []string) error           { return nil }
func (s *stub) Avatar(context.Context, string) ([]byte, error) { return smallPNG, s.err }

func (s *stub) Draft(context.Context, string) (chat.Writing, error) {
	return chat.Writing{Text: "half a thou", Reply: toBob.ID}, nil
}
func (s *stub) SetDraft(context.Context, string, chat.Writing) error { return nil }

func (s *stub) Subscribe(_ context.Context, since uint64) (chat.Feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = append(s.since, since)
	f := &stubFeed{events: make(chan chat.Event, len(s.events))}
	for _, e := range s.events {
		f.events <- e
	}
	s.events = nil
	return f, nil
}

func (s *stub) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
}

type stubFeed struct{ events chan chat.Event }

func (f *stubFeed) Next(ctx context.Context) ([]chat.Event, error) {
	select {
	case e := <-f.events:
		return []chat.Event{e}, nil
	default:
	}
	select {
	case e := <-f.events:
		return []chat.Event{e}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (*stubFeed) Close() error { return nil }

// outcome is what a run of llchat left.
type outcome struct {
	code     int
	out, err string
	needs    []need
}

// trial is a run beside a stub in place of an engine.
type trial struct {
	api      *stub
	running  bool // it is a node that was there before
	terminal bool
	stdin    string
}

func (x trial) run(ctx context.Context, args ...string) outcome {
	var out, errs bytes.Buffer
	var o outcome
	a := newApp(Program{Stdin: strings.NewReader(x.stdin), Stdout: &out, Stderr: &errs, Version: "v1.2.3"})
	a.isTTY = func(any) bool { return x.terminal }
	a.connect = func(_ context.Context, what need) (*reached, error) {
		o.needs = append(o.needs, what)
		return &reached{API: x.api, running: x.running, end: func() {}}, nil
	}
	o.code = a.run(ctx, args)
	o.out, o.err = out.String(), errs.String()
	return o
}

func try(t *testing.T, api *stub, args ...string) outcome {
	t.Helper()
	return trial{api: api, running: true}.run(t.Context(), args...)
}
