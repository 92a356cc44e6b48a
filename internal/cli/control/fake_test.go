package control

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// fake is a node whose answers the test chooses.
type fake struct {
	mu     sync.Mutex // guards the following
	calls  []string
	feeds  []*fakeFeed
	events []chat.Event // what a new subscription starts with
	since  uint64

	block chan struct{} // Send waits for it, when set
}

func (f *fake) note(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, s)
}

func (f *fake) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// last is the newest call.
func (f *fake) last() string {
	calls := f.seen()
	if len(calls) == 0 {
		return ""
	}
	return calls[len(calls)-1]
}

func (f *fake) Status(context.Context) (chat.Status, error) {
	return chat.Status{Nick: safetext.Name("bob"), Running: true, Port: 41873}, nil
}

func (f *fake) Peers(context.Context) ([]chat.Peer, error) {
	return []chat.Peer{{Key: "~bob@nuc", Instance: safetext.Name("bob@nuc"), Presence: chat.Online}}, nil
}

func (f *fake) Requests(context.Context) ([]chat.Request, error) {
	return []chat.Request{{Fingerprint: identity.Pin{1}, Body: safetext.Body("may I?")}}, nil
}

func (f *fake) Send(ctx context.Context, who, text string) (chat.Message, error) {
	f.note("send " + who + " " + text)
	if f.block != nil {
		select {
		case <-f.block:
		case <-ctx.Done():
			f.note("send cancelled")
			return chat.Message{}, ctx.Err()
		}
	}
	return chat.Message{ID: "1", Body: safetext.Body(text), State: chat.Queued}, nil
}

func (f *fake) Accept(_ context.Context, who string) (chat.Peer, error) {
	return chat.Peer{}, &chat.Error{
		Code: chat.CodeRefused, Text: who + " is the name of 2 peers", Hint: "name one",
		Candidates: []chat.Peer{{Key: "a"}, {Key: "b"}},
	}
}

func (f *fake) Block(_ context.Context, who string) (chat.Peer, error) {
	return chat.Peer{Key: who, Trust: chat.Blocked}, nil
}

func (f *fake) Add(_ context.Context, address string) (chat.Peer, error) {
	f.note("add " + address)
	return chat.Peer{Key: "c", Addresses: []string{address}}, nil
}

func (f *fake) Set(_ context.Context, key, value string) error {
	f.note("set " + key + " " + value)
	return nil
}

func (f *fake) History(_ context.Context, who string, before int64, n int) ([]chat.Message, error) {
	return []chat.Message{{ID: who, Row: before, State: chat.State(time.Duration(n).String())}}, nil
}

func (f *fake) Draft(_ context.Context, key string) (chat.Writing, error) {
	return chat.Writing{Text: "draft of " + key, Reply: "7"}, nil
}

func (f *fake) Avatar(_ context.Context, who string) ([]byte, error) {
	return []byte("picture of " + who), nil
}

func (f *fake) SetDraft(_ context.Context, key string, w chat.Writing) error {
	f.note("draft " + key + " " + w.Text + " " + w.Reply)
	return nil
}

func (f *fake) Focus(_ context.Context, key string) error {
	f.note("focus " + key)
	return nil
}

func (f *fake) View(_ context.Context, keys []string) error {
	f.note("view " + strings.Join(keys, " "))
	return nil
}

func (f *fake) Subscribe(_ context.Context, since uint64) (chat.Feed, error) {
	feed := &fakeFeed{events: make(chan []chat.Event, 64), closed: make(chan struct{})}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = since
	f.feeds = append(f.feeds, feed)
	if f.events != nil {
		feed.events <- f.events
	}
	return feed, nil
}

func (f *fake) feed(t *testing.T, i int) *fakeFeed {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.feeds[i]
}

type fakeFeed struct {
	events chan []chat.Event
	closed chan struct{}
	once   sync.Once
}

func (f *fakeFeed) Next(ctx context.Context) ([]chat.Event, error) {
	select {
	case e := <-f.events:
		return e, nil
	case <-f.closed:
		return nil, context.Canceled
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *fakeFeed) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}
