package ink

import (
	"crypto/sha1"
	"fmt"
	"math"
	"slices"

	"github.com/lucasb-eyer/go-colorful"
)

// Style is what a piece means: a token for the letters, the ground it lies on
// and whether it is bold. A theme says how that looks.
type Style uint16

// Tokens for the letters. Hue makes more of them, one for each person.
const (
	Fg     Style        = iota
	Mut                 // times and hints
	Acc                 // keys, links, focus
	OK                  // verified, nothing else
	New                 // new key, unread line, waiting
	Err                 // not sent, another key
	Rule                // lines between panes; no text
	alarm  = tokens - 1 // letters on the ground of an alarm
	tokens = 16
	hues   = 48
)

// Grounds, weight and shape, to be added to a token with |.
const (
	OnBar  Style = 1 << 6
	OnSel  Style = 2 << 6
	OnBad  Style = 3 << 6 // another key claims this name: nothing else is a red bar
	Bold   Style = 1 << 8
	Italic Style = 1 << 9
	Struck Style = 1 << 10
	ground Style = 3 << 6
	token  Style = 1<<6 - 1
	styles       = 1 << 11
)

// Hue is the token of a person: an angle on the colour circle after XEP-0392,
// made of the key's fingerprint, so that an impostor with the same name has
// another colour.
func Hue(fingerprint []byte) Style {
	return tokens + Style(angle(fingerprint)*hues)
}

// angle is that of XEP-0392 4.2, of a whole turn: two octets of the SHA-1, little
// endian. Nothing is trusted by it.
func angle(input []byte) float64 {
	sum := sha1.Sum(input)
	return float64(uint16(sum[0])|uint16(sum[1])<<8) / 65536
}

// Theme turns styles into the bytes that switch a terminal to them.
type Theme struct {
	Name  string
	ID    int // differs between themes; part of cache keys
	Ascii bool

	colour [tokens + hues]rgb
	bg     [4]rgb
	index  [tokens + hues]uint8 // the same in the palette of 256
	bgIdx  [4]uint8
	mode   mode
	paint  bool // the ground itself is drawn, not the terminal's own
	made   [styles]string
}

type rgb struct{ r, g, b uint8 }

type mode int

const (
	full    mode = iota // colours of our own
	palette             // the nearest of the 216 and the greys that most terminals share
	sixteen             // the terminal's 16 colours, no coloured ground
	mono                // bold and reverse only
)

// Dark, Light and Contrast are the themes of ui/README.md 6.3.
func Dark() *Theme {
	t := &Theme{Name: "dark", ID: 1, bgIdx: [4]uint8{233, 236, 237, 124}}
	t.pick(map[Style]uint8{Fg: 253, Mut: 248, Acc: 117, OK: 120, New: 221, Err: 217, Rule: 240, alarm: 231})
	t.set(rgbOf(0x16181d), 0.70, map[Style]uint32{
		Fg: 0xd7dae0, Mut: 0xa1a8b4, Acc: 0x79b8ff, OK: 0x7ee787, New: 0xf2cc60, Err: 0xff9a8f, Rule: 0x4a515e,
	}, 0x252a34, 0x2f3b52, 0xb3261e)
	return t
}

// Light is for light terminals.
func Light() *Theme {
	t := &Theme{Name: "light", ID: 2, bgIdx: [4]uint8{231, 254, 189, 124}}
	t.pick(map[Style]uint8{Fg: 235, Mut: 239, Acc: 25, OK: 22, New: 58, Err: 88, Rule: 249, alarm: 231})
	t.set(rgbOf(0xfbfaf7), 0.38, map[Style]uint32{
		Fg: 0x24262b, Mut: 0x555b64, Acc: 0x0b57b0, OK: 0x0b6b2b, New: 0x7a4d00, Err: 0xa4161a, Rule: 0xb9b6ad,
	}, 0xe9e7e0, 0xd6e4fb, 0xb3261e)
	return t
}

// Contrast is black and white, yellow for keys; alarms are black on yellow.
func Contrast() *Theme {
	t := &Theme{Name: "contrast", ID: 3, paint: true, bgIdx: [4]uint8{16, 234, 17, 226}}
	t.pick(map[Style]uint8{Fg: 231, Mut: 231, Acc: 226, OK: 120, New: 222, Err: 224, Rule: 231, alarm: 16})
	t.set(rgbOf(0x000000), 0.78, map[Style]uint32{
		Fg: 0xffffff, Mut: 0xffffff, Acc: 0xffff00, OK: 0x00ff66, New: 0xffd75f, Err: 0xffb0a8, Rule: 0xffffff,
	}, 0x1c1c1c, 0x00264d, 0xffff00)
	t.colour[alarm] = rgb{} // letters on the alarm ground
	return t
}

// Sixteen uses the terminal's own colours, for the Linux console.
func Sixteen() *Theme { return &Theme{Name: "16", ID: 4, mode: sixteen} }

// Mono has no colour at all (NO_COLOR).
func Mono() *Theme { return &Theme{Name: "mono", ID: 5, mode: mono} }

// In256 is the theme for a terminal of 256 colours. Nearest colours would turn
// the greys of the grounds into blues, so these are chosen by hand.
func (t *Theme) In256() *Theme {
	if t.mode == full {
		t.mode = palette
		t.ID += 16
		t.pickHues()
	}
	return t
}

