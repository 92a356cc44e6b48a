package safetext

import (
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"github.com/clipperhouse/uax29/v2/graphemes"
)

// maxCluster bounds the code points of one grapheme cluster (ui README,
// Unicode rules): a renderer counts a cluster as one or two cells whatever it
// holds, a terminal may draw every part of it.
const maxCluster = 8

// Width returns how many cells the renderer will use for s, which holds no
// line feed.
func Width(s string) int { return displaywidth.String(s) }

// Width returns how many cells the renderer will use for t, if t is one line.
func (t Text) Width() int { return Width(t.s) }

// Cut returns the longest beginning of t, a line, that fits in so many cells
// without cutting a character in two.
func (t Text) Cut(cells int) Text { return Text{cutCells(t.s, cells)} }

// cutCells cuts s after the last grapheme cluster that fits.
func cutCells(s string, cells int) string {
	if len(s) <= cells { // no cluster is wider than it is long
		return s
	}
	n, width := 0, 0
	for g := displaywidth.StringGraphemes(s); g.Next(); {
		if width += g.Width(); width > cells {
			return s[:n]
		}
		n += len(g.Value())
	}
	return s
}

// cutOctets cuts s to at most n octets, between grapheme clusters if the
// first of them fits, else between code points.
func cutOctets(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := 0
	for g := graphemes.FromString(s); g.Next(); {
		if end+len(g.Value()) > n {
			break
		}
		end += len(g.Value())
	}
	if end > 0 {
		return s[:end]
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// maxEmoji is the same for an emoji sequence: every part may have a style, a
// skin tone and a joiner.
const maxEmoji = 4 * maxParts

// capClusters shortens the clusters of s that hold too many code points.
func capClusters(s string, mark string) string {
	if !foreignRun(s) {
		return s
	}
	var out []byte
	done := 0 // up to where out has s; 0 while nothing had to go
	for g := graphemes.FromString(s); g.Next(); {
		v := g.Value()
		if len(v) <= maxCluster {
			continue
		}
		most := maxCluster
		if r, _ := utf8.DecodeRuneInString(v); pictograph(r) {
			most = maxEmoji
		}
		if utf8.RuneCountInString(v) <= most {
			continue
		}
		keep := 0
		for range most {
			_, size := utf8.DecodeRuneInString(v[keep:])
			keep += size
		}
		start := g.Start()
		out = append(out, s[done:start+keep]...)
		out = append(out, mark...)
		done = start + len(v)
	}
	if done == 0 {
		return s
	}
	return string(append(out, s[done:]...))
}

// foreignRun reports whether s has maxCluster octets or more in a row that
// are not ASCII. Without, no cluster is too long: ASCII only begins one.
func foreignRun(s string) bool {
	run := 0
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			run = 0
		} else if run++; run >= maxCluster {
			return true
		}
	}
	return false
}
