package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/profile"
	"llchat/internal/safetext"
)

// Exit codes, and where what is said goes (cli.md, Exit codes).
func TestReport(t *testing.T) {
	hostile := &chat.Error{Code: chat.CodeNoSuch, Text: "there is no peer \x1b[2J\u202e", Hint: "first\nsecond"}
	for _, c := range []struct {
		name string
		err  error
		code int
		text string
		json string
	}{
		{"nothing", nil, 0, "", ""},
		{"an error", errors.New("disk full"), 1, "llchat: error: disk full\n", `{"error":"disk full","code":1}` + "\n"},
		{"with a hint", usage("bad", "do this"), 2, "llchat: error: bad\nllchat: hint: do this\n", `{"error":"bad","hint":"do this","code":2}` + "\n"},
		{"not yet", &chat.Error{Code: 3, Text: "bob is not here"}, 3, "llchat: not yet: bob is not here\n", `{"error":"bob is not here","code":3}` + "\n"},
		{"hostile", hostile, 5, "llchat: error: there is no peer [2J\nllchat: hint: first; second\n", `{"error":"there is no peer [2J","hint":"first; second","code":5}` + "\n"},
		{
			"wrapped", fmt.Errorf("open: %w", &profile.Error{Path: "/p", Problem: "is open to other users", Hint: "chmod 700 /p"}), 1,
			"llchat: error: open: /p: is open to other users\nllchat: hint: chmod 700 /p\n", "",
		},
		{
			"locked", fmt.Errorf("lock: %w", chat.ErrLocked), 1,
			"llchat: error: another llchat holds this profile\nllchat: hint: use that one, or give this one a profile of its own: --profile NAME\n", "",
		},
		{"stopped", context.Canceled, 1, "llchat: error: stopped\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, asJSON := range []bool{false, true} {
				var errs strings.Builder
				a := newApp(Program{Stderr: &errs})
				a.json = asJSON
				if code := a.report(c.err); code != c.code {
					t.Errorf("code %d, want %d", code, c.code)
				}
				want := c.text
				if asJSON {
					want = c.json
				}
				if want != "" && errs.String() != want {
					t.Errorf("json %v: got %q, want %q", asJSON, errs.String(), want)
				}
			}
		})
	}
}

// An ambiguous name lists who bears it, with fingerprints and states.
func TestCandidates(t *testing.T) {
	o := try(t, &stub{err: ambiguous}, "accept", "bob")
	want := `llchat: error: "bob" is the name of 2 peers: nothing was done` + "\n" +
		"  bob@nuc  " + bobs.String() + "  pinned, online\n" +
		"  dan@fig-k2x9  no fingerprint yet  key not proven, away\n" +
		"llchat: hint: name one by its instance or by 8 hex digits of its fingerprint\n"
	if o.code != chat.CodeRefused || o.err != want {
		t.Errorf("code %d, got\n%s\nwant\n%s", o.code, o.err, want)
	}
	gone := bobRow
	gone.Instance = safetext.Text{}
	if got := candidate(gone); !strings.HasPrefix(got, "bob  "+bobs.String()) {
		t.Errorf("without an instance: %s", got)
	}
}

func TestWantsJSON(t *testing.T) {
	for args, want := range map[string]bool{
		"": false, "--json": true, "send bob --json": true, "--json frob": true, "--json=true x": true,
		"--json=false": false, "--json=maybe": false, "send bob -- --json": false, "--jsonx": false,
	} {
		if got := wantsJSON(strings.Fields(args)); got != want {
			t.Errorf("%q: %v", args, got)
		}
	}
}

// Wrong usage reaches nobody: no engine is asked, nothing is on stdout.
func TestUsageErrors(t *testing.T) {
	for _, args := range []string{
		"frob", "--frob", "status x", "peers --for", "peers --wait -1s", "peers --for -1", "accept", "block a b",
		"set nick", "send", "send bob", "send bob x --timeout 0", "send bob x --timeout -1s", "watch --since -1",
		"daemon x", "daemon --port 65536", "daemon --port x", "completion", "completion csh",
		"man x", "help a b", "help frob", "version x", "--log-level loud", "status --log-level info+1",
	} {
		for _, flags := range []string{"", " --json"} {
			o := try(t, &stub{}, strings.Fields(args+flags)...)
			if o.code != chat.CodeUsage || o.out != "" || len(o.needs) != 0 {
				t.Errorf("%s: %+v; want code 2 and nothing else", args, o)
			}
			start, lines := "llchat: error: ", 2
			if flags != "" {
				start, lines = `{"error":"`, 1
			}
			if !strings.HasPrefix(o.err, start) || !strings.Contains(o.err, "hint") || strings.Count(o.err, "\n") != lines {
				t.Errorf("%s%s: %q; want one error with a hint", args, flags, o.err)
			}
		}
	}
}

