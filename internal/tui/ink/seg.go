package ink

import (
	"strconv"
	"time"

	"llchat/internal/safetext"
)

// constant is a string that only a constant of the caller's source can be:
// no other package can name the type, so no variable converts to it.
type constant string

// Own is a text of our own source, for tables.
type Own struct{ s string }

// Const makes an Own of a constant.
func Const(s constant) Own { return Own{string(s)} }

// IsEmpty reports whether there is nothing to draw.
func (o Own) IsEmpty() bool { return o.s == "" }

// String returns the constant, for comparing and for the line mode.
func (o Own) String() string { return o.s }

// Seg is a piece of a row: text and the style it is drawn in.
type Seg struct {
	s  string
	st Style
}

// L is a literal of our own source.
func L(st Style, s constant) Seg { return Seg{string(s), st} }

// O is a constant out of a table.
func O(st Style, o Own) Seg { return Seg{o.s, st} }

// T is text that was cleaned: everything that came from a peer, from the
// system or from an error.
func T(st Style, t safetext.Text) Seg { return Seg{t.String(), st} }

// N is a number, with a comma between thousands.
func N(st Style, n int) Seg {
	if -1000 < n && n < 1000 {
		return Seg{strconv.Itoa(n), st}
	}
	digits := strconv.Itoa(n)
	out := make([]byte, 0, len(digits)+len(digits)/3)
	for i, d := range []byte(digits) {
		if i > 0 && d != '-' && digits[i-1] != '-' && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, d)
	}
	return Seg{string(out), st}
}

// Clock is the time of day.
func Clock(st Style, t time.Time) Seg { return Seg{t.Local().Format("15:04"), st} }

// Day is a date in words, with the year when it is not this one.
func Day(st Style, t, now time.Time) Seg {
	t, now = t.Local(), now.Local()
	switch {
	case SameDay(t, now):
		return Seg{"Today", st}
	case SameDay(t, now.AddDate(0, 0, -1)):
		return Seg{"Yesterday", st}
	case t.Year() == now.Year():
		return Seg{t.Format("Monday 2 January"), st}
	}
	return Seg{t.Format("Monday 2 January 2006"), st}
}

// Ago is how long something is past, in its largest unit.
func Ago(st Style, d time.Duration) Seg {
	switch {
	case d < time.Minute:
		return Seg{"now", st}
	case d < time.Hour:
		return Seg{strconv.Itoa(int(d/time.Minute)) + "m", st}
	case d < 24*time.Hour:
		return Seg{strconv.Itoa(int(d/time.Hour)) + "h", st}
	}
	return Seg{strconv.Itoa(int(d/(24*time.Hour))) + "d", st}
}

// Seen is when somebody was here last, in words that stay true for a minute. A
// clock that went back since makes it now.
func Seen(st Style, t, now time.Time) Seg {
	t, now = t.Local(), now.Local()
	switch d := now.Sub(t); {
	case d < time.Minute:
		return Seg{"just now", st}
	case d < time.Hour:
		return Seg{strconv.Itoa(int(d/time.Minute)) + " min ago", st}
	case SameDay(t, now):
		return Seg{strconv.Itoa(int(d/time.Hour)) + " h ago", st}
	case SameDay(t, now.AddDate(0, 0, -1)):
		return Seg{"yesterday " + t.Format("15:04"), st}
	case t.Year() == now.Year():
		return Seg{t.Format("2 January"), st}
	}
	return Seg{t.Format("2 January 2006"), st}
}

// Date is a date and the time of day.
func Date(st Style, t time.Time) Seg { return Seg{t.Local().Format("2 January 2006 15:04"), st} }

// Typed is what the user is writing, without line feeds. It is drawn cleaned,
// for a paste may hold anything; what is sent stays as it was.
func Typed(st Style, s string) Seg {
	if printable(s) {
		return Seg{s, st}
	}
	return T(st, safetext.Body(s))
}

// IsEmpty reports whether there is nothing to draw.
func (s Seg) IsEmpty() bool { return s.s == "" }

// String is the text without its style, for the line mode.
func (s Seg) String() string { return s.s }

// With is the same text in another style.
func (s Seg) With(st Style) Seg { return Seg{s.s, st} }

// Part is a part of a piece, in octets, in another style.
func (s Seg) Part(from, to int, st Style) Seg { return Seg{s.s[from:to], st} }

// SameDay reports whether two times fall on one day here.
func SameDay(a, b time.Time) bool {
	a, b = a.Local(), b.Local()
	return a.YearDay() == b.YearDay() && a.Year() == b.Year()
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// Seg is a sign as a piece, for where it is drawn among others.
func (t *Theme) Seg(g Glyph, st Style) Seg { return Seg{t.glyph(g), st} }

// Spaced is a sign with a space on each side.
func (t *Theme) Spaced(g Glyph, st Style) Seg {
	if t.Ascii {
		return Seg{spacedASCII[g], st}
	}
	return Seg{spacedUnicode[g], st}
}

// Cut makes a piece fit into some cells; what is lost ends in an ellipsis.
func (t *Theme) Cut(m Method, s Seg, most int) Seg {
	if width(m, s.s) <= most {
		return s
	}
	col, rest := 0, s.s
	for rest != "" {
		_, cw, after := next(m, rest)
		if col += max(cw, 1); col > most-1 {
			break
		}
		rest = after
	}
	return Seg{s.s[:len(s.s)-len(rest)] + t.glyph(Ellipsis), s.st}
}

// On lays a piece on a ground.
func (s Seg) On(g Style) Seg {
	if s.st&ground == 0 {
		s.st |= g
	}
	return s
}
