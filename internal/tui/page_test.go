package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/chat"
	"llchat/internal/health"
)

// TestNobodyIsADiagnosis: the page says what is known of the network, the worst
// first, and what can be done, at each size.
func TestNobodyIsADiagnosis(t *testing.T) {
	for _, tt := range []struct {
		name   string
		with   func(*chat.Status)
		has    []string
		hasNot []string
	}{
		{"fine", func(*chat.Status) {}, []string{"ok  wlan0 is up", "llchat doctor", "/add"}, []string{"!!", "ghost"}},
		{"filtered", func(s *chat.Status) { s.Health = troubles[:1] }, []string{"! ", "does not come back"}, []string{"within seconds"}},
		{"offline", func(s *chat.Status) { s.Interfaces, s.Health = nil, troubles[2:3] }, []string{"!!  no network", "goes on"}, []string{"ok  others", "no usable"}},
		{"offline, not told", func(s *chat.Status) { s.Interfaces = nil }, []string{"no usable network"}, []string{"ok  "}},
		{"ghost", func(s *chat.Status) { s.Visibility = "ghost" }, []string{"you are a ghost", "/visibility open"}, []string{"ok  others", "within seconds"}},
		{"taken", func(s *chat.Status) { s.Health = troubles[3:] }, []string{"!!  nobody can be found", "end the program"}, []string{"ok  others"}},
	} {
		for _, size := range [][2]int{{120, 36}, {80, 24}, {40, 12}} {
			t.Run(fmt.Sprint(tt.name, size), func(t *testing.T) {
				api := newFake()
				tt.with(&api.status)
				inWindow(t, api, size[0], size[1], func(d *driver) {
					d.has("Nobody here yet", "llchat doctor", "/add")
					d.has(tt.has...)
					d.hasNot(tt.hasNot...)
				})
			})
		}
	}
}

// What is wrong is said once on that page, and in the alert's row elsewhere.
func TestNobodySaysItOnce(t *testing.T) {
	api := newFake()
	api.status.Health = troubles[2:3]
	inWindow(t, api, 80, 24, func(d *driver) {
		if n := strings.Count(d.text(), "no network to find"); n != 1 {
			t.Errorf("said %d times:\n%s", n, d.text())
		}
		d.keys("esc")
		d.emit(peerOf("bob", chat.Pinned, chat.Online))
		d.has("!! no network to find")
	})
}

func TestPersonPage(t *testing.T) {
	api := twins()
	p := peerOf("judy", chat.Pinned, chat.Offline)
	p.Addresses = []string{"10.23.4.71:5298", "[fe80::7%wlan0]:5298"}
	p.Waiting = true
	api.peers = append(api.peers, p)
	inWindow(t, api, 80, 24, func(d *driver) {
		d.m.now = func() time.Time { return noon }
		d.m.show(p.Key)
		d.typing("my draft")
		d.keys("alt+i")
		d.has("◉ judy", "pinned, not verified", "10.23.4.71:5298", "fe80::7%wlan0", "not here", "2 h ago", "wait until they accept")
		for _, g := range p.Fingerprint.Groups() {
			d.has(g)
		}
		d.keys("esc")
		d.has("my draft")
		d.keys("ctrl+u")
		d.typing("/info bоb")
		d.keys("enter")
		d.has("◌ bоb", "none proven yet", "looks like", "your contact bob", "somebody else")
	})
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.typing("/info")
		d.keys("enter")
		d.has("whose?")
		d.keys("ctrl+u")
		d.typing("/info nobody")
		d.keys("enter")
		d.has("nobody by that name")
		d.keys("esc")
		d.m.show(pinOf("mallory").String())
		d.keys("alt+i")
		d.has("✗ grace", "the name of your contact grace")
		gone := peerOf("x", chat.Conflict, chat.Online)
		gone.Key, gone.Gone = pinOf("mallory").String(), true
		d.emit(gone)
		d.has("not here any more")
	})
}

func TestSelfPage(t *testing.T) {
	inWindow(t, meeting(), 80, 24, func(d *driver) {
		d.typing("/id")
		d.keys("enter")
		d.has("anna@zbox", "10.23.4.9:41873", "open", "ask")
		for _, g := range pinOf("anna").Groups() {
			d.has(g)
		}
	})
}

// TestPagesScroll: a page longer than the window is read with the keys, and
// never past its end.
func TestPagesScroll(t *testing.T) {
	inWindow(t, meeting(), 40, 12, func(d *driver) {
		for i := range 40 {
			d.emitHealth(healthItem(fmt.Sprintf("thing-%02d", i), health.Info))
		}
		d.typing("/log")
		d.keys("enter")
		d.has("thing-39")
		d.keys("home")
		d.has("thing-00")
		d.hasNot("thing-39")
		for range 100 {
			d.keys("pgdown")
		}
		d.has("thing-39")
		d.keys("up", "f1")
		d.has("MARKS")
		d.keys("esc")
		d.has("wei")
	})
}

// TestLogTellsTheHour: what was told is read later, with its time.
func TestLogTellsTheHour(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.m.now = func() time.Time { return noon }
		d.typing("/nope")
		d.keys("enter", "ctrl+u")
		d.emitHealth(healthItem("store", health.Error), chat.HealthNotice{Item: health.Item{Code: "store"}, Gone: true})
		d.typing("/log")
		d.keys("enter")
		d.has("09:47  no command /nope", "09:47  !! store happened", "over: store happened")
	})
}

func TestAdd(t *testing.T) {
	api := withTwo()
	inWindow(t, api, 80, 24, func(d *driver) {
		d.typing("/add 10.23.4.71")
		d.keys("enter")
		d.has("◌ nora", "nora answered, key "+pinOf("nora").Label(), "compare it")
		if diff := cmp.Diff([]string{"add 10.23.4.71"}, d.called()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		d.api.mu.Lock()
		d.api.sendErr = &chat.Error{Code: chat.CodeNoSuch, Text: "nobody answers at 10.23.4.72", Hint: "ask for the port: /id shows it"}
		d.api.mu.Unlock()
		d.typing("/add 10.23.4.72")
		d.keys("enter")
		d.has("nobody answers at 10.23.4.72", "ask for the port")
	})
}

// TestMenuScrolls: a choice below the rows of the menu is seen when it is made.
func TestMenuScrolls(t *testing.T) {
	withBob(t, 80, 24, func(d *driver) {
		d.typing("/")
		for i := range commands {
			d.keys("tab")
			want := " " + commands[i].name.String() + " "
			if !slices.ContainsFunc(d.rows(), func(r string) bool { return strings.HasPrefix(r, want) }) {
				t.Fatalf("%q is not in the menu:\n%s", want, d.text())
			}
		}
		d.keys("ctrl+u")
		d.typing("/visibility ")
		d.has("open", "quiet", "ghost", "nothing at all")
		d.typing("q")
		d.keys("tab")
		if got := d.m.current().draft.String(); got != "/visibility quiet" {
			t.Errorf("draft is %q", got)
		}
		d.keys("ctrl+u")
		d.typing("/set strangers r")
		d.keys("tab", "enter")
		if diff := cmp.Diff([]string{"set strangers refuse"}, d.called()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		d.has("strangers is refuse")
	})
}