// What is typed wrongly is guessed.
// What a library says about a number is no sentence for a user.
func TestFlagTexts(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"peers", "--wait", "1"}, `invalid argument "1" for --wait: it takes a time like 10s or 1m30s`},
		{[]string{"peers", "--for", "two"}, `invalid argument "two" for --for: it takes a whole number`},
		{[]string{"daemon", "--port", "99999"}, `invalid argument "99999" for --port: it takes a number from 0 to 65535`},
		{[]string{"watch", "--since", "-1"}, `invalid argument "-1" for --since: it takes a number from 0 on`},
	} {
		o := try(t, &stub{}, c.args...)
		if got, _, _ := strings.Cut(o.err, "\n"); o.code != chat.CodeUsage || got != "llchat: error: "+c.want {
			t.Errorf("%q: code %d, %q, want %q", c.args, o.code, got, c.want)
		}
	}
}

func TestSuggestion(t *testing.T) {
	if o := try(t, &stub{}, "peer"); !strings.Contains(o.err, "did you mean: llchat peers") {
		t.Error(o.err)
	}
	if o := try(t, &stub{}, "send", "bob", "-x"); !strings.Contains(o.err, "comes after --") {
		t.Error(o.err)
	}
}

// Commands ask for no more than they need when no node runs (cli.md).
func TestNeeds(t *testing.T) {
	for args, want := range map[string]need{
		"status": disk, "whoami": disk, "peers": disk, "accept bob": disk, "block bob": disk, "set nick x": disk,
		"peers --wait 1ms --for 0": network, "send bob x": network, "peers --for 0": disk,
	} {
		api := &stub{rows: []chat.Peer{bobRow}, status: status, sent: toBob, events: []chat.Event{{Seq: 5, Body: toBob}}}
		if o := try(t, api, strings.Fields(args)...); o.code != 0 || len(o.needs) != 1 || o.needs[0] != want {
			t.Errorf("%s: %+v; want need %d", args, o, want)
		}
	}
}

func TestTexts(t *testing.T) {
	api := func() *stub { return &stub{rows: []chat.Peer{bobRow, danRow}, status: status} }
	for _, c := range []struct{ args, want string }{
		{"peers", "bob  online  pinned          bob@nuc       7be1d402  back at two\ndan  away    key not proven  dan@fig-k2x9  -         \n"},
		{"whoami", "alice  alice@oak-7qpd\n" + strings.TrimSpace(strings.Repeat("3f9c0a71 ", 8)) + "\n"},
		{"accept bob", "accepted bob  " + strings.TrimSpace(strings.Repeat("7be1d402 ", 8)) + "\n"},
		{"block bob", "blocked bob  " + strings.TrimSpace(strings.Repeat("7be1d402 ", 8)) + "\n"},
		{"set status away", ""},
		{"version", "llchat v1.2.3 "},
		{"--version", "llchat v1.2.3\n"},
		{"status", "running as alice@oak-7qpd\nnick         alice\nstatus       online\n"},
	} {
		o := try(t, api(), strings.Fields(c.args)...)
		if o.code != 0 || o.err != "" || !strings.HasPrefix(o.out, c.want) || c.want == "" && o.out != "" {
			t.Errorf("%s: %+v\nwant %q", c.args, o, c.want)
		}
	}
}

// How people are found is said where it is not the usual way.
func TestDiscoveryText(t *testing.T) {
	for _, tt := range []struct {
		d    chat.Discovery
		want string
	}{
		{chat.Discovery{MDNS: chat.MDNSAuto, Uses: chat.MDNSOwn, Most: 8192}, ""},
		{chat.Discovery{}, ""},
		{chat.Discovery{Uses: chat.MDNSAvahi, Most: 840}, "discovery    through avahi-daemon, at most 840 people\n"},
		{chat.Discovery{Uses: chat.MDNSOwn, Domain: "example.org"}, "domain       example.org\n"},
		{status.Discovery, "discovery    through avahi-daemon, at most 840 people\ndomain       example.org alice@oak-7qpd\n"},
	} {
		if got := discoveryText(tt.d); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.d, got, tt.want)
		}
	}
}

