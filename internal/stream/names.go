package stream

import (
	"slices"
	"strings"

	"llchat/internal/xmlstream"
)

// ghostName is the address of somebody who publishes none (README 5.4).
const ghostName = "x@x.invalid"

// Nameless reports whether the name of a header is that of somebody who has
// none.
func Nameless(name string) bool { return sameName(name, ghostName) }

// sameName compares names as RFC 6762 section 16 does: octets, with ASCII
// letters of either case equal. No JID parser comes near them (174-7.2).
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// fitName reports whether s can be an instance name: at most one DNS label,
// no ASCII control characters (C-31).
func fitName(s string) bool {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	return len(s) <= maxName && !strings.ContainsFunc(s, control)
}

// names are the two names of a stream. They hold as long as it does.
type names struct {
	own  string
	peer string // "" when the header had none: then there is nothing to compare
	all  func(string) bool
}

// ownName is our name now, or that of a ghost.
func (n *Node) ownNames() names {
	current, all := n.cfg.Names()
	if current == "" {
		current = ghostName
	}
	return names{own: current, all: all}
}

// isOurs reports whether a peer may call us that.
func (s *names) isOurs(to string) bool {
	return sameName(to, s.own) || s.all != nil && s.all(to)
}

// checkHeader holds the peer's header against the rules of README 5.4 and
// takes its name.
func (s *names) checkHeader(h xmlstream.Header) *xmlstream.Error {
	if !fitName(h.From) {
		return violation(xmlstream.ImproperAddressing, "from is no instance name")
	}
	s.peer = h.From
	if h.To != "" && !s.isOurs(h.To) {
		return violation(xmlstream.HostUnknown, "")
	}
	return nil
}

// complete checks from and to of a stanza and fills in what the peer left out.
func (s *names) complete(e *xmlstream.Element) *xmlstream.Error {
	from, to := e.Attr("from"), e.Attr("to")
	switch {
	case from != "" && s.peer != "" && !sameName(from, s.peer):
		return violation(xmlstream.InvalidFrom, "")
	case to != "" && !s.isOurs(to):
		return violation(xmlstream.HostUnknown, "")
	}
	if from == "" {
		setAttr(e, "from", s.peer)
	}
	if to == "" {
		setAttr(e, "to", s.own)
	}
	return nil
}

func setAttr(e *xmlstream.Element, name, value string) {
	for i := range e.Attrs {
		if e.Attrs[i].Name == (xmlstream.Name{Local: name}) {
			e.Attrs[i].Value = value
			return
		}
	}
	e.Attrs = append(slices.Clip(e.Attrs), xmlstream.Attr{Name: xmlstream.Name{Local: name}, Value: value})
}
