package ink

// Glyph is one of our own signs, always one cell.
type Glyph int

// The signs: marks of trust (ui/README.md 6.2), rails, lines.
const (
	MarkVerified Glyph = iota
	MarkPinned
	MarkNew
	MarkConflict
	MarkBlocked
	MarkPlain // cannot encrypt
	RailVerified
	RailPinned
	RailNew
	RailConflict
	RailNone
	HLine
	VLine
	TeeRight
	Dashes
	Ellipsis
	Prompt
	Dot
	Left
	CornerTL
	CornerTR
	CornerBL
	CornerBR
	Waiting
	glyphs
)

var unicodeSigns = [glyphs]string{
	"✓", "◉", "◌", "✗", "–", "⊘",
	"┃", "│", "┊", "▒", " ",
	"─", "│", "├", "╌", "…", "›", "·", "◂",
	"╭", "╮", "╰", "╯", "◷",
}

var asciiSigns = [glyphs]string{
	"V", "=", "?", "!", "-", "x",
	"|", ":", ".", "#", " ",
	"-", "|", "+", "-", "~", ">", "*", "<",
	"+", "+", "+", "+", "w",
}

func (t *Theme) glyph(g Glyph) string {
	if t.Ascii {
		return asciiSigns[g]
	}
	return unicodeSigns[g]
}
