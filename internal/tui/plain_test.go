package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// lineMode is the line mode with a keyboard that the test holds.
type lineMode struct {
	in   *io.PipeWriter
	mu   sync.Mutex
	out  bytes.Buffer
	done chan error
}

func (l *lineMode) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// take returns what was written since the last call.
func (l *lineMode) take() string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.out.String()
	l.out.Reset()
	return s
}

func (l *lineMode) say(line string) string {
	io.WriteString(l.in, line+"\n")
	return l.take()
}

func inLines(t *testing.T, api *fake, test func(t *testing.T, l *lineMode)) {
	t.Helper()
	inLinesOf(t, api, test)
}

func inLinesOf(t *testing.T, api chat.API, test func(t *testing.T, l *lineMode)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pr, pw := io.Pipe()
		l := &lineMode{in: pw, done: make(chan error, 1)}
		go func() { l.done <- Plain(t.Context(), api, pr, l) }()
		test(t, l)
		pw.Close()
		if err := <-l.done; err != nil {
			t.Errorf("Plain returns %v", err)
		}
	})
}

func TestPlainGreets(t *testing.T) {
	inLines(t, meeting(), func(t *testing.T, l *lineMode) {
		want := "you are anna@zbox, key " + strings.Join(pinOf("anna").Groups(), " ") + ".\n" +
			"network wlan0.\n" +
			"8 near. type /help\n" +
			"request: wei, new key 1ed2b38c, wants to write to you. /accept 1ed2b38c or /block 1ed2b38c\n" +
			"  wei wrote: hello 大家好, first time here\n" +
			"  wei wrote: may I join your table?\n"
		if diff := cmp.Diff(want, l.take()); diff != "" {
			t.Errorf("greeting (-want +got):\n%s", diff)
		}
	})
}

// A first start in a pipe has no nick, and says what to do about it.
func TestPlainGreetsTheNameless(t *testing.T) {
	api := meeting()
	api.status.Name, api.status.Nick = safetext.Text{}, safetext.Text{}
	inLines(t, api, func(t *testing.T, l *lineMode) {
		want := "you have no name yet: /nick NAME chooses one. your key is "
		if got := l.take(); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want it to begin %q", got, want)
		}
	})
}

func TestPlainLines(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		want  string // of the last line
		calls []string
	}{
		{"text to nobody", []string{"hello"}, "error: nobody is being written to\nhint: /msg NAME chooses somebody, /who lists them\n", nil},
		{"choose", []string{"/msg bob"}, "now writing to bob, verified\n", nil},
		{"write", []string{"/msg bob", "hello"}, "09:06 to bob: waiting\n", []string{"send " + bobKey + " hello"}},
		{"at once", []string{"/msg bob hello there"}, "09:06 to bob: waiting\n", []string{"send " + bobKey + " hello there"}},
		{"a slash as text", []string{"/msg bob", "//quit"}, "09:06 to bob: waiting\n", []string{"send " + bobKey + " /quit"}},
		{"ambiguous", []string{"/msg grace hi"}, "error: more than one is called grace\nhint: name the key: e010fd1c verified, c0a49776 KEY!\n", nil},
		{"nobody", []string{"/msg nobody hi"}, "error: nobody here is called nobody\nhint: /who lists who is here\n", nil},
		{"accept", []string{"/accept wei"}, "", []string{"accept " + pinOf("wei").String()}},
		{"accept the only one", []string{"/accept"}, "", []string{"accept " + pinOf("wei").String()}},
		{"block", []string{"/block ivo"}, "now blocked: ivo\ndone: ivo, blocked\n", []string{"block " + pinOf("ivo").String()}},
		{"nick", []string{"/nick Anna"}, "done: nick is Anna\n", []string{"set nick Anna"}},
		{"away", []string{"/away lunch"}, "done: status is away\n", []string{"set status away", "set message lunch"}},
		{"status", []string{"/status reading"}, "done: message is reading\n", []string{"set message reading"}},
		{"visibility", []string{"/visibility ghost"}, "done: visibility is ghost\n", []string{"set visibility ghost"}},
		{"back", []string{"/back"}, "done: status is avail\n", []string{"set status avail", "set message "}},
		{"who", []string{"/who iv"}, "who: ivo, pinned, away, key 824baf8f\n", nil},
		{"who nobody", []string{"/who zzz"}, "who: nobody\n", nil},
		{"help", []string{"/help quit"}, "/quit: leave; drafts are kept\n", nil},
		{"no command", []string{"/acept wei"}, "error: no command /acept\nhint: did you mean /accept?\n", nil},
		{"wrong use", []string{"/nick"}, "error: /nick NAME: change the name that others see\n", nil},
		{"empty line", []string{""}, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := meeting()
			inLines(t, api, func(t *testing.T, l *lineMode) {
				l.take()
				var got string
				for _, line := range tt.lines {
					got = l.say(line)
				}
				if tt.want != "" && sortedLines(got) != sortedLines(tt.want) {
					t.Errorf("%q prints\n%s\nwant\n%s", tt.lines, got, tt.want)
				}
			})
			if diff := cmp.Diff(tt.calls, api.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// sortedLines forgets the order: an answer and an event come from two
// goroutines.
func sortedLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		for j := i + 1; j < len(lines); j++ {
			if lines[j] < lines[i] {
				lines[i], lines[j] = lines[j], lines[i]
			}
		}
	}
	return strings.Join(lines, "\n")
}

func TestPlainEvents(t *testing.T) {
	api := meeting()
	inLines(t, api, func(t *testing.T, l *lineMode) {
		l.take()
		emit := func(body any) string {
			api.mu.Lock()
			api.emit(body)
			api.mu.Unlock()
			return l.take()
		}
		in := api.message("bob", chat.In, "line one\nline two", chat.Received)
		out := api.message("bob", chat.Out, "x", chat.Queued)
		delivered, failed := out, api.message("bob", chat.Out, "y", chat.Failed)
		delivered.State = chat.Delivered
		failed.Reason = "the outbox is full"
		judy := peerOf("judy", chat.Pinned, chat.Online)
		gone := judy
		gone.Presence = chat.Offline
		kai := peerOf("kai", "", chat.Online)
		kai.Gone = true
		for _, tt := range []struct {
			body any
			want string
		}{
			{in, "09:06 bob, verified: line one\n    line two\n"},
			{in, ""}, // a message is said once
			{out, "09:06 to bob: waiting\n"},
			{delivered, "09:06 to bob: delivered\n"},
			{failed, "09:06 to bob: not sent: the outbox is full\n"},
			{judy, "here: judy, pinned\n"},
			{judy, ""},
			{gone, "gone: judy, pinned\n"},
			{kai, "gone: kai, unproven\n"},
			{
				chat.ConflictNotice{Fingerprint: pinOf("mallory"), OfName: safetext.Name("grace")},
				"ALARM another key claims the name grace: key " + strings.Join(pinOf("mallory").Groups(), " ") + ". nothing is sent to it. ask that person in another way. another person: /accept c0a49776 as NAME. " +
					"a new key of your contact: /trust c0a49776 and the contact's name. neither: /block c0a49776\n",
			},
			{chat.Resync{Seq: 7}, "note: some events were missed; /who shows who is here now\n"},
		} {
			if got := emit(tt.body); got != tt.want {
				t.Errorf("%T prints %q, want %q", tt.body, got, tt.want)
			}
		}
	})
}

// TestPlainScript: a script that ends at once gets its message out.
func TestPlainScript(t *testing.T) {
	for _, answered := range []bool{true, false} {
		api := meeting()
		api.echo = answered
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			start := time.Now()
			err := Plain(t.Context(), api, strings.NewReader("/msg bob hello from a script"), &out)
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(start)
			if answered && (took > settleFor/10 || !strings.Contains(out.String(), "to bob: delivered")) {
				t.Errorf("after %v the output is %q", took, out.String())
			}
			if !answered && took != settleFor {
				t.Errorf("waited %v for a receipt, want %v", took, settleFor)
			}
		})
	}
}

func TestPlainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		pr, pw := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- Plain(ctx, meeting(), pr, io.Discard) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Plain returns %v", err)
		}
		pw.Close()
	})
	if err := Plain(t.Context(), meeting(), strings.NewReader("/who\n"), brokenPipe{}); err == nil {
		t.Error("a broken output is no error")
	}
}

// TestPlainNamesStartNoLine: a name that reads like an alarm does not stand
// where alarms stand.
func TestPlainNamesStartNoLine(t *testing.T) {
	const name = "ALARM all is lost"
	api := meeting()
	inLines(t, api, func(t *testing.T, l *lineMode) {
		out := l.take()
		p := peerOf(name, chat.Pinned, chat.Online)
		gone := p
		gone.Presence = chat.Offline
		asks := peerOf(name+"!", chat.Unknown, chat.Online)
		api.mu.Lock()
		api.peers = append(api.peers, p)
		api.emit(p, gone, p, chat.Request{Fingerprint: asks.Fingerprint, Name: safetext.Name(name), Body: safetext.Body(name + "\n" + name)},
			api.message(name, chat.In, name+"\n"+name, chat.Received))
		api.mu.Unlock()
		out += l.take() + l.say("/who") + l.say(`/block "`+name+`"`)
		if n := strings.Count(out, name); n < 10 {
			t.Errorf("the name is there %d times:\n%s", n, out)
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "ALARM") {
				t.Errorf("line %q", line)
			}
		}
	})
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// TestPlainNeverEscapes is bar 9: whatever a peer says, no control character
// but the line feed comes out, and a peer's text starts no line.
func TestPlainNeverEscapes(t *testing.T) {
	for _, raw := range hostile {
		m, _ := hostileModel(raw, 80, 24)
		api := m.api.(*fake)
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			if err := Plain(t.Context(), api, strings.NewReader("/who\n/accept "+raw+"\n/msg "+raw+"\n"+raw+"\n/help\n"), &out); err != nil {
				t.Fatal(err)
			}
			for _, r := range out.String() {
				if r != '\n' && unicode.IsControl(r) || !utf8.ValidString(out.String()) {
					t.Fatalf("%q prints %q", raw, out.String())
				}
			}
		})
	}
}
