package xmlstream

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// illFormedInputs are children of a stream that must end it (C-16, C-17, security.md
// 9.3). The first 38 are the classes measured against encoding/xml.
var illFormedInputs = []struct {
	name, in, want string
}{
	{"attribute twice", `<a b='1' b='2'/>`, NotWellFormed},
	{"attribute twice by two prefixes", `<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>`, NotWellFormed},
	{"attribute twice, prefixes declared behind", `<a p:b='1' q:b='2' xmlns:p='u' xmlns:q='u'/>`, NotWellFormed},
	{"undeclared prefix of an element", `<p:a/>`, NotWellFormed},
	{"undeclared prefix of an attribute", `<a p:b='1'/>`, NotWellFormed},
	{"prefix used after its scope", `<a><b xmlns:p='u'/><p:c/></a>`, NotWellFormed},
	{"prefix unbound", `<a xmlns:p=''/>`, NotWellFormed},
	{"xml bound to another namespace", `<a xmlns:xml='u'/>`, NotWellFormed},
	{"other prefix bound to the xml namespace", `<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>`, NotWellFormed},
	{"xml namespace as default", `<a xmlns='http://www.w3.org/XML/1998/namespace'/>`, NotWellFormed},
	{"xmlns declared", `<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>`, NotWellFormed},
	{"xmlns namespace as default", `<a xmlns='http://www.w3.org/2000/xmlns/'/>`, NotWellFormed},
	{"prefix bound to the xmlns namespace", `<a xmlns:p='http://www.w3.org/2000/xmlns/'/>`, NotWellFormed},
	{"element with the prefix xmlns", `<xmlns:a/>`, NotWellFormed},
	{"namespace declared twice", `<a xmlns='u' xmlns='v'/>`, NotWellFormed},
	{"prefix declared twice", `<a xmlns:p='u' xmlns:p='u'/>`, NotWellFormed},
	{"name begins with a colon", `<:a/>`, NotWellFormed},
	{"name ends with a colon", `<a:/>`, NotWellFormed},
	{"name is a colon", `<:/>`, NotWellFormed},
	{"name with two colons", `<stream:a:b/>`, NotWellFormed},
	{"attribute name begins with a colon", `<a :b='1'/>`, NotWellFormed},
	{"attribute name ends with a colon", `<a xmlns:='u'/>`, NotWellFormed},
	{"local part begins with a digit", `<stream:1/>`, NotWellFormed},
	{"name begins with a digit", `<1a/>`, NotWellFormed},
	{"name begins with a hyphen", `<-a/>`, NotWellFormed},
	{"name begins with a combining mark", "<\u0300a/>", NotWellFormed},
	{"no name", `<>`, NotWellFormed},
	{"white space before the name", `< a/>`, NotWellFormed},
	{"no space between attributes", `<a b='1'c='2'/>`, NotWellFormed},
	{"attribute without a value", `<a b/>`, NotWellFormed},
	{"attribute without quotes", `<a b=1/>`, NotWellFormed},
	{"attribute without equals", `<a b'1'/>`, NotWellFormed},
	{"less-than in an attribute", `<a b='<'/>`, NotWellFormed},
	{"less-than in a tag", `<a <b/>`, NotWellFormed},
	{"slash in a tag", `<a / b='1'>`, NotWellFormed},
	{"two slashes", `<a//>`, NotWellFormed},
	{"slash before white space", `<a / >`, NotWellFormed},
	{"bracket end in text", `<a>]]></a>`, NotWellFormed},
	{"bracket end in text, longer", `<a>x]]]>y</a>`, NotWellFormed},
	{"end tag of another element", `<a></b>`, NotWellFormed},
	{"end tag by a prefix", `<a xmlns:p='jabber:client'></p:a>`, NotWellFormed},
	{"end tag longer", `<a></aa>`, NotWellFormed},
	{"end tag shorter", `<aa></a>`, NotWellFormed},
	{"end tag crosswise", `<a><b></a></b>`, NotWellFormed},
	{"end tag with an attribute", `<a></a b='1'>`, NotWellFormed},
	{"end tag with a slash", `<a></a/>`, NotWellFormed},
	{"end tag with a space before the name", `<a></ a>`, NotWellFormed},
	{"end tag without a beginning", `</a>`, NotWellFormed},
	{"end tag of the stream inside an element", `<a></stream:stream>`, NotWellFormed},
	{"end tag of the stream without its prefix", `</stream>`, NotWellFormed},
	{"text between elements", `<a/>x<b/>`, NotWellFormed},
	{"text as a reference between elements", `&#32;<a/>`, NotWellFormed},
	{"text before the end", `x</stream:stream>`, NotWellFormed},
	{"CDATA between elements", `<![CDATA[ ]]>`, NotWellFormed},
	{"byte order mark between elements", "\uFEFF<a/>", NotWellFormed},
	{"ampersand alone", `<a>a & b</a>`, NotWellFormed},
	{"ampersand at the end", `<a>&</a>`, NotWellFormed},
	{"empty reference", `<a>&;</a>`, NotWellFormed},
	{"reference without semicolon", `<a>&lt</a>`, NotWellFormed},
	{"reference across a tag", `<a>&l<b/>t;</a>`, NotWellFormed},
	{"reference with a space", `<a>&a b;</a>`, NotWellFormed},
	{"empty character reference", `<a>&#;</a>`, NotWellFormed},
	{"empty hexadecimal reference", `<a>&#x;</a>`, NotWellFormed},
	{"upper-case X", `<a>&#X41;</a>`, NotWellFormed},
	{"letters in a decimal reference", `<a>&#4a;</a>`, NotWellFormed},
	{"signed reference", `<a>&#+65;</a>`, NotWellFormed},
	{"reference to NUL", `<a>&#0;</a>`, NotWellFormed},
	{"reference to ESC", `<a>&#x1B;</a>`, NotWellFormed},
	{"reference to a surrogate", `<a>&#xD800;</a>`, NotWellFormed},
	{"reference to U+FFFE", `<a>&#xFFFE;</a>`, NotWellFormed},
	{"reference beyond Unicode", `<a>&#x110000;</a>`, NotWellFormed},
	{"reference that overflows", `<a>&#99999999999999999999999999;</a>`, NotWellFormed},
	{"bad reference in an attribute", `<a b='&#0;'/>`, NotWellFormed},
	{"NUL", "<a>\x00</a>", NotWellFormed},
	{"ESC", "<a>\x1b[2J</a>", NotWellFormed},
	{"ESC in an attribute", "<a b='\x1b'/>", NotWellFormed},
	{"ESC in a CDATA section", "<a><![CDATA[\x1b]]></a>", NotWellFormed},
	{"ESC in a tag", "<a\x1b/>", NotWellFormed},
	{"U+FFFF", "<a>\uFFFF</a>", NotWellFormed},
	{"encoded surrogate", "<a>\xED\xA0\x80</a>", NotWellFormed},
	{"octets that are not UTF-8", "<a>\xFF</a>", NotWellFormed},
	{"overlong form", "<a>\xC0\xAF</a>", NotWellFormed},
	{"cut rune", "<a>\xE2\x82</a>", NotWellFormed},
	{"Latin-1", "<a>caf\xE9 au lait</a>", NotWellFormed},
	{"no-break space between attributes", "<a\u00A0b='1'/>", NotWellFormed},

	{"comment", `<!-- x -->`, RestrictedXML},
	{"comment in an element", `<a><!-- x --></a>`, RestrictedXML},
	{"processing instruction", `<?php x ?>`, RestrictedXML},
	{"processing instruction in an element", `<a><?b?></a>`, RestrictedXML},
	{"late declaration", `<?xml version='1.0'?>`, RestrictedXML},
	{"document type", `<!DOCTYPE a>`, RestrictedXML},
	{"document type with entities", `<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>`, RestrictedXML},
	{"entity declaration", `<a><!ENTITY b 'c'></a>`, RestrictedXML},
	{"conditional section", `<a><![INCLUDE[x]]></a>`, RestrictedXML},
	{"lower-case CDATA", `<a><![cdata[x]]></a>`, RestrictedXML},
	{"unknown entity", `<a>&nbsp;</a>`, RestrictedXML},
	{"unknown entity in an attribute", `<a b='&nbsp;'/>`, RestrictedXML},
	{"predefined entity in upper case", `<a>&LT;</a>`, RestrictedXML},
}

