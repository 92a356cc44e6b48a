package safetext

// Text is text that is fit for a terminal. The zero Text is empty. Texts can
// be compared with == and used as map keys.
type Text struct {
	s string
}

// String returns the text.
func (t Text) String() string { return t.s }

// IsEmpty reports whether nothing is there to show.
func (t Text) IsEmpty() bool { return t.s == "" }

// MarshalText returns the text as it is.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.s), nil }

// UnmarshalText cleans again, as a Body: what comes from a file or a socket
// is no better than what comes from a peer.
func (t *Text) UnmarshalText(text []byte) error {
	*t = Body(string(text))
	return nil
}
