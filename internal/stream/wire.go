package stream

import (
	"bytes"
	"io"
	"strconv"
	"sync"
	"time"

	"llchat/internal/xmlstream"
)

// wireLog writes what streams say, one line an element, fit to be shown to
// others: character data is replaced by its length, names of people by a
// placeholder (security.md G-1, G-2).
type wireLog struct {
	mu sync.Mutex // one line at a time
	w  io.Writer
}

// element writes one element that came in.
func (l *wireLog) element(peer string, e *xmlstream.Element) {
	if l != nil {
		l.octets(peer, "<-", xmlstream.AppendElement(nil, e))
	}
}

// octets writes XML that goes out, or comes in.
func (l *wireLog) octets(peer, arrow string, b []byte) {
	if l == nil {
		return
	}
	line := time.Now().UTC().AppendFormat(nil, "15:04:05.000")
	line = append(line, ' ')
	line = append(line, peer...)
	line = append(line, ' ')
	line = append(line, arrow...)
	line = append(line, ' ')
	line = appendRedacted(line, bytes.TrimRight(b, " "))
	line = append(line, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.w.Write(line) // a full disk is no reason to lose the stream
}

// appendRedacted copies well-formed XML without its character data and without
// the values of from and to.
func appendRedacted(dst, xml []byte) []byte {
	for len(xml) > 0 {
		i := bytes.IndexByte(xml, '<')
		if i < 0 {
			i = len(xml)
		}
		dst = appendLength(dst, xml[:i])
		xml = xml[i:]
		end := tagEnd(xml)
		dst = appendTag(dst, xml[:end])
		xml = xml[end:]
	}
	return dst
}

// appendLength stands in for character data. White space between stanzas is
// padding and not worth a word.
func appendLength(dst, text []byte) []byte {
	if len(bytes.TrimSpace(text)) == 0 {
		return dst
	}
	dst = append(dst, '[')
	dst = strconv.AppendInt(dst, int64(len(text)), 10)
	return append(dst, ']')
}

// tagEnd returns the length of the tag that xml begins with. A '>' inside an
// attribute value does not end it.
func tagEnd(xml []byte) int {
	var quote byte
	for i, c := range xml {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return len(xml)
}

// appendTag copies a tag but for attribute values that may name somebody.
func appendTag(dst, tag []byte) []byte {
	for len(tag) > 0 {
		i := bytes.IndexAny(tag, `'"`)
		if i < 0 {
			return append(dst, tag...)
		}
		j := bytes.IndexByte(tag[i+1:], tag[i])
		if j < 0 {
			return append(dst, tag[:i]...)
		}
		value := tag[i : i+1+j+1]
		dst = append(dst, tag[:i]...)
		if keepsValue(tag[:i]) {
			dst = append(dst, value...)
		} else {
			dst = append(dst, "'[name]'"...)
		}
		tag = tag[len(value)+i:]
	}
	return dst
}

// keepsValue reports whether the attribute whose name ends before goes into
// the file with its value: what the protocol fixes, and ids.
func keepsValue(before []byte) bool {
	name := bytes.TrimRight(bytes.TrimRight(before, " "), "=")
	if i := bytes.LastIndexByte(name, ' '); i >= 0 {
		name = name[i+1:]
	}
	switch string(name) {
	case "xmlns", "xmlns:stream", "version", "id", "type", "xml:lang", "stamp", "mechanism", "h":
		return true
	}
	return false
}
