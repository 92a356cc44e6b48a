// Package edit is the text under the cursor: several lines, readline keys, a
// kill ring of one, pastes as they were.
//
// The text is kept byte for byte; making it fit to be drawn is the painter's
// affair. A Buffer knows nothing of a terminal and holds no lock: its owner
// is one goroutine.
package edit

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

// Buffer is a text of one or more lines with a cursor between two clusters.
// The zero value is an empty text. Version grows with every change.
type Buffer struct {
	lines   []string // never empty once used
	y, x    int      // line and byte in it
	killed  string
	size    int
	version uint64
}

// Version tells one state of the text from another.
func (b *Buffer) Version() uint64 { return b.version }

// Len is the size of the text in octets.
func (b *Buffer) Len() int { return b.size }

// IsEmpty reports whether there is no text.
func (b *Buffer) IsEmpty() bool { return b.size == 0 }

// Lines is the number of lines, at least one.
func (b *Buffer) Lines() int { return max(1, len(b.lines)) }

// Line returns one line without its line feed.
func (b *Buffer) Line(i int) string {
	if i >= len(b.lines) {
		return ""
	}
	return b.lines[i]
}

// Cursor returns the line and the byte offset in it.
func (b *Buffer) Cursor() (line, offset int) { return b.y, b.x }

// String returns the whole text.
func (b *Buffer) String() string { return strings.Join(b.lines, "\n") }

// Before returns the text of the cursor's line left of it, if it is the first
// line; that is what a command completes.
func (b *Buffer) Before() (string, bool) {
	if b.y != 0 {
		return "", false
	}
	return b.Line(0)[:b.x], true
}

// Set replaces the text and puts the cursor at its end.
func (b *Buffer) Set(text string) {
	b.lines = strings.Split(text, "\n")
	b.y = len(b.lines) - 1
	b.x = len(b.lines[b.y])
	b.size = len(text)
	b.version++
}

// Clear empties the text; Yank brings it back.
func (b *Buffer) Clear() {
	if b.size > 0 {
		b.killed = b.String()
	}
	b.Set("")
}

// Insert puts text in at the cursor, line feeds and all.
func (b *Buffer) Insert(text string) {
	if text == "" {
		return
	}
	b.ready()
	head, tail := b.lines[b.y][:b.x], b.lines[b.y][b.x:]
	parts := strings.Split(text, "\n")
	last := len(parts) - 1
	b.x = len(parts[last])
	if last == 0 {
		b.x += len(head)
	}
	parts[0] = head + parts[0]
	parts[last] += tail
	if last == 0 {
		b.lines[b.y] = parts[0]
	} else {
		b.lines = append(b.lines[:b.y:b.y], append(parts, b.lines[b.y+1:]...)...)
	}
	b.y += last
	b.size += len(text)
	b.version++
}

// Paste inserts text from outside: line ends of other systems become line
// feeds, nothing else changes.
func (b *Buffer) Paste(text string) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	b.Insert(strings.ReplaceAll(text, "\r", "\n"))
}

// Left and Right move by one cluster, over line ends too.
func (b *Buffer) Left() {
	b.ready()
	if b.x > 0 {
		b.x = previous(b.lines[b.y], b.x)
	} else if b.y > 0 {
		b.y--
		b.x = len(b.lines[b.y])
	}
}

// Right moves one cluster forward.
func (b *Buffer) Right() {
	b.ready()
	if b.x < len(b.lines[b.y]) {
		b.x += len(graphemes.FromString(b.lines[b.y][b.x:]).First())
	} else if b.y < len(b.lines)-1 {
		b.y, b.x = b.y+1, 0
	}
}

// Up moves to the line above and reports whether there is one.
func (b *Buffer) Up() bool { return b.vertical(-1) }

// Down moves to the line below and reports whether there is one.
func (b *Buffer) Down() bool { return b.vertical(1) }

func (b *Buffer) vertical(by int) bool {
	b.ready()
	to := b.y + by
	if to < 0 || to >= len(b.lines) {
		return false
	}
	n := 0
	for g := graphemes.FromString(b.lines[b.y][:b.x]); g.Next(); {
		n++
	}
	b.y, b.x = to, 0
	for g := graphemes.FromString(b.lines[to]); n > 0 && g.Next(); n-- {
		b.x = g.End()
	}
	return true
}

