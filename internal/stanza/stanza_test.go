package stanza

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/xmlstream"
)

const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"

func parse(s string) (*xmlstream.Element, error) {
	return xmlstream.NewReader(strings.NewReader(header+s), xmlstream.Limits{}).Next()
}

func decode(t *testing.T, s string) (Stanza, error) {
	t.Helper()
	e, err := parse(s)
	if err != nil {
		t.Fatalf("parse %s: %v", s, err)
	}
	return Decode(e)
}

func element(t *testing.T, s string) *xmlstream.Element {
	t.Helper()
	e, err := parse(s)
	if err != nil {
		t.Fatalf("parse %s: %v", s, err)
	}
	return e
}

// Each value and its XML: the XML decodes to the value, the value is written as the
// XML, octet for octet.
func TestBothWays(t *testing.T) {
	stamp := time.Date(2026, 3, 1, 12, 30, 5, 250e6, time.UTC)
	hint := element(t, `<store xmlns='urn:xmpp:hints'/>`)
	disco := element(t, `<query xmlns='http://jabber.org/protocol/disco#info' node='n#v'><identity category='client'/></query>`)
	tests := []struct {
		name string
		v    Stanza
		xml  string
	}{
		{
			"message",
			Message{ID: "1", From: "a@b", To: "c@d", Type: "chat", Body: "hi <you>", HasBody: true},
			`<message id='1' from='a@b' to='c@d' type='chat'><body>hi &lt;you&gt;</body></message>`,
		},
		{"message empty", Message{}, `<message/>`},
		{"message with an empty body", Message{HasBody: true}, `<message><body></body></message>`},
		{
			"XEP-0184 request",
			Message{ID: "1", Body: "x", HasBody: true, Request: true},
			`<message id='1'><body>x</body><request xmlns='urn:xmpp:receipts'/></message>`,
		},
		{
			"XEP-0184 received",
			Message{ID: "2", Received: "1'"},
			`<message id='2'><received xmlns='urn:xmpp:receipts' id='1&apos;'/></message>`,
		},
		{
			"XEP-0172 nick",
			Message{Nick: "Ada & co"},
			`<message><nick xmlns='http://jabber.org/protocol/nick'>Ada &amp; co</nick></message>`,
		},
		{
			"XEP-0203 delay",
			Message{Delay: stamp},
			`<message><delay xmlns='urn:xmpp:delay' stamp='2026-03-01T12:30:05.25Z'/></message>`,
		},
		{
			"message with unknown children",
			Message{Body: "x", HasBody: true, Unknown: []*xmlstream.Element{hint}},
			`<message><body>x</body><store xmlns='urn:xmpp:hints'/></message>`,
		},
		{
			"message error",
			Message{ID: "1", Type: "error", Error: NewError(ServiceUnavailable)},
			`<message id='1' type='error'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
		},
		{"presence available", Presence{From: "a@b", To: "c@d"}, `<presence from='a@b' to='c@d'/>`},
		{
			"presence away",
			Presence{Show: "away", Status: "at lunch"},
			`<presence><show>away</show><status>at lunch</status></presence>`,
		},
		{"presence unavailable", Presence{Type: "unavailable"}, `<presence type='unavailable'/>`},
		{
			"presence error",
			Presence{Type: "error", Error: NewError(BadRequest)},
			`<presence type='error'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
		},
		{
			"presence with unknown children",
			Presence{Unknown: []*xmlstream.Element{disco}},
			`<presence><query xmlns='http://jabber.org/protocol/disco#info' node='n#v'><identity category='client'/></query></presence>`,
		},
		{
			"XEP-0199 ping",
			IQ{ID: "p", From: "a@b", To: "c@d", Type: "get", Ping: true},
			`<iq id='p' from='a@b' to='c@d' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`,
		},
		{"iq result", IQ{ID: "p", Type: "result"}, `<iq id='p' type='result'/>`},
		{
			"iq with a payload",
			IQ{ID: "p", Type: "set", Payload: disco},
			`<iq id='p' type='set'><query xmlns='http://jabber.org/protocol/disco#info' node='n#v'><identity category='client'/></query></iq>`,
		},
		{
			"iq error",
			IQ{ID: "p", Type: "error", Error: &StanzaError{"wait", "resource-constraint", "later"}},
			`<iq id='p' type='error'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>later</text></error></iq>`,
		},
		{
			"iq error with its payload",
			IQ{ID: "p", Type: "error", Payload: hint, Error: NewError(NotAllowed)},
			`<iq id='p' type='error'><store xmlns='urn:xmpp:hints'/><error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
		},
		{
			"C-1 features before TLS", PreludeFeatures(),
			`<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>`,
		},
		{
			"features voluntary TLS",
			Features{StartTLS: true},
			`<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>`,
		},
		{"features empty", Features{}, `<stream:features/>`},
		{
			"5.5 features for a stranger", StreamFeatures(10000, 0, true),
			`<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes></limits><waiting xmlns='urn:x-llchat:request:0'/></stream:features>`,
		},
		{
			"5.4 features for a contact",
			Features{MaxBytes: 65536, IdleSeconds: 900, SM: true, Unknown: []*xmlstream.Element{disco}},
			`<stream:features><query xmlns='http://jabber.org/protocol/disco#info' node='n#v'><identity category='client'/></query><sm xmlns='urn:xmpp:sm:3'/><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>65536</max-bytes><idle-seconds>900</idle-seconds></limits></stream:features>`,
		},
		{
			"features with SASL",
			Features{Mechanisms: []string{"EXTERNAL", "PLAIN"}},
			`<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>`,
		},
		{
			"stream error",
			StreamError{xmlstream.Error{Condition: xmlstream.HostUnknown}},
			`<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
		},
		{
			"5.5 strangers refused",
			StreamError{xmlstream.Error{Condition: xmlstream.PolicyViolation, AppCondition: xmlstream.StrangersRefused}},
			`<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><strangers-refused xmlns='urn:x-llchat:errors:0'/></stream:error>`,
		},
		{
			"L-08 stanza too big",
			StreamError{xmlstream.Error{Condition: xmlstream.PolicyViolation, AppCondition: xmlstream.StanzaTooBig, Text: "64 KiB"}},
			`<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>64 KiB</text><stanza-too-big xmlns='urn:xmpp:errors'/></stream:error>`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(Append(nil, tt.v)); got != tt.xml {
				t.Errorf("written %s\nwant    %s", got, tt.xml)
			}
			got, err := decode(t, tt.xml)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.v, got); diff != "" {
				t.Errorf("read -want +got:\n%s", diff)
			}
		})
	}
}

