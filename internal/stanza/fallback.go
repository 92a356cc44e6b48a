package stanza

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Without is the body without what it says again for readers that do not know
// one of the namespaces: those are understood. Ranges count code points of the
// body as it came (XEP-0426); one that does not fit is not cut out.
func (m Message) Without(spaces ...string) string {
	body := m.Body
	total := utf8.RuneCountInString(body)
	cut := make([]bool, 0)
	for _, f := range m.Fallbacks {
		if !slices.Contains(spaces, f.For) || f.End > total {
			continue
		}
		if f.End == 0 {
			return ""
		}
		if len(cut) == 0 {
			cut = make([]bool, total)
		}
		for i := f.Start; i < f.End; i++ {
			cut[i] = true
		}
	}
	if len(cut) == 0 {
		return body
	}
	var rest strings.Builder
	at := 0
	for _, r := range body {
		if !cut[at] {
			rest.WriteRune(r)
		}
		at++
	}
	return rest.String()
}

// Quote begins body with the answered text as a quotation, for readers that do
// not know XEP-0461, and says which part of it that is.
func (m *Message) Quote(answered string) {
	var q strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(answered, "\n"), "\n") {
		q.WriteString("> " + line + "\n")
	}
	if q.Len()+len(m.Body) > MaxBody {
		return // the text alone is what counts
	}
	m.Body = q.String() + m.Body
	m.Fallbacks = append(m.Fallbacks, Fallback{For: NSReply, End: utf8.RuneCountInString(q.String())})
}
