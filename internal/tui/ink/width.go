package ink

import (
	"github.com/charmbracelet/x/ansi"
	"github.com/clipperhouse/uax29/v2/graphemes"
)

// Method is how the renderer counts cells. It starts with WcWidth and becomes
// GraphemeWidth when the terminal says that it knows mode 2027; a row must be
// measured by the same rule, or its right end moves (security.md 10.5).
type Method = ansi.Method

// The two rules of the renderer.
const (
	WcWidth       = ansi.WcWidth
	GraphemeWidth = ansi.GraphemeWidth
)

// replacement stands for a cluster that has no cell or does not fit any row.
const replacement = "\uFFFD"

// next cuts the first grapheme cluster off s and measures it. ASCII, nearly
// everything, does not reach the segmenter.
func next(m Method, s string) (cluster string, width int, rest string) {
	if s[0] >= 0x20 && s[0] < 0x7f && (len(s) == 1 || s[1] < 0x80) {
		return s[:1], 1, s[1:]
	}
	if s[0] == '\t' { // only in what the user types; ink.Typed draws it so
		return s[:1], 4, s[1:]
	}
	cluster = graphemes.FromString(s).First()
	if halfFlag(cluster) {
		return cluster, 1, s[len(cluster):]
	}
	return cluster, m.StringWidth(cluster), s[len(cluster):]
}

// halfFlag reports a regional indicator alone: with one more behind it, in the
// next piece of the row, a terminal would make a flag of the two.
func halfFlag(cluster string) bool {
	return len(cluster) == 4 && cluster >= "\U0001F1E6" && cluster <= "\U0001F1FF"
}

// width of a whole string under the rule that put draws by.
func width(m Method, s string) int {
	w := 0
	for len(s) > 0 {
		var cw int
		_, cw, s = next(m, s)
		w += max(cw, 1)
	}
	return w
}

// Width counts the cells of some pieces.
func Width(m Method, segs ...Seg) int {
	w := 0
	for i := range segs {
		w += width(m, segs[i].s)
	}
	return w
}
