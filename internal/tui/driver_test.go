package tui

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"llchat/internal/chat"
)

// driver is a window without a terminal: messages go in, rows come out, and
// commands run beside it as they do under Bubble Tea. It lives in a bubble of
// virtual time.
type driver struct {
	t    *testing.T
	m    *model
	api  *fake
	msgs chan tea.Msg
	quit bool

	closed bool
	raw    []string
}

// inWindow runs a test with a window of some size.
func inWindow(t *testing.T, api *fake, w, h int, test func(d *driver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDriver(t, api, Options{Env: []string{"TERM=xterm-256color", "COLORTERM=truecolor", "LLCHAT_THEME=dark"}})
		d.send(tea.WindowSizeMsg{Width: w, Height: h})
		test(d)
		d.close()
	})
}

// close lets the timers that are out run down and starts no more.
func (d *driver) close() {
	d.closed = true
	time.Sleep(2 * time.Minute)
}

func newDriver(t *testing.T, api *fake, opt Options) *driver {
	d := &driver{t: t, api: api, msgs: make(chan tea.Msg, 4096)}
	d.m = newModel(t.Context(), api, opt)
	feed, err := api.Subscribe(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			events, err := feed.Next(t.Context())
			if err != nil {
				return
			}
			d.msgs <- feedMsg{events: events}
		}
	}()
	d.run(d.m.Init())
	d.settle()
	return d
}

func (d *driver) run(cmd tea.Cmd) {
	if cmd == nil || d.closed {
		return
	}
	go func() {
		if msg := cmd(); msg != nil {
			d.msgs <- msg
		}
	}()
}

// settle takes in all messages until nothing is on its way.
func (d *driver) settle() {
	for {
		synctest.Wait()
		select {
		case msg := <-d.msgs:
			d.take(msg)
		default:
			return
		}
	}
}

func (d *driver) take(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.BatchMsg:
		for _, cmd := range msg {
			d.run(cmd)
		}
	case tea.QuitMsg:
		d.quit = true
	case tea.RawMsg:
		d.raw = append(d.raw, msg.Msg.(string))
	default:
		_, cmd := d.m.Update(msg)
		d.run(cmd)
	}
}

func (d *driver) send(msgs ...tea.Msg) {
	for _, msg := range msgs {
		d.take(msg)
		d.settle()
	}
}

// wait lets virtual time pass.
func (d *driver) wait(dur time.Duration) {
	time.Sleep(dur)
	d.settle()
}

var keyNames = map[string]tea.Key{
	"enter": {Code: tea.KeyEnter}, "tab": {Code: tea.KeyTab}, "esc": {Code: tea.KeyEscape}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
	"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
	"backspace": {Code: tea.KeyBackspace}, "f1": {Code: tea.KeyF1}, "f3": {Code: tea.KeyF3}, "f9": {Code: tea.KeyF9},
	"end": {Code: tea.KeyEnd}, "home": {Code: tea.KeyHome}, "space": {Code: ' ', Text: " "},
}

// keys presses keys by their Bubble Tea names; "ctrl+" and "alt+" go before.
func (d *driver) keys(names ...string) {
	for _, name := range names {
		d.send(tea.KeyPressMsg(keyOf(name)))
	}
}

func keyOf(name string) tea.Key {
	var mod tea.KeyMod
	for {
		rest, ok := strings.CutPrefix(name, "ctrl+")
		if ok {
			mod |= tea.ModCtrl
		} else if rest, ok = strings.CutPrefix(name, "alt+"); ok {
			mod |= tea.ModAlt
		} else if rest, ok = strings.CutPrefix(name, "shift+"); ok {
			mod |= tea.ModShift
		} else {
			break
		}
		name = rest
	}
	k, ok := keyNames[name]
	if !ok {
		r := []rune(name)[0]
		k = tea.Key{Code: r}
		if mod == 0 {
			k.Text = string(r)
		}
	}
	k.Mod = mod
	return k
}

// typing presses one key a letter.
func (d *driver) typing(text string) {
	for _, r := range text {
		d.send(tea.KeyPressMsg(tea.Key{Code: r, Text: string(r)}))
	}
}

// emit gives events to the window.
func (d *driver) emit(bodies ...any) {
	d.api.mu.Lock()
	d.api.emit(bodies...)
	d.api.mu.Unlock()
	d.settle()
}

func (d *driver) called() []string {
	d.api.mu.Lock()
	defer d.api.mu.Unlock()
	return slices.Clone(d.api.calls)
}

func (d *driver) draftOnDisk(key string) string {
	d.api.mu.Lock()
	defer d.api.mu.Unlock()
	return d.api.drafts[key].Text
}

var ourSGR = regexp.MustCompile("\x1b\\[[0-9;]*m")

// rows are the rows of the screen without colours, and checked.
func (d *driver) rows() []string {
	d.t.Helper()
	content := d.m.View().Content
	rows := strings.Split(content, "\n")
	if len(rows) != d.m.h {
		d.t.Errorf("%dx%d: %d rows", d.m.w, d.m.h, len(rows))
	}
	for i, r := range rows {
		rows[i] = ourSGR.ReplaceAllString(r, "")
		checkCells(d.t, d.m, rows[i])
	}
	return rows
}

func (d *driver) text() string { return strings.Join(d.rows(), "\n") }

func (d *driver) has(parts ...string) {
	d.t.Helper()
	text := d.text()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			d.t.Errorf("%q is not on the screen:\n%s", p, text)
		}
	}
}

func (d *driver) hasNot(parts ...string) {
	d.t.Helper()
	text := d.text()
	for _, p := range parts {
		if strings.Contains(text, p) {
			d.t.Errorf("%q is on the screen:\n%s", p, text)
		}
	}
}

// bob is a contact with a window open.
func withBob(t *testing.T, w, h int, test func(d *driver)) {
	t.Helper()
	api := newFake()
	api.peers = []chat.Peer{peerOf("bob", chat.Pinned, chat.Online), peerOf("chloe", chat.Verified, chat.Online)}
	inWindow(t, api, w, h, func(d *driver) {
		d.keys("alt+1")
		test(d)
	})
}

var bobKey = pinOf("bob").String()

var noContext = context.Background()

// stillIn returns a window in its place in real time, for properties and
// benchmarks: no command runs.
func stillIn(api *fake, w, h int) *model {
	m := newModel(noContext, api, Options{Env: []string{"TERM=xterm-256color", "COLORTERM=truecolor", "LLCHAT_THEME=dark"}})
	m.term.profile = colorprofile.TrueColor
	m.setTheme()
	m.now = func() time.Time { return noon.Add(time.Hour) }
	m.w, m.h = w, h
	m.gotStatus(statusMsg{status: api.status})
	m.book.replace(api.peers, api.requests, nil)
	return m
}
