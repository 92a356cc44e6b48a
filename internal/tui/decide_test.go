package tui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
)

// withJudy is the cast with another key that claims the name of pinned judy.
func withJudy() *fake {
	f := meeting()
	conflictWithJudy(f)
	return f
}

var judith = pinOf("judith").String()

// A conflict is decided in its card with a key and typed words; neither alone
// does anything.
func TestConflictIsDecided(t *testing.T) {
	tests := []struct {
		name, key, begins, typed string
		calls                    []string
		shown                    string
	}{
		{"another person", "o", "/accept as ", "Judy B", []string{"accept " + judith + " as Judy B"}, "Judy B"},
		{"a new key", "n", "/trust ", "judy", []string{"accept " + judith + " as a new key of judy"}, "judy"},
		{"block", "b", "", "", []string{"block " + judith}, "is blocked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inWindow(t, withJudy(), 120, 36, func(d *driver) {
				d.m.show(judith)
				d.has("Not the same key", "calls itself judy", "other person", "new key")
				d.wait(deadFor)
				d.keys("tab")
				d.wait(deadFor)
				d.keys(tt.key)
				if got := d.m.current().draft.String(); got != tt.begins {
					t.Fatalf("draft is %q, want %q", got, tt.begins)
				}
				if tt.begins != "" && len(d.m.menu.items) > 0 {
					t.Errorf("the name that decides is completed: %d items", len(d.m.menu.items))
				}
				if calls := d.called(); tt.typed != "" && len(calls) > 0 {
					t.Fatalf("a key alone called %q", calls)
				}
				d.typing(tt.typed)
				if tt.typed != "" {
					d.keys("enter")
				}
				if diff := cmp.Diff(tt.calls, d.called()); diff != "" {
					t.Fatalf("calls (-want +got):\n%s", diff)
				}
				d.has(tt.shown)
				if tt.typed != "" {
					d.hasNot("Not the same key")
				}
			})
		})
	}
}

// The card of a verified contact offers no new key, and says why.
func TestConflictOfAVerifiedContact(t *testing.T) {
	inWindow(t, meeting(), 120, 36, func(d *driver) {
		d.m.show(pinOf("mallory").String())
		d.has("other person", "cannot compare keys yet")
		d.hasNot("n new key")
		d.wait(deadFor)
		d.keys("tab")
		d.wait(deadFor)
		d.keys("n")
		if got := d.m.current().draft.String(); got != "" {
			t.Errorf("draft is %q", got)
		}
	})
}

// What a line without its second half decides: nothing.
func TestHalfADecision(t *testing.T) {
	for _, line := range []string{"/trust", "/trust ", "/accept as", "/accept as "} {
		inWindow(t, withJudy(), 120, 36, func(d *driver) {
			d.m.show(judith)
			d.typing(line)
			d.keys("enter")
			for _, call := range d.called() {
				if strings.Contains(call, " as ") {
					t.Errorf("%q called %q", line, call)
				}
			}
		})
	}
}

// In the conversation of a key that was replaced nothing can be written; what
// failed there can be sent to the new key.
func TestRetiredConversation(t *testing.T) {
	f := meeting()
	retiredKey(f)
	old := pinOf("judy (old)").String()
	inWindow(t, f, 120, 36, func(d *driver) {
		d.run(d.m.show(old))
		d.settle()
		d.has("retired, replaced by a newer key", "see you at the station", "sends it to the new key")
		d.typing("secret")
		d.keys("enter")
		d.hasNot("secret")
		d.keys("alt+i")
		d.has("replaced by", pinOf("judy").Label())
		d.keys("esc", "alt+r")
		if diff := cmp.Diff([]string{"retry judy (old) see you at the station"}, d.called()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		d.run(d.m.show(pinOf("judy").String()))
		d.settle()
		d.keys("alt+i")
		d.has("key before", pinOf("judy (old)").Label(), "judy (old)")
	})
}

func TestDecisionWords(t *testing.T) {
	accept := []struct {
		rest, who, name string
		as              bool
	}{
		{"", "", "", false},
		{"wei", "wei", "", false},
		{"as Judy B", "", "Judy B", true},
		{`as "Judy B"`, "", "Judy B", true},
		{"c4c77d8e as Judy B", "c4c77d8e", "Judy B", true},
		{`"Judy B" as Judith`, "Judy B", "Judith", true},
		{"as", "as", "", false},
		{"asa", "asa", "", false},
		{"as as", "", "as", true},
	}
	for _, tt := range accept {
		who, name, as := acceptWords(tt.rest)
		if who != tt.who || name != tt.name || as != tt.as {
			t.Errorf("/accept %s: %q as %q, %v", tt.rest, who, name, as)
		}
	}
	trust := []struct {
		rest      string
		open      bool
		who, name string
	}{
		{"judy", true, "", "judy"},
		{"Judy B", true, "", "Judy B"},
		{`"Judy B"`, true, "", "Judy B"},
		{"c4c77d8e judy", false, "c4c77d8e", "judy"},
		{"c4c77d8e Judy B", false, "c4c77d8e", "Judy B"},
		{"judy", false, "judy", ""},
		{"", true, "", ""},
	}
	for _, tt := range trust {
		if who, name := trustWords(tt.rest, tt.open); who != tt.who || name != tt.name {
			t.Errorf("/trust %s: %q of %q", tt.rest, who, name)
		}
	}
}

// In the line mode, too: and a decision that names no key means the one that is
// talked to, whoever asks meanwhile.
func TestPlainDecides(t *testing.T) {
	other := "accept " + judith + " as Judy B"
	replaced := "accept " + judith + " as a new key of judy"
	for _, tt := range []struct {
		name  string
		lines []string
		calls []string
	}{
		{"another person", []string{"/accept c4c77d8e as Judy B"}, []string{other}},
		{"the one that is talked to", []string{"/msg c4c77d8e", "/accept as Judy B"}, []string{other}},
		{"a new key", []string{"/trust c4c77d8e judy"}, []string{replaced}},
		{"of the one that is talked to", []string{"/msg c4c77d8e", "/trust judy"}, []string{replaced}},
		{"half a decision", []string{"/trust c4c77d8e"}, nil},
		{"of nobody", []string{"/trust judy"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := withJudy()
			inLines(t, f, func(t *testing.T, l *lineMode) {
				l.take()
				out := ""
				for _, line := range tt.lines {
					out = l.say(line)
				}
				f.mu.Lock()
				defer f.mu.Unlock()
				if diff := cmp.Diff(tt.calls, f.calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if failed := strings.HasPrefix(out, "error: "); failed != (tt.calls == nil) {
					t.Errorf("it says %q", out)
				}
			})
		})
	}
}

// Every state that a key can be in has words for what it may do: a conversation
// with a retired key or one in conflict is locked.
func TestOnlyContactsAreWritable(t *testing.T) {
	for trust, locked := range map[chat.Trust]bool{
		chat.Pinned: false, chat.Verified: false, chat.Unknown: false, "": false,
		chat.Conflict: true, chat.Blocked: true, chat.Retired: true,
	} {
		p := peerOf("x", trust, chat.Online)
		if got := !standingOf(&p).lock.IsEmpty(); got != locked {
			t.Errorf("%q: locked %v", trust, got)
		}
	}
}
