package stanza

import (
	"strconv"
	"strings"

	"llchat/internal/xmlstream"
)

// Namespaces of what a message may carry beside its text (README 7).
const (
	NSChatStates = "http://jabber.org/protocol/chatstates"
	NSMarkers    = "urn:xmpp:chat-markers:0"
	NSCorrect    = "urn:xmpp:message-correct:0"
	NSRetract    = "urn:xmpp:message-retract:1"
	NSReactions  = "urn:xmpp:reactions:0"
	NSReply      = "urn:xmpp:reply:0"
	NSFallback   = "urn:xmpp:fallback:0"
	NSSpoiler    = "urn:xmpp:spoiler:0"
	NSStyling    = "urn:xmpp:styling:0"
	NSStanzaID   = "urn:xmpp:sid:0"
	NSOOB        = "jabber:x:oob"
	NSGeoloc     = "http://jabber.org/protocol/geoloc"
	NSEME        = "urn:xmpp:eme:0"
)

// Bounds of payloads. What is beyond them is left out: the rest of the message
// is still of use.
const (
	MaxReactions = 16   // of one person to one message
	MaxReaction  = 64   // octets: the longest emoji sequences have 35
	maxFallbacks = 8    // elements of XEP-0428 in one message
	maxURL       = 2048 // octets, of XEP-0066
	maxPlace     = 255  // octets, of the name of a place
)

// ChatState is what somebody does in a conversation (XEP-0085); empty: not said.
type ChatState string

// The chat states of XEP-0085 section 4.
const (
	Active    ChatState = "active"
	Composing ChatState = "composing"
	Paused    ChatState = "paused"
	Inactive  ChatState = "inactive"
	Gone      ChatState = "gone"
)

// Payloads is what a message may carry beside its text. Every reference to
// another message is its first id, and whose it may be is for the receiver to
// judge (T-29).
type Payloads struct {
	State     ChatState  // XEP-0085
	Markable  bool       // XEP-0333: displaying this may be told
	Displayed string     // XEP-0333: the id of what was displayed
	Replaces  string     // XEP-0308: the id of what this corrects
	Retracts  string     // XEP-0424: the id of what is taken back
	Reactions *Reactions // XEP-0444
	Reply     *Reply     // XEP-0461
	Fallbacks []Fallback // XEP-0428
	Spoiler   *string    // XEP-0382: the hint, which may be empty
	Unstyled  bool       // XEP-0393
	OriginID  string     // XEP-0359
	Link      *Link      // XEP-0066
	Location  *Location  // XEP-0080
	Encrypted string     // XEP-0380: by what; never understood here
}

// Reactions are all reactions of the sender to one message; none takes back
// the ones before (XEP-0444).
type Reactions struct {
	ID  string
	Set []string
}

// Reply refers to the message that is answered (XEP-0461).
type Reply struct {
	ID, To string
}

// Fallback is a part of the body for readers that do not know namespace For
// (XEP-0428), in code points of the body (XEP-0426). Without any it is the
// whole body: Start and End are zero.
type Fallback struct {
	For        string
	Start, End int
}

// Link is an address that is shown as text and never fetched (XEP-0066).
type Link struct {
	URL, Text string
}

// Location is a place on WGS84, in degrees; Accuracy in metres, zero when it
// is not said (XEP-0080).
type Location struct {
	Lat, Lon, Accuracy float64
	Text               string
}

// take reads a child that is a payload.
func (p *Payloads) take(e *xmlstream.Element) bool {
	switch e.Name {
	case xmlstream.Name{Space: NSMarkers, Local: "markable"}:
		p.Markable = true
	case xmlstream.Name{Space: NSMarkers, Local: "displayed"}:
		p.Displayed = first(p.Displayed, e.Attr("id"))
	case xmlstream.Name{Space: NSCorrect, Local: "replace"}:
		p.Replaces = first(p.Replaces, e.Attr("id"))
	case xmlstream.Name{Space: NSRetract, Local: "retract"}:
		p.Retracts = first(p.Retracts, e.Attr("id"))
	case xmlstream.Name{Space: NSReactions, Local: "reactions"}:
		p.takeReactions(e)
	case xmlstream.Name{Space: NSReply, Local: "reply"}:
		if p.Reply == nil && e.Attr("id") != "" {
			p.Reply = &Reply{ID: e.Attr("id"), To: e.Attr("to")}
		}
	case xmlstream.Name{Space: NSFallback, Local: "fallback"}:
		p.takeFallback(e)
	case xmlstream.Name{Space: NSStyling, Local: "unstyled"}:
		p.Unstyled = true
	case xmlstream.Name{Space: NSStanzaID, Local: "origin-id"}:
		p.OriginID = first(p.OriginID, e.Attr("id"))
	case xmlstream.Name{Space: NSEME, Local: "encryption"}:
		p.Encrypted = first(p.Encrypted, first(e.Attr("name"), e.Attr("namespace")))
	default:
		return p.takeContent(e)
	}
	return true
}

