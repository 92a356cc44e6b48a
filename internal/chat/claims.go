package chat

import (
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"llchat/internal/health"
	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/peer"
	"llchat/internal/safetext"
	"llchat/internal/trust"
	"llchat/internal/xmlstream"
)

// claimEvent follows discovery. Nothing in it is proven: it changes what the
// roster shows and where we knock, and never a stream, a pin or the history.
func (n *Node) claimEvent(e mdns.Event) {
	switch e.Kind {
	case mdns.Joined, mdns.Changed:
		n.setClaim(e.Peer)
	case mdns.Left:
		n.vanished(e)
		n.dropClaim(e.Peer.Key)
	case mdns.Renamed:
		n.renamed(e.Name)
	case mdns.Resync:
		n.reclaim()
	case mdns.Overload:
		n.setHealth(healthCrowded, "more announcements on this network than llchat lists",
			"very many are here, or somebody floods the network: not all strangers are listed; contacts are not affected")
		n.lapse[healthCrowded] = time.Now().Add(crowdedTime)
	case mdns.Health:
		n.linkHealth(e)
	case mdns.Doubted:
		if r := n.remotes[n.owner[e.Peer.Key]]; r != nil {
			n.checkStreams(r)
		}
	}
}

// setClaim takes in an announcement. One that moved to other addresses has
// proven nothing there yet, so what dialling taught about it is forgotten.
func (n *Node) setClaim(p mdns.Peer) {
	c := n.claims[p.Key]
	elsewhere := c == nil || hasNewEnd(c.Peer, p)
	if c == nil || !sameEnds(c.Peer, p) {
		fresh := peer.NewClaim(p)
		c = &fresh
		n.claims[p.Key] = c
	}
	c.Peer, c.Silent = p, false
	if pin := n.streamOf(p); c.Pin.IsZero() && !pin.IsZero() {
		n.prove(p.Key, pin)
	} else {
		n.own(p.Key)
	}
	n.knockAtName(p)
	if pin := n.owner[p.Key]; !pin.IsZero() {
		if r := n.remotes[pin]; r != nil {
			n.appeared(r)
			n.watchClaims()
			if elsewhere {
				n.checkStreams(r)
			}
		}
	}
}

// streamOf finds the key whose live stream belongs to an announcement that
// came later than the stream: claimOf from the other end.
func (n *Node) streamOf(p mdns.Peer) identity.Pin {
	for pin, r := range n.remotes {
		for _, l := range r.live {
			if l.instance == label(p.Key) && isAt(p, l.conn.Peer().Addr.Addr()) {
				return pin
			}
		}
	}
	return identity.Pin{}
}

// isAt reports whether an announcement names an address.
func isAt(p mdns.Peer, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p.Addrs, func(x netip.AddrPort) bool { return x.Addr().WithZone("") == a })
}

func sameEnds(a, b mdns.Peer) bool {
	return a.Port == b.Port && slices.ContainsFunc(a.Addrs, func(x netip.AddrPort) bool {
		return slices.Contains(b.Addrs, x)
	})
}

func hasNewEnd(old, now mdns.Peer) bool {
	return now.Port != old.Port || slices.ContainsFunc(now.Addrs, func(x netip.AddrPort) bool {
		return !slices.Contains(old.Addrs, x)
	})
}

func (n *Node) dropClaim(key string) {
	if _, ok := n.claims[key]; !ok {
		return
	}
	n.touchClaim(key)
	n.markSeen(n.owner[key], n.claims[key].Seen)
	delete(n.claims, key)
	n.setOwner(key, identity.Pin{})
}

// reclaim takes the whole list of the links anew after discovery dropped
// events, or is another one.
func (n *Node) reclaim() {
	here := map[string]bool{}
	if name := n.disc.Load().Name(); name != "" {
		n.renamed(name)
	}
	for _, p := range n.disc.Load().Peers() {
		here[p.Key] = true
		n.setClaim(p)
	}
	n.dropMissing(here, false)
}

