package tui

import (
	"context"
	"slices"
	"strings"

	"llchat/internal/chat"
)

// question is what a line of search asks for: words, and of whom.
//
//	from:NAME   what this person wrote
//	in:NAME     what was written with this person, by either side
//
// A name with spaces goes in quotes, and in quotes all of it is mere words.
type question struct {
	words  string
	filter filter // the last one; empty: none
	name   string
}

// filter is a word before a colon that is no word to look for.
type filter string

const (
	fromWhom filter = "from:"
	inWhich  filter = "in:"
)

// parseQuestion reads a line of search.
func parseQuestion(line string) question {
	var q question
	var words []string
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		f := filterOf(rest)
		if f == "" {
			var word string
			word, rest = cutWord(rest)
			words = append(words, word)
			continue
		}
		q.filter = f
		q.name, rest = cutName(rest[len(f):])
	}
	q.words = strings.Join(words, " ")
	return q
}

func filterOf(text string) filter {
	for _, f := range []filter{fromWhom, inWhich} {
		if len(text) >= len(f) && strings.EqualFold(text[:len(f)], string(f)) {
			return f
		}
	}
	return ""
}

// cutWord takes a word, or what is in quotes with a star behind it, off the
// front of a text.
func cutWord(text string) (word, rest string) {
	from := 0
	if text[0] == '"' {
		end := strings.IndexByte(text[1:], '"')
		if end < 0 {
			return text, ""
		}
		from = end + 2
	}
	if end := strings.IndexAny(text[from:], " \t"); end >= 0 {
		return text[:from+end], text[from+end:]
	}
	return text, ""
}

// cutName takes the name of a filter off the front of a text.
func cutName(text string) (name, rest string) {
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		name, rest, _ = strings.Cut(quoted, `"`)
		return strings.TrimSpace(name), rest
	}
	if end := strings.IndexAny(text, " \t"); end >= 0 {
		return text[:end], text[end:]
	}
	return text, ""
}

// asked names a question to the engine: its words, where to look, and whose
// words count.
type asked struct {
	query, who string
	theirs     bool // only what the other side wrote
	named      bool // a filter said so: without words all of it counts
}

// asks is what a question asks the engine when it was put where it was. Whoever
// has no row, or shares the name, is nobody to look for.
func (q question) asks(b *book, who string) (asked, error) {
	a := asked{query: q.words, who: who}
	if q.name == "" {
		return a, nil
	}
	found := named(b, q.name)
	switch {
	case len(found) > 1:
		return asked{}, &chat.Error{Code: chat.CodeNoSuch, Text: "more than one is called " + q.name, Hint: "Tab chooses by the key"}
	case len(found) == 0:
		return asked{}, &chat.Error{Code: chat.CodeNoSuch, Text: "nobody here is called " + q.name, Hint: "in quotes it is a word of the message"}
	}
	a.who, a.named, a.theirs = found[0].peer.Key, true, q.filter == fromWhom
	return a, nil
}

// named are the people that a name can mean, without claims that proved no key:
// they have no past.
func named(b *book, name string) []*entry {
	return slices.DeleteFunc(b.find(name), func(e *entry) bool { return e.peer.Fingerprint.IsZero() })
}

// empty reports whether there is nothing to look for.
func (a asked) empty() bool { return a.query == "" && !a.named }

// Bounds of a search by one side's words alone, which the store does not know:
// so much is looked through before an answer is given and asked on behind it.
const (
	sievePage  = 200
	sievePages = 20
)

// answer looks for messages behind a row, the newest first. Behind last there
// may be more.
func (a asked) answer(ctx context.Context, api chat.API, before int64) (found []chat.Message, last int64, more bool, err error) {
	most, pages := searchPage, 1
	if a.theirs {
		most, pages = sievePage, sievePages
	}
	last = before
	for more = true; more && len(found) < searchPage && pages > 0; pages-- {
		page, err := a.page(ctx, api, last, most)
		if err != nil {
			return found, last, false, err
		}
		if more = len(page) == most; len(page) > 0 {
			last = page[len(page)-1].Row
		}
		for _, m := range page {
			if m.Kind == chat.Plain && (!a.theirs || m.Direction == chat.In) && (a.query != "" || m.Retracted.IsZero()) {
				found = append(found, m)
			}
		}
	}
	return found, last, more, nil
}

func (a asked) page(ctx context.Context, api chat.API, before int64, most int) ([]chat.Message, error) {
	if a.query != "" {
		return api.Search(ctx, a.query, a.who, before, most)
	}
	page, err := api.History(ctx, a.who, before, most)
	slices.Reverse(page)
	return page, err
}

// completion is what a line of search can become where the cursor stands.
type completion struct {
	insert string
	who    *entry
}

// completions are those of the last word of a line: people behind a filter.
func completions(b *book, line string) []completion {
	at := lastWord(line)
	head, word := line[:at], line[at:]
	f := filterOf(word)
	if f == "" {
		return nil
	}
	typed := word[len(f):]
	name, quoted := strings.CutPrefix(typed, `"`)
	if quoted && strings.Contains(name, `"`) || name != "" && len(named(b, name)) == 1 {
		return nil // it is whole
	}
	var out []completion
	for _, e := range b.matching(name) {
		if e.peer.Fingerprint.IsZero() {
			continue // a mere claim has no past
		}
		who := quote(e.name.String())
		if len(named(b, e.name.String())) > 1 {
			who = e.peer.Key
		}
		out = append(out, completion{head + string(f) + who + " ", e})
	}
	return out
}

// lastWord is where the last word of a line begins; a name in quotes is one
// with its filter.
func lastWord(line string) int {
	at, open := 0, false
	for i := range len(line) {
		switch line[i] {
		case '"':
			open = !open
		case ' ', '\t':
			if !open {
				at = i + 1
			}
		}
	}
	return at
}
