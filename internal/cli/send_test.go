package cli

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
)

// as is the message in another state.
func as(state chat.State, reason string) chat.Message {
	m := toBob
	m.State, m.Reason = state, reason
	return m
}

// The exit code tells how far a message came, and when that is known
// (cli.md, send).
func TestSend(t *testing.T) {
	event := func(m chat.Message) chat.Event { return chat.Event{Seq: 7, Time: noon, Body: m} }
	other := toBob
	other.ID = "ffffffffffffffffffffffffffffffff"
	for _, c := range []struct {
		name   string
		api    *stub
		code   int
		took   time.Duration
		stderr string
	}{
		{"delivered", &stub{events: []chat.Event{event(as(chat.Sent, "")), event(toBob)}}, 0, 0, ""},
		{"displayed", &stub{events: []chat.Event{event(as(chat.Displayed, ""))}}, 0, 0, ""},
		{"somebody else's receipt", &stub{events: []chat.Event{event(other)}}, 3, 10 * time.Second, "no-receipt"},
		{"waiting for acceptance", &stub{events: []chat.Event{event(as(chat.Sent, chat.ReasonWaiting))}}, 3, 0, "waiting for acceptance"},
		{"not here", &stub{events: []chat.Event{event(as(chat.Queued, chat.ReasonNotHere))}}, 3, 10 * time.Second, "(not-here)"},
		{"no receipt", &stub{events: []chat.Event{event(as(chat.Sent, ""))}}, 3, 10 * time.Second, "(no-receipt)"},
		{"failed", &stub{events: []chat.Event{event(as(chat.Failed, "blocked"))}}, 4, 0, "not sent: blocked"},
		{"refused", &stub{err: ambiguous}, 4, 0, "is the name of 2 peers"},
		{"no such peer", &stub{err: &chat.Error{Code: chat.CodeNoSuch, Text: "there is no peer"}}, 5, 0, "there is no peer"},
		{"a dial that hangs", &stub{slow: time.Hour}, 1, 10 * time.Second, "nothing was sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				c.api.sent = as(chat.Queued, "")
				o := try(t, c.api, "send", "bob", "lunch?")
				if took := time.Since(began); o.code != c.code || took != c.took {
					t.Errorf("code %d after %v, want %d after %v: %s", o.code, took, c.code, c.took, o.err)
				}
				if o.out != "" || !strings.Contains(o.err, c.stderr) || c.stderr == "" && o.err != "" {
					t.Errorf("stdout %q, stderr %q; want %q", o.out, o.err, c.stderr)
				}
			})
		})
	}
}

// With --json the final event is on stdout, with seq and time and reason,
// also when the exit code is 3.
func TestSendJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &stub{sent: as(chat.Queued, ""), events: []chat.Event{{Seq: 7, Time: noon, Body: as(chat.Sent, "")}}}
		o := try(t, api, "send", "bob", "x", "--json", "--timeout", "2s")
		if o.code != 3 || !strings.HasPrefix(o.out, `{"type":"message","seq":7,"time":"2026-01-02T12:00:00.000Z",`) ||
			!strings.Contains(o.out, `"reason":"no-receipt"`) || strings.Count(o.out, "\n") != 1 {
			t.Errorf("%+v", o)
		}
	})
}

// The text: words, or standard input; never cut.
func TestSendText(t *testing.T) {
	for _, c := range []struct{ name, args, stdin, want string }{
		{"one word", "lunch?", "", "bob: lunch?"},
		{"words", "lunch at one", "", "bob: lunch at one"},
		{"stdin", "-", "one\ntwo\r\n\n", "bob: one\ntwo"},
		{"a dash among words", "- x", "unread", "bob: - x"},
		{"flags after --", "-- --json -x", "", "bob: --json -x"},
		{"long", "-", strings.Repeat("x", 32<<10), "bob: " + strings.Repeat("x", 32<<10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := &stub{sent: toBob, events: []chat.Event{{Body: toBob}}}
			x := trial{api: api, running: true, stdin: c.stdin}
			if o := x.run(t.Context(), append([]string{"send", "bob"}, strings.Fields(c.args)...)...); o.code != 0 {
				t.Fatalf("%+v", o)
			}
			if len(api.texts) != 1 || api.texts[0] != c.want {
				t.Errorf("sent %.80q, want %.80q", api.texts, c.want)
			}
		})
	}
}

// Silent while waiting, but for one line after 1 s, and only on a terminal.
func TestPatience(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		args     string
		want     int
	}{
		{"a terminal", true, "--timeout 9s", 1},
		{"a terminal, quickly over", true, "--timeout 900ms", 0},
		{"a pipe", false, "--timeout 9s", 0},
		{"JSON", true, "--timeout 9s --json", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := trial{api: &stub{sent: as(chat.Queued, "")}, running: true, terminal: c.terminal}
				o := x.run(t.Context(), append([]string{"send", "bob", "x"}, strings.Fields(c.args)...)...)
				if n := strings.Count(o.err, "llchat: waiting for bob ...\n"); n != c.want {
					t.Errorf("%d such lines, want %d: %s", n, c.want, o.err)
				}
			})
		})
	}
}

// A node that has just started looks around before it believes a name; a
// contact needs no look, and a name that is nobody's is waited for.
func TestSendWithoutNode(t *testing.T) {
	nobody := &chat.Error{Code: chat.CodeNoSuch, Text: "there is no peer"}
	for _, c := range []struct {
		name  string
		api   *stub
		who   string
		code  int
		took  time.Duration
		tries int
	}{
		{"a contact", &stub{rows: []chat.Peer{bobRow}, events: []chat.Event{{Body: toBob}}}, "bob", 0, 0, 1},
		{"somebody new", &stub{rows: []chat.Peer{danRow}, events: []chat.Event{{Body: toBob}}}, "dan", 0, lookTime, 1},
		{"nobody", &stub{err: nobody}, "eve", 5, 8750 * time.Millisecond, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				c.api.sent = toBob
				o := trial{api: c.api}.run(t.Context(), "send", c.who, "x")
				if took := time.Since(began); o.code != c.code || took != c.took || len(c.api.texts) != c.tries {
					t.Errorf("code %d after %v and %d tries, want %d after %v and %d", o.code, took, len(c.api.texts), c.code, c.took, c.tries)
				}
			})
		})
	}
}

// ^C while waiting: stopped, exit 1, and no claim about the message.
func TestSendInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		o := trial{api: &stub{sent: as(chat.Queued, "")}, running: true}.run(ctx, "send", "bob", "x")
		if o.code != 1 || o.err != "llchat: error: stopped\n" {
			t.Errorf("%+v", o)
		}
	})
}