// The node may run in another folder: a key file is named by its whole path.
func TestSetKeyFile(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{
		"llchat.key": filepath.Join(here, "llchat.key"), "/etc/llchat.key": "/etc/llchat.key", "": "",
	} {
		api := &stub{}
		if o := try(t, api, "set", "discovery-key", given); o.code != 0 {
			t.Errorf("%q: %+v", given, o)
		}
		if got := api.texts; len(got) != 1 || got[0] != "discovery-key="+want {
			t.Errorf("%q is set as %q", given, got)
		}
	}
}

// Every line of output is one JSON object with its type first.
func TestJSONLines(t *testing.T) {
	line := regexp.MustCompile(`^\{"type":"[a-z]+"[,}]`)
	for _, args := range []string{
		"status", "whoami", "peers", "accept bob", "block bob", "version", "send bob x", "watch",
		"rename bob x", "unblock bob", "history bob", "search x", "export",
	} {
		var o outcome
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // ends watch
			defer cancel()
			api := &stub{
				rows: []chat.Peer{bobRow, danRow}, status: status, sent: toBob,
				events: []chat.Event{{Seq: 5, Time: noon, Body: toBob}, {Seq: 6, Time: noon, Body: bobRow}},
			}
			o = trial{api: api, running: true}.run(ctx, append(strings.Fields(args), "--json")...)
		})
		if o.out == "" {
			t.Errorf("%s: no output; %s", args, o.err)
		}
		for l := range strings.Lines(o.out) {
			if !line.MatchString(l) || strings.Contains(l, ":null") && !strings.Contains(l, `"encrypts":null`) {
				t.Errorf("%s: %s", args, l)
			}
		}
	}
}

// watch asks again where the feed said resync, and prints each event once.
func TestWatchResync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		api := &stub{events: []chat.Event{
			{Seq: 40, Time: noon, Body: fromBob},
			{Seq: 41, Time: noon, Body: chat.Resync{Seq: 40}},
			{Seq: 42, Time: noon, Body: fromBob},
		}}
		o := trial{api: api, running: true}.run(ctx, "watch", "--since", "0", "--json")
		if d := cmp.Diff([]uint64{1, 40}, api.since); d != "" {
			t.Error(d)
		}
		if n := strings.Count(o.out, "\n"); n != 2 {
			t.Errorf("%d lines: %s", n, o.out)
		}
	})
}

// Nothing in a message can pass for a line of ours.
func TestEventText(t *testing.T) {
	forged := fromBob
	forged.Body = safetext.Body("hi\n12:00:00 carol: send me the code")
	at := noon.Local().Format("15:04:05")
	for _, c := range []struct {
		body any
		want string
	}{
		{forged, at + " bob: hi\n         | 12:00:00 carol: send me the code\n"},
		{toBob, at + " to bob, delivered: lunch?\n"},
		{bobRow, at + " bob is online (pinned)\n"},
		{carolAsks, at + " carol (c4a01b55) waits for you to accept: may I?\n"},
		{chat.Request{Gone: true}, ""},
		{chat.ConflictNotice{Fingerprint: wrong, OfName: safetext.Name("bob")}, at + " another key (b0d9ee10) claims the name of bob: nothing is sent to it until you decide (llchat accept --help)\n"},
		{chat.HealthNotice{Item: status.Health[0]}, at + " info: your name was taken on this network: you are now alice-1@oak-7qpd\n"},
		{chat.HealthNotice{Item: status.Health[0], Gone: true}, at + " right again: renamed\n"},
		{chat.Resync{Seq: 1}, ""},
	} {
		if got := eventText(chat.Event{Time: noon, Body: c.body}); got != c.want {
			t.Errorf("%T: got %q, want %q", c.body, got, c.want)
		}
	}
}

// peers --wait returns as soon as enough are online, or with its time.
func TestPeersWait(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		took time.Duration
	}{
		{"peers --wait 10s", 0, 0},
		{"peers --wait 10s --for 2", 0, 0},
		{"peers --wait 10s --for 3", 3, 10 * time.Second},
		{"peers --for 3", 3, 0},
		{"peers --for 2", 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			o := try(t, &stub{rows: []chat.Peer{bobRow, danRow}}, strings.Fields(c.args)...)
			if took := time.Since(began); o.code != c.code || took != c.took || strings.Count(o.out, "\n") != 2 {
				t.Errorf("%s: %+v after %v", c.args, o, took)
			}
		})
	}
}
