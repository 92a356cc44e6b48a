package stanza

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/xmlstream"
)

// Each payload of README 7 and its XML, both ways.
func TestPayloads(t *testing.T) {
	hint := "who did it"
	tests := []struct {
		name string
		p    Payloads
		xml  string
	}{
		{"XEP-0085", Payloads{State: Composing}, `<composing xmlns='http://jabber.org/protocol/chatstates'/>`},
		{"XEP-0333 markable", Payloads{Markable: true}, `<markable xmlns='urn:xmpp:chat-markers:0'/>`},
		{"XEP-0333 displayed", Payloads{Displayed: "7"}, `<displayed xmlns='urn:xmpp:chat-markers:0' id='7'/>`},
		{"XEP-0308", Payloads{Replaces: "7"}, `<replace xmlns='urn:xmpp:message-correct:0' id='7'/>`},
		{"XEP-0424", Payloads{Retracts: "7"}, `<retract xmlns='urn:xmpp:message-retract:1' id='7'/>`},
		{"XEP-0359", Payloads{OriginID: "7"}, `<origin-id xmlns='urn:xmpp:sid:0' id='7'/>`},
		{
			"XEP-0444",
			Payloads{Reactions: &Reactions{ID: "7", Set: []string{"👋", "+1"}}},
			`<reactions xmlns='urn:xmpp:reactions:0' id='7'><reaction>👋</reaction><reaction>+1</reaction></reactions>`,
		},
		{"XEP-0444 none", Payloads{Reactions: &Reactions{ID: "7"}}, `<reactions xmlns='urn:xmpp:reactions:0' id='7'></reactions>`},
		{
			"XEP-0461",
			Payloads{Reply: &Reply{ID: "7", To: "a@b"}, Fallbacks: []Fallback{{For: NSReply, Start: 2, End: 9}}},
			`<reply xmlns='urn:xmpp:reply:0' to='a@b' id='7'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='2' end='9'/></fallback>`,
		},
		{"XEP-0428 whole", Payloads{Fallbacks: []Fallback{{For: NSRetract}}}, `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'></fallback>`},
		{"XEP-0393", Payloads{Unstyled: true}, `<unstyled xmlns='urn:xmpp:styling:0'/>`},
		{"XEP-0382", Payloads{Spoiler: &hint}, `<spoiler xmlns='urn:xmpp:spoiler:0'>who did it</spoiler>`},
		{
			"XEP-0066",
			Payloads{Link: &Link{URL: "https://example.org/?a&b", Text: "x"}},
			`<x xmlns='jabber:x:oob'><url>https://example.org/?a&amp;b</url><desc>x</desc></x>`,
		},
		{
			"XEP-0080",
			Payloads{Location: &Location{Lat: 52.5, Lon: -13.25, Accuracy: 20, Text: "hall"}},
			`<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>52.5</lat><lon>-13.25</lon><accuracy>20</accuracy><text>hall</text></geoloc>`,
		},
		{"XEP-0380", Payloads{Encrypted: "eu.siacs"}, `<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs'/>`},
	}
	for _, tt := range tests {
		xml := "<message>" + tt.xml + "</message>"
		want := Message{Payloads: tt.p}
		if got := string(Append(nil, want)); got != xml {
			t.Errorf("%s: written\n%s\nwant\n%s", tt.name, got, xml)
		}
		got, err := decode(t, xml)
		if diff := cmp.Diff(Stanza(want), got); diff != "" || err != nil {
			t.Errorf("%s: %v read -want +got:\n%s", tt.name, err, diff)
		}
	}
}

// What is useless in a payload is left out, and the rest of the message stays.
func TestPayloadsLeftOut(t *testing.T) {
	many := strings.Repeat(`<fallback xmlns='urn:xmpp:fallback:0' for='a'/>`, 100)
	tests := []struct{ name, xml string }{
		{"a state that is none", `<dancing xmlns='http://jabber.org/protocol/chatstates'/>`},
		{"reactions to nothing", `<reactions xmlns='urn:xmpp:reactions:0'><reaction>x</reaction></reactions>`},
		{"a reply to nothing", `<reply xmlns='urn:xmpp:reply:0' to='a@b'/>`},
		{"a fallback for nothing", `<fallback xmlns='urn:xmpp:fallback:0'><body/></fallback>`},
		{"a fallback that ends before it starts", `<fallback xmlns='urn:xmpp:fallback:0' for='a'><body start='3' end='2'/></fallback>`},
		{"a negative fallback", `<fallback xmlns='urn:xmpp:fallback:0' for='a'><body start='-3' end='2'/></fallback>`},
		{"a fallback of the subject", `<fallback xmlns='urn:xmpp:fallback:0' for='a'><subject start='0' end='2'/></fallback>`},
		{"no URL", `<x xmlns='jabber:x:oob'><desc>x</desc></x>`},
		{"a long URL", `<x xmlns='jabber:x:oob'><url>` + strings.Repeat("u", maxURL+1) + `</url></x>`},
		{"no longitude", `<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>1</lat></geoloc>`},
		{"beyond the pole", `<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>91</lat><lon>0</lon></geoloc>`},
		{"not a number", `<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>NaN</lat><lon>0</lon></geoloc>`},
		{"hexadecimal", `<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>0x1p4</lat><lon>0</lon></geoloc>`},
	}
	for _, tt := range tests {
		got, err := decode(t, "<message><body>text</body>"+tt.xml+"</message>")
		want := Message{Body: "text", HasBody: true}
		if diff := cmp.Diff(Stanza(want), got); diff != "" || err != nil {
			t.Errorf("%s: %v -want +got:\n%s", tt.name, err, diff)
		}
	}
	got, err := decode(t, "<message>"+many+"</message>")
	if m := got.(Message); err != nil || len(m.Fallbacks) != maxFallbacks {
		t.Errorf("%d fallbacks, %v", len(m.Fallbacks), err)
	}
}

