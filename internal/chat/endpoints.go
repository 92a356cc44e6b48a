package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"

	"llchat/internal/identity"
	"llchat/internal/stanza"
	"llchat/internal/trust"
	"llchat/internal/xmlstream"
)

// The exchange of docs/design/endpoints.md: where a contact is to be found,
// told by a contact of both.
const (
	tagLabel = "EXPORTER-llchat-endpoints-v0"
	tagSize  = 16

	maxAsked    = 8   // contacts asked for one person at once
	maxCards    = 256 // kept
	maxAnswers  = 10  // questions of a contact answered in askPause
	askPause    = time.Minute
	askSpread   = 15 * time.Second // so that the same few are not always first
	cardLife    = 10 * time.Minute
	maxTalk     = 16               // stanzas that wait for a peer that does not read
	mayTime     = 5 * time.Second  // for the one who is looked for
	findTime    = 15 * time.Second // for the one in between
	wordFind    = "find"
	wordMay     = "may"
	notServed   = "service-unavailable"
	notFound    = "item-not-found"
	notReadable = "bad-request"
)

// endpoints is what is asked and known about the places of contacts.
type endpoints struct {
	cards map[identity.DeviceID]heldCard
	open  map[string]question // by the id of the iq
}

// heldCard is a signed card of a contact we looked for.
type heldCard struct {
	pin  identity.Pin
	at   identity.Endpoint
	came time.Time // by our clock, with its monotonic part
}

// question is one of ours without an answer.
type question struct {
	asked *live
	whose identity.Pin // whose card the answer has to be
	done  func(signedCard)
}

// signedCard is a card whose signature holds.
type signedCard struct {
	stanza.Card
	at    identity.Endpoint
	chain identity.Chain
}

// exchange is what is counted for a contact.
type exchange struct {
	answers   rate                       // given to it
	questions rate                       // put to it
	asked     map[identity.Pin]time.Time // who was last asked for it, and when
	waits     bool                       // it is asked for again later
	told      whereabouts                // what it knows of us
}

func take(r *rate) bool {
	r.most, r.per = maxAnswers, askPause
	return r.take(time.Now())
}

// servesNamespace is stream.Config.Serves.
func servesNamespace(space string) bool {
	return space == stanza.NSEndpoints || space == stanza.NSDiscoInfo || space == stanza.NSDiscoItems
}

// tag names a person on one stream to somebody who has the pin. Without a key
// it is no tag that anybody could match.
func (l *live) tag(pin identity.Pin) (tag [tagSize]byte, ok bool) {
	if l.tagKey == nil {
		state := l.conn.TLS()
		key, err := state.ExportKeyingMaterial(tagLabel, nil, sha256.Size)
		if err != nil {
			return tag, false
		}
		l.tagKey = hashed(key, l.keys())
	}
	copy(tag[:], hashed(l.tagKey, pin[:]))
	return tag, true
}

// keys are those of both ends, the dialler's first: the exporter covers the
// handshake only up to the listener's part, so what is made of it has to have
// them in it (C-27).
func (l *live) keys() []byte {
	us, them := l.own, l.conn.Peer()
	mine, device := us.Pin(), us.Device()
	if them.Dialled {
		return slices.Concat(mine[:], device[:], them.Pin[:], them.Device[:])
	}
	return slices.Concat(them.Pin[:], them.Device[:], mine[:], device[:])
}

func hashed(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}

func (l *live) means(who [tagSize]byte, pin identity.Pin) bool {
	tag, ok := l.tag(pin)
	return ok && hmac.Equal(tag[:], who[:])
}

// confides reports whether we may ask this stream about anybody: both users
// have accepted each other, and it reads.
func (n *Node) confides(l *live) bool {
	return l != nil && l.accepted && l.present && !l.theyWait() && len(l.talk) < maxTalk && n.isContact(l.remote.pin)
}