// C-16, C-17, 9.3: each of these ends the stream with the right condition, in the same
// way however the octets arrive, alone or behind a good stanza.
func TestIllFormed(t *testing.T) {
	for _, tt := range illFormedInputs {
		t.Run(tt.name, func(t *testing.T) {
			for _, before := range []string{"", "<message><body>hi</body></message> "} {
				in := open10 + before + tt.in + "<message/>" + CloseTag
				whole := readAll(strings.NewReader(in), Accepted)
				if got := condition(whole.Err); got != tt.want {
					t.Errorf("%q: got %s, want %s", before+tt.in, got, tt.want)
				}
				if diff := cmp.Diff(whole, readAll(oneOctet(in), Accepted)); diff != "" {
					t.Errorf("one octet at a time (-whole +octets):\n%s", diff)
				}
			}
		})
	}
}

// What is refused on sight is refused with nothing behind it.
func TestRefusedOnSight(t *testing.T) {
	for _, in := range []string{"<!-", "<!D", "<?", "<a><?", "<a><!-", "<a><![I", "x", "<![CDATA["} {
		out := readAll(strings.NewReader(open10+in), Accepted)
		if got := condition(out.Err); got != RestrictedXML && got != NotWellFormed {
			t.Errorf("%q: got %s, want a refusal", in, got)
		}
	}
}