// own finds out under which key a claim is shown, and marks the rows.
func (n *Node) own(key string) {
	n.touchClaim(key)
	n.setOwner(key, n.ownerOf(n.claims[key]))
	n.touchClaim(key)
}

// ownerOf is the key that answered at a claim, the contact that last bore its
// name, or the stranger who asked from there and waits.
func (n *Node) ownerOf(c *peer.Claim) identity.Pin {
	if pin := n.bearers.Owner(*c); !pin.IsZero() || n.bearers.Bears(c.Instance) {
		return pin
	}
	for pin, r := range n.remotes {
		if r.request != nil && r.asksAs(c.Peer) {
			return pin
		}
	}
	return identity.Pin{}
}

// asksAs reports whether a request came from where a claim is now, under its
// name. Like every owner it is a place to knock: the dial checks the key.
func (r *remote) asksAs(p mdns.Peer) bool {
	from, err := netip.ParseAddrPort(r.request.Addr)
	return err == nil && len(r.request.Names) > 0 && peer.Fold(r.request.Names[0]) == label(p.Key) && isAt(p, from.Addr())
}

// setOwner keeps owner and owned in step.
func (n *Node) setOwner(key string, pin identity.Pin) {
	old := n.owner[key]
	if old == pin {
		return
	}
	if delete(n.owned[old], key); len(n.owned[old]) == 0 {
		delete(n.owned, old)
	}
	if delete(n.owner, key); pin.IsZero() {
		return
	}
	n.owner[key] = pin
	if n.owned[pin] == nil {
		n.owned[pin] = map[string]struct{}{}
	}
	n.owned[pin][key] = struct{}{}
}

// rebind does so for all claims, after contacts or their names changed.
func (n *Node) rebind() {
	contacts := n.trust.All()
	n.bearers = peer.BearersOf(contacts)
	for key, c := range n.claims {
		if n.ownerOf(c) != n.owner[key] {
			n.own(key)
		}
	}
	n.names.setContacts(contacts)
	n.nameNamesakes(contacts)
}

// prove records which key answered at a claim: the row of the claim becomes
// part of the row of the key.
func (n *Node) prove(key string, pin identity.Pin) {
	c := n.claims[key]
	if c == nil {
		return
	}
	yes := true
	c.Pin, c.Encrypts, c.Note, c.Silent = pin, &yes, "", false
	n.own(key)
	n.keepPlace(c, pin)
}

// claimOf finds the claim that an incoming stream belongs to: same name and
// from one of its addresses. A name alone would let anybody take over the
// row of somebody else's claim.
func (n *Node) claimOf(name string, from netip.Addr) (string, bool) {
	onLink := peer.Fold(name)
	for _, key := range []string{onLink, onLink + domainMark} {
		if c := n.claims[key]; c != nil && isAt(c.Peer, from) {
			return key, true
		}
	}
	return "", false
}

// claimsOf returns the claims shown under a key, the proven ones first.
func (n *Node) claimsOf(pin identity.Pin) []peer.Claim {
	var found []peer.Claim
	for key := range n.owned[pin] {
		found = append(found, *n.claims[key])
	}
	slices.SortFunc(found, func(a, b peer.Claim) int {
		if a.Pin == b.Pin {
			return b.Seen.Compare(a.Seen)
		}
		if a.Pin == pin {
			return -1
		}
		return 1
	})
	return found
}

// touch marks the row of a key to be looked at again.
func (n *Node) touch(pin identity.Pin) { n.dirty[rowID{pin: pin}] = struct{}{} }

// touchClaim marks the rows that a claim may be part of.
func (n *Node) touchClaim(key string) {
	n.dirty[rowID{claim: label(key)}] = struct{}{}
	if pin := n.owner[key]; !pin.IsZero() {
		n.touch(pin)
	}
}