// What others may send and what becomes of it.
func TestDecodeLeniently(t *testing.T) {
	tests := []struct {
		name, xml string
		want      Stanza
	}{
		{"unknown message type is normal (RFC 6121 5.2.2)", `<message type='shout'/>`, Message{Type: "normal"}},
		{"body without a language wins", `<message><body xml:lang='de'>ja</body><body>yes</body><body>no</body></message>`, Message{Body: "yes", HasBody: true}},
		{"else the first body", `<message><body xml:lang='de'>ja</body><body xml:lang='fr'>oui</body></message>`, Message{Body: "ja", HasBody: true}},
		{
			"body of another namespace", `<message><body xmlns='urn:x'>no</body></message>`,
			Message{Unknown: []*xmlstream.Element{element(t, `<body xmlns='urn:x'>no</body>`)}},
		},
		{"first of two nicks", `<message><nick xmlns='http://jabber.org/protocol/nick'>a</nick><nick xmlns='http://jabber.org/protocol/nick'>b</nick></message>`, Message{Nick: "a"}},
		{"receipt without an id", `<message><received xmlns='urn:xmpp:receipts'/></message>`, Message{}},
		{"malformed delay", `<message><delay xmlns='urn:xmpp:delay' stamp='yesterday'/></message>`, Message{}},
		{"delay with an offset", `<message><delay xmlns='urn:xmpp:delay' stamp='2026-03-01T12:00:00+02:00'/></message>`, Message{Delay: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}},
		{"delay before year 0", `<message><delay xmlns='urn:xmpp:delay' stamp='0000-01-01T00:00:00+02:00'/></message>`, Message{}},
		{"first of two delays", `<message><delay xmlns='urn:xmpp:delay' stamp='2026-03-01T12:00:00Z'/><delay xmlns='urn:xmpp:delay' stamp='2027-03-01T12:00:00Z'/></message>`, Message{Delay: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}},
		{"unknown show is available", `<presence><show>partying</show></presence>`, Presence{}},
		{"two payloads are none", `<iq id='1' type='get'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/></iq>`, IQ{ID: "1", Type: "get"}},
		{"no payload", `<iq id='1' type='set'/>`, IQ{ID: "1", Type: "set"}},
		{"ping that sets", `<iq id='1' type='set'><ping xmlns='urn:xmpp:ping'/></iq>`, IQ{ID: "1", Type: "set", Payload: element(t, `<ping xmlns='urn:xmpp:ping'/>`)}},
		{"error without a condition", `<iq id='1' type='error'><error type='explode'/></iq>`, IQ{ID: "1", Type: "error", Error: NewError(UndefinedCondition)}},
		{"error without an error", `<iq id='1' type='error'/>`, IQ{ID: "1", Type: "error", Error: NewError(UndefinedCondition)}},
		{"error with a foreign condition", `<message type='error'><error type='wait'><x xmlns='urn:x'/><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:b</gone></error></message>`, Message{Type: "error", Error: &StanzaError{"wait", "gone", ""}}},
		{"limits that are no numbers", `<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>-5</max-bytes><idle-seconds>99999999999</idle-seconds></limits></stream:features>`, Features{}},
		{"empty mechanism", `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism/><x/></mechanisms></stream:features>`, Features{}},
		{"stream error without a condition", `<stream:error/>`, StreamError{xmlstream.Error{Condition: xmlstream.UndefinedCondition}}},
		{"stream error of the future", `<stream:error><too-loud xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><x xmlns='urn:x'/></stream:error>`, StreamError{xmlstream.Error{Condition: xmlstream.UndefinedCondition}}},
		{"application condition of another namespace", `<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><strangers-refused xmlns='urn:x'/></stream:error>`, StreamError{xmlstream.Error{Condition: xmlstream.Reset}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(t, tt.xml)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	long := strings.Repeat("x", MaxID+1)
	tests := []struct{ name, xml, want string }{
		{"C-20 unknown element", `<foo/>`, xmlstream.UnsupportedStanzaType},
		{"C-20 message of another namespace", `<message xmlns='jabber:server'/>`, xmlstream.UnsupportedStanzaType},
		{"C-20 message of the streams namespace", `<stream:message/>`, xmlstream.UnsupportedStanzaType},
		{"C-20 stream in a stream", `<stream:stream/>`, xmlstream.UnsupportedStanzaType},
		{"C-20 features of another namespace", `<features/>`, xmlstream.UnsupportedStanzaType},
		{"iq without id", `<iq type='get'/>`, xmlstream.InvalidXML},
		{"iq without type", `<iq id='1'/>`, xmlstream.InvalidXML},
		{"iq of an unknown type", `<iq id='1' type='ask'/>`, xmlstream.InvalidXML},
		{"L-15 message id", `<message id='` + long + `'/>`, xmlstream.PolicyViolation},
		{"L-15 presence id", `<presence id='` + long + `'/>`, xmlstream.PolicyViolation},
		{"L-15 iq id", `<iq type='get' id='` + long + `'/>`, xmlstream.PolicyViolation},
		{"L-15 receipt id", `<message><received xmlns='urn:xmpp:receipts' id='` + long + `'/></message>`, xmlstream.PolicyViolation},
		{"L-12 body", `<message><body>` + strings.Repeat("x", MaxBody+1) + `</body></message>`, xmlstream.PolicyViolation},
	}
	for _, tt := range tests {
		s, err := decode(t, tt.xml)
		e, ok := errors.AsType[*xmlstream.Error](err)
		if !ok || e.Condition != tt.want || s != nil {
			t.Errorf("%s: got %v, %v; want %s", tt.name, s, err, tt.want)
		}
	}
}

// L-12, L-15: the last values that pass.
func TestLimitsReached(t *testing.T) {
	id, body := strings.Repeat("x", MaxID), strings.Repeat("é", MaxBody/2)
	got, err := decode(t, string(Append(nil, Message{ID: id, Received: id, Body: body})))
	want := Message{ID: id, Received: id, Body: body, HasBody: true}
	if err != nil || !cmp.Equal(got, Stanza(want)) {
		t.Errorf("%v", err)
	}
}

func TestReceipt(t *testing.T) {
	m := Message{ID: "1", From: "a@b", To: "c@d", Type: "chat", Body: "x", Request: true}
	r, ok := m.Receipt()
	if !ok || len(r.ID) != 32 || r.ID == m.ID {
		t.Fatalf("got %+v, %v", r, ok)
	}
	r.ID = ""
	if diff := cmp.Diff(Message{From: "c@d", To: "a@b", Type: "chat", Received: "1"}, r); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, m := range map[string]Message{
		"not asked for":   {ID: "1"},
		"without id":      {Request: true},
		"for a receipt":   {ID: "1", Request: true, Received: "0"},
		"for an error":    {ID: "1", Request: true, Type: "error"},
		"for a groupchat": {ID: "1", Request: true, Type: "groupchat"},
	} {
		if _, ok := m.Receipt(); ok {
			t.Errorf("a receipt %s", name)
		}
	}
}

func TestAnswers(t *testing.T) {
	q := Ping("a@b", "c@d")
	if len(q.ID) != 32 || !q.Ping || !q.NeedsAnswer() {
		t.Errorf("ping: %+v", q)
	}
	want := IQ{ID: q.ID, From: "c@d", To: "a@b", Type: "result"}
	if got := q.Result(nil); !cmp.Equal(got, want) || got.NeedsAnswer() {
		t.Errorf("result: %+v", got)
	}
	want.Type, want.Error = "error", &StanzaError{Type: "cancel", Condition: ServiceUnavailable}
	if got := q.Refuse(ServiceUnavailable); !cmp.Equal(got, want) || got.NeedsAnswer() {
		t.Errorf("error: %+v", got)
	}
	if got := NewError("no-such-thing").Condition; got != UndefinedCondition {
		t.Errorf("unknown condition became %s", got)
	}
	if got := (&StanzaError{Condition: "gone", Text: "x"}).Error(); got != "stanza error gone: x" {
		t.Errorf("Error() = %q", got)
	}
}

// RFC 6120 4.3.2: a feature that must be negotiated and that we do not know.
func TestMandatory(t *testing.T) {
	s, err := decode(t, `<stream:features><a xmlns='urn:a'/><b xmlns='urn:b'><required/></b></stream:features>`)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := s.(Features).Mandatory(); !ok || n != (xmlstream.Name{Space: "urn:b", Local: "b"}) {
		t.Errorf("got %v, %v", n, ok)
	}
	if _, ok := PreludeFeatures().Mandatory(); ok {
		t.Error("starttls is taken for unknown")
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" || seen[id] {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

// A value that the program fills with odd things is still written as good XML.
func TestAppendOddValues(t *testing.T) {
	far := time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	odd := []Stanza{
		Message{ID: "\x00'", Body: "\x1b[2J\xff", Delay: far},
		Message{Type: "error", Error: &StanzaError{Type: "<", Condition: "<x/>", Text: "]]>"}},
		StreamError{xmlstream.Error{Condition: "<"}},
		Features{MaxBytes: -1, IdleSeconds: -1},
	}
	for _, v := range odd {
		xml := string(Append(nil, v))
		if _, err := decode(t, xml); err != nil || strings.ContainsAny(xml, "\x00\x1b") {
			t.Errorf("%s: %v", xml, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`<message id='1' from='a' to='b' type='chat'><body>x</body><request xmlns='urn:xmpp:receipts'/><nick xmlns='http://jabber.org/protocol/nick'>n</nick></message>`,
		`<message><received xmlns='urn:xmpp:receipts' id='1'/><delay xmlns='urn:xmpp:delay' stamp='2026-03-01T12:00:00.5Z'/><x xmlns='u' y='1'>z</x></message>`,
		`<message type='error'><error type='wait'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
		`<presence type='unavailable'><show>away</show><status>s</status></presence>`,
		`<iq id='1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq id='1' type='error'><x/></iq>`, `<iq/>`, `<foo/>`,
		`<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms><sm xmlns='urn:xmpp:sm:3'/><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>1</max-bytes></limits><waiting xmlns='urn:x-llchat:request:0'/></stream:features>`,
		`<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>t</text><stanza-too-big xmlns='urn:xmpp:errors'/></stream:error>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parse(s)
		if err != nil {
			return
		}
		v, err := Decode(e)
		if err != nil {
			if _, ok := errors.AsType[*xmlstream.Error](err); !ok || v != nil {
				t.Fatalf("got %v, %v", v, err)
			}
			return
		}
		xml := Append(nil, v)
		again, err := parse(string(xml))
		if err != nil {
			t.Fatalf("we wrote %s: %v", xml, err)
		}
		back, err := Decode(again)
		if diff := cmp.Diff(v, back); diff != "" || err != nil {
			t.Fatalf("%v, -first +again:\n%s", err, diff)
		}
	})
}

func BenchmarkAppendMessage(b *testing.B) {
	var m Stanza = Message{ID: NewID(), From: "ada@kite", To: "bo@reef", Type: "chat", Body: "Shall we meet at noon?", Request: true}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], m)
	}
}
