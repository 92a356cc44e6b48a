// Package xmlstream reads and writes the XML that RFC 6120 section 11 leaves of
// XML 1.0: elements, attributes, character data, CDATA sections, the five
// predefined entities and character references. Comments, processing
// instructions and document types are refused on sight.
//
// Begin with NewReader, call Header once and Next until it fails. A Reader takes
// what it needs from its source under Limits that hold while octets arrive: no
// peer can make it keep more than about two stanzas of the permitted size. What
// Next returns is independent of the Reader and may be kept; its strings share
// the memory of the stanza they came in, so clone a small one that is to be kept
// for long.
//
// How it works: a framer (frame.go) finds the end of one top-level element and
// counts octets, depth, attributes and tokens on the way. Only then is the frame
// parsed (parse.go), in one pass over one string, with every rule of XML 1.0 and
// of Namespaces in XML 1.0 that concerns us. The framer may be fooled about where
// an element ends only by input that the parser refuses.
//
// The writer side is a set of functions that append to a byte slice. They never
// fail: a character that XML 1.0 cannot carry is written as U+FFFD.
//
// Nothing here is safe for concurrent use, starts a goroutine or holds a lock.
package xmlstream
