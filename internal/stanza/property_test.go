package stanza

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/xmlstream"
)

// carried is what XML can carry of s, at most n octets: what a value must hold to
// come back as it was.
func carried(s string, n int) string {
	var out strings.Builder
	for _, r := range s {
		if !xmlstream.ValidChar(r) {
			r = '\uFFFD'
		}
		if out.Len()+len(string(r)) > n {
			break
		}
		out.WriteRune(r)
	}
	return out.String()
}

// sameAgain writes v, reads it, and wants v back.
func sameAgain(t *testing.T, v Stanza) {
	t.Helper()
	xml := Append(nil, v)
	e, err := parse(string(xml))
	if err != nil {
		t.Fatalf("parse %s: %v", xml, err)
	}
	got, err := Decode(e)
	if diff := cmp.Diff(v, got); diff != "" || err != nil {
		t.Fatalf("%s: %v -want +got:\n%s", xml, err, diff)
	}
}

// FuzzMessage: decode(encode(m)) == m for any text in any field.
func FuzzMessage(f *testing.F) {
	f.Add("1", "ada@kite", "bo's <x>@reef", "hi\r\n\t]]> &amp;", "0", "Ada", int64(1_700_000_000), int64(5), true)
	f.Add("", "", "", "", "", "", int64(0), int64(0), false)
	f.Add("\x00", "\xff", "\"'", "\u202E\u2028\x1b", "\r", "\n", int64(-1<<60), int64(1<<40), true)
	f.Fuzz(func(t *testing.T, id, from, to, body, received, nick string, sec, nsec int64, request bool) {
		m := Message{
			ID: carried(id, MaxID), From: carried(from, 2000), To: carried(to, 2000), Type: "chat",
			Body: carried(body, MaxBody), HasBody: true, Request: request,
			Received: carried(received, MaxID), Nick: carried(nick, 2000),
		}
		if d := time.Unix(sec, nsec).UTC(); d.Year() >= 0 && d.Year() <= 9999 {
			m.Delay = d
		}
		sameAgain(t, m)
	})
}

// FuzzPresence: the same for presence, with an error in it.
func FuzzPresence(f *testing.F) {
	f.Add("1", "a@b", "unavailable", "gone fishing", "later")
	f.Add("", "", "", "", "")
	f.Fuzz(func(t *testing.T, id, from, kind, status, text string) {
		p := Presence{ID: carried(id, MaxID), From: carried(from, 2000), Type: carried(kind, 200), Status: carried(status, 2000)}
		if text != "" {
			p.Type, p.Error = "error", &StanzaError{Type: "wait", Condition: "gone", Text: carried(text, 2000)}
		}
		sameAgain(t, p)
	})
}

// All conditions of RFC 6120 section 8.3.3 come through with the type they have there.
func TestAllStanzaErrors(t *testing.T) {
	if got := len(errorTypes); got != 22 {
		t.Errorf("%d conditions, RFC 6120 has 22", got)
	}
	for condition, kind := range errorTypes {
		e := NewError(condition)
		if e.Condition != condition || e.Type != kind {
			t.Errorf("NewError(%s) = %+v", condition, e)
		}
		sameAgain(t, IQ{ID: "1", Type: "error", Error: e})
		sameAgain(t, Message{Type: "error", Error: &StanzaError{Type: "continue", Condition: condition, Text: "<why>"}})
	}
}

// All conditions of RFC 6120 section 4.9.3 and our application conditions come through.
func TestAllStreamErrors(t *testing.T) {
	conditions := strings.FieldsSeq(`bad-format bad-namespace-prefix conflict connection-timeout host-gone
		host-unknown improper-addressing internal-server-error invalid-from invalid-namespace invalid-xml
		not-authorized not-well-formed policy-violation remote-connection-failed reset resource-constraint
		restricted-xml see-other-host system-shutdown undefined-condition unsupported-encoding
		unsupported-feature unsupported-stanza-type unsupported-version`)
	for c := range conditions {
		if !xmlstream.KnownCondition(c) {
			t.Errorf("%s is not known", c)
		}
		for _, app := range []string{"", xmlstream.StanzaTooBig, xmlstream.StrangersRefused, xmlstream.HandledCountTooHigh} {
			sameAgain(t, StreamError{xmlstream.Error{Condition: c, AppCondition: app, Text: "why"}})
		}
	}
}

// A hostile stanza of the permitted size costs memory in proportion to it and comes
// out as what it is: many bodies, many nicks, deep unknown children.
func TestHostileStanzas(t *testing.T) {
	tests := []struct {
		name, xml string
		check     func(Message) bool
	}{
		{
			"a thousand bodies", `<message>` + strings.Repeat(`<body>x</body>`, 1000) + `</message>`,
			func(m Message) bool { return m.Body == "x" && len(m.Unknown) == 0 },
		},
		{
			"a thousand receipts", `<message>` + strings.Repeat(`<received xmlns='urn:xmpp:receipts' id='a'/>`, 1000) + `</message>`,
			func(m Message) bool { return m.Received == "a" },
		},
		{
			"a thousand requests", `<message id='1'>` + strings.Repeat(`<request xmlns='urn:xmpp:receipts'/>`, 1000) + `</message>`,
			func(m Message) bool { return m.Request },
		},
		{
			"body inside a body", `<message><body>a<body>b</body>c</body></message>`,
			func(m Message) bool { return m.Body == "ac" },
		},
		{
			"a message inside a message", `<message><message><body>forwarded</body></message></message>`,
			func(m Message) bool { return !m.HasBody && len(m.Unknown) == 1 },
		},
		{
			"terminal escapes by number", `<message><body>&#x9b;31m</body></message>`,
			func(m Message) bool { return m.Body == "\u009b31m" },
		}, // safetext's work
		{
			"addresses with markup", `<message from='&lt;a&gt;&apos;@b'/>`,
			func(m Message) bool { return m.From == "<a>'@b" },
		},
	}
	for _, tt := range tests {
		got, err := decode(t, tt.xml)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		m, ok := got.(Message)
		if !ok || !tt.check(m) {
			t.Errorf("%s: got %+v", tt.name, got)
		}
		if len(m.Unknown) > 0 {
			sameAgain(t, m)
		}
	}
}

// S2: what is written for every message is written without an allocation.
func TestAppendWithoutAllocation(t *testing.T) {
	values := []Stanza{
		Message{ID: NewID(), From: "a@b", To: "c@d", Type: "chat", Body: "a < b", Request: true, Nick: "n", Delay: time.Unix(1e9, 0)},
		Presence{Show: "away", Status: "x"},
		Ping("a@b", "c@d"),
		StreamFeatures(65536, 900, true),
	}
	buf := make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(100, func() {
		for _, v := range values {
			buf = Append(buf[:0], v)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
