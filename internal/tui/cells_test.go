package tui

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"

	"llchat/internal/tui/ink"
)

// checkCells fails when a row, its colours taken off, is not as wide as the
// screen or holds anything that a terminal would act on.
func checkCells(t *testing.T, m *model, row string) {
	t.Helper()
	if got := cells(m.method, row); got != m.w {
		t.Errorf("%dx%d: row %q is %d cells wide", m.w, m.h, row, got)
	}
	if !utf8.ValidString(row) {
		t.Errorf("row %q is not UTF-8", row)
	}
	for _, r := range row {
		if unicode.IsControl(r) {
			t.Errorf("row %q holds the control character %U", row, r)
		}
	}
}

// cells counts cluster by cluster, as the renderer does.
func cells(m ink.Method, row string) int {
	w := 0
	for g := graphemes.FromString(row); g.Next(); {
		w += max(1, m.StringWidth(g.Value()))
	}
	return w
}
