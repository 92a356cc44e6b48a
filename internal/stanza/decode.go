package stanza

import "llchat/internal/xmlstream"

// Decode turns a top-level element of a stream into a value.
func Decode(e *xmlstream.Element) (Stanza, error) {
	return nil, &xmlstream.Error{Condition: xmlstream.UnsupportedStanzaType}
}
