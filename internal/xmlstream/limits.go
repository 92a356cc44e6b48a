package xmlstream

// Limits bound what a Reader takes. A field that is 0 is not checked, except that
// every Reader has an upper bound for an element (hardStanza).
type Limits struct {
	Stanza  int // octets of one top-level element, or of the header
	Depth   int // nesting, the stream element being depth 1
	Attrs   int // attributes of one element, namespace declarations included
	NameLen int // octets of one name with its prefix
	AttrLen int // octets of one attribute value as it is on the wire
	Tokens  int // tags and runs of character data in one top-level element
	Total   int // octets in all that are taken from the source; 0 = no such bound
}

// The three situations of security.md 9.1 (L-03, L-08, L-09).
var (
	// Prelude holds before TLS: 1 KiB in all, so nothing else can grow.
	Prelude = Limits{Stanza: 1024, Depth: 4, Attrs: 16, NameLen: 256, AttrLen: 1024, Tokens: 128, Total: 1024}
	// Stranger holds inside TLS for a key that the user has not accepted.
	Stranger = Limits{Stanza: 10_000, Depth: 32, Attrs: 64, NameLen: 256, AttrLen: 8192, Tokens: 4096}
	// Accepted holds for contacts; its Stanza is what we advertise (XEP-0478).
	Accepted = Limits{Stanza: 65_536, Depth: 32, Attrs: 64, NameLen: 256, AttrLen: 8192, Tokens: 4096}
)

// White space between elements (security.md 9.2): this many octets are free after
// the header and after each top-level element, because padding lives there; what
// goes beyond may not exceed spaceRate in spaceWindow seconds.
const (
	spaceFree   = 4096
	spaceRate   = 1024
	spaceWindow = 10
)

// hardStanza bounds an element when Limits.Stanza is not set.
const hardStanza = 1 << 20

func (l Limits) stanza() int {
	if l.Stanza <= 0 || l.Stanza > hardStanza {
		return hardStanza
	}
	return l.Stanza
}

func (l Limits) over(n, limit int) bool { return limit > 0 && n > limit }
