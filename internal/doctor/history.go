package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"llchat/internal/health"
)

// How a history is. Nothing else of it is told.
const (
	HistorySound     = "sound"
	HistoryIsDamaged = "damaged"
	HistoryLocked    = "locked"    // by its passphrase
	HistoryNone      = "none"      // nothing was ever written
	HistoryUnchecked = "unchecked" // it could not be looked at
)

// AddHistory puts into a report how the history is. running says that a node
// has it, and mends it.
func (r *Report) AddHistory(state string, running bool) {
	r.History = state
	switch state {
	case HistoryIsDamaged:
		f := Finding{
			Code: HistoryDamaged, Severity: health.Error,
			Text: "the history on disk is damaged: not all of it can be read. The next start carries over what can be, and keeps the damaged file",
			Hint: "llchat", Where: Here,
		}
		if running {
			f.Text = "the history on disk is damaged. The llchat that runs carries over what can be read, and keeps the damaged file"
			f.Hint = "llchat status"
		}
		r.Findings = append(r.Findings, f)
		slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	case HistoryLocked:
		r.Unchecked = append(r.Unchecked, "the history: it is locked by its passphrase")
	case HistoryUnchecked:
		r.Unchecked = append(r.Unchecked, "the history: it could not be opened for reading, or takes longer than this")
	}
}

func (r Report) history(b *strings.Builder) {
	if r.History == "" {
		return
	}
	fmt.Fprintln(b, "history")
	marks := map[string]string{HistorySound: "ok", HistoryIsDamaged: "no", HistoryNone: "--"}
	line(b, cmp.Or(marks[r.History], "??"), "%s", r.History)
}
