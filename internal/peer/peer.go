// Package peer merges what is known about one peer into one row: claims heard
// over multicast DNS, the contact kept by the user, and the live stream.
//
// Everything here is a pure function. A claim is only a claim: it may say
// where a contact could be reached and how it would like to be shown, and it
// never says who anybody is (spec rule 0.2). Rows of contacts are named by
// fingerprint; only what never proved a key is named by its instance.
package peer

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/safetext"
	"llchat/internal/trust"
)

// Claim is an announcement together with what dialling it has taught.
type Claim struct {
	mdns.Peer
	// Pin is the key that answered at this claim, zero while none did.
	Pin identity.Pin
	// Encrypts is nil while nobody tried.
	Encrypts *bool
	// Note says in words why it cannot be talked to.
	Note string
	// Silent: its stream died without a word, and nothing was heard since.
	Silent bool
	// Knock is when a contact may be looked for there.
	Knock time.Time

	kept string
}

// Stream is what a live stream says about its peer.
type Stream struct {
	Name    string // header from
	Addr    netip.AddrPort
	Nick    string // XEP-0172
	Show    string // presence show, "" is available
	Status  string
	Present bool // its presence arrived: it has accepted us
	Waiting bool // it has not accepted us yet
}

// Known is everything known about one peer. Pin is zero for a claim that
// never proved a key; then only Claims is set.
type Known struct {
	Pin     identity.Pin
	Trust   trust.State
	Contact trust.Contact
	Claims  []Claim
	Stream  *Stream
	Asks    bool   // its request waits
	Name    string // last name of a stranger that is not connected now
	Of      identity.Pin

	// Namesake is another contact whose name this one goes by.
	Namesake identity.Pin
}

// Row is one peer as a face shows it. Text in it is raw: whoever draws it
// makes it safe first.
type Row struct {
	Key       string
	Pin       identity.Pin
	Name      string
	Nick      string
	Instance  string
	Trust     trust.State
	Presence  string // TXT words: avail, away, dnd; empty is offline
	Message   string
	Encrypts  *bool
	Stream    bool
	Addresses []netip.AddrPort
	LastSeen  time.Time
	Waiting   bool
	Asks      bool
	Of        identity.Pin
	Namesake  identity.Pin
	Note      string
	Card
}

// Card is what an announcement says about a person (XEP-0174 15), raw.
type Card struct {
	Announced   bool // there is one, of the key that the row is about
	First, Last string
	Email, JID  string // several stand apart by spaces
	Avatar      string // phsh
}

func cardOf(t mdns.Text) Card {
	c := Card{Announced: true}
	for key, to := range map[string]*string{
		"1st": &c.First, "last": &c.Last, "email": &c.Email, "jid": &c.JID, "phsh": &c.Avatar,
	} {
		*to, _ = t.Get(key)
	}
	return c
}

