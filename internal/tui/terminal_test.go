package tui

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image/color"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/vt"
	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/health"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// screenOf is the real program on an emulated terminal, in virtual time.
type screenOf struct {
	t    *testing.T
	emu  *vt.Emulator
	out  *tap
	stop context.CancelFunc
	done chan error
}

// tap counts what the program writes.
type tap struct {
	mu  sync.Mutex
	w   io.Writer
	all bytes.Buffer
}

func (o *tap) Write(p []byte) (int, error) {
	o.mu.Lock()
	o.all.Write(p)
	o.mu.Unlock()
	return o.w.Write(p)
}

func (o *tap) written() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Len()
}

// onTerminal runs the program on a terminal of some size.
func onTerminal(t *testing.T, api *fake, w, h int, env []string, test func(s *screenOf)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		// The clock of a bubble starts in 2000: go to the day of the meeting.
		time.Sleep(time.Until(noon))
		emu := vt.NewEmulator(w, h)
		emu.WriteString("\x1b[20h") // on an output that is no terminal Bubble Tea writes bare line feeds
		s := &screenOf{t: t, emu: emu, out: &tap{w: emu}, done: make(chan error, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		s.stop = cancel
		go func() {
			s.done <- Run(ctx, api, Options{
				In: emu, Out: s.out, Env: env,
				more: []tea.ProgramOption{tea.WithWindowSize(w, h), tea.WithoutSignals(), tea.WithoutSignalHandler(), tea.WithColorProfile(colorprofile.Env(env))},
			})
		}()
		s.wait(200 * time.Millisecond)
		test(s)
		cancel()
		if err := <-s.done; err != nil {
			t.Errorf("Run returns %v", err)
		}
		emu.Close()
		time.Sleep(2 * time.Minute) // timers run down
	})
}

func (s *screenOf) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// press presses keys by name; each is drawn before the next.
func (s *screenOf) press(names ...string) {
	for _, n := range names {
		if letter, ok := strings.CutPrefix(n, "alt+"); ok && len(letter) == 1 {
			s.emu.SendText("\x1b" + letter) // the emulator forgets these
			s.wait(500 * time.Millisecond)  // the reader waits whether more of a sequence comes
			continue
		}
		k := keyOf(n)
		s.emu.SendKey(vt.KeyPressEvent{Code: k.Code, Mod: k.Mod, Text: k.Text})
		s.wait(100 * time.Millisecond)
	}
}

func (s *screenOf) write(text string) {
	s.emu.SendText(text)
	s.wait(100 * time.Millisecond)
}

// rows are the cells of the screen as text, trailing spaces off.
func (s *screenOf) rows() []string {
	var out []string
	for y := range s.emu.Height() {
		var row strings.Builder
		for x := 0; x < s.emu.Width(); {
			c := s.emu.CellAt(x, y)
			if c == nil || c.Content == "" {
				row.WriteByte(' ')
				x++
				continue
			}
			row.WriteString(c.Content)
			x += max(1, c.Width)
		}
		out = append(out, strings.TrimRight(row.String(), " \u00a0"))
	}
	return out
}

func (s *screenOf) has(parts ...string) {
	s.t.Helper()
	text := strings.Join(s.rows(), "\n")
	for _, p := range parts {
		if !strings.Contains(text, p) {
			s.t.Errorf("%q is not on the screen:\n%s", p, text)
		}
	}
}

// colourOf is the colour of the letters of the first cell with some text.
func (s *screenOf) colourOf(text string) (fg, bg color.Color) {
	for y, row := range s.rows() {
		if before, _, ok := strings.Cut(row, text); ok {
			x := cells(0, before)
			c := s.emu.CellAt(x, y)
			return c.Style.Fg, c.Style.Bg
		}
	}
	s.t.Errorf("%q is not on the screen", text)
	return nil, nil
}

var darkEnv = []string{"TERM=xterm-256color", "COLORTERM=truecolor", "LLCHAT_THEME=dark"}

