package stanza

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/xmlstream"
)

// exodus and psi are the examples of XEP-0115 sections 5.2 and 5.3.
var (
	exodus = Info{
		Identities: []Identity{{"client", "pc", "", "Exodus 0.9.1"}},
		Features:   []string{NSDiscoItems, "http://jabber.org/protocol/muc", NSCaps, NSDiscoInfo},
	}
	psi = Info{
		Identities: []Identity{{"client", "pc", "en", "Psi 0.11"}, {"client", "pc", "el", "Ψ 0.11"}},
		Features:   exodus.Features,
		Forms: []Form{{Type: "urn:xmpp:dataforms:softwareinfo", Fields: []Field{
			{"os", []string{"Mac"}},
			{"os_version", []string{"10.5.1"}},
			{"ip_version", []string{"ipv6", "ipv4"}},
			{"software", []string{"Psi"}},
			{"software_version", []string{"0.11"}},
		}}},
	}
)

func TestVer(t *testing.T) {
	for want, i := range map[string]Info{
		"QgayPKawpkPSDYmwT/WM94uAlu0=": exodus,
		"q07IKJEyjvHSyhy//CH0CxmKi8w=": psi,
	} {
		if got := i.Ver(); got != want {
			t.Errorf("%s: %s, want %s", i.Identities[0].Name, got, want)
		}
		again, ok := ParseInfo(i.Element())
		if !ok || again.Ver() != want {
			t.Errorf("%s read again: %v %s", i.Identities[0].Name, ok, again.Ver())
		}
	}
}

func TestInfoOnTheWire(t *testing.T) {
	q := InfoRequest("n#v")
	sameAgain(t, q)
	got, ok := ParseInfo(q.Payload)
	if diff := cmp.Diff(Info{Node: "n#v"}, got); diff != "" || !ok {
		t.Errorf("%v -want +got:\n%s", ok, diff)
	}
	items := element(t, `<query xmlns='http://jabber.org/protocol/disco#items' node='x'/>`)
	if diff := cmp.Diff(items, NoItems(items)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// XEP-0115 section 5.4: what is ill formed has no hash that could be believed.
func TestInfoIllFormed(t *testing.T) {
	form := `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>a</value></field></x>`
	for name, inner := range map[string]string{
		"an identity twice":     strings.Repeat(`<identity category='client' type='pc'/>`, 2),
		"a feature twice":       strings.Repeat(`<feature var='a'/>`, 2),
		"a form twice":          form + form,
		"two types of a form":   `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>a</value><value>b</value></field></x>`,
		"a sign of the hash":    `<feature var='a&lt;b'/>`,
		"a sign in an identity": `<identity category='client' type='pc' name='a&lt;b'/>`,
		"too many features":     manyFeatures(maxFeatures + 1),
	} {
		if i, ok := ParseInfo(element(t, `<query xmlns='http://jabber.org/protocol/disco#info'>`+inner+`</query>`)); ok {
			t.Errorf("%s: taken as %+v", name, i)
		}
	}
	ok := `<x xmlns='jabber:x:data' type='result'><field var='a'><value>b</value></field></x>` // no FORM_TYPE: does not count
	if i, good := ParseInfo(element(t, `<query xmlns='http://jabber.org/protocol/disco#info'>`+ok+manyFeatures(maxFeatures)+`</query>`)); !good || len(i.Forms) > 0 {
		t.Errorf("got %v %d forms", good, len(i.Forms))
	}
	if _, good := ParseInfo(nil); good {
		t.Error("nothing was taken for something")
	}
}

func manyFeatures(n int) string {
	var s strings.Builder
	for i := range n {
		s.WriteString("<feature var='f" + strings.Repeat("x", i) + "'/>")
	}
	return s.String()
}

// FuzzInfo: what is well formed is written so that it has the same hash.
func FuzzInfo(f *testing.F) {
	f.Add(`<identity category='client' type='pc' xml:lang='el' name='Ψ'/><feature var='a'/>`)
	f.Add(`<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>a</value></field><field var='b'><value>c</value><value/></field></x>`)
	f.Fuzz(func(t *testing.T, inner string) {
		e, err := xmlstream.NewReader(strings.NewReader(header+"<query xmlns='"+NSDiscoInfo+"'>"+inner+"</query>"), xmlstream.Stranger).Next()
		if err != nil {
			return
		}
		i, ok := ParseInfo(e)
		if !ok {
			return
		}
		again, ok := ParseInfo(i.Element())
		if !ok || again.Ver() != i.Ver() {
			t.Errorf("%+v became %+v", i, again)
		}
	})
}