// refresh builds the marked rows and publishes those that changed.
func (n *Node) refresh() {
	if len(n.dirty) == 0 {
		return
	}
	for id := range n.dirty {
		key := id.pin.String()
		if id.pin.IsZero() {
			key = peer.ClaimKey(id.claim)
		}
		row, ok := n.build(id)
		if !ok {
			n.dropRow(key)
			continue
		}
		n.putRow(key, row)
	}
	clear(n.dirty)
}

func (n *Node) putRow(key string, row shownRow) {
	old, had := n.rows[key]
	n.rows[key] = row
	if !had || !same(old.Peer, row.Peer) {
		n.emit(row.Peer)
	}
}

// same compares rows by what a face shows; when a peer was last seen alone is
// no event while it is here.
func same(a, b Peer) bool {
	if (a.Encrypts == nil) != (b.Encrypts == nil) || a.Encrypts != nil && *a.Encrypts != *b.Encrypts {
		return false
	}
	if !slices.Equal(a.Addresses, b.Addresses) {
		return false
	}
	return a.Key == b.Key && a.Fingerprint == b.Fingerprint && a.Name == b.Name && a.Nick == b.Nick &&
		a.Instance == b.Instance && a.Trust == b.Trust && a.Presence == b.Presence &&
		a.Card == b.Card && a.Message == b.Message && a.Stream == b.Stream && a.Waiting == b.Waiting &&
		a.Asks == b.Asks && a.Of == b.Of && a.Namesake == b.Namesake && a.Note == b.Note
}

func (n *Node) dropRow(key string) {
	row, had := n.rows[key]
	if !had {
		return
	}
	delete(n.rows, key)
	row.Gone, row.Presence, row.Stream = true, Offline, false
	n.emit(row.Peer)
}

// build makes a row from everything known; false when there is nothing left
// to show.
func (n *Node) build(id rowID) (shownRow, bool) {
	if id.pin.IsZero() {
		return n.buildClaim(id.claim)
	}
	r := n.remotes[id.pin]
	if r == nil {
		return shownRow{}, false
	}
	k := n.known(r)
	if kept := isContact(k.Trust) || k.Trust == trust.Blocked || k.Trust == trust.Retired; !kept &&
		k.Stream == nil && !k.Asks && len(k.Claims) == 0 && !n.seeks(id.pin) {
		return shownRow{}, false
	}
	row := peer.Build(k)
	n.tendAvatar(row)
	p := n.shown(row)
	p.Avatar = n.avatarOf(row)
	n.withAdded(&p)
	r.withEnding(&p)
	p.ReplacedBy = k.Contact.ReplacedBy
	return shownRow{p, id}, true
}

// buildClaim makes the row of a name that nobody has proven: one, whether it
// was heard on a link, in the domain, or in both. The row is the first one's;
// when that does not answer and goes, the other one is left.
func (n *Node) buildClaim(name string) (shownRow, bool) {
	var k peer.Known
	for _, key := range []string{name, name + domainMark} {
		if c := n.claims[key]; c != nil && n.owner[key].IsZero() {
			k.Claims = append(k.Claims, *c)
		}
	}
	if len(k.Claims) == 0 {
		return shownRow{}, false
	}
	first := k.Claims[0]
	k.Namesake = n.namesakeOf(first)
	return shownRow{n.shown(peer.Build(k)), rowID{claim: first.Key}}, true
}

// known gathers what there is about a key.
func (n *Node) known(r *remote) peer.Known {
	k := peer.Known{Pin: r.pin, Claims: n.claimsOf(r.pin), Asks: r.request != nil, Name: r.lastName()}
	k.Trust, k.Contact = n.judge(r)
	if k.Trust == trust.Conflict {
		k.Of, k.Contact = k.Contact.Pin, trust.Contact{}
	}
	if isContact(k.Trust) {
		k.Namesake = n.namesake(r, k.Contact)
	}
	if l := r.best(); l != nil {
		k.Stream = l.facts()
		k.Contact.LastSeen = l.heard()
	}
	return k
}

