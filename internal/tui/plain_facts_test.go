package tui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/safetext"
)

// TestPlainTellsTroubles: what is wrong is said once, with what to do, and
// said to be over.
func TestPlainTellsTroubles(t *testing.T) {
	api := newFake()
	api.status.Health = troubles[:1]
	inLines(t, api, func(t *testing.T, l *lineMode) {
		out := l.take()
		for _, want := range []string{
			"warning: what llchat multicasts on wlan0 does not come back: this machine filters it, so others may not see you. llchat doctor names the cause\n",
			"nobody here yet. /net says how the network is",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in the greeting:\n%s", want, out)
			}
		}
		api.mu.Lock()
		api.emit(chat.HealthNotice{Item: troubles[0]}, chat.HealthNotice{Item: troubles[3]}, chat.HealthNotice{Item: troubles[1]},
			chat.HealthNotice{Item: health.Item{Code: troubles[3].Code}, Gone: true}, chat.HealthNotice{Item: health.Item{Code: "never"}, Gone: true})
		api.mu.Unlock()
		want := "problem: " + troubles[3].Text + ". " + troubles[3].Hint + "\nnote: " + troubles[1].Text + "\nover: " + troubles[3].Text + "\n"
		if diff := cmp.Diff(want, l.take()); diff != "" {
			t.Errorf("news (-want +got):\n%s", diff)
		}
	})
}

// TestPlainFacts: the line mode says what the pages of the window say.
func TestPlainFacts(t *testing.T) {
	api := meeting()
	api.status.Health = troubles[:2]
	for i := range api.peers {
		if api.peers[i].Name.String() == "judy" {
			api.peers[i].First, api.peers[i].Email = safetext.Name("Judith"), safetext.Line("judy@example.org")
		}
	}
	inLines(t, api, func(t *testing.T, l *lineMode) {
		l.take()
		for _, tt := range []struct {
			line string
			want []string
		}{
			{"/net", []string{"net: ok wlan0 is up", "net: ok others can find you as anna@zbox", "net: ! what llchat multicasts", "llchat doctor names the cause", "net: try /add ADDRESS"}},
			{"/id", []string{"you: key " + strings.Join(pinOf("anna").Groups(), " "), "you: address 10.23.4.9:41873"}},
			{"/info judy", []string{
				"info: judy, pinned\n", "info: trust pinned, not verified", "info: key " + strings.Join(pinOf("judy").Groups(), " "),
				"info: last seen ", "info: presence not here", "info: first name Judith", "info: email judy@example.org",
			}},
			{"/who judy", []string{"who: judy, pinned, not here, last seen "}},
			{"/info nobody", []string{"error: nobody here is called nobody"}},
			{"/set strangers refuse", []string{"done: strangers is refuse"}},
			{"/add 10.23.4.71", []string{"now writing to nora, new key, key " + strings.Join(pinOf("nora").Groups(), " ")}},
			{"/log", []string{"log: "}},
		} {
			out := l.say(tt.line)
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("%s prints\n%s\nwithout %q", tt.line, out, want)
				}
			}
		}
	})
}

// T-13 in the line mode: a look-alike is called one, and is asked about before
// the first text goes out.
func TestT13_PlainLookAlike(t *testing.T) {
	api := twins()
	inLines(t, api, func(t *testing.T, l *lineMode) {
		l.take()
		if out := l.say("/who bоb"); !strings.Contains(out, "bоb, look-alike") {
			t.Errorf("/who prints %q", out)
		}
		if out := l.say("/msg bоb the code is 4417"); !strings.Contains(out, "not sent") || !strings.Contains(out, "somebody else") {
			t.Errorf("the first text prints %q", out)
		}
		if len(api.calls) > 0 {
			t.Fatalf("called %q", api.calls)
		}
		if out := l.say("/info bоb"); !strings.Contains(out, "info: looks like your contact bob, and is somebody else") {
			t.Errorf("/info prints %q", out)
		}
		l.say("/msg bоb the code is 4417")
		if len(api.calls) != 1 {
			t.Errorf("the second time there are %d calls", len(api.calls))
		}
	})
}

// TestStateWords: every state and reason of cli.md has a word of its own where
// the user would do something else.
func TestStateWords(t *testing.T) {
	for _, tt := range []struct {
		state  chat.State
		reason string
		want   string
	}{
		{chat.Queued, "", "waiting"},
		{chat.Queued, chat.ReasonNotHere, "waiting, not here"},
		{chat.Queued, chat.ReasonWaiting, "waiting for acceptance"},
		{chat.Sent, "", "sent"},
		{chat.Sent, chat.ReasonWaiting, "waiting for acceptance"},
		{chat.Sent, chat.ReasonNoReceipt, "sent, no receipt"},
		{chat.Delivered, "", "delivered"},
		{chat.Displayed, "", "read"},
		{chat.Failed, "blocked", "not sent"},
	} {
		if got, _ := stateWord(&chat.Message{State: tt.state, Reason: tt.reason}); got.String() != tt.want {
			t.Errorf("%s %q is shown as %q, want %q", tt.state, tt.reason, got, tt.want)
		}
	}
}