// TestGolden compares whole screens, cell by cell, with those on file.
func TestGolden(t *testing.T) {
	bob := []string{"ctrl+k", "b", "o", "b", "enter"}
	command := func(word string) (keys []string) {
		for _, r := range word {
			keys = append(keys, string(r))
		}
		return append(keys, "enter")
	}
	for _, tt := range []struct {
		name string
		keys []string
		with func(*fake)
	}{
		{"home", nil, nil},
		{"talk", bob, nil},
		{"request", []string{"alt+a"}, nil},
		{"conflict", []string{"ctrl+k", "g", "r", "down", "enter"}, nil},
		{"conflict-pinned", []string{"ctrl+k", "j", "u", "down", "enter"}, conflictWithJudy},
		{"retired", []string{"ctrl+k", "(", "o", "l", "d", "enter", "up"}, retiredKey},
		{"people", []string{"ctrl+k"}, nil},
		{"help", []string{"f1"}, nil},
		{"menu", append(append([]string{}, bob...), "/"), nil},
		{"welcome", nil, func(f *fake) { f.status.Fresh = true }},
		{"nobody", nil, empty},
		{"nobody-filtered", nil, func(f *fake) { empty(f); f.status.Health = troubles[:2] }},
		{"nobody-offline", nil, func(f *fake) {
			empty(f)
			f.status.Interfaces, f.status.Health = nil, troubles[2:3]
		}},
		{"nobody-ghost", nil, func(f *fake) { empty(f); f.status.Visibility = "ghost" }},
		{"nobody-taken", nil, func(f *fake) { empty(f); f.status.Health = troubles[3:] }},
		{"alert", bob, func(f *fake) { f.status.Health = troubles[:2] }},
		{"lookalike", []string{"ctrl+k", "b", "down", "enter"}, func(f *fake) {
			p := peerOf("bоb", "", chat.Online) // the second letter is Cyrillic
			p.Namesake = pinOf("bob")
			f.peers = append(f.peers, p)
		}},
		{"info", append(append([]string{}, bob...), "alt+i"), nil},
		{"net", command("/net"), func(f *fake) { f.status.Health = troubles }},
		{"id", command("/id"), nil},
		{"forms", bob, formsOf},
		{"spoiler-shown", append(append([]string{}, bob...), "up", "up", "up", "s"), formsOf},
		{"picked", append(append([]string{}, bob...), "up", "up"), formsOf},
		{"picked-theirs", append(append([]string{}, bob...), "up", "up", "up"), formsOf},
		{"picked-failed", append(append([]string{}, bob...), "up"), nil},
		{"takeback", append(append([]string{}, bob...), "up", "up", "x"), formsOf},
		{"react", append(append([]string{}, bob...), "up", "+"), formsOf},
		{"correct", append(append([]string{}, bob...), "up", "up", "e", "!"), formsOf},
		{"reply", append(append([]string{}, bob...), "up", "r", "o", "k"), formsOf},
		{"message", append(append([]string{}, bob...), "up", "up", "i"), formsOf},
		{"search", append(append([]string{}, bob...), "ctrl+f", "t", "r", "a", "c", "e", "down"), nil},
		{"search-all", append(append([]string{}, bob...), "ctrl+f", "ctrl+f", "h", "e", "r", "e"), nil},
		{"search-none", append(append([]string{}, bob...), "ctrl+f", "x", "y", "z"), nil},
		{"search-empty", []string{"ctrl+f"}, nil},
		{"log", append(append(command("/nope"), "ctrl+u"), command("/log")...), func(f *fake) { f.status.Health = troubles }},
	} {
		for _, size := range [][2]int{{120, 36}, {80, 24}, {40, 12}, {20, 6}} {
			name := fmt.Sprintf("%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				api := meetingAt(noon)
				if tt.with != nil {
					tt.with(api)
				}
				onTerminal(t, api, size[0], size[1], darkEnv, func(s *screenOf) {
					s.press(tt.keys...)
					golden(t, name, s.rows())
				})
			})
		}
	}
}

// conflictWithJudy adds another key that claims the name of a pinned contact.
func conflictWithJudy(f *fake) {
	p := peerOf("judy", chat.Conflict, chat.Online)
	p.Fingerprint, p.Of = pinOf("judith"), pinOf("judy")
	p.Key = p.Fingerprint.String()
	f.peers = append(f.peers, p)
}

