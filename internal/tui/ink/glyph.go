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

var spacedUnicode, spacedASCII = spaced(unicodeSigns), spaced(asciiSigns)

func spaced(signs [glyphs]string) (out [glyphs]string) {
	for i, s := range signs {
		out[i] = " " + s + " "
	}
	return out
}

// plainSign replaces the few signs of our own sentences that a console font
// may lack.
func plainSign(cluster string) string {
	switch cluster {
	case "·":
		return "*"
	case "—", "–":
		return "-"
	case "…":
		return "~"
	case "›":
		return ">"
	case "↑":
		return "^"
	case "↓":
		return "v"
	case "↳":
		return ">"
	case "•":
		return "o"
	}
	return cluster
}
