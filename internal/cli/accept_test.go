package cli

import (
	"slices"
	"strings"
	"testing"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

// A conflict is decided in so many words, or not at all.
func TestAcceptDecidesAConflict(t *testing.T) {
	tests := []struct {
		args  string
		code  int
		asked string // of the engine; empty: nothing
		out   string
	}{
		{"accept b0d9ee10", 0, "", "accepted bob"},
		{"accept b0d9ee10 --as Robert", 0, "accept b0d9ee10 as Robert", "accepted bob"},
		{"accept --as=Robert b0d9ee10", 0, "accept b0d9ee10 as Robert", "accepted bob"},
		{"accept b0d9ee10 --new-key-of bob", 0, "accept b0d9ee10 as a new key of bob", "accepted as the new key of bob"},
		{"accept b0d9ee10 --as Robert --new-key-of bob", 2, "", ""},
		{"accept b0d9ee10 --as=", 2, "", ""},
		{"accept b0d9ee10 --new-key-of=", 2, "", ""},
		{"accept b0d9ee10 --new-key", 2, "", ""},
		{"accept --as Robert", 2, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			api := &stub{}
			o := try(t, api, strings.Fields(tt.args)...)
			if o.code != tt.code || !strings.HasPrefix(o.out, tt.out) {
				t.Errorf("code %d, %q; want %d, %q\n%s", o.code, o.out, tt.code, tt.out, o.err)
			}
			if asked := strings.Join(api.texts, "; "); asked != tt.asked {
				t.Errorf("the engine was asked %q, want %q", asked, tt.asked)
			}
		})
	}
}

// A retired key that is accepted is a stranger's, and nothing says otherwise.
func TestAcceptOfARetiredKey(t *testing.T) {
	row := bobRow
	row.Trust = chat.Unknown
	o := try(t, &stub{accepted: &row}, "accept", "b0d9ee10")
	if o.code != 0 || !strings.HasPrefix(o.out, "not retired any more, and not accepted either: bob") {
		t.Errorf("code %d, %q", o.code, o.out)
	}
}

// The refusals of the engine end as cli.md says, with both ways out.
func TestAcceptOfAConflictIsRefused(t *testing.T) {
	refused := &chat.Error{Code: chat.CodeRefused, Text: "key b0d9ee10 claims the name of bob", Hint: "llchat accept b0d9ee10 --as NAME"}
	o := try(t, &stub{err: refused}, "accept", "b0d9ee10", "--json")
	if want := `{"error":"key b0d9ee10 claims the name of bob","hint":"llchat accept b0d9ee10 --as NAME","code":4}` + "\n"; o.code != 4 || o.err != want {
		t.Errorf("code %d, %q", o.code, o.err)
	}
	rows := []chat.Peer{{Key: wrong.String(), Fingerprint: wrong, Name: safetext.Name("bob"), Trust: chat.Retired, ReplacedBy: identity.Pin{1}}}
	o = try(t, &stub{rows: rows}, "peers", "--json")
	if !strings.Contains(o.out, `"trust":"retired"`) || !strings.Contains(o.out, `"replacedBy":"01`) {
		t.Errorf("a retired key is %s", o.out)
	}
}

// What confirms is typed: the shell offers names for the key alone.
func TestConfirmationIsNotCompleted(t *testing.T) {
	for _, flag := range []string{"--as", "--new-key-of"} {
		o := try(t, &stub{rows: []chat.Peer{bobRow}}, "__complete", "accept", "b0d9ee10", flag, "")
		if words := strings.Fields(o.out); slices.Contains(words, "bob") {
			t.Errorf("%s offers %q", flag, words)
		}
	}
}