// retiredKey adds the key that judy had before, with what waited for it.
func retiredKey(f *fake) {
	p := peerOf("judy (old)", chat.Retired, chat.Offline)
	p.ReplacedBy = pinOf("judy")
	f.peers = append(f.peers, p)
	m := f.message("judy (old)", chat.Out, "see you at the station", chat.Failed)
	m.Reason = chat.ReasonReplaced
	f.keep(m)
}

func empty(f *fake) { f.peers, f.requests = nil, nil }

// troubles are what the engine tells of a network, in its words.
var troubles = []health.Item{
	{Code: "no-echo wlan0", Severity: health.Warning, Since: noon, Text: "what llchat multicasts on wlan0 does not come back: this machine filters it, so others may not see you", Hint: "llchat doctor names the cause"},
	{Code: "renamed", Severity: health.Info, Since: noon, Text: "your name was taken on this network: you are now anna-1@zbox"},
	{Code: "no-network", Severity: health.Error, Since: noon, Text: "no network to find people on", Hint: "connect to one: llchat goes on by itself"},
	{Code: "discovery", Severity: health.Error, Since: noon, Text: "nobody can be found on the network: listen on port 5353: address already in use", Hint: "end the program that holds the port, or let it share (avahi: disallow-other-stacks=no)"},
}

func golden(t *testing.T, name string, rows []string) {
	t.Helper()
	path := filepath.Join("testdata", "screens", name+".txt")
	got := strings.Join(rows, "\n") + "\n"
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
}

// TestColours: marks have the colour that says what they mean, in cells.
func TestColours(t *testing.T) {
	onTerminal(t, meetingAt(noon), 120, 36, darkEnv, func(s *screenOf) {
		same := func(what string, c color.Color, r, g, b uint8) {
			t.Helper()
			if c == nil {
				t.Errorf("%s has no colour", what)
				return
			}
			cr, cg, cb, _ := c.RGBA()
			if got := [3]uint8{uint8(cr >> 8), uint8(cg >> 8), uint8(cb >> 8)}; got != [3]uint8{r, g, b} {
				t.Errorf("%s is %v, want %v", what, got, [3]uint8{r, g, b})
			}
		}
		fg, _ := s.colourOf("✓ bob")
		same("the verified mark", fg, 0x7e, 0xe7, 0x87)
		fg, _ = s.colourOf("◌ wei")
		same("the mark of a new key", fg, 0xf2, 0xcc, 0x60)
		_, bg := s.colourOf("✗ grace")
		same("the ground of another key", bg, 0xb3, 0x26, 0x1e)
	})
}

// TestNoColorAndConsole: NO_COLOR draws no colour, TERM=linux only ASCII signs.
func TestNoColorAndConsole(t *testing.T) {
	onTerminal(t, meetingAt(noon), 80, 24, []string{"TERM=xterm-256color", "NO_COLOR=1"}, func(s *screenOf) {
		s.has("✓ bob")
		for y := range 24 {
			for x := range 80 {
				if c := s.emu.CellAt(x, y); c != nil && (c.Style.Fg != nil || c.Style.Bg != nil) {
					t.Fatalf("cell %d, %d has a colour", x, y)
				}
			}
		}
	})
	onTerminal(t, meetingAt(noon), 80, 24, []string{"TERM=linux"}, func(s *screenOf) {
		s.has("V bob", "? wei", "! grace", "= dmitri")
		for _, r := range strings.Join(s.rows(), "") {
			if strings.ContainsRune("✓◉◌✗…›·—─│", r) {
				t.Fatalf("%q is on a console", r)
			}
		}
	})
}

// TestFirstFrame is bar 8: a terminal that answers nothing shows the window
// within 100 ms, and what is on the screen does not wait for an answer.
func TestFirstFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pr, pw := io.Pipe() // nothing ever comes
		emu := vt.NewEmulator(80, 24)
		emu.WriteString("\x1b[20h")
		go io.Copy(io.Discard, emu) // answers go nowhere
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Run(ctx, meetingAt(noon), Options{
				In: pr, Out: emu, Env: []string{"TERM=xterm-256color"},
				more: []tea.ProgramOption{tea.WithWindowSize(80, 24), tea.WithoutSignals(), tea.WithoutSignalHandler()},
			})
		}()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if !strings.Contains(emu.String(), "✓ bob") {
			t.Errorf("after 100 ms the screen is:\n%s", emu.String())
		}
		cancel()
		<-done
		pw.Close()
		emu.Close()
		time.Sleep(2 * time.Minute)
	})
}

