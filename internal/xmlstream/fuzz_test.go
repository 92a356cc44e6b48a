package xmlstream

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func addSeeds(f *testing.F) {
	for _, tt := range illFormedInputs {
		f.Add(tt.in)
	}
	for _, s := range []string{
		message332, `<a/> <b>x</b>`, `<a xmlns:p='u' p:b='1' c="2"><p:d xmlns=''/>x<e/>y</a>`,
		`<a b='&lt;&#10;'>&amp;<![CDATA[]]x]]>` + "\r\n" + `</a></stream:stream>`, `<stream:features><m xmlns='u'/></stream:features>`,
		`<xml:a xml:lang='de'/>`, "<\u00E9 \u00E8='\U0001F600'/>", `<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>`,
	} {
		f.Add(s)
	}
}

// FuzzWholeAndOctets: how octets arrive changes nothing, and nothing panics.
func FuzzWholeAndOctets(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		for _, lim := range []Limits{Prelude, Accepted} {
			for _, in := range []string{s, open10 + s} {
				whole := readAll(strings.NewReader(in), lim)
				if diff := cmp.Diff(whole, readAll(oneOctet(in), lim), cmp.Comparer(sameErrorText)); diff != "" {
					t.Fatalf("-whole +octets:\n%s", diff)
				}
			}
		}
	})
}

func sameErrorText(a, b error) bool { return a.Error() == b.Error() }

// FuzzEncodingXML: what we accept, encoding/xml accepts with equal content.
func FuzzEncodingXML(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		ours := readAll(strings.NewReader(open10+s), Accepted)
		if len(ours.Elements) == 0 {
			return
		}
		theirs, err := referenceTree(open10+s, len(ours.Elements))
		if err != nil {
			if fourthEditionName(err) {
				return
			}
			t.Fatalf("we accept %d elements, encoding/xml says %v", len(ours.Elements), err)
		}
		if diff := cmp.Diff(spacesEqual(theirs), spacesEqual(ours.Elements)); diff != "" {
			t.Fatalf("-encoding/xml +ours:\n%s", diff)
		}
	})
}

// fourthEditionName tells whether encoding/xml refused a name: it knows the narrower
// tables of XML 1.0's fourth edition, we the fifth's that RFC 6120 refers to.
func fourthEditionName(err error) bool {
	s, ok := errors.AsType[*xml.SyntaxError](err)
	return ok && strings.Contains(s.Msg, "invalid XML name")
}

// referenceTree reads n children of the root with encoding/xml.
func referenceTree(in string, n int) ([]*Element, error) {
	d := xml.NewDecoder(strings.NewReader(in))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	root := &Element{}
	open := []*Element{root}
	for len(root.Children) < n || len(open) > 1 {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &Element{Name: Name(tok.Name)}
			for _, a := range tok.Attr {
				if a.Name.Space != "xmlns" && a.Name != (xml.Name{Local: "xmlns"}) {
					e.Attrs = append(e.Attrs, Attr{Name(a.Name), oneSpace(a.Value)})
				}
			}
			top.Children = append(top.Children, e)
			open = append(open, e)
		case xml.EndElement:
			if len(open) == 1 {
				return nil, io.ErrUnexpectedEOF
			}
			open = open[:len(open)-1]
		case xml.CharData:
			top.Text += string(tok)
		}
	}
	return root.Children, nil
}

// spacesEqual evens out where encoding/xml is wrong: it does not normalise white
// space in attributes (XML 1.0 section 3.3.3), and takes an element called xmlns out
// of the default namespace.
func spacesEqual(list []*Element) []*Element {
	for _, e := range list {
		if e.Name.Local == "xmlns" {
			e.Name.Space = ""
		}
		e.Name.Space = oneSpace(e.Name.Space)
		for i := range e.Attrs {
			e.Attrs[i].Name.Space = oneSpace(e.Attrs[i].Name.Space)
			e.Attrs[i].Value = oneSpace(e.Attrs[i].Value)
		}
		spacesEqual(e.Children)
	}
	return list
}

func oneSpace(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ", "\r", " ").Replace(s)
}

// FuzzRoundTrip: what was read and is written reads the same, and the second writing
// is the first.
func FuzzRoundTrip(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseOne(s)
		if err != nil {
			return
		}
		first := AppendElement(nil, e)
		again, err := parseOne(string(first))
		if err != nil {
			if condition(err) == PolicyViolation {
				return // escapes made it longer than a stanza may be
			}
			t.Fatalf("we wrote %q: %v", first, err)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Fatalf("-read +read again:\n%s", diff)
		}
		if second := AppendElement(nil, again); string(second) != string(first) {
			t.Fatalf("written %q, then %q", first, second)
		}
	})
}

// FuzzText: any text survives, except for what XML cannot carry.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", "]]>", "<&>'\"\r\n\t", "\x00\x1b\xff", "\uFFFE\U0001F600"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4000 {
			return
		}
		var want strings.Builder
		for _, r := range s { // an octet that is not UTF-8 comes as U+FFFD
			if !ValidChar(r) {
				r = '\uFFFD'
			}
			want.WriteRune(r)
		}
		in := append(AppendAttr([]byte("<a"), "b", s), '>')
		e, err := parseOne(string(AppendText(in, s)) + "</a>")
		if condition(err) == PolicyViolation {
			return
		}
		if err != nil || e.Text != want.String() || e.Attr("b") != want.String() {
			t.Fatalf("%v: got %v, want %q", err, e, want.String())
		}
	})
}
