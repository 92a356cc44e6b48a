package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// outbox is what nodes of one profile have on their disk.
type outbox struct {
	mu     sync.Mutex // guards the following
	stored map[string]chat.Message
	stores int // how often something was stored
}

// fate is what becomes of a node that is given a message.
type fate int

const (
	lives  fate = iota
	deaf        // it dies before anything can be given to it
	before      // before the message is on the disk
	after       // after that, and before it says so
)

// mortal is a node with a fate.
type mortal struct {
	stub
	disk *outbox
	fate fate
}

func (m *mortal) Subscribe(ctx context.Context, since uint64) (chat.Feed, error) {
	if m.fate == deaf {
		return nil, chat.ErrEnded
	}
	return m.stub.Subscribe(ctx, since)
}

func (m *mortal) Write(_ context.Context, _ string, w chat.Writing) (chat.Message, error) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if m.fate == before {
		return chat.Message{}, chat.ErrEnded
	}
	sent, ok := m.disk.stored[w.ID]
	if !ok {
		sent = toBob
		sent.ID, sent.Body, sent.State = w.ID, safetext.Body(w.Text), chat.Queued
		sent.Reason = chat.ReasonNotHere
		m.disk.stored[w.ID] = sent
		m.disk.stores++
	}
	if m.fate == after {
		return chat.Message{}, chat.ErrEnded
	}
	return sent, nil
}

// A node that dies while it has a message makes send neither fail nor send
// twice: the next node is asked, which knows what is on the disk. Where there is
// none, send says what is known, and how to ask again.
func TestSendSurvivesItsNode(t *testing.T) {
	none := errors.New("no node can be made")
	for _, c := range []struct {
		name   string
		nodes  []fate
		code   int
		stores int
		says   string
	}{
		{"before it was stored", []fate{before, lives}, 3, 1, "the message is kept"},
		{"after it was stored", []fate{after, lives}, 3, 1, "the message is kept"},
		{"three times", []fate{after, before, after, lives}, 3, 1, "the message is kept"},
		{"before it was given", []fate{deaf, lives}, 3, 1, "the message is kept"},
		{"again and again", []fate{after, after, after, after}, 1, 1, "before it said whether the message is kept"},
		{"and no other", []fate{after}, 1, 1, "before it said whether the message is kept"},
		{"before it was given, and no other", []fate{deaf}, 1, 0, "it is not kept"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box, next := &outbox{stored: map[string]chat.Message{}}, 0
				var out, errs bytes.Buffer
				a := newApp(Program{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
				a.connect = func(context.Context, need) (*reached, error) {
					if next == len(c.nodes) {
						return nil, none
					}
					n := &mortal{disk: box, fate: c.nodes[next]}
					next++
					return &reached{API: n, running: true, end: func() {}}, nil
				}
				if code := a.run(t.Context(), []string{"send", "bob", "lunch?"}); code != c.code || box.stores != c.stores || next != len(c.nodes) {
					t.Errorf("code %d, stored %d times, %d nodes; want %d, %d, %d", code, box.stores, next, c.code, c.stores, len(c.nodes))
				}
				got := errs.String()
				if !strings.Contains(got, c.says) || strings.Contains(got, "unix") || strings.Contains(got, "pipe") {
					t.Errorf("it says %s, want %q", got, c.says)
				}
				for id := range box.stored {
					if c.code == 1 && !strings.Contains(got, "--id "+id) {
						t.Errorf("it does not name the id: %s", got)
					}
				}
			})
		})
	}
}

// kept is a node that stores a message and then hangs.
type kept struct {
	stub
	id string
}

func (k *kept) Write(ctx context.Context, _ string, w chat.Writing) (chat.Message, error) {
	k.id = w.ID
	<-ctx.Done()
	return chat.Message{}, ctx.Err()
}

func (k *kept) Message(context.Context, string, string) (chat.Message, error) {
	m := as(chat.Sent, "")
	m.ID = k.id
	return m, nil
}

// What is on the disk after all when the time is over counts as kept: a script
// that sent it again would double it.
func TestSendTooLateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs bytes.Buffer
		a := newApp(Program{Stdout: &bytes.Buffer{}, Stderr: &errs})
		a.connect = func(context.Context, need) (*reached, error) {
			return &reached{API: &kept{}, running: true, end: func() {}}, nil
		}
		began := time.Now()
		if code := a.run(t.Context(), []string{"send", "bob", "x", "--timeout", "2s"}); code != chat.CodeNotYet || time.Since(began) != 2*time.Second {
			t.Errorf("code %d after %v: %s", code, time.Since(began), errs.String())
		}
	})
}

// hanging is a node that hangs, and says of a message what it is told to.
type hanging struct {
	stub
	says error
}

func (h *hanging) Write(ctx context.Context, _ string, _ chat.Writing) (chat.Message, error) {
	<-ctx.Done()
	return chat.Message{}, ctx.Err()
}

func (h *hanging) Retry(ctx context.Context, _, _ string) (chat.Message, error) {
	return h.Write(ctx, "", chat.Writing{})
}

func (h *hanging) Message(context.Context, string, string) (chat.Message, error) {
	return chat.Message{}, h.says
}

// That nothing was sent is said where the node knows it, and nowhere else: a
// reaction, a correction and what is sent anew are not found by their id.
func TestSendTooLateSaysWhatIsKnown(t *testing.T) {
	gone := &chat.Error{Code: chat.CodeNoSuch, Text: "there is no such message"}
	for name, c := range map[string]struct {
		args string
		says error
		want string
	}{
		"it is not there":  {"send bob x", gone, "nothing was sent"},
		"no answer either": {"send bob x", context.DeadlineExceeded, "not known"},
		"a correction":     {"send bob x --replace " + toBob.ID, gone, "not known"},
		"a reaction":       {"react bob " + toBob.ID + " 👍", gone, "not known"},
		"sent anew":        {"retry bob " + toBob.ID, gone, "not known"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var errs bytes.Buffer
				a := newApp(Program{Stdout: &bytes.Buffer{}, Stderr: &errs})
				a.connect = func(context.Context, need) (*reached, error) {
					return &reached{API: &hanging{says: c.says}, running: true, end: func() {}}, nil
				}
				code := a.run(t.Context(), strings.Fields(c.args+" --timeout 2s"))
				if got := errs.String(); code != chat.CodeError || !strings.Contains(got, c.want) {
					t.Errorf("code %d: %s; want %q", code, got, c.want)
				}
			})
		})
	}
}

// An id of one's own goes to the node as it is.
func TestSendID(t *testing.T) {
	api := &stub{sent: toBob, events: []chat.Event{{Body: toBob}}}
	if o := try(t, api, "send", "bob", "x", "--id", toBob.ID); o.code != 0 {
		t.Errorf("%+v", o)
	}
	if o := try(t, &stub{}, "send", "bob", "x", "--id", "short"); o.code != chat.CodeUsage || len(o.needs) > 0 {
		t.Errorf("a bad id: %+v", o)
	}
}