// TestIdleWritesNothing: with no news, no byte goes to the terminal.
func TestIdleWritesNothing(t *testing.T) {
	onTerminal(t, meetingAt(noon), 120, 36, darkEnv, func(s *screenOf) {
		s.press("alt+2")
		s.wait(5 * time.Second)
		n := s.out.written()
		s.wait(30 * time.Second)
		if got := s.out.written() - n; got > 0 {
			t.Errorf("%d octets in 30 idle seconds", got)
		}
	})
}

// TestKeyCostsLittle: a letter does not paint the screen again.
func TestKeyCostsLittle(t *testing.T) {
	api := newFake()
	api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online)}
	onTerminal(t, api, 120, 36, darkEnv, func(s *screenOf) {
		s.press("alt+1", "a")
		n := s.out.written()
		s.press("b")
		if got := s.out.written() - n; got > 60 {
			t.Errorf("a letter costs %d octets", got)
		}
	})
}

// TestStory is a whole conversation through the terminal: find, write, be
// answered, paste, quit; the draft is on disk when the program has ended.
func TestStory(t *testing.T) {
	api := meetingAt(noon)
	api.echo = true
	onTerminal(t, api, 80, 24, darkEnv, func(s *screenOf) {
		s.press("ctrl+k")
		s.write("chlo")
		s.press("enter")
		s.write("hello")
		s.press("enter")
		s.has("✓ chloe", "hello", "delivered")
		s.emu.Paste("one\ntwo")
		s.wait(100 * time.Millisecond)
		s.has("one", "two", "2 lines")
		s.press("enter")
		s.write("not finis")
		s.stop()
		s.done <- <-s.done
	})
	api.mu.Lock()
	defer api.mu.Unlock()
	key := pinOf("chloe").String()
	if diff := cmp.Diff([]string{"send " + key + " hello", "send " + key + " one\ntwo"}, api.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := api.drafts[key].Text; got != "not finis" {
		t.Errorf("draft on disk is %q", got)
	}
}

// TestBurst: thousands of messages in one go are all there, and the newest is
// on the screen.
func TestBurst(t *testing.T) {
	api := meetingAt(noon)
	onTerminal(t, api, 80, 24, darkEnv, func(s *screenOf) {
		s.press("ctrl+k", "b", "o", "b", "enter")
		api.mu.Lock()
		for range 5 {
			var batch []chat.Event
			for i := range 1000 {
				batch = append(batch, chat.Event{Body: api.message("bob", chat.In, fmt.Sprintf("burst %d.", i), chat.Received)})
			}
			api.feeds[0].ch <- batch
		}
		api.mu.Unlock()
		s.wait(time.Second)
		s.has("burst 999.")
	})
}

// TestLogIsCaptured: a library's log line does not reach the screen.
func TestLogIsCaptured(t *testing.T) {
	onTerminal(t, meetingAt(noon), 80, 24, darkEnv, func(s *screenOf) {
		if w := log.Writer(); w != io.Discard {
			t.Error("the standard logger writes while the window is open")
		}
	})
	if log.Writer() == io.Discard {
		t.Error("the standard logger is not given back")
	}
}

// TestDumbTerminal: what cannot be painted gets the line mode and no ESC.
func TestDumbTerminal(t *testing.T) {
	for _, opt := range []Options{
		{Env: []string{"TERM=dumb"}}, {Env: nil, Plain: true}, {Env: []string{"TERM=xterm", "LLCHAT_PLAIN=1"}}, {Env: []string{"PATH=/bin"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			opt.In, opt.Out = strings.NewReader("/who\n/quit\n"), &out
			if err := Run(t.Context(), meetingAt(noon), opt); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsRune(out.String(), '\x1b') || !strings.Contains(out.String(), "who: bob, verified") {
				t.Errorf("output is %q", out.String())
			}
		})
	}
}