// Home and End move inside the line.
func (b *Buffer) Home() { b.x = 0 }

// End moves to the end of the line.
func (b *Buffer) End() { b.x = len(b.Line(b.y)) }

// WordLeft moves to the start of a word.
func (b *Buffer) WordLeft() {
	b.ready()
	if b.x == 0 {
		b.Left()
		return
	}
	b.x = wordStart(b.lines[b.y], b.x)
}

// WordRight moves behind the end of a word.
func (b *Buffer) WordRight() {
	b.ready()
	if b.x == len(b.lines[b.y]) {
		b.Right()
		return
	}
	b.x = wordEnd(b.lines[b.y], b.x)
}

// Backspace removes the cluster before the cursor, or joins two lines.
func (b *Buffer) Backspace() {
	y, x := b.y, b.x
	b.Left()
	b.cut(b.y, b.x, y, x)
}

// Delete removes the cluster behind the cursor, or joins two lines.
func (b *Buffer) Delete() {
	y, x := b.y, b.x
	b.Right()
	b.cut(y, x, b.y, b.x)
}

// KillEnd cuts to the end of the line; at the end, the line feed.
func (b *Buffer) KillEnd() {
	b.ready()
	if b.x == len(b.lines[b.y]) {
		b.Delete()
		return
	}
	b.kill(b.y, b.x, b.y, len(b.lines[b.y]))
}

// KillHome cuts to the start of the line.
func (b *Buffer) KillHome() {
	b.ready()
	b.kill(b.y, 0, b.y, b.x)
}

// KillWordLeft cuts the word before the cursor.
func (b *Buffer) KillWordLeft() {
	y, x := b.y, b.x
	b.WordLeft()
	b.kill(b.y, b.x, y, x)
}

// KillWordRight cuts the word behind the cursor.
func (b *Buffer) KillWordRight() {
	y, x := b.y, b.x
	b.WordRight()
	b.kill(y, x, b.y, b.x)
}

// Yank puts in what was cut last.
func (b *Buffer) Yank() { b.Insert(b.killed) }

func (b *Buffer) ready() {
	if len(b.lines) == 0 {
		b.lines = []string{""}
	}
}

func (b *Buffer) kill(y0, x0, y1, x1 int) {
	if s := b.cut(y0, x0, y1, x1); s != "" {
		b.killed = s
	}
}

// cut removes what lies between two places, at most one line feed.
func (b *Buffer) cut(y0, x0, y1, x1 int) string {
	b.ready()
	if y0 == y1 && x0 == x1 {
		return ""
	}
	var out string
	if y0 == y1 {
		l := b.lines[y0]
		out = l[x0:x1]
		b.lines[y0] = l[:x0] + l[x1:]
	} else {
		out = b.lines[y0][x0:] + "\n" + b.lines[y1][:x1]
		b.lines[y0] = b.lines[y0][:x0] + b.lines[y1][x1:]
		b.lines = append(b.lines[:y1], b.lines[y1+1:]...)
	}
	b.y, b.x = y0, x0
	b.size -= len(out)
	b.version++
	return out
}

// previous finds where the cluster that ends at x starts.
func previous(line string, x int) int {
	if line[x-1] < utf8.RuneSelf && (x < 2 || line[x-2] < utf8.RuneSelf) {
		return x - 1
	}
	start := 0
	for g := graphemes.FromString(line[:x]); g.Next(); {
		start = g.Start()
	}
	return start
}

func wordStart(line string, x int) int {
	for seen := false; x > 0; {
		r, n := utf8.DecodeLastRuneInString(line[:x])
		if inWord(r) {
			seen = true
		} else if seen {
			break
		}
		x -= n
	}
	return x
}

func wordEnd(line string, x int) int {
	for seen := false; x < len(line); {
		r, n := utf8.DecodeRuneInString(line[x:])
		if inWord(r) {
			seen = true
		} else if seen {
			break
		}
		x += n
	}
	return x
}

func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}
