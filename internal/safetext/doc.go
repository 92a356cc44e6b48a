// Package safetext turns text from others into text that is fit for a
// terminal. It is the only way to the screen: nicknames, instance names,
// status lines, message bodies, file names and error texts are hostile until
// one of the constructors made a [Text] of them, and whatever draws takes a
// Text and nothing else (security.md 10).
//
// Choose the constructor by what the text is: [Name], [Line], [Body], [File]
// or [Error]. None of them fails; what cannot be shown is removed, or in a
// body replaced by the one-cell [Mark], and an empty result means that nothing
// visible was there. Undo transport escapes first ([UnescapeDNS]).
//
// A Text is valid UTF-8 in NFC. It holds no control character but the line
// feeds of a body, no bidirectional control, no invisible character other
// than a joiner that shapes letters or emoji, at most four combining marks on
// a base, and never the [SystemSign]. Every constructor leaves its own results
// alone, and Body leaves the results of all constructors alone.
//
// Letters stay what they are, so names that look alike remain possible:
// [Skeleton] and [Mixed] find them.
//
// The package has no state; everything may be called from any goroutine. It
// works in time and space linear in its input and bounds no body: L-12 is
// kept where bodies are received.
package safetext
