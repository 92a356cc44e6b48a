package xmlstream

// Name is an expanded name: a namespace and a local part.
type Name struct{ Space, Local string }

// Attr is one attribute. Namespace declarations are not attributes here: they are
// resolved into the names.
type Attr struct {
	Name  Name
	Value string
}

// Element is one parsed element with everything inside it.
type Element struct {
	Name     Name
	Attrs    []Attr
	Children []*Element
	Text     string // the character data directly inside, concatenated
}

// Attr returns the value of the attribute local that is in no namespace, or "".
func (e *Element) Attr(local string) string {
	v, _ := e.LookupAttr("", local)
	return v
}

// LookupAttr returns the value of an attribute and whether it is there.
func (e *Element) LookupAttr(space, local string) (string, bool) {
	for i := range e.Attrs {
		if a := &e.Attrs[i]; a.Name.Local == local && a.Name.Space == space {
			return a.Value, true
		}
	}
	return "", false
}

// Lang returns xml:lang of this very element, or "".
func (e *Element) Lang() string {
	v, _ := e.LookupAttr(NSXML, "lang")
	return v
}

// Child returns the first child with that name, or nil.
func (e *Element) Child(space, local string) *Element {
	for _, c := range e.Children {
		if c.Is(space, local) {
			return c
		}
	}
	return nil
}

// Is reports whether the element has that name.
func (e *Element) Is(space, local string) bool {
	return e.Name.Local == local && e.Name.Space == space
}
