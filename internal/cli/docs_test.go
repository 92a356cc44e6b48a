//go:build unix

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/cli/control"
	"llchat/internal/safetext"
)

// contract is the page with everything that programs may rely on.
var contract = filepath.Join("..", "..", "docs", "json.md")

// block is an example: a comment that says what it is of, then its lines.
var block = regexp.MustCompile("(?s)<!-- ([^\n]*) -->\n```(json)?\n(.*?)```\n")

// Every example in docs/json.md is what the program writes (-update rewrites
// them), and no command, event or method is without one.
func TestContract(t *testing.T) {
	raw, err := os.ReadFile(contract)
	if err != nil {
		t.Fatal(err)
	}
	page, seen := string(raw), map[string]bool{}
	fresh := block.ReplaceAllStringFunc(page, func(example string) string {
		m := block.FindStringSubmatch(example)
		got := lines(t, m[1], m[3])
		note(seen, m[1], got)
		if got != m[3] && !*update {
			t.Errorf("%s: the page says\n%sand the program\n%s", m[1], m[3], got)
		}
		return strings.Replace(example, m[3]+"```\n", got+"```\n", 1)
	})
	if *update {
		if err := os.WriteFile(contract, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"status", "whoami", "peers", "send", "block", "accept", "add", "avatar", "paths", "version",
		"rename", "react", "retract", "retry", "versions", "history", "search", "export",
		"event peer", "event message", "event request", "event typing", "event conflict", "event health", "event resync",
		"method peers", "method requests", "method send", "method accept", "method block", "method add", "method avatar", "method set", "method history",
		"method unblock", "method rename", "method forget", "method message", "method export", "method search",
		"method write", "method retry", "method delete", "method versions", "method typing", "method focus", "method view", "method panic",
		"method passphrase", "method lock", "method unlock", "method draft", "method setDraft", "method subscribe",
	} {
		if !seen[want] {
			t.Errorf("the page has no example of: %s", want)
		}
	}
}

// note remembers what an example is of.
func note(seen map[string]bool, name, text string) {
	seen[strings.Fields(name)[0]] = true
	seen[name] = true
	for _, m := range regexp.MustCompile(`--> .*"method":"(\w+)"`).FindAllStringSubmatch(text, -1) {
		seen["method "+m[1]] = true
	}
}

// lines is what the program writes for an example.
func lines(t *testing.T, name, before string) string {
	t.Helper()
	kind, what, _ := strings.Cut(name, " ")
	switch kind {
	case "rpc":
		return converse(t, before)
	case "event":
		return encoded(t, chat.Event{Seq: 42, Time: noon, Body: bodies[what]})
	case "paths":
		folder := "/home/alice/.local/share/llchat/default/"
		v, err := typed("paths", chat.Paths{
			Profile: folder[:len(folder)-1], Identity: folder + "identity", Key: folder + "key", Trust: folder + "trust",
			Config: folder + "config", History: folder + "history.db", Log: folder + "log", Lock: folder + "lock",
			Socket: "/run/user/1000/llchat/5f0c1d2e3a4b5c6d/control.sock",
		})
		return encoded(t, v) + fail(t, err)
	case "version":
		v, err := typed("version", versionInfo{"v1.2.3", "go1.26.6", "linux/amd64"})
		return encoded(t, v) + fail(t, err)
	}
	api := docs()
	if kind == "accept" {
		api.err = ambiguous
	}
	o := try(t, api, strings.Fields(name)...)
	return o.out + o.err
}

func fail(t *testing.T, err error) string {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	return ""
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	line, err := json.Marshal(v)
	fail(t, err)
	return string(line) + "\n"
}

// bodies are the events of the page.
var bodies = map[string]any{
	"peer": bobRow, "message": fromBob, "request": carolAsks,
	"conflict": chat.ConflictNotice{Fingerprint: wrong, Name: safetext.Name("bob"), Of: bobs, OfName: safetext.Name("bob")},
	"health":   chat.HealthNotice{Item: status.Health[0]}, "resync": chat.Resync{Seq: 40},
	"typing": chat.Typing{Peer: bobRow.Fingerprint, Name: bobRow.Name, Typing: true},
}

// docs is the engine of the page.
func docs() *stub {
	asks := chat.Peer{
		Key: carol.String(), Fingerprint: carol, Name: safetext.Name("carol"), Nick: safetext.Name("carol"),
		Instance: safetext.Name("carol@ivy-03nm"), Trust: chat.Unknown, Presence: chat.Online, Encrypts: new(true),
		Stream: true, Addresses: []string{"10.77.0.3:40771"}, LastSeen: noon, Asks: true,
	}
	return &stub{
		rows: []chat.Peer{bobRow, asks, danRow}, status: status, sent: toBob,
		events: []chat.Event{{Seq: 42, Time: noon, Body: toBob}},
	}
}

// converse plays the lines of an example to a control socket and returns them
// with the answers.
func converse(t *testing.T, example string) string {
	t.Helper()
	path := filepath.Join(home(t), "control.sock")
	l, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- control.Serve(ctx, l, refusing{stub: docs()}) }()
	defer func() {
		_ = l.Close()
		cancel()
		fail(t, <-served)
	}()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	fail(t, c.SetDeadline(time.Now().Add(time.Minute)))
	in := bufio.NewReader(c)
	var b strings.Builder
	for line := range strings.Lines(example) {
		ask, found := strings.CutPrefix(line, "--> ")
		if !found {
			continue
		}
		_, err := c.Write([]byte(ask))
		fail(t, err)
		answers := 1
		if strings.Contains(ask, `"subscribe"`) {
			answers = 2
		}
		b.WriteString(line)
		for range answers {
			answer, err := in.ReadString('\n')
			fail(t, err)
			b.WriteString("<-- " + answer)
		}
	}
	return b.String()
}

// refusing accepts nobody, for the example of a failed call. It can be locked.
type refusing struct {
	*stub
	chat.Secrets
}

func (refusing) SetPassphrase(context.Context, []byte, []byte) error { return nil }
func (refusing) Lock(context.Context) error                          { return nil }
func (refusing) Unlock(context.Context, []byte) error                { return nil }
func (refusing) CheckHistory(context.Context) (string, error)        { return "sound", nil }
func (refusing) Panic(context.Context) error                         { return nil }

func (refusing) Accept(context.Context, string) (chat.Peer, error) { return chat.Peer{}, ambiguous }