// ClaimKey names the row of a claim that never proved a key. Instance names
// are any octets, so all but plain ones are written as %XX: the key is safe to
// print and no two instances share one.
func ClaimKey(instance string) string {
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789-_.@"
	var b strings.Builder
	b.WriteByte('~')
	for i := range len(instance) {
		if c := instance[i]; strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Build makes the row.
func Build(k Known) Row {
	r := Row{Pin: k.Pin, Trust: k.Trust, Asks: k.Asks, Of: k.Of, Namesake: k.Namesake, LastSeen: k.Contact.LastSeen}
	for _, c := range k.Claims {
		r.addClaim(c, c.Pin == k.Pin)
	}
	if k.Stream != nil {
		r.addStream(*k.Stream)
	}
	if k.Pin.IsZero() {
		r.Trust = ""
		r.Key = ClaimKey(Fold(k.Claims[0].Instance)) // wherever it was heard
	} else {
		r.Key = k.Pin.String()
	}
	if r.Instance == "" {
		r.Instance = lastInstance(k)
	}
	r.Name = shownName(k, r)
	return r
}

// addClaim takes over what an announcement says; the first claim leads. Words
// are somebody's only if theirs is the key that answered there: on the row of
// a contact nobody else shall speak (security.md, ground rule 2).
func (r *Row) addClaim(c Claim, theirs bool) {
	r.Addresses = append(r.Addresses, c.Addrs...)
	if c.Seen.After(r.LastSeen) {
		r.LastSeen = c.Seen
	}
	if r.Instance != "" {
		return
	}
	r.Instance = c.Instance
	if !c.Silent {
		r.Presence = textStatus(c.Text)
	}
	if theirs {
		r.Nick, _ = c.Text.Get("nick")
		r.Message, _ = c.Text.Get("msg")
		r.Encrypts, r.Note = c.Encrypts, c.Note
		r.Card = cardOf(c.Text)
	}
}

// addStream takes over what came inside TLS, which beats any announcement.
func (r *Row) addStream(s Stream) {
	yes := true
	r.Stream, r.Encrypts, r.Note = true, &yes, ""
	r.Instance = s.Name
	r.Waiting = s.Waiting
	if s.Nick != "" {
		r.Nick = s.Nick
	}
	if r.Presence == "" {
		r.Presence = "avail"
	}
	if s.Present {
		r.Presence, r.Message = showStatus(s.Show), s.Status
	}
	if len(r.Addresses) == 0 && s.Addr.IsValid() {
		r.Addresses = []netip.AddrPort{s.Addr}
	}
}

// textStatus is the status of a TXT record; missing means available
// (XEP-0174 section 15).
func textStatus(t mdns.Text) string {
	switch v, _ := t.Get("status"); v {
	case "away", "dnd":
		return v
	}
	return "avail"
}

// showStatus maps the show of RFC 6121 to the three words of XEP-0174.
func showStatus(show string) string {
	switch show {
	case "away", "xa":
		return "away"
	case "dnd":
		return "dnd"
	}
	return "avail"
}

// lastInstance is the instance name that a peer last bore.
func lastInstance(k Known) string {
	if len(k.Contact.Names) > 0 {
		return k.Contact.Names[0]
	}
	return k.Name
}

// shownName orders names as 174-11.13 does here: the user's own name for the
// peer, its nick, the user part of its instance, the instance.
func shownName(k Known, r Row) string {
	user, _ := mdns.SplitInstance(r.Instance)
	for _, name := range []string{k.Contact.Petname, r.Nick, user, r.Instance} {
		if strings.TrimSpace(name) != "" {
			return name
		}
	}
	return ""
}

// NewClaim takes in an announcement that nobody dialled yet.
func NewClaim(p mdns.Peer) Claim { return Claim{Peer: p, kept: Kept(p.Instance)} }

// Kept is an instance name in the form in which the names of contacts are
// kept: cleaned and cut for showing (L-27), without the case of letters.
func Kept(instance string) string { return Fold(safetext.Name(instance).String()) }

// Bearers tells which contact bore an instance name last. Its key is zero
// where several did.
type Bearers map[string]identity.Pin

// BearersOf makes the list.
func BearersOf(contacts []trust.Contact) Bearers {
	b := Bearers{}
	for _, c := range contacts {
		if c.State == trust.Retired || len(c.Names) == 0 {
			continue
		}
		name := Kept(c.Names[0])
		if _, taken := b[name]; taken {
			b[name] = identity.Pin{}
		} else {
			b[name] = c.Pin
		}
	}
	return b
}

// Bears reports whether a contact bore an instance name last.
func (b Bearers) Bears(instance string) bool {
	_, ok := b[Kept(instance)]
	return ok
}

// Owner tells which contact a claim seems to belong to: the key that answered
// there, else the only contact that last bore this instance name. It is a
// place to knock, not an identity: the dial checks the key.
func (b Bearers) Owner(c Claim) identity.Pin {
	if !c.Pin.IsZero() {
		return c.Pin
	}
	return b[c.kept]
}

// Fold lower-cases ASCII letters only and leaves every other octet alone, as
// instance names are compared (RFC 6762 section 16).
func Fold(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
