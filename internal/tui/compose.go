package tui

import (
	"llchat/internal/tui/edit"
	"llchat/internal/tui/ink"
)

// composed is the part of the draft that is on the screen.
type composed struct {
	rows   []composedRow
	cursor int // row
	column int // cells from the text's left edge
}

type composedRow struct {
	line int
	span ink.Span
}

// compose lays out the rows around the cursor, at most most of them. Only
// lines that can be seen are looked at, however long the draft is.
func compose(d *edit.Buffer, method ink.Method, w, most int) composed {
	w = max(w, 1)
	y, x := d.Cursor()
	var out composed
	for _, s := range ink.Breaks(method, d.Line(y), w) {
		out.rows = append(out.rows, composedRow{y, s})
	}
	for i, r := range out.rows {
		if x >= r.span.Start && (x < r.span.End || i == len(out.rows)-1) {
			out.cursor = i
		}
	}
	at := out.rows[out.cursor].span
	out.column = ink.Width(method, ink.Typed(0, d.Line(y)[at.Start:x]))
	out.grow(d, method, w, most)
	return out
}

// grow adds the lines above and below as long as there is room, those above
// first, and cuts what is too much.
func (c *composed) grow(d *edit.Buffer, method ink.Method, w, most int) {
	y, _ := d.Cursor()
	for line := y - 1; line >= 0 && c.cursor < most-1; line-- {
		var rows []composedRow
		for _, s := range ink.Breaks(method, d.Line(line), w) {
			rows = append(rows, composedRow{line, s})
		}
		c.rows = append(rows, c.rows...)
		c.cursor += len(rows)
	}
	if cut := c.cursor - (most - 1); cut > 0 {
		c.rows = c.rows[cut:]
		c.cursor -= cut
	}
	for line := y + 1; line < d.Lines() && len(c.rows) < most; line++ {
		for _, s := range ink.Breaks(method, d.Line(line), w) {
			c.rows = append(c.rows, composedRow{line, s})
		}
	}
	c.rows = c.rows[:min(most, len(c.rows))]
}

// prompt is what stands before the draft: the mark and the name of the one
// who will read it.
func (m *model) prompt(cw int) []ink.Seg {
	e := m.openEntry()
	if e == nil {
		return []ink.Seg{ink.L(ink.Acc|ink.Bold, "› ")}
	}
	s := standingOf(&e.peer)
	if s.alarm {
		return []ink.Seg{m.mark(s.mark, s.style), ink.L(ink.Err|ink.Bold, " locked ")}
	}
	segs := []ink.Seg{m.mark(s.mark, s.style)}
	if !s.lock.IsEmpty() {
		return append(segs, ink.L(ink.Err|ink.Bold, " locked "))
	}
	if c := m.current(); c.corrects != nil {
		segs = append(segs, ink.L(ink.New, " edit"))
	} else if c.answers != nil {
		segs = append(segs, ink.L(ink.Acc, " reply"))
	}
	if cw >= mediumColumns {
		return append(segs, ink.L(ink.Fg, " "), m.short(e.name, s.style|ink.Bold, promptName), m.sign(ink.Prompt, s.style|ink.Bold, true))
	}
	return append(segs, m.sign(ink.Prompt, s.style|ink.Bold, true))
}

// promptName is the most of a name in the prompt.
const promptName = 16