// iq takes in a request of this exchange or an answer to one of ours, and
// returns what is to be answered at once.
func (n *Node) iq(l *live, q stanza.IQ) []stanza.Stanza {
	if q.Type == "result" || q.Type == "error" {
		if !n.answersInfo(l, q) {
			n.answerTo(l, q)
		}
		return nil
	}
	word, who, ok := stanza.Asked(q.Payload)
	card, told := stanza.ParseCard(q.Payload)
	told = told && q.Type == "set"
	switch {
	case !l.accepted || !n.isContact(l.remote.pin):
		return []stanza.Stanza{refusal(q.ID, notServed)} // blocked a moment ago
	case !ok && !told:
		if answer, ok := disco(q); ok {
			return []stanza.Stanza{answer}
		}
		return []stanza.Stanza{refusal(q.ID, notReadable)}
	case !told && q.Type != "get":
		return []stanza.Stanza{refusal(q.ID, notReadable)}
	case len(l.talk) >= maxTalk || !take(&l.remote.exchange.answers):
		return []stanza.Stanza{refusal(q.ID, notFound)}
	case told:
		return []stanza.Stanza{n.takeCard(l, q.ID, card)}
	case word == wordMay:
		return []stanza.Stanza{n.ownCard(l, q.ID, who)}
	}
	n.lookFor(l, q.ID, who)
	return nil
}

func refusal(id, condition string) stanza.IQ {
	return stanza.IQ{ID: id, Type: "error", Error: &stanza.StanzaError{Type: "cancel", Condition: condition}}
}

// ownCard is our answer to whether somebody may know where we are: only an
// accepted contact of ours may.
func (n *Node) ownCard(l *live, id string, who [tagSize]byte) stanza.IQ {
	known := slices.ContainsFunc(n.trust.All(), func(c trust.Contact) bool {
		return c.Accepted() && c.Pin != l.remote.pin && l.means(who, c.Pin)
	})
	if !known {
		return refusal(id, notFound)
	}
	c, ok := n.signCard()
	if !ok {
		return refusal(id, notFound)
	}
	return stanza.IQ{ID: id, Type: "result", Payload: c.Element()}
}

// signCard says where we are; false: nobody can dial us, for want of a port or
// of an address.
func (n *Node) signCard() (stanza.Card, bool) {
	at := identity.Endpoint{Time: time.Now(), Port: n.port, Addrs: n.routableAddrs()}
	sig, err := n.id.SignEndpoint(at)
	if err != nil {
		return stanza.Card{}, false
	}
	c := stanza.Card{
		Time: at.Time.UnixMilli(), Port: at.Port, Sig: sig, Certs: n.id.Certificate().Certificate,
	}
	for _, a := range at.Addrs {
		c.Addrs = append(c.Addrs, a.String())
	}
	return c, true
}

// routableAddrs are our addresses that mean the same on another link.
func (n *Node) routableAddrs() []netip.Addr {
	if n.net.Interfaces == nil {
		return nil
	}
	var addrs []netip.Addr
	for _, i := range n.net.Interfaces() {
		for _, text := range i.Addresses {
			p, err := netip.ParsePrefix(text)
			if err == nil && identity.Routable(p.Addr()) && !slices.Contains(addrs, p.Addr()) {
				addrs = append(addrs, p.Addr())
			}
		}
	}
	return addrs[:min(len(addrs), identity.MaxEndpointAddrs)]
}

// lookFor asks the one who is meant, if that is a live contact of ours, and
// hands on what it says. Every refusal leaves after the same time, so that its
// reason cannot be told from when it comes.
func (n *Node) lookFor(l *live, id string, who [tagSize]byte) {
	answered := false
	answer := func(q stanza.IQ) {
		if !answered && l.accepted && n.find(l.conn) == l {
			answered = true
			n.say(l, q)
		}
	}
	n.after(mayTime, func() { answer(refusal(id, notFound)) })
	for pin, r := range n.remotes {
		y := r.best()
		if y == nil || pin == l.remote.pin || !l.means(who, pin) || !n.confides(y) {
			continue
		}
		n.ask(y, wordMay, l.remote.pin, pin, mayTime, func(c signedCard) {
			answer(stanza.IQ{ID: id, Type: "result", Payload: c.Element()})
		})
		return
	}
}

// ask puts a question about one person; done gets the card of whose if that
// is what comes back in time.
func (n *Node) ask(l *live, word string, about, whose identity.Pin, wait time.Duration, done func(signedCard)) {
	tag, ok := l.tag(about)
	if !ok {
		return
	}
	id := stanza.NewID()
	if n.endpoints.open == nil {
		n.endpoints.open = map[string]question{}
	}
	n.endpoints.open[id] = question{asked: l, whose: whose, done: done}
	n.after(wait, func() { delete(n.endpoints.open, id) })
	n.say(l, stanza.IQ{ID: id, Type: "get", Payload: stanza.Ask(word, tag)})
}

