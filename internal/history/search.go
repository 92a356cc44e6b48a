package history

import (
	"math"
	"strings"
	"unicode"

	"llchat/internal/identity"
)

// Limits of a query, far beyond what somebody types.
const (
	maxQuery = 1024 // octets
	maxTerms = 16
)

// Search returns the newest n messages before a row (0: the end), newest
// first, that hold every word of the query; with a peer only those with it.
// Case and marks on letters do not count. "Several words" in quotes stand side
// by side, and a star ends a word that may go on: lak* finds lake. In scripts
// without spaces between words, and in Hangul, any part of a run is found; an
// emoji is a word. Everything else in a query is text. n is at most 1,000. A
// query without any letter, digit or emoji finds nothing; one of more than
// 1,024 octets or 16 words is ErrTooLarge. The first search after a migration
// waits until all messages are indexed anew.
func (s *Store) Search(query string, peer *identity.Pin, before int64, n int) (list []Message, err error) {
	match, err := matchOf(query)
	if err != nil || match == "" {
		return nil, err
	}
	if err := s.indexAll(); err != nil {
		return nil, err
	}
	if before <= 0 {
		before = math.MaxInt64
	}
	err = s.read("search", func(c *conn) (err error) {
		if peer == nil {
			list, err = c.query(searchAll).text(match).int(before).int(rows(n)).messages()
			return err
		}
		id, known, err := c.query("SELECT id FROM peer WHERE pin = ?").pin(*peer).number()
		if err != nil || !known {
			return err
		}
		match := `"` + peerWord(id) + `" AND ` + match
		list, err = c.query(searchOne).text(match).int(before).int(id).int(rows(n)).messages()
		return err
	})
	return list, err
}

// The index gives its rows newest first, so that LIMIT ends the work: ranking
// would have to look at every hit. The index knows whose message it is; that
// the message says so, too, costs nothing. The unary plus keeps the planner
// from walking through the conversation instead.
const (
	searchColumns = `SELECT m.row, m.seq, m.id, p.pin, m.out, m.body, m.state, m.reason, m.time, m.delay,
		m.kind, m.flags, m.target, d.reply, d.quote, d.hint, d.edited, d.retracted, d.ours, d.theirs
		FROM search s CROSS JOIN message m ON m.row = s.rowid CROSS JOIN peer p ON p.id = m.peer ` + withDetail
	searchAll = searchColumns + `WHERE s.search MATCH ? AND s.rowid < ? AND m.kind = 0 AND NOT p.gone
		ORDER BY s.rowid DESC LIMIT ?`
	searchOne = searchColumns + `WHERE s.search MATCH ? AND s.rowid < ? AND m.kind = 0 AND
		+m.peer = ? ORDER BY s.rowid DESC LIMIT ?`
)

// indexAll makes search know the messages that it does not know yet.
func (s *Store) indexAll() error {
	var waiting bool
	err := s.read("search", func(c *conn) error {
		n, _, err := c.query(`SELECT EXISTS (SELECT 1 FROM message
			WHERE row > (SELECT value FROM meta WHERE name = 'indexed'))`).number()
		waiting = n > 0
		return err
	})
	if err != nil || !waiting {
		return err
	}
	for more := true; more && err == nil; {
		err = s.write("index", func(c *conn) (err error) {
			if more, err = indexRows(c); !more {
				s.unindexed = 0
			}
			return err
		})
	}
	return err
}

// matchOf makes an expression of FTS5 of what a user typed: every term is a
// quoted string, so nothing in it is an operator.
func matchOf(query string) (string, error) {
	if len(query) > maxQuery {
		return "", ErrTooLarge
	}
	var terms []string
	for rest := query; ; {
		var term string
		var more bool
		if term, rest, more = nextTerm(rest); term != "" {
			terms = append(terms, term)
		}
		if !more {
			break
		}
	}
	if len(terms) > maxTerms {
		return "", ErrTooLarge
	}
	return strings.Join(terms, " AND "), nil
}

// nextTerm takes one word, or what is in quotes, from the front of text.
func nextTerm(text string) (term, rest string, more bool) {
	text = strings.TrimLeftFunc(text, blank)
	if text == "" {
		return "", "", false
	}
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		term, rest, _ = strings.Cut(quoted, `"`)
	} else if end := strings.IndexFunc(text, func(r rune) bool { return blank(r) || r == '"' }); end < 0 {
		term = text
	} else {
		term, rest = text[:end], text[end:]
	}
	prefix := false
	if open, ok := strings.CutSuffix(term, "*"); ok {
		term, prefix = open, true
	} else if star, ok := strings.CutPrefix(rest, "*"); ok && strings.HasPrefix(text, `"`) {
		rest, prefix = star, true
	}
	if !strings.ContainsFunc(term, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || symbol(r) }) {
		return "", rest, true
	}
	term = `"` + words(strings.Map(plain, term)) + `"`
	if prefix {
		term += "*"
	}
	return term, rest, true
}

func blank(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// plain keeps what ends a string of SQL out of it.
func plain(r rune) rune {
	if r == '"' || blank(r) || r == unicode.ReplacementChar {
		return ' '
	}
	return r
}
