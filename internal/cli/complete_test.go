package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// A peer chooses its name. What the tab key offers must be no program: bash
// completion scripts run $(...) in it.
func TestPeerWords(t *testing.T) {
	named := func(name string, known bool) chat.Peer {
		p := chat.Peer{Name: safetext.Name(name), Presence: chat.Online}
		if known {
			p.Fingerprint, p.Trust = bobs, chat.Unknown
		}
		return p
	}
	fingerprint := bobs.String()[:16]
	for name, want := range map[string]string{
		"bob": "bob", "bob@nuc": "bob@nuc", "a.b_c-1": "a.b_c-1",
		"$(reboot)": fingerprint, "`reboot`": fingerprint, "a;b": fingerprint, "a b": fingerprint, "a'b": fingerprint,
		"--json": fingerprint, "~root": fingerprint, "*": fingerprint, "Zoë": fingerprint, `a\b`: fingerprint, "": fingerprint,
	} {
		if got := peerWord(named(name, true)); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := peerWord(named("$(reboot)", false)); got != "" {
		t.Errorf("a claim without a key: %q, want nothing", got)
	}
	got := peerWords([]chat.Peer{bobRow, danRow, named("$(x)", false)})
	if d := cmp.Diff([]string{"bob\tpinned, online", "dan\tkey not proven, away"}, got); d != "" {
		t.Error(d)
	}
}

// The words of the commands themselves, without a node.
func TestCompletion(t *testing.T) {
	t.Setenv("LLCHAT_HOME", t.TempDir())
	t.Setenv("XDG_RUNTIME_DIR", "")
	for args, want := range map[string]string{
		"s":                    "search send set status",
		"set ":                 "nick status message visibility strangers prelude mdns lock-after lock-network discovery-domain discovery-server discovery-key first last email jid avatar",
		"set status ":          "avail away dnd",
		"set strangers ":       "ask accept refuse",
		"set nick ":            "",
		"set nick x ":          "",
		"completion ":          "bash fish powershell zsh",
		"completion bash ":     "",
		"daemon --visibility ": "open quiet ghost",
		"set visibility ":      "open quiet ghost",
		"daemon --strangers ":  "ask accept refuse",
		"send ":                "",
		"send bob ":            "",
		"--log-level ":         "error warn info debug",
		"help se":              "search send set",
	} {
		words := strings.Split("__complete "+args, " ")
		var got []string
		for line := range strings.Lines(try(t, &stub{}, words...).out) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") {
				got = append(got, word)
			}
		}
		if d := cmp.Diff(strings.Fields(want), append([]string{}, got...)); d != "" {
			t.Errorf("%q: %s", args, d)
		}
	}
}
