// Package ink puts cells into rows of a terminal screen.
//
// A row is written piece by piece into one byte buffer: style prefixes that a
// theme made once, text that was measured cluster by cluster, spaces. There
// are no boxes that get joined; a whole frame costs one allocation.
//
// The package is also the border that a peer's text must cross. A Seg, the
// only thing that can be drawn, is made of an untyped constant of our source
// ([L], [Const]), of a number or a time, or of a [safetext.Text]; a plain
// string does not fit anywhere (security.md 10.1). What the user is typing
// comes in through [Typed], which cleans it the same way.
//
// Nothing here is safe for concurrent use: a screen has one painter.
package ink