// answerTo takes the answer to a question from the stream that was asked.
func (n *Node) answerTo(l *live, q stanza.IQ) {
	open, ok := n.endpoints.open[q.ID]
	if !ok || open.asked != l {
		return
	}
	delete(n.endpoints.open, q.ID)
	if q.Type != "result" || !l.accepted {
		return
	}
	c, ok := readCard(q.Payload)
	if !ok || !c.chain.Pin.Equal(open.whose) {
		n.log.Debug("Card not taken") // of somebody else, or not signed by its device
		return
	}
	open.done(c)
}

// readCard checks a card but not whether we care for whose it is.
func readCard(e *xmlstream.Element) (signedCard, bool) {
	raw, ok := stanza.ParseCard(e)
	if !ok {
		return signedCard{}, false
	}
	return openCard(raw)
}

// openCard is readCard for what is a card already.
func openCard(raw stanza.Card) (signedCard, bool) {
	c := signedCard{Card: raw, at: identity.Endpoint{Time: time.UnixMilli(raw.Time), Port: raw.Port}}
	for _, text := range raw.Addrs {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return signedCard{}, false
		}
		c.at.Addrs = append(c.at.Addrs, a)
	}
	var err error
	c.chain, err = identity.VerifyEndpoint(raw.Certs, c.at, raw.Sig)
	return c, err == nil
}

// askAround asks live contacts where somebody is whom we wanted and did not
// reach, now and once a minute as long as we want.
func (n *Node) askAround(r *remote) {
	if len(r.live) > 0 || !n.isContact(r.pin) {
		return
	}
	x := &r.exchange
	if !x.waits {
		x.waits = true
		n.after(askPause+jitter(askSpread), func() {
			x.waits = false
			if n.wants(r) {
				n.askAround(r)
			}
		})
	}
	now, asked := time.Now(), 0
	for pin, at := range x.asked {
		if now.Sub(at) >= askPause {
			delete(x.asked, pin)
		}
	}
	for pin, other := range n.remotes { // in another order each time
		l := other.best()
		if _, recently := x.asked[pin]; recently || pin == r.pin || !n.confides(l) || !take(&other.exchange.questions) {
			continue
		}
		if x.asked == nil {
			x.asked = map[identity.Pin]time.Time{}
		}
		x.asked[pin] = now
		n.ask(l, wordFind, r.pin, r.pin, findTime, n.keepCard)
		if asked++; asked == maxAsked {
			return
		}
	}
}

// keepCard takes a card of a contact we looked for, and knocks there.
func (n *Node) keepCard(c signedCard) {
	r := n.remotes[c.chain.Pin]
	old, had := n.endpoints.cards[c.chain.Device]
	if r == nil || !n.isContact(r.pin) || had && !c.at.Time.After(old.at.Time) {
		return
	}
	if n.endpoints.cards == nil {
		n.endpoints.cards = map[identity.DeviceID]heldCard{}
	}
	if !had && len(n.endpoints.cards) >= maxCards {
		n.dropOldestCard()
	}
	n.endpoints.cards[c.chain.Device] = heldCard{pin: c.chain.Pin, at: c.at, came: time.Now()}
	n.after(cardLife, n.forgetCards)
	if !had || old.at.Port != c.at.Port || !slices.Equal(old.at.Addrs, c.at.Addrs) {
		r.redial.wanted = len(r.live) == 0
		n.retrySoon(r)
	}
}

func (n *Node) dropOldestCard() {
	var oldest identity.DeviceID
	var at time.Time
	for device, c := range n.endpoints.cards {
		if at.IsZero() || c.came.Before(at) {
			oldest, at = device, c.came
		}
	}
	delete(n.endpoints.cards, oldest)
}

func (n *Node) forgetCards() {
	for device, c := range n.endpoints.cards {
		if time.Since(c.came) >= cardLife {
			delete(n.endpoints.cards, device)
		}
	}
}

// toldPlaces are the addresses at which a contact says that it is.
func (n *Node) toldPlaces(pin identity.Pin) []netip.AddrPort {
	n.forgetCards()
	var places []netip.AddrPort
	for _, c := range n.endpoints.cards {
		if !c.pin.Equal(pin) {
			continue
		}
		for _, a := range c.at.Addrs {
			places = append(places, netip.AddrPortFrom(a, c.at.Port))
		}
	}
	return places
}
