package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"llchat/internal/tui/ink"
)

// terminal is what is known of the terminal, first from the environment, then
// from what it answered.
type terminal struct {
	profile  colorprofile.Profile
	light    bool
	ascii    bool
	dumb     bool
	contrast bool
	asks     bool // it may be asked for its ground
}

// terminalOf reads the environment. LLCHAT_THEME is dark, light or contrast.
func terminalOf(env []string) terminal {
	get := func(name string) string {
		for i := len(env) - 1; i >= 0; i-- {
			if v, ok := strings.CutPrefix(env[i], name+"="); ok {
				return v
			}
		}
		return ""
	}
	term := get("TERM")
	t := terminal{
		profile: colorprofile.Env(env),
		ascii:   term == "linux" || get("LLCHAT_ASCII") == "1",
		dumb:    term == "dumb" || term == "",
		asks:    true,
	}
	switch get("LLCHAT_THEME") {
	case "light":
		t.light, t.asks = true, false
	case "contrast":
		t.contrast, t.asks = true, false
	case "dark":
		t.asks = false
	default:
		// COLORFGBG is "letters;ground" in palette numbers; 7 and 15 are white.
		_, ground, _ := strings.Cut(get("COLORFGBG"), ";")
		ground = ground[strings.LastIndexByte(ground, ';')+1:]
		t.light = ground == "7" || ground == "15"
	}
	if get("LLCHAT_PLAIN") == "1" {
		t.dumb = true
	}
	return t
}

// terminalSays takes in an answer of the terminal.
func (m *model) terminalSays(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.ColorProfileMsg:
		m.term.profile = msg.Profile
		m.setTheme()
	case tea.BackgroundColorMsg:
		m.term.light = !msg.IsDark()
		m.setTheme()
	case tea.KeyboardEnhancementsMsg:
		m.kitty = m.kitty || msg.SupportsKeyDisambiguation()
	case tea.ModeReportMsg:
		// The renderer counts by clusters from here on, and so do we.
		if msg.Mode == ansi.ModeUnicodeCore && !msg.Value.IsNotRecognized() && !msg.Value.IsPermanentlyReset() {
			m.method = ink.GraphemeWidth
		}
	}
}

func (m *model) setTheme() {
	old := m.theme
	switch t := m.term; {
	case t.profile == colorprofile.ASCII || t.profile == colorprofile.NoTTY:
		m.theme = ink.Mono()
	case t.profile == colorprofile.ANSI:
		m.theme = ink.Sixteen()
	case t.contrast:
		m.theme = ink.Contrast()
	case t.light:
		m.theme = ink.Light()
	default:
		m.theme = ink.Dark()
	}
	if m.term.profile == colorprofile.ANSI256 {
		m.theme.In256()
	}
	if m.term.ascii {
		m.theme.InAscii()
	}
	if old != nil && old.ID == m.theme.ID {
		m.theme = old
	}
}