// takeContent reads a payload that is shown.
func (p *Payloads) takeContent(e *xmlstream.Element) bool {
	switch {
	case e.Name.Space == NSChatStates:
		p.takeState(e.Name.Local)
	case e.Is(NSSpoiler, "spoiler"):
		if p.Spoiler == nil {
			p.Spoiler = &e.Text
		}
	case e.Is(NSOOB, "x"):
		p.takeLink(e)
	case e.Is(NSGeoloc, "geoloc"):
		p.takeLocation(e)
	default:
		return false
	}
	return true
}

func (p *Payloads) takeState(s string) {
	switch c := ChatState(s); c {
	case Active, Composing, Paused, Inactive, Gone:
		if p.State == "" {
			p.State = c
		}
	}
}

// takeReactions reads a whole set: XEP-0444 sends no differences.
func (p *Payloads) takeReactions(e *xmlstream.Element) {
	if p.Reactions != nil || e.Attr("id") == "" {
		return
	}
	r := &Reactions{ID: e.Attr("id")}
	seen := map[string]bool{}
	for _, c := range e.Children {
		if !c.Is(NSReactions, "reaction") || c.Text == "" || len(c.Text) > MaxReaction || seen[c.Text] {
			continue
		}
		if seen[c.Text] = true; len(r.Set) < MaxReactions {
			r.Set = append(r.Set, c.Text)
		}
	}
	p.Reactions = r
}

func (p *Payloads) takeFallback(e *xmlstream.Element) {
	whole := true
	for _, c := range e.Children {
		if c.Name.Space != NSFallback || c.Name.Local != "body" && c.Name.Local != "subject" {
			continue
		}
		whole = false
		if c.Name.Local == "body" {
			p.addFallback(Fallback{For: e.Attr("for"), Start: position(c.Attr("start")), End: position(c.Attr("end"))}, c)
		}
	}
	if whole {
		p.addFallback(Fallback{For: e.Attr("for")}, nil)
	}
}

// addFallback wants a range that is one; without attributes it is the whole
// body.
func (p *Payloads) addFallback(f Fallback, body *xmlstream.Element) {
	_, start := lookup(body, "start")
	_, end := lookup(body, "end")
	switch {
	case len(p.Fallbacks) >= maxFallbacks || f.For == "":
	case !start && !end:
		p.Fallbacks = append(p.Fallbacks, Fallback{For: f.For})
	case f.Start >= 0 && f.End > f.Start:
		p.Fallbacks = append(p.Fallbacks, f)
	}
}

func lookup(e *xmlstream.Element, attr string) (string, bool) {
	if e == nil {
		return "", false
	}
	return e.LookupAttr("", attr)
}

// position reads a count of code points; -1 when it is none that a body has.
func position(s string) int {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n > MaxBody {
		return -1
	}
	return int(n)
}

func (p *Payloads) takeLink(e *xmlstream.Element) {
	l := Link{}
	if c := e.Child(NSOOB, "url"); c != nil {
		l.URL = c.Text
	}
	if c := e.Child(NSOOB, "desc"); c != nil {
		l.Text = c.Text
	}
	if p.Link == nil && l.URL != "" && len(l.URL) <= maxURL && len(l.Text) <= maxURL {
		p.Link = &l
	}
}

func (p *Payloads) takeLocation(e *xmlstream.Element) {
	lat, ok1 := degrees(e.Child(NSGeoloc, "lat"), 90)
	lon, ok2 := degrees(e.Child(NSGeoloc, "lon"), 180)
	if !ok1 || !ok2 || p.Location != nil {
		return
	}
	l := &Location{Lat: lat, Lon: lon}
	const around = 40_000_000 // metres: nothing is less sure than the whole Earth
	if m, ok := degrees(e.Child(NSGeoloc, "accuracy"), around); ok && m >= 0 {
		l.Accuracy = m
	}
	if c := e.Child(NSGeoloc, "text"); c != nil && len(c.Text) <= maxPlace {
		l.Text = c.Text
	}
	p.Location = l
}

// degrees reads a number of at most most in either direction. What is not
// plain decimal notation, or NaN, is none.
func degrees(e *xmlstream.Element, most float64) (float64, bool) {
	if e == nil || strings.Trim(e.Text, "+-.0123456789") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(e.Text, 64)
	return v, err == nil && v >= -most && v <= most
}

// checkIDs wants every reference within the bounds of an id (L-15).
func (p *Payloads) checkIDs() error {
	ids := [...]string{p.Displayed, p.Replaces, p.Retracts, p.OriginID, "", ""}
	if p.Reactions != nil {
		ids[4] = p.Reactions.ID
	}
	if p.Reply != nil {
		ids[5] = p.Reply.ID
	}
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return err
		}
	}
	return nil
}
