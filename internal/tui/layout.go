package tui

// Sizes where the layout changes (ui/README.md 6.6).
const (
	wideColumns   = 100 // roster beside the conversation
	mediumColumns = 60  // name and time in the row of the text
	rosterWidth   = 28
	tallRows      = 16 // the program's own bar
	roomyRows     = 20 // second header row
	lowRows       = 12 // below: no footer
	ruleRows      = 10 // below: no rule above the composer
	minColumns    = 20
	minRows       = 6 // below either: one line
)

// layout says which rows and columns belong to what. Everything is a row
// number from the top or a count.
type layout struct {
	w, h     int
	tiny     bool
	bare     bool
	bar      bool
	head     int // header rows of the conversation
	headY    int
	headRule bool
	roster   int // columns, with the line that ends it; 0: none
	x, cw    int // the conversation's first column and width
	streamY  int
	streamH  int
	rule     bool
	composeY int
	composeH int
	gapY     int // -1: none
	footY    int // -1: none
}

// arrange computes the layout for a screen whose composer wants some rows.
func arrange(w, h, want int, bare bool) layout {
	l := layout{w: w, h: h, bare: bare, gapY: -1, footY: -1, cw: w}
	if w < minColumns || h < minRows {
		l.tiny = true
		return l
	}
	tall := h >= tallRows && w >= mediumColumns
	top, bottom := 0, h
	if tall {
		l.bar, top = true, 1
	}
	if w >= wideColumns && tall && !bare {
		l.roster = rosterWidth + 1
		l.x, l.cw = l.roster, w-l.roster
	}
	l.headY, l.head = top, 1
	if w >= wideColumns && h >= roomyRows {
		l.head = 2
	}
	top += l.head
	if tall {
		l.headRule = true
		top++
	}
	if h >= lowRows {
		bottom--
		l.footY = bottom
	}
	if tall {
		bottom--
		l.gapY = bottom
	}
	l.composeH = max(1, min(want, h/3))
	bottom -= l.composeH
	l.composeY = bottom
	if h >= ruleRows {
		bottom--
		l.rule = true
	}
	l.streamY, l.streamH = top, max(0, bottom-top)
	return l
}
