package safetext

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The looks of letters: each string holds pairs of a letter and the ASCII
// character that it is mistaken for. They were chosen by eye from what common
// fonts draw (UTS #39, 4, describes the idea), in lower case: names are
// compared without regard to case.
const (
	latinLooks = "łlølđdħhŧtɑaɡgɩlɪlıløoɵoǀlƅbɓbɗdɖdɠgɦhƙkɱmɲnŋnɾrɼrʂsƭtʈtʋvʏyʐzƶzɛeǝeəeɘeɔcƈcƒfɟjʀrʙbɢgʜhʟlɴn" +
		"ᴀaᴄcᴅdᴇeꜰfᴊjᴋkᴍmᴏoᴘpꜱsᴛtᴜuᴠvᴡwᴢzðdþpƿpꞵbꭓx"
	cyrillicLooks = "аaвbгrґrеeєeиuіlјjкkқkмmнnңnоoрpсcҫcтtуyүyұyхxҳxѕsԁdԛqԝwһhьbъbпnӏlѵvәeөoѳoѡwпnбbҟkӄkӈnӊn"
	// The Greek letters as capitals look, and as small letters look.
	greekCapitals = "αaβbεeζzηhιlκkμmνnοoρpτtυyχxϳjϲc"
	greekSmall    = "αaβbγyεeηnιlκkμuνvοoρpσoςcτtυuχxωwϳjϲcϱp"
	otherLooks    = "օoսuհhոnցgѕsզqյjլlոnտsաw" + // Armenian
		"ꓮaꓐbꓚcꓓdꓰeꓝfꓖgꓧhꓲlꓙjꓗkꓡlꓟmꓠnꓳoꓑpꓣrꓢsꓔtꓴuꓦvꓪwꓫxꓬyꓜz" + // Lisu
		"ꭰdꭱrꭲtꭺaꭻjꭼeꮃwꮇmꮋhꮍyꮐgꮓzꮞ4ꮢrꮤwꮥsꮩvꮪsꮮlꮯcꮲpꮶkᏼbᏻg" // Cherokee
)

var (
	looks      = pairs(latinLooks, cyrillicLooks, otherLooks)
	greekUpper = pairs(greekCapitals)
	greekLower = pairs(greekSmall)
)

// pairs makes a table of strings of pairs.
func pairs(lists ...string) map[rune]rune {
	table := make(map[rune]rune)
	for _, list := range lists {
		var from rune
		for _, r := range list {
			if from == 0 {
				from = r
				continue
			}
			table[from], from = r, 0
		}
	}
	return table
}

// Skeleton folds name to its look, after UTS #39: two names with equal
// skeletons are look-alikes, or differ in case, accents, invisible characters,
// punctuation or spaces only. It errs towards equal, and it is for comparing,
// never for showing. A name of which nothing is visible has an empty skeleton,
// which callers must not take for a look.
func Skeleton(name string) string {
	s := norm.NFKD.String(strings.ToValidUTF8(name, string(replacement)))
	mixed := hasLatin(s)
	var b strings.Builder
	gap := false
	for _, r := range s {
		switch {
		case ignored(r):
		case separates(r):
			gap = true
		default:
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			appendLook(&b, look(r, mixed))
		}
	}
	if b.Len() == 0 {
		return visible(s)
	}
	return b.String()
}

// visible is the skeleton of a name that is all punctuation: itself.
func visible(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if ignored(r) {
			return -1
		}
		return r
	}, s))
}

// ignored reports whether r does not count for the look of a name. Marks of
// the Indic scripts and of kana are kept: they are vowels and consonants.
func ignored(r rune) bool {
	switch classOf(r) {
	case plain, foreign, reserved:
		return false
	case combining:
		return !kanaMark(r) && unicode.In(r, unicode.Inherited, unicode.Latin, unicode.Greek,
			unicode.Cyrillic, unicode.Hebrew, unicode.Arabic)
	}
	return true
}

// kanaMark reports whether r is a combining voiced or semi-voiced sound mark.
func kanaMark(r rune) bool { return r == 0x3099 || r == 0x309a }

// separates reports whether r is a space or punctuation. All of these count as
// one separator, as they do in the instance names that llchat makes of nicks.
func separates(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsPunct(r) || r == '<' || r == '>'
}

// look returns the character that r is mistaken for, in lower case.
func look(r rune, mixed bool) rune {
	if unicode.IsDigit(r) {
		return '0' + digit(r)
	}
	small := unicode.ToLower(unicode.ToUpper(r))
	if unicode.Is(unicode.Greek, r) {
		// Capital eta looks like H, small eta like n. A name that is Greek
		// throughout imitates by its capitals; among Latin letters, each
		// letter imitates as it is.
		table := greekUpper
		if mixed && unicode.IsLower(r) {
			table, small = greekLower, r
		}
		if l, ok := table[small]; ok {
			return l
		}
		return small
	}
	if l, ok := looks[r]; ok {
		return l
	}
	if l, ok := looks[small]; ok {
		return l
	}
	return small
}

// digit returns the value of a decimal digit. Unicode keeps the ten digits of
// a script in one row.
func digit(r rune) rune {
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return (r - rune(t.Lo)) % 10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return (r - rune(t.Lo)) % 10
		}
	}
	return 0
}

// appendLook folds the ASCII characters that look like others.
func appendLook(b *strings.Builder, r rune) {
	switch r {
	case '0':
		b.WriteByte('o')
	case '1', 'i', '|', '∣', 'ǃ', systemSign:
		b.WriteByte('l')
	case 'm':
		b.WriteString("rn")
	case 'w':
		b.WriteString("vv")
	case 'æ':
		b.WriteString("ae")
	case 'œ':
		b.WriteString("oe")
	case 'ß':
		b.WriteString("ss")
	default:
		b.WriteRune(r)
	}
}

// hasLatin reports whether s has a Latin letter.
func hasLatin(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
}
