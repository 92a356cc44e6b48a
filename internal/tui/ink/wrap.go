package ink

import "strings"

// Wrap breaks a text into rows of at most w cells: at line feeds, else at
// spaces, between wide clusters, and inside a word that is longer than a row.
// A text without a character is one empty row.
func Wrap(m Method, seg Seg, w int) []Seg {
	w = max(w, 1)
	var rows []Seg
	s := seg.s
	for {
		line, rest, more := cutLine(s)
		rows = wrapLine(m, rows, line, seg.st, w)
		if !more {
			return rows
		}
		s = rest
	}
}

func cutLine(s string) (line, rest string, more bool) {
	for i := range len(s) {
		if s[i] == '\n' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func wrapLine(m Method, rows []Seg, line string, st Style, w int) []Seg {
	if line == "" {
		return append(rows, Seg{"", st})
	}
	for line != "" {
		end, rest := fit(m, line, w)
		rows = append(rows, Seg{line[:end], st})
		line = line[rest:]
	}
	return rows
}

// fit says where a row of at most w cells ends and where the next one starts.
// At least one cluster goes into a row, however wide it is.
func fit(m Method, line string, w int) (end, rest int) {
	col, brk, brkRest := 0, 0, 0
	for pos := 0; pos < len(line); {
		cluster, cw, _ := next(m, line[pos:])
		cw = max(cw, 1)
		wide := cw > 1 && len(cluster) > 1
		if wide {
			brk, brkRest = pos, pos
		}
		if col+cw > w && pos > 0 {
			switch {
			case cluster == " ": // a space that ends a full row is eaten
				return pos, pos + 1
			case brk > 0:
				return brk, brkRest
			}
			return pos, pos
		}
		pos += len(cluster)
		col += cw
		if cluster == " " {
			brk, brkRest = pos-1, pos
		} else if wide {
			brk, brkRest = pos, pos
		}
	}
	return len(line), len(line)
}

// Flow parts pieces that follow one another into rows of w cells, as Wrap does
// one piece; each keeps its style.
func Flow(m Method, segs []Seg, w int) [][]Seg {
	all := joined(segs)
	var rows [][]Seg
	for at := 0; at < len(all) || len(rows) == 0; {
		end, rest := fit(m, all[at:], max(w, 1))
		rows = append(rows, cutOut(segs, at, at+end))
		if rest == 0 {
			break
		}
		at += rest
	}
	return rows
}

// cutOut returns the pieces between two octets of all of them.
func cutOut(segs []Seg, from, to int) []Seg {
	var out []Seg
	at := 0
	for _, s := range segs {
		a, b := max(from-at, 0), min(to-at, len(s.s))
		if a < b {
			out = append(out, Seg{s.s[a:b], s.st})
		}
		at += len(s.s)
	}
	return out
}

// WrapAll parts pieces that follow one another into rows, as Wrap does one
// piece, line feeds and all; each keeps its style. It reads them once, however
// many there are.
func WrapAll(m Method, segs []Seg, w int) [][]Seg {
	all, from := joined(segs), knife{segs: segs}
	var rows [][]Seg
	for at := 0; ; {
		line, _, more := cutLine(all[at:])
		end := at + len(line)
		for {
			stop, rest := fit(m, all[at:end], max(w, 1))
			rows = append(rows, from.cut(at, at+stop))
			if at += rest; at >= end {
				break
			}
		}
		if !more {
			return rows
		}
		at = end + 1
	}
}

func joined(segs []Seg) string {
	if len(segs) == 1 {
		return segs[0].s
	}
	var b strings.Builder
	for i := range segs {
		b.WriteString(segs[i].s)
	}
	return b.String()
}

// knife cuts rows out of pieces, one behind the other.
type knife struct {
	segs  []Seg
	start int // octet where the first of them begins
}

func (k *knife) cut(from, to int) []Seg {
	for len(k.segs) > 0 && k.start+len(k.segs[0].s) <= from {
		k.start += len(k.segs[0].s)
		k.segs = k.segs[1:]
	}
	var out []Seg
	at := k.start
	for i := range k.segs {
		s := &k.segs[i]
		if at >= to {
			break
		}
		a, b := max(from-at, 0), min(to-at, len(s.s))
		if a < b {
			out = append(out, Seg{s.s[a:b], s.st})
		}
		at += len(s.s)
	}
	return out
}

// Span is a part of a line, in octets.
type Span struct{ Start, End int }

// Breaks says how a line that the user types is parted into rows of w cells.
// Unlike Wrap it counts octets of the text as it is, for the cursor.
func Breaks(m Method, line string, w int) []Span {
	if line == "" {
		return []Span{{}}
	}
	var spans []Span
	for at := 0; at < len(line); {
		_, rest := fit(m, line[at:], max(w, 1))
		spans = append(spans, Span{at, at + rest})
		at += rest
	}
	return spans
}
