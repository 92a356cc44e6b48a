package ink

// Frame is a screen being written, row by row from the top, or a scratch for
// single lines. Its buffer is kept from one frame to the next.
type Frame struct {
	Theme  *Theme
	Method Method

	buf   []byte
	width int
	limit int // the column that Put must not pass in this row
	col   int
	start int // of this row in buf
	style Style
	fresh bool // no style was written in this row yet
	rows  int
}

// reset of all attributes, between panes and at the end of a row.
const reset = "\x1b[m"

// Begin forgets the old screen; the new one is w cells wide.
func (f *Frame) Begin(w int) {
	f.buf, f.width, f.rows = f.buf[:0], w, 0
}

// Row starts the next row.
func (f *Frame) Row() {
	if f.rows > 0 {
		f.buf = append(f.buf, '\n')
	}
	f.rows++
	f.start = len(f.buf)
	f.col, f.limit, f.fresh = 0, f.width, true
}

// End fills the row with spaces in the style it ends in: a bar is one colour
// to its end.
func (f *Frame) End(st Style) {
	f.limit = f.width
	if st&ground != 0 {
		f.hold(f.width, st)
	}
	f.To(f.width, st)
	if !f.fresh {
		f.buf = append(f.buf, reset...)
		f.fresh = true
	}
}

// hold fills a row on a ground up to a column. The renderer clears what ends in
// spaces, and a terminal that does not clear in colour would cut the bar short.
func (f *Frame) hold(col int, st Style) {
	if f.col >= col {
		return
	}
	f.To(col-1, st)
	f.setStyle(st)
	f.buf = append(f.buf, noBreakSpace...)
	f.col++
}

const noBreakSpace = "\u00a0"

// Limit keeps what follows left of a column.
func (f *Frame) Limit(col int) { f.limit = min(col, f.width) }

// Col is where the next piece goes.
func (f *Frame) Col() int { return f.col }

// Room is how many cells are left before the limit.
func (f *Frame) Room() int { return max(0, f.limit-f.col) }

// Put draws pieces; what does not fit ends in an ellipsis.
func (f *Frame) Put(segs ...Seg) {
	for i := range segs {
		if f.col >= f.limit {
			return
		}
		f.put(segs[i].s, segs[i].st)
	}
}

// PutRight draws pieces so that they end at the limit, if they fit behind
// what is there already with one space between; else it draws nothing.
func (f *Frame) PutRight(st Style, segs ...Seg) bool {
	w := Width(f.Method, segs...)
	if w == 0 || f.col+1+w > f.limit {
		return false
	}
	f.To(f.limit-w, st)
	f.Put(segs...)
	return true
}

// PutCut draws one piece in at most w cells.
func (f *Frame) PutCut(seg Seg, w int) {
	old := f.limit
	f.limit = min(old, f.col+w)
	f.Put(seg)
	f.limit = old
}

// To draws spaces up to a column.
func (f *Frame) To(col int, st Style) {
	col = min(col, f.limit)
	if f.col >= col {
		return
	}
	f.setStyle(st)
	for ; f.col < col; f.col++ {
		f.buf = append(f.buf, ' ')
	}
}

// Rule repeats a sign of one cell up to a column.
func (f *Frame) Rule(g Glyph, col int, st Style) {
	col = min(col, f.limit)
	if f.col >= col {
		return
	}
	f.setStyle(st)
	for s := f.Theme.glyph(g); f.col < col; f.col++ {
		f.buf = append(f.buf, s...)
	}
}

// Sign draws one of our own signs.
func (f *Frame) Sign(g Glyph, st Style) {
	if f.col < f.limit {
		f.setStyle(st)
		f.buf = append(f.buf, f.Theme.glyph(g)...)
		f.col++
	}
}

// Line draws a row that was kept. It is drawn whole or not at all: its maker
// knew the width.
func (f *Frame) Line(l Line) {
	if f.col+l.w > f.limit {
		return
	}
	if !f.fresh {
		f.buf = append(f.buf, reset...)
		f.fresh = true
	}
	f.buf = append(f.buf, l.s...)
	f.col += l.w
}

// String returns the screen, rows with a line feed between.
func (f *Frame) String() string { return string(f.buf) }

func (f *Frame) setStyle(st Style) {
	if !f.fresh && st == f.style {
		return
	}
	f.buf = append(f.buf, f.Theme.prefix(st)...)
	f.style, f.fresh = st, false
}

func (f *Frame) put(s string, st Style) {
	f.setStyle(st)
	for len(s) > 0 {
		cluster, cw, rest := next(f.Method, s)
		if cw < 1 || cw > f.width || halfFlag(cluster) {
			cluster, cw = replacement, 1
		}
		// The last cell is for the ellipsis unless the rest fits.
		if room := f.limit - f.col; cw > room || cw == room && rest != "" || cw < room && rest != "" && cw+1 > room {
			f.ellipsis()
			return
		}
		if f.Theme.Ascii && len(cluster) > 1 {
			cluster = plainSign(cluster)
		}
		f.buf = append(f.buf, cluster...)
		f.col += cw
		s = rest
	}
}

func (f *Frame) ellipsis() {
	if f.col < f.limit {
		f.buf = append(f.buf, f.Theme.glyph(Ellipsis)...)
		f.col++
	}
}

// Line is a finished row, kept to be drawn again. Only a Frame makes one.
type Line struct {
	s string
	w int
}

// Keep ends the row, filled up to w cells, and returns it.
func (f *Frame) Keep(w int, st Style) Line {
	f.limit = min(f.width, w)
	if st&ground != 0 {
		f.hold(f.limit, st)
	}
	f.To(f.limit, st)
	if !f.fresh {
		f.buf = append(f.buf, reset...)
		f.fresh = true
	}
	return Line{string(f.buf[f.start:]), f.col}
}
