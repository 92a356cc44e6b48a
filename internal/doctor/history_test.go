package doctor

import (
	"strings"
	"testing"
)

// The history is one word in the report, and what to do; never more of it.
func TestHistoryInTheReport(t *testing.T) {
	tests := []struct {
		state   string
		running bool
		text    string
		wrong   bool
		left    int // not looked at
	}{
		{HistorySound, false, "   ok  sound\n", false, 0},
		{HistoryIsDamaged, false, "   no  damaged\n", true, 0},
		{HistoryIsDamaged, true, "   no  damaged\n", true, 0},
		{HistoryLocked, true, "   ??  locked\n", false, 1},
		{HistoryNone, false, "   --  none\n", false, 0},
		{HistoryUnchecked, false, "   ??  unchecked\n", false, 1},
		{"", false, "", false, 0},
	}
	for _, tt := range tests {
		r := Report{Findings: []Finding{{Code: NobodyHeard}}}
		if tt.state != "" {
			r.AddHistory(tt.state, tt.running)
		}
		if got := strings.Contains(r.Text(), "history\n"+tt.text); got != (tt.text != "") || r.History != tt.state {
			t.Errorf("%q: %s", tt.state, r.Text())
		}
		f, found := r.Find(HistoryDamaged)
		if found != tt.wrong || len(r.Wrong()) > 0 != tt.wrong || len(r.Unchecked) != tt.left {
			t.Errorf("%q: %+v, not looked at %q", tt.state, r.Findings, r.Unchecked)
		}
		if tt.wrong && (r.Findings[0] != f || f.Hint == "" || f.Where != Here) {
			t.Errorf("%q: %+v, want the worst first, with a command", tt.state, r.Findings)
		}
	}
}
