package xmlstream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// README 5.3 and 5.4, octet for octet.
func TestAppendHeader(t *testing.T) {
	tests := []struct {
		name string
		h    Header
		want string
	}{
		{"prelude", Header{}, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"},
		{"listener", Header{ID: "q7", Lang: "en"}, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='q7' version='1.0' xml:lang='en'>"},
		{"dialler in TLS", Header{From: "ada@kite", To: "bo's <x>@reef", Lang: "en"}, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='ada@kite' to='bo&apos;s &lt;x&gt;@reef' version='1.0' xml:lang='en'>"},
		{"other version", Header{Version: "1.1"}, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.1'>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := string(AppendHeader(nil, tt.h))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			back, err := NewReader(strings.NewReader(got), Prelude).Header()
			want := tt.h
			want.Version = back.Version
			want.HasVersion, want.Major, want.Minor = true, back.Major, back.Minor
			if err != nil || back != want {
				t.Errorf("read back: %+v, %v", back, err)
			}
		})
	}
}

func TestAppendText(t *testing.T) {
	tests := []struct{ name, in, text, attr string }{
		{"plain", "a b", "a b", "a b"},
		{"markup", `<&>'"`, `&lt;&amp;&gt;'"`, `&lt;&amp;&gt;&apos;&quot;`},
		{"bracket end", "]]>", "]]&gt;", "]]&gt;"},
		{"white space", "\t\n\r", "\t\n&#13;", "&#9;&#10;&#13;"},
		{"controls", "a\x00b\x1bc", "a\uFFFDb\uFFFDc", "a\uFFFDb\uFFFDc"},
		{"not UTF-8", "a\xFFb\xE2\x82", "a\uFFFDb\uFFFD\uFFFD", "a\uFFFDb\uFFFD\uFFFD"},
		{"surrogate", "\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD", "\uFFFD\uFFFD\uFFFD"},
		{"noncharacters", "\uFFFE\uFFFF\U0001FFFF", "\uFFFD\uFFFD\U0001FFFF", "\uFFFD\uFFFD\U0001FFFF"},
		{"other planes", "é\U0001F600\uFFFD\u007F\u0085", "é\U0001F600\uFFFD\u007F\u0085", "é\U0001F600\uFFFD\u007F\u0085"},
		{"replacement character", "\uFFFD", "\uFFFD", "\uFFFD"},
	}
	for _, tt := range tests {
		if got := string(AppendText([]byte("x"), tt.in)); got != "x"+tt.text {
			t.Errorf("%s: text %q, want %q", tt.name, got, "x"+tt.text)
		}
		if got := string(AppendAttr(nil, "b", tt.in)); got != " b='"+tt.attr+"'" {
			t.Errorf("%s: attribute %q, want %q", tt.name, got, tt.attr)
		}
		e := mustParse(t, "<a"+string(AppendAttr(nil, "b", tt.in))+">"+string(AppendText(nil, tt.in))+"</a>")
		if e.Text != e.Attr("b") {
			t.Errorf("%s: text %q and attribute %q read differently", tt.name, e.Text, e.Attr("b"))
		}
	}
}

func TestAppendElement(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", `<a></a>`, `<a/>`},
		{"text", `<a>x<![CDATA[<]]></a>`, `<a>x&lt;</a>`},
		{"namespaces", `<a xmlns='u'><b/><c xmlns='v'/></a>`, `<a xmlns='u'><b/><c xmlns='v'/></a>`},
		{"no namespace", `<a xmlns=''><b xmlns='jabber:client'/></a>`, `<a xmlns=''><b xmlns='jabber:client'/></a>`},
		{"prefixes become defaults", `<p:a xmlns:p='u'><p:b/></p:a>`, `<a xmlns='u'><b/></a>`},
		{"streams prefix", `<stream:features><a xmlns='u'><stream:x/></a></stream:features>`, `<stream:features><a xmlns='u'><stream:x/></a></stream:features>`},
		{"default below the streams prefix", `<stream:a><b/></stream:a>`, `<stream:a><b/></stream:a>`},
		{"attributes", `<a b="'" xml:lang='de' stream:c='1'/>`, `<a b='&apos;' xml:lang='de' stream:c='1'/>`},
		{"attribute prefixes", `<a xmlns:p='u' xmlns:q='v' p:b='1' q:b='2'/>`, `<a xmlns:a0='u' a0:b='1' xmlns:a1='v' a1:b='2'/>`},
		{"namespace to be escaped", `<a xmlns="&apos;"/>`, `<a xmlns='&apos;'/>`},
		{"element of the xml namespace", `<xml:a><b/></xml:a>`, `<xml:a><b/></xml:a>`},
	}
	for _, tt := range tests {
		e := mustParse(t, tt.in)
		got := string(AppendElement(nil, e))
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if diff := cmp.Diff(e, mustParse(t, got)); diff != "" {
			t.Errorf("%s: read back -want +got:\n%s", tt.name, diff)
		}
	}
}

func TestAppendStreamError(t *testing.T) {
	tests := []struct {
		name string
		err  Error
		want string
	}{
		{"plain", Error{Condition: HostUnknown}, `<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`},
		{"L-08", Error{Condition: PolicyViolation, AppCondition: StanzaTooBig}, `<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><stanza-too-big xmlns='urn:xmpp:errors'/></stream:error>`},
		{"5.5 strangers refused", Error{Condition: PolicyViolation, AppCondition: StrangersRefused}, `<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><strangers-refused xmlns='urn:x-llchat:errors:0'/></stream:error>`},
		{"text", Error{Condition: NotWellFormed, Text: "a<b"}, `<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a&lt;b</text></stream:error>`},
		{"XEP-0198 count", Error{Condition: UndefinedCondition, AppCondition: HandledCountTooHigh, Handled: 10, Sent: 8}, `<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/></stream:error>`},
		{"unknown condition", Error{Condition: "<x/>", AppCondition: "<y/>"}, `<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`},
	}
	for _, tt := range tests {
		got := string(AppendStreamError(nil, tt.err))
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		mustParse(t, got)
	}
}

func TestErrorText(t *testing.T) {
	tests := map[string]*Error{
		"stream error reset":                             {Condition: Reset},
		"stream error policy-violation (stanza-too-big)": {Condition: PolicyViolation, AppCondition: StanzaTooBig},
		"stream error not-well-formed: name expected":    illFormed("name expected"),
	}
	for want, e := range tests {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAppendWithoutAllocation(t *testing.T) {
	e := mustParse(t, message332)
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		buf = AppendHeader(buf[:0], Header{From: "a@b", To: "c@d"})
		buf = AppendElement(buf, e)
		buf = AppendStreamError(buf, Error{Condition: Reset, Text: "x<y"})
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// S3: at most four allocations for an ordinary message.
func TestParseAllocations(t *testing.T) {
	src := strings.NewReader(open10 + strings.Repeat(message332, 300))
	r := NewReader(src, Accepted)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(200, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n > 4 {
		t.Errorf("%v allocations, want at most 4", n)
	}
}

// Eight octets are written as they are exactly when each of them may be, at
// whatever place the one that may not stands.
func TestPlainText(t *testing.T) {
	for c := range 256 {
		want := c >= ' ' && c < 0x80 && !strings.ContainsRune(`&<>'"`, rune(c))
		for _, others := range []string{"aaaaaaaa", "        ", "%%%((((=", "\x7f~!#?\x7f@A"} {
			for at := range 8 {
				b := []byte(others)
				b[at] = byte(c)
				if got := plainText(string(b)); got != want {
					t.Errorf("%q: got %v, want %v", b, got, want)
				}
			}
		}
	}
}
