package history

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/ncruces/go-sqlite3"
	"golang.org/x/text/unicode/norm"
)

// schema4: search knows the peer of a message and the characters of scripts
// that put no space between words, and emoji. The index begins anew, behind
// the messages, as ever up to meta 'indexed'. It keeps no lengths of texts:
// only ranking would ask for them.
const schema4 = `
DROP TABLE search;
CREATE VIEW searched AS SELECT row, llchat_words(peer, body) AS body FROM message;
CREATE VIRTUAL TABLE search USING fts5 (
	body, content='searched', content_rowid='row', columnsize=0,
	tokenize="unicode61 remove_diacritics 2"
);
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
UPDATE meta SET value = 0 WHERE name = 'indexed';
`

// peerMark begins the word that says whose message it is; its row follows.
// The word is the first of each text, so that one AND finds the messages of
// one peer, however few. For the tokenizer the mark is a letter (Co), and
// words leaves it out of every text and every query: nobody can write it.
const peerMark = '\ue000'

func peerWord(id int64) string { return string(peerMark) + strconv.FormatInt(id, 10) }

// registerWords makes llchat_words(peer, body) known, which the view searched
// is made of. Views may only use what is innocuous (trusted_schema).
func registerWords(db *sqlite3.Conn) error {
	return db.CreateFunction("llchat_words", 2, sqlite3.DETERMINISTIC|sqlite3.INNOCUOUS,
		func(ctx sqlite3.Context, arg ...sqlite3.Value) {
			ctx.ResultText(peerWord(arg[0].Int64()) + " " + words(arg[1].Text()))
		})
}

// words makes of a text, or of what a user searches for, what the tokenizer
// unicode61 takes apart as people would. It finds words where there are spaces.
// Han, kana, Hangul, Thai and their like get a space around each character, so
// that a word of them is a phrase of its characters, found in the middle of any
// run; indexing three characters at a time would not find words of two, of
// which these languages mostly consist. Emoji are no letters, and new ones not
// in its tables at all: they become letters of the private use planes.
func words(text string) string {
	if ascii(text) {
		return text
	}
	text = norm.NFC.String(text) // one form of Hangul and of kana
	var b strings.Builder
	b.Grow(len(text) + len(text)/2)
	for _, r := range text {
		switch {
		case r <= unicode.MaxASCII:
			b.WriteByte(byte(r))
		case symbol(r):
			b.WriteByte(' ')
			b.WriteRune(letterOf(r))
			b.WriteByte(' ')
		case unicode.In(r, unspaced...):
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		case r == peerMark || tone(r):
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] > unicode.MaxASCII {
			return false
		}
	}
	return true
}

// unspaced are the scripts that are written without spaces between words, and
// Hangul, where particles are written on to them.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// symbol tells emoji and what is like them. The block from U+1F000 is set
// aside for pictures, those to come included (UTS 51, Extended_Pictographic).
func symbol(r rune) bool {
	return unicode.Is(unicode.So, r) || r >= 0x1f000 && r <= 0x1faff && !tone(r)
}

// tone tells the five tones of skin that may follow a picture (UTS 51 1.4.4).
func tone(r rune) bool { return r >= 0x1f3fb && r <= 0x1f3ff }

// letterOf moves a symbol of plane 0 or 1 to plane 15 or 16, which are for
// private use throughout.
func letterOf(r rune) rune {
	if r > 0x1ffff {
		return r
	}
	return r + 0xf0000
}