// The first of each counts, reactions are bounded and told apart.
func TestPayloadsBounded(t *testing.T) {
	var x strings.Builder
	for i := range 100 {
		fmt.Fprintf(&x, "<reaction>%d</reaction><reaction>%[1]d</reaction>", i)
	}
	got, err := decode(t, "<message><reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>"+strings.Repeat("x", MaxReaction+1)+"</reaction>"+x.String()+
		"</reactions><reactions xmlns='urn:xmpp:reactions:0' id='2'/><active xmlns='http://jabber.org/protocol/chatstates'/><gone xmlns='http://jabber.org/protocol/chatstates'/></message>")
	if err != nil {
		t.Fatal(err)
	}
	m := got.(Message)
	if m.Reactions.ID != "1" || len(m.Reactions.Set) != MaxReactions || m.Reactions.Set[15] != "15" || m.State != Active {
		t.Errorf("got %+v %s", m.Reactions, m.State)
	}
}

// L-15: a reference longer than any id that is kept ends the stream like one.
func TestL15_LongReferences(t *testing.T) {
	long := strings.Repeat("i", MaxID+1)
	for _, xml := range []string{
		`<displayed xmlns='urn:xmpp:chat-markers:0' id='%s'/>`, `<replace xmlns='urn:xmpp:message-correct:0' id='%s'/>`,
		`<retract xmlns='urn:xmpp:message-retract:1' id='%s'/>`, `<origin-id xmlns='urn:xmpp:sid:0' id='%s'/>`,
		`<reactions xmlns='urn:xmpp:reactions:0' id='%s'/>`, `<reply xmlns='urn:xmpp:reply:0' id='%s'/>`,
	} {
		if m, err := decode(t, "<message>"+fmt.Sprintf(xml, long)+"</message>"); err == nil {
			t.Errorf("accepted: %+v", m)
		}
	}
}

// XEP-0426: positions count code points of the body as it came.
func TestWithout(t *testing.T) {
	tests := []struct {
		name, body string
		list       []Fallback
		want       string
	}{
		{"none", "hi", nil, "hi"},
		{"a quote", "> hi\nyes", []Fallback{{NSReply, 0, 5}}, "yes"},
		{"beyond ASCII", "> 👋é\nyes", []Fallback{{NSReply, 0, 5}}, "yes"},
		{"of another namespace", "> hi\nyes", []Fallback{{"a", 0, 5}}, "> hi\nyes"},
		{"the whole body", "taken back", []Fallback{{NSReply, 0, 0}}, ""},
		{"up to the end", "abc", []Fallback{{NSReply, 1, 3}}, "a"},
		{"beyond the end", "abc", []Fallback{{NSReply, 1, 4}}, "abc"},
		{"two that overlap", "abcdef", []Fallback{{NSReply, 1, 3}, {NSReply, 2, 4}}, "aef"},
		{"decomposed is as it came", "e\u0301x", []Fallback{{NSReply, 0, 1}}, "\u0301x"},
	}
	for _, tt := range tests {
		m := Message{Body: tt.body, Payloads: Payloads{Fallbacks: tt.list}}
		if got := m.Without(NSReply); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestQuote(t *testing.T) {
	m := Message{Body: "yes 👋", HasBody: true}
	m.Quote("shall we?\nnow\n")
	if want := "> shall we?\n> now\nyes 👋"; m.Body != want {
		t.Errorf("body %q, want %q", m.Body, want)
	}
	if got := m.Without(NSReply); got != "yes 👋" {
		t.Errorf("without the quote: %q", got)
	}
	sameAgain(t, m)

	full := Message{Body: strings.Repeat("x", MaxBody)}
	if full.Quote("hi"); len(full.Body) != MaxBody || len(full.Fallbacks) > 0 {
		t.Error("a quote made the body larger than what is taken (L-12)")
	}
}

// FuzzPayloads: whatever XML says, what was understood is written so that it
// is understood again, and cutting fallbacks out never fails.
func FuzzPayloads(f *testing.F) {
	f.Add(`<body>a</body><reply xmlns='urn:xmpp:reply:0' id='1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='1'/></fallback>`)
	f.Add(`<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>👋</reaction></reactions><retract xmlns='urn:xmpp:message-retract:1' id='2'/>`)
	f.Add(`<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat>-0</lat><lon>1e1</lon><accuracy>00.50</accuracy></geoloc><x xmlns='jabber:x:oob'><url>a</url></x>`)
	f.Add(`<spoiler xmlns='urn:xmpp:spoiler:0'/><encryption xmlns='urn:xmpp:eme:0' name='OMEMO'/><gone xmlns='http://jabber.org/protocol/chatstates'/>`)
	f.Fuzz(func(t *testing.T, inner string) {
		e, err := xmlstream.NewReader(strings.NewReader(header+"<message>"+inner+"</message>"), xmlstream.Stranger).Next()
		if err != nil {
			return
		}
		got, err := Decode(e)
		m, ok := got.(Message)
		if err != nil || !ok {
			return
		}
		if rest := m.Without(NSReply, NSRetract); len(rest) > len(m.Body) {
			t.Errorf("%q is longer than %q", rest, m.Body)
		}
		m.Unknown, m.Error = nil, nil // FuzzMessage has these
		sameAgain(t, m)
	})
}