func isContact(s trust.State) bool { return s == trust.Pinned || s == trust.Verified }

// shown makes a row safe to draw.
func (n *Node) shown(r peer.Row) Peer {
	p := Peer{
		Key:         r.Key,
		Fingerprint: r.Pin,
		Name:        safetext.Name(r.Name),
		Nick:        safetext.Name(r.Nick),
		Instance:    safetext.Line(r.Instance),
		Trust:       r.Trust,
		Presence:    presenceWord(r.Presence),
		Message:     statusLine(r.Message),
		Encrypts:    r.Encrypts,
		Stream:      r.Stream,
		LastSeen:    r.LastSeen,
		Waiting:     r.Waiting,
		Asks:        r.Asks,
		Of:          r.Of,
		Namesake:    r.Namesake,
		Note:        safetext.Line(r.Note),
		Card:        faceCard(r.Card),
	}
	if p.Name.IsEmpty() {
		p.Name = safetext.Name("(no name)")
	}
	for _, a := range r.Addresses {
		p.Addresses = append(p.Addresses, a.String())
	}
	return p
}

// statusLine makes a status message safe to draw. It comes as octets of a TXT
// record or as the text of a presence, for which XML has no control characters
// and its writer puts U+FFFD for each of them and for each octet that is no
// UTF-8. Both ways give the same line, or it would change with each stream.
func statusLine(raw string) safetext.Text {
	var b strings.Builder
	last := rune(0)
	for _, r := range raw {
		if !xmlstream.ValidChar(r) {
			r = utf8.RuneError
		}
		if r != utf8.RuneError || last != utf8.RuneError {
			b.WriteRune(r)
		}
		last = r
	}
	return safetext.Line(b.String())
}

func presenceWord(status string) Presence {
	switch status {
	case "avail":
		return Online
	case "away":
		return Away
	case "dnd":
		return DND
	}
	return Offline
}

// markSeen notes when a contact was here last, unless it was later. What a
// wrong clock wrote about the future does not count.
func (n *Node) markSeen(pin identity.Pin, at time.Time) {
	c, ok := n.trust.Get(pin)
	if !ok || at.Before(c.LastSeen) && !c.LastSeen.After(time.Now()) {
		return
	}
	if err := n.trust.Seen(pin, nil, "", at); err != nil {
		n.log.Error("Contact not written", "err", err)
	}
}

// Codes of what can be wrong; programs know them (cli.md, health).
const (
	healthDiscovery = "discovery"
	healthStore     = "store"
	healthCrowded   = "crowded"
	healthClear     = "cannot-encrypt"
	healthAvahi     = "avahi"
	healthDomain    = "domain"
	healthEntry     = "domain-entry"
)

// crowdedTime is how long the network is called crowded after it last was.
const crowdedTime = 2 * time.Minute

// setHealth tells every face that something is wrong right now.
func (n *Node) setHealth(code, text, hint string) { n.healthItem(health.Warning, code, text, hint) }

// note tells every face something worth knowing, for a while: what happened
// once is not wrong for ever, and when it happens again it is news.
func (n *Node) note(code, text, hint string, d time.Duration) {
	n.healthItem(health.Info, code, text, hint)
	n.lapse[code] = time.Now().Add(d)
}

// lapsed takes back what was told for a while.
func (n *Node) lapsed() {
	for code, at := range n.lapse {
		if !time.Now().Before(at) {
			delete(n.lapse, code)
			n.clearHealth(code)
		}
	}
}

// clearHealth tells every face that something is right again.
func (n *Node) clearHealth(code string) {
	if n.health.Clear(code) {
		n.emit(HealthNotice{Item: health.Item{Code: code, Since: time.Now()}, Gone: true})
	}
}

func (n *Node) healthItem(s health.Severity, code, text, hint string) {
	item := health.Item{Code: code, Severity: s, Text: text, Hint: hint, Since: time.Now()}
	if n.health.Set(item) {
		n.emit(HealthNotice{Item: item})
	}
}
