package chat

import (
	"strings"
	"testing"

	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// K11: a status message is the same line whether it was announced or came inside
// a stream, or the row of who reconnects would change each time.
func TestStatusMessageHasOneSpelling(t *testing.T) {
	for raw, want := range map[string]string{
		"back at five":         "back at five",
		"  two  spaces ":       "two spaces",
		"a\x01b":               "a\ufffdb",
		"a\x01\x02\x1bb":       "a\ufffdb",
		"tab\tand\u00a0space":  "tab and space",
		"caf\xe9 \xff\xfe":     "caf\ufffd \ufffd",
		"\xff\x00\ufffe\uffff": "\ufffd",
		"e\u0301":              "\u00e9",
		"":                     "",
	} {
		inside := inStream(t, raw)
		if a, b := statusLine(raw).String(), statusLine(inside).String(); a != want || b != want {
			t.Errorf("%q: announced %q, inside %q, want %q", raw, a, b, want)
		}
	}
}

// inStream is what arrives of a status message in a presence.
func inStream(t *testing.T, status string) string {
	t.Helper()
	doc := xmlstream.AppendHeader(nil, xmlstream.Header{From: "a@b", Lang: "en"})
	doc = stanza.Append(doc, stanza.Presence{Status: status})
	r := xmlstream.NewReader(strings.NewReader(string(doc)), xmlstream.Accepted)
	if _, err := r.Header(); err != nil {
		t.Fatal(err)
	}
	e, err := r.Next()
	if err != nil {
		t.Fatalf("%q: %v", status, err)
	}
	s, err := stanza.Decode(e)
	if err != nil {
		t.Fatal(err)
	}
	return s.(stanza.Presence).Status
}

func FuzzStatusLine(f *testing.F) {
	for _, s := range []string{"a", "\xff\x00", "a  b\x01\u0301", strings.Repeat("\x02", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > maxMessage {
			return
		}
		if a, b := statusLine(s), statusLine(inStream(t, s)); a != b {
			t.Errorf("%q: announced %q, inside %q", s, a, b)
		}
	})
}
