package stanza

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // XEP-0115 fixes SHA-1; nothing is trusted by it (K16)
	"encoding/base64"
	"slices"
	"strings"

	"llchat/internal/xmlstream"
)

// Namespaces of service discovery and of the forms in it.
const (
	NSDiscoItems = "http://jabber.org/protocol/disco#items"
	NSCaps       = "http://jabber.org/protocol/caps"
	NSData       = "jabber:x:data"
)

// Bounds of what somebody may say about itself.
const (
	maxIdentities = 16
	maxFeatures   = 256
	maxForms      = 8
	maxFields     = 64
	maxValues     = 64
)

// Info says what somebody is and can do (XEP-0030).
type Info struct {
	Node       string
	Identities []Identity
	Features   []string
	Forms      []Form // XEP-0128
}

// Identity is one line of what somebody is.
type Identity struct{ Category, Type, Lang, Name string }

// Form is a result form of XEP-0004 whose hidden FORM_TYPE is Type.
type Form struct {
	Type   string
	Fields []Field
}

// Field is one field of a form.
type Field struct {
	Var    string
	Values []string
}

// Has reports whether a feature is there.
func (i Info) Has(feature string) bool { return slices.Contains(i.Features, feature) }

// ParseInfo reads a query of disco#info. False when it is none, is not one
// that XEP-0115 section 5.4 calls well formed (something twice, a form of two
// kinds), or is larger than anything useful.
func ParseInfo(e *xmlstream.Element) (Info, bool) {
	if e == nil || !e.Is(NSDiscoInfo, "query") {
		return Info{}, false
	}
	i := Info{Node: e.Attr("node")}
	for _, c := range e.Children {
		switch {
		case c.Is(NSDiscoInfo, "identity"):
			i.Identities = append(i.Identities, Identity{
				Category: c.Attr("category"), Type: c.Attr("type"), Lang: c.Lang(), Name: c.Attr("name"),
			})
		case c.Is(NSDiscoInfo, "feature"):
			i.Features = append(i.Features, c.Attr("var"))
		case c.Is(NSData, "x") && c.Attr("type") == "result":
			f, ok := parseForm(c)
			if !ok {
				return Info{}, false
			}
			if f.Type != "" {
				i.Forms = append(i.Forms, f)
			}
		}
	}
	return i, i.wellFormed()
}

// parseForm reads a form; one without FORM_TYPE does not count and is empty.
func parseForm(e *xmlstream.Element) (Form, bool) {
	var f Form
	for _, c := range e.Children {
		if !c.Is(NSData, "field") {
			continue
		}
		d := Field{Var: c.Attr("var")}
		for _, v := range c.Children {
			if v.Is(NSData, "value") {
				d.Values = append(d.Values, v.Text)
			}
		}
		if len(d.Values) > maxValues || len(f.Fields) >= maxFields {
			return f, false
		}
		if d.Var != "FORM_TYPE" {
			f.Fields = append(f.Fields, d)
			continue
		}
		if len(d.Values) != 1 || f.Type != "" {
			return f, false
		}
		if t := c.Attr("type"); t == "hidden" || t == "" {
			f.Type = d.Values[0]
		}
	}
	return f, true
}

// wellFormed wants nothing twice and no sign that the hash uses as its own.
func (i Info) wellFormed() bool {
	if len(i.Identities) > maxIdentities || len(i.Features) > maxFeatures || len(i.Forms) > maxForms {
		return false
	}
	seen := map[any]bool{}
	once := func(key any, texts ...string) bool {
		fresh := !seen[key]
		seen[key] = true
		return fresh && !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "<") })
	}
	for _, x := range i.Identities {
		if !once(x, x.Category, x.Type, x.Lang, x.Name) {
			return false
		}
	}
	for _, f := range i.Features {
		if !once(f, f) {
			return false
		}
	}
	for _, f := range i.Forms {
		if !once([1]string{f.Type}, f.Type) {
			return false
		}
		for _, d := range f.Fields {
			if !once([2]string{f.Type, d.Var}, append(d.Values, d.Var)...) {
				return false
			}
		}
	}
	return true
}