// InAscii is the theme with signs that every font has.
func (t *Theme) InAscii() *Theme {
	t.Ascii = true
	t.ID += 8
	return t
}

func (t *Theme) set(base rgb, lightness float64, letters map[Style]uint32, bar, sel, bad uint32) {
	for tok, c := range letters {
		t.colour[tok] = rgbOf(c)
	}
	t.colour[alarm] = rgb{255, 255, 255}
	t.bg = [4]rgb{base, rgbOf(bar), rgbOf(sel), rgbOf(bad)}
	for i := range hues {
		r, g, b := colorful.HSLuv(360*(float64(i)+0.5)/hues, 1, lightness).RGB255()
		t.colour[tokens+i] = rgb{r, g, b}
	}
}

func (t *Theme) pick(letters map[Style]uint8) {
	for tok, i := range letters {
		t.index[tok] = i
	}
}

// levels are the steps of the colour cube that xterm brought.
var levels = [6]uint8{0, 95, 135, 175, 215, 255}

// enough is the contrast that text needs (WCAG 2.1, 1.4.3).
const enough = 4.5

// pickHues takes, for each person's colour, the nearest of the cube's that can
// be read on every ground.
func (t *Theme) pickHues() {
	var legible []uint8
	for i := uint8(16); i < 232; i++ {
		c, least := paletteRGB(i), enough
		if t.paint {
			least = 7 // the high contrast theme promises more
		}
		if contrast(c, paletteRGB(t.bgIdx[0])) >= least && contrast(c, paletteRGB(t.bgIdx[1])) >= least &&
			contrast(c, paletteRGB(t.bgIdx[2])) >= least {
			legible = append(legible, i)
		}
	}
	for h := range hues {
		want := t.colour[tokens+h]
		t.index[tokens+h] = slices.MinFunc(legible, func(a, b uint8) int {
			return distance(paletteRGB(a), want) - distance(paletteRGB(b), want)
		})
	}
}

func distance(a, b rgb) int {
	r, g, bl := int(a.r)-int(b.r), int(a.g)-int(b.g), int(a.b)-int(b.b)
	return r*r + g*g + bl*bl
}

// paletteRGB is what a colour above the first 16 looks like.
func paletteRGB(i uint8) rgb {
	if i >= 232 {
		v := 8 + 10*(i-232)
		return rgb{v, v, v}
	}
	i -= 16
	return rgb{levels[i/36], levels[i/6%6], levels[i%6]}
}

func rgbOf(c uint32) rgb { return rgb{uint8(c >> 16), uint8(c >> 8), uint8(c)} }

// pair is what a style looks like: letters and ground.
func (t *Theme) pair(st Style) (fg, bg rgb) {
	fgTok, ground := t.places(st)
	if t.mode == palette {
		return paletteRGB(t.index[fgTok]), paletteRGB(t.bgIdx[ground])
	}
	return t.colour[fgTok], t.bg[ground]
}

func (t *Theme) places(st Style) (fg Style, bg int) {
	if bg = int(st & ground >> 6); st&ground == OnBad {
		return alarm, bg
	}
	return st & token, bg
}

// prefix is the SGR sequence of a style. It starts with a reset, so that no
// attribute of the piece before lives on.
func (t *Theme) prefix(st Style) string {
	st &= styles - 1
	if t.made[st] == "" {
		t.made[st] = t.make(st)
	}
	return t.made[st]
}

func (t *Theme) make(st Style) string {
	s := "\x1b[0"
	if st&Bold != 0 {
		s += ";1"
	}
	if st&Italic != 0 {
		s += ";3"
	}
	if st&Struck != 0 {
		s += ";9"
	}
	switch t.mode {
	case palette:
		fg, bg := t.places(st)
		s += fmt.Sprintf(";38;5;%d", t.index[fg])
		if bg != 0 || t.paint {
			s += fmt.Sprintf(";48;5;%d", t.bgIdx[bg])
		}
	case full:
		fg, bg := t.pair(st)
		s += fmt.Sprintf(";38;2;%d;%d;%d", fg.r, fg.g, fg.b)
		if st&ground != 0 || t.paint {
			s += fmt.Sprintf(";48;2;%d;%d;%d", bg.r, bg.g, bg.b)
		}
	case sixteen:
		s += sixteenSGR(st)
	case mono:
		if st&ground != 0 {
			s += ";7"
		}
		if st&token == Acc || st&token == Err {
			s += ";1"
		}
	}
	return s + "m"
}

func sixteenSGR(st Style) string {
	if st&ground != 0 {
		return ";7" // a palette's blue is unknowable: no coloured ground
	}
	switch tok := st & token; {
	case tok == OK:
		return ";32"
	case tok == New:
		return ";33"
	case tok == Err, tok == Acc:
		return ";1"
	case tok >= tokens:
		return [...]string{";36", ";35", ";34;1", ";36;1"}[tok%4]
	}
	return ""
}

// contrast is the ratio of WCAG 2.1, 1.4.3.
func contrast(a, b rgb) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c rgb) float64 {
	lin := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c.r) + 0.7152*lin(c.g) + 0.0722*lin(c.b)
}
