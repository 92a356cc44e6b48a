package safetext

// Name makes a Text of a name.
func Name(raw string) Text { return Text{raw} }

// Line makes a Text of one line.
func Line(raw string) Text { return Text{raw} }

// Body makes a Text of a message.
func Body(raw string) Text { return Text{raw} }

// File makes a Text of a file name.
func File(raw string) Text { return Text{raw} }

// Error makes a Text of a peer's error text.
func Error(raw string) Text { return Text{raw} }

// Skeleton returns the look of a name.
func Skeleton(name string) string { return name }

// Mixed reports letters of more than one script.
func Mixed(name string) bool { return false }

// UnescapeDNS undoes presentation escapes.
func UnescapeDNS(s string) string { return s }