// Element writes the query, in the order of the hash.
func (i Info) Element() *xmlstream.Element {
	e := &xmlstream.Element{Name: xmlstream.Name{Space: NSDiscoInfo, Local: "query"}, Attrs: attrs("node", i.Node)}
	for _, x := range i.sortedIdentities() {
		c := &xmlstream.Element{
			Name:  xmlstream.Name{Space: NSDiscoInfo, Local: "identity"},
			Attrs: attrs("category", x.Category, "type", x.Type, "name", x.Name),
		}
		if x.Lang != "" {
			c.Attrs = append(c.Attrs, xmlstream.Attr{Name: xmlstream.Name{Space: xmlstream.NSXML, Local: "lang"}, Value: x.Lang})
		}
		e.Children = append(e.Children, c)
	}
	for _, f := range slices.Sorted(slices.Values(i.Features)) {
		e.Children = append(e.Children, &xmlstream.Element{
			Name: xmlstream.Name{Space: NSDiscoInfo, Local: "feature"}, Attrs: attrs("var", f),
		})
	}
	for _, f := range i.Forms {
		e.Children = append(e.Children, f.element())
	}
	return e
}

func (f Form) element() *xmlstream.Element {
	x := &xmlstream.Element{Name: xmlstream.Name{Space: NSData, Local: "x"}, Attrs: attrs("type", "result")}
	field := func(kind string, d Field) {
		c := &xmlstream.Element{Name: xmlstream.Name{Space: NSData, Local: "field"}, Attrs: attrs("type", kind, "var", d.Var)}
		for _, v := range d.Values {
			c.Children = append(c.Children, &xmlstream.Element{Name: xmlstream.Name{Space: NSData, Local: "value"}, Text: v})
		}
		x.Children = append(x.Children, c)
	}
	field("hidden", Field{Var: "FORM_TYPE", Values: []string{f.Type}})
	for _, d := range f.Fields {
		field("", d)
	}
	return x
}

// attrs makes attributes of pairs, leaving out the empty ones.
func attrs(pairs ...string) []xmlstream.Attr {
	var list []xmlstream.Attr
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, xmlstream.Attr{Name: xmlstream.Name{Local: pairs[i]}, Value: pairs[i+1]})
		}
	}
	return list
}

func (i Info) sortedIdentities() []Identity {
	return slices.SortedFunc(slices.Values(i.Identities), func(a, b Identity) int {
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Type, b.Type),
			cmp.Compare(a.Lang, b.Lang), cmp.Compare(a.Name, b.Name))
	})
}

// Ver is the verification string of XEP-0115 section 5.1 with its hash SHA-1.
func (i Info) Ver() string {
	var s strings.Builder
	part := func(words ...string) { s.WriteString(strings.Join(words, "/") + "<") }
	for _, x := range i.sortedIdentities() {
		part(x.Category, x.Type, x.Lang, x.Name)
	}
	for _, f := range slices.Sorted(slices.Values(i.Features)) {
		part(f)
	}
	for _, f := range slices.SortedFunc(slices.Values(i.Forms), func(a, b Form) int { return cmp.Compare(a.Type, b.Type) }) {
		part(f.Type)
		for _, d := range slices.SortedFunc(slices.Values(f.Fields), func(a, b Field) int { return cmp.Compare(a.Var, b.Var) }) {
			part(d.Var)
			for _, v := range slices.Sorted(slices.Values(d.Values)) {
				part(v)
			}
		}
	}
	sum := sha1.Sum([]byte(s.String())) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// InfoRequest asks what somebody can do; node may be empty.
func InfoRequest(node string) IQ {
	return IQ{ID: NewID(), Type: "get", Payload: Info{Node: node}.Element()}
}

// NoItems answers a question for items: there are none (XEP-0030 section 4.1).
func NoItems(query *xmlstream.Element) *xmlstream.Element {
	return &xmlstream.Element{
		Name: xmlstream.Name{Space: NSDiscoItems, Local: "query"}, Attrs: attrs("node", query.Attr("node")),
	}
}