func el(space, local string, text string, children ...*Element) *Element {
	return &Element{Name: Name{space, local}, Text: text, Children: children}
}

func TestWellFormed(t *testing.T) {
	with := func(e *Element, attrs ...Attr) *Element { e.Attrs = attrs; return e }
	tests := []struct {
		name, in string
		want     *Element
	}{
		{"empty", `<a/>`, el(NSClient, "a", "")},
		{"empty with space", `<a />`, el(NSClient, "a", "")},
		{"empty pair", `<a></a >`, el(NSClient, "a", "")},
		{"text", `<a>x > y</a>`, el(NSClient, "a", "x > y")},
		{"brackets", `<a>]]] ]] ></a>`, el(NSClient, "a", "]]] ]] >")},
		{"predefined entities", `<a>&lt;&gt;&amp;&apos;&quot;</a>`, el(NSClient, "a", `<>&'"`)},
		{"character references", `<a>&#65;&#x1F600;&#x0041;&#13;&#10;</a>`, el(NSClient, "a", "A\U0001F600A\r\n")},
		{"CDATA", `<a>x<![CDATA[<b>&amp;]] ]]]>y</a>`, el(NSClient, "a", "x<b>&amp;]] ]y")},
		{"CDATA empty", `<a><![CDATA[]]></a>`, el(NSClient, "a", "")},
		{"CDATA with only brackets", `<a><![CDATA[]]]]></a>`, el(NSClient, "a", "]]")},
		{"CDATA splits a bracket end", `<a>]]<![CDATA[>]]></a>`, el(NSClient, "a", "]]>")},
		{"line ends", "<a>1\r\n2\r3\n4\r\r\n<![CDATA[\r\n]]></a>", el(NSClient, "a", "1\n2\n3\n4\n\n\n")},
		{"mixed content", `<a>1<b>x</b>2<c/>3</a>`, el(NSClient, "a", "123", el(NSClient, "b", "x"), el(NSClient, "c", ""))},
		{"nested mixed", `<a>1<b>x<d/>y</b>2</a>`, el(NSClient, "a", "12", el(NSClient, "b", "xy", el(NSClient, "d", "")))},
		{
			"default namespace", `<a xmlns='u'><b/><c xmlns='v'/><d xmlns=''/></a>`,
			el("u", "a", "", el("u", "b", ""), el("v", "c", ""), el("", "d", "")),
		},
		{
			"namespace ends with its element", `<a><b xmlns='u'><c/></b><d/></a>`,
			el(NSClient, "a", "", el("u", "b", "", el("u", "c", "")), el(NSClient, "d", "")),
		},
		{
			"prefixes", `<p:a xmlns:p='u'><p:b/><c/><p:d xmlns:p='v'/></p:a>`,
			el("u", "a", "", el("u", "b", ""), el(NSClient, "c", ""), el("v", "d", "")),
		},
		{"prefix of the stream", `<stream:features/>`, el(NSStreams, "features", "")},
		{"prefix of the stream bound anew", `<stream:a xmlns:stream='u'/>`, el("u", "a", "")},
		{"xml declared as it is", `<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>`, el(NSClient, "a", "")},
		{"attributes", `<a b="1" c = '2'
			d='&lt;&#9;>"'/>`, with(el(NSClient, "a", ""),
			Attr{Name{"", "b"}, "1"}, Attr{Name{"", "c"}, "2"}, Attr{Name{"", "d"}, "<\t>\""})},
		{"attribute white space", "<a b='1\r\n2\t3\n4\r5&#10;'/>", with(el(NSClient, "a", ""), Attr{Name{"", "b"}, "1 2 3 4 5\n"})},
		{"attribute namespaces", `<a xmlns='u' xmlns:p='u' b='1' p:b='2' xml:lang='de'/>`, with(el("u", "a", ""),
			Attr{Name{"", "b"}, "1"}, Attr{Name{"u", "b"}, "2"}, Attr{Name{NSXML, "lang"}, "de"})},
		{"prefix declared behind its use", `<p:a p:b='1' xmlns:p='u'/>`, with(el("u", "a", ""), Attr{Name{"u", "b"}, "1"})},
		{"names", "<a-b.c_1><\u00E9\u0300\u00B7/></a-b.c_1>", el(NSClient, "a-b.c_1", "", el(NSClient, "\u00E9\u0300\u00B7", ""))},
		{"other planes", "<a>\U0001F600\uFFFD\u0085\u00A0</a>", el(NSClient, "a", "\U0001F600\uFFFD\u0085\u00A0")},
		{"slash and quotes in values", `<a b='/' c='">'/>`, with(el(NSClient, "a", ""), Attr{Name{"", "b"}, "/"}, Attr{Name{"", "c"}, `">`})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mustParse(t, tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestElementHelpers(t *testing.T) {
	e := mustParse(t, `<a b='1' xml:lang='de'><c/><c xmlns='u' d='2'/></a>`)
	if got := e.Attr("b"); got != "1" {
		t.Errorf("Attr(b) = %q", got)
	}
	if v, ok := e.LookupAttr("", "x"); ok || v != "" || e.Attr("lang") != "" {
		t.Error("an attribute that is not there was found")
	}
	if got := e.Lang(); got != "de" {
		t.Errorf("Lang = %q", got)
	}
	if c := e.Child("u", "c"); c == nil || c.Attr("d") != "2" {
		t.Errorf("Child(u, c) = %v", c)
	}
	if e.Child("v", "c") != nil {
		t.Error("Child(v, c) found one")
	}
}

// The lists of children share one array: appending to one must not write into another.
func TestChildrenDoNotOverlap(t *testing.T) {
	e := mustParse(t, `<a><b><c/></b><d><e/></d></a>`)
	b, d := e.Children[0], e.Children[1]
	b.Children = append(b.Children, el("", "new", ""))
	b.Attrs = append(b.Attrs, Attr{Value: "new"})
	if got := d.Children[0].Name.Local; got != "e" {
		t.Errorf("the neighbour's child is now %s", got)
	}
}
