package chat

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"time"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/peer"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/trust"
	"llchat/internal/xmlstream"
)

// remote is one key: a contact, a stranger who asks, or a live stream.
type remote struct {
	pin     identity.Pin
	live    []*live // newest last
	request *history.Request
	names   []string // name claims of its last stream, raw
	redial  redial
	retries map[string]bool // messages that were on a stream that is gone

	displayed string // the newest message that it was told we saw
	confirms  bool   // it has sent a receipt before
	broken    bool   // its last stream was cut off, not ended (P-25)
	clock     string // how its clock differs from ours, if it does

	exchange exchange // about where others are
	absence  absence
}

// live is one stream that finished its negotiation.
type live struct {
	conn     *stream.Conn
	own      *identity.Identity
	instance string // its header's name as a claim's key
	remote   *remote
	opened   time.Time
	waited   bool // it began with the limits for strangers
	accepted bool // the user has accepted this key
	parted   bool // we are ending it: what still comes is left to its sender, for the next one
	present  bool // its presence arrived, so it has accepted us
	show     string
	status   string
	nick     string
	talk     []stanza.Stanza   // goes out before the next messages
	flights  map[string]flight // messages on this stream without a receipt, by id
	changes  rate              // of its presence (L-13)
	typing   typing
	storing  int // messages of its peer on their way to the disk
	pumping  bool
	full     bool      // more waits than may be under way
	checked  time.Time // last time, or when it opened
	checking bool      // a receipt is late, or a check of the stream under way
	tagKey   []byte    // names people on this stream alone
	weaker   bool      // it is protected less than an earlier one

	told     bool   // it has said what it can do
	receipts bool   // among that, receipts
	question string // the id of our question about that
	shows    bool   // showSent will come
	reminds  bool   // remind will come
	reminded int
}

// facts is what peer.Build wants to know.
func (l *live) facts() *peer.Stream {
	p := l.conn.Peer()
	return &peer.Stream{
		Name: namesOf(p)[0], Addr: p.Addr, Nick: l.nick,
		Show: l.show, Status: l.status, Present: l.present,
		Waiting: l.theyWait(),
	}
}

// heard is when anything came over this stream last.
func (l *live) heard() time.Time { return time.Now().Add(-l.conn.Idle()) }

// theyWait reports whether this peer keeps us waiting for acceptance. Its
// presence ends that, for the engine when it has been handed over.
func (l *live) theyWait() bool { return l.waited && !l.present }

// remote returns the record of a key, making it when it is new.
func (n *Node) remote(pin identity.Pin) *remote {
	r := n.remotes[pin]
	if r == nil {
		r = &remote{pin: pin, retries: map[string]bool{}}
		n.remotes[pin] = r
	}
	return r
}

// best is the stream to use: the newest that may carry our messages.
func (r *remote) best() *live {
	for _, l := range slices.Backward(r.live) {
		if !l.theyWait() {
			return l
		}
	}
	if len(r.live) > 0 {
		return r.live[len(r.live)-1]
	}
	return nil
}

// lastNames are the name claims of its last stream, the instance first.
func (r *remote) lastNames() []string {
	if len(r.names) == 0 && r.request != nil {
		return r.request.Names
	}
	return r.names
}

func (r *remote) lastName() string {
	if names := r.lastNames(); len(names) > 0 {
		return names[0]
	}
	return ""
}

// judge is the state of a key with the names it claims now, and the contact
// that it is; for a key in conflict, the contact whose name it claims.
func (n *Node) judge(r *remote) (trust.State, trust.Contact) {
	state, c := n.trust.Judge(r.pin, n.claimedNames(r))
	if state == trust.Conflict {
		c, _ = n.trust.Get(c.Of)
	}
	return state, c
}

// claimedNames are all names that a key goes by (security.md 6.2): the user
// part of its header, its XEP-0172 nick, and the TXT nick of claims it proved.
func (n *Node) claimedNames(r *remote) []string {
	names := slices.Clone(r.names)
	for _, l := range r.live {
		names = append(names, l.nick)
	}
	if r.request != nil {
		names = append(names, r.request.Names...)
		names = append(names, r.request.Nick)
	}
	for _, c := range n.claimsOf(r.pin) {
		if nick, ok := c.Text.Get("nick"); ok && c.Pin == r.pin {
			names = append(names, nick)
		}
	}
	return slices.DeleteFunc(names, func(s string) bool { return s == "" })
}

// handler is the Node as streams see it.
type handler Node

func (h *handler) node() *Node { return (*Node)(h) }

// admit decides how a dialling key is received (spec 5.5). It runs in the
// stream's goroutine after the handshake has returned.
func (n *Node) admit(p stream.Peer) stream.Standing {
	standing := stream.Refused
	_ = n.call(n.ctx, func() error {
		standing = n.standing(p)
		return nil
	})
	return standing
}

func (n *Node) standing(p stream.Peer) stream.Standing {
	if p.Pin.Equal(n.id.Pin()) {
		return stream.Refused // ourselves
	}
	names := namesOf(p)
	if key, ok := n.claimOf(p.Name, p.Addr.Addr()); ok {
		nick, _ := n.claims[key].Text.Get("nick")
		names = append(names, nick) // it is about to prove that claim
	}
	state, _ := n.trust.Judge(p.Pin, names)
	if isContact(state) {
		return stream.Accepted
	}
	switch {
	case n.settings.Strangers == StrangersRefuse:
		return stream.Refused
	case n.settings.Strangers == StrangersAccept && state == trust.Unknown && n.newKeys.take(time.Now()):
		if _, err := n.trust.Accept(p.Pin, names[1], names, trust.ByPolicy, time.Now()); err == nil {
			n.touch(p.Pin)
			return stream.Accepted
		}
	}
	return stream.Stranger
}

// Opened implements stream.Handler.
func (h *handler) Opened(c *stream.Conn) {
	n := h.node()
	_ = n.call(n.ctx, func() error {
		n.opened(c)
		return nil
	})
}

func (n *Node) opened(c *stream.Conn) {
	p := c.Peer()
	r := n.remote(p.Pin)
	r.names = namesOf(p)
	l := &live{
		conn: c, own: n.id, remote: r, instance: peer.Fold(p.Name), opened: time.Now(), checked: time.Now(), waited: c.Waiting(),
		flights: map[string]flight{}, changes: rate{most: maxPresence, per: time.Minute},
		typing: typing{rate: rate{most: maxTyping, per: time.Minute}},
	}
	r.live = append(r.live, l)
	r.broken = false
	r.redial.succeeded()
	n.offered(l)
	r.absence = absence{asking: r.absence.asking}
	n.touch(p.Pin)
	if key, ok := n.claimOf(p.Name, p.Addr.Addr()); ok {
		n.prove(key, p.Pin)
	}
	switch state, of := n.judge(r); {
	case isContact(state):
		if !p.Dialled && r.redial.found != nil {
			r.redial.found()
		}
		n.welcome(l)
		n.oneStream(r)
		n.keepLive()
		if r.pin == n.focus {
			n.checkFocus()
		}
		if r.request != nil { // the policy accepted it now
			if err := n.takeRequest(r); err != nil {
				n.storeFailed(err)
			}
		}
	case !p.Dialled && c.Standing() == stream.Accepted, p.Dialled && (state == trust.Blocked || state == trust.Retired):
		n.partStream(l, partingOf(state)) // decided meanwhile, or it answers where another was looked for
	case state == trust.Conflict:
		n.conflict(r, of)
		c.SetStanding(stream.Stranger)
	case state == trust.Unknown && p.Dialled:
		c.SetStanding(stream.Stranger) // its key was wanted, yet nobody accepted it
	}
}

// namesOf are the name claims of a stream's header: the instance and its user
// part; both empty for a ghost, whom every other ghost would look like.
func namesOf(p stream.Peer) []string {
	if stream.Nameless(p.Name) {
		return []string{"", ""}
	}
	user, _ := mdns.SplitInstance(p.Name)
	return []string{p.Name, user}
}

// welcome makes a stream that of a contact: both sides lift the limits for
// strangers, presence goes out, and what waits for the contact follows.
func (n *Node) welcome(l *live) {
	n.lift(l)
	n.rebind()
	n.say(l, n.presence())
}

// lift ends the limits for strangers on a stream, and keeps where its contact
// was found.
func (n *Node) lift(l *live) {
	l.accepted = true
	l.conn.SetStanding(stream.Accepted)
	n.secured(l)
	p := l.conn.Peer()
	addr := ""
	if p.Dialled {
		addr = p.Addr.String()
	}
	if err := n.trust.Seen(p.Pin, l.remote.names[:1], addr, time.Now()); err != nil {
		n.log.Error("Contact not written", "err", err)
	}
	if key, ok := n.claimOf(p.Name, p.Addr.Addr()); ok && !p.Dialled {
		n.keepPlace(n.claims[key], p.Pin)
	}
}

// oneStream ends a second stream with the same device. Only the arbiter acts,
// so that two dials at once leave exactly one stream (spec 5.6).
func (n *Node) oneStream(r *remote) {
	if len(r.live) < 2 {
		return
	}
	older, newer := r.live[len(r.live)-2], r.live[len(r.live)-1]
	op, np := older.conn.Peer(), newer.conn.Peer()
	mine := n.id.Device()
	if op.Device != np.Device || bytes.Compare(mine[:], np.Device[:]) > 0 {
		return
	}
	loser := older
	if keepsOlder(op.Dialled, np.Dialled, newer.opened.Sub(older.opened)) {
		loser = newer
	}
	loser.conn.Abort(xmlstream.Error{Condition: xmlstream.Conflict})
}

// keepsOlder is the arbiter's rule for two streams, each dialled by it or not,
// that opened so long after each other: the newer one stays if both were dialled
// by the same side or if this is a reconnect, else the one it dialled itself.
func keepsOlder(olderDialled, newerDialled bool, gap time.Duration) bool {
	return olderDialled && !newerDialled && gap <= reconnectAge
}

// maxPresence is how many presence changes a peer gets through a minute (L-13).
const maxPresence = 10

// reconnectAge tells a reconnect from two dials at once (spec 5.6).
const reconnectAge = 10 * time.Second

// Closed implements stream.Handler.
func (h *handler) Closed(c *stream.Conn, err error) {
	n := h.node()
	_ = n.call(n.ctx, func() error {
		n.closed(c, err)
		return nil
	})
}

func (n *Node) closed(c *stream.Conn, err error) {
	if l := n.find(c); l != nil {
		n.streamEnded(l, err)
	}
}

// streamEnded takes a stream out of use. What it carried goes again on the next one
// with the same id (spec 5.7).
func (n *Node) streamEnded(l *live, err error) {
	r := l.remote
	r.live = slices.DeleteFunc(r.live, func(x *live) bool { return x == l })
	n.keepLive()
	n.showTyping(l, stanza.Gone)
	for id := range l.flights {
		r.retries[id] = true
	}
	n.touch(r.pin)
	n.markSeen(r.pin, l.heard())
	n.log.Debug("Stream closed", "err", err)
	if errors.Is(err, stream.ErrSilent) {
		n.showSilent(r.pin)
	}
	if rest := r.best(); rest != nil {
		n.pump(rest)
		return
	}
	r.broken = isCut(err)
	r.redial.ended(time.Since(l.opened))
	n.missing(r, err)
	n.lost(r)
	n.forgetStranger(r)
}

// told reports whether every stream of this key knows that it is accepted.
func (r *remote) told() bool {
	return !slices.ContainsFunc(r.live, func(l *live) bool { return !l.accepted })
}

// forgetStranger drops the record of a key that is neither connected nor kept
// by the user: strangers must not fill the memory.
func (n *Node) forgetStranger(r *remote) {
	if _, kept := n.trust.Get(r.pin); kept || len(r.live) > 0 || r.request != nil || n.seeks(r.pin) {
		return
	}
	delete(n.remotes, r.pin)
	for key := range maps.Clone(n.owned[r.pin]) {
		n.claims[key].Pin = identity.Pin{} // a claim like any other again
		n.own(key)
	}
	n.touch(r.pin)
}

// Stanza implements stream.Handler. What the engine answers is sent from
// here, in the stream's own goroutine: a peer that does not read our answers
// is not read from either, and holds up nobody else.
func (h *handler) Stanza(c *stream.Conn, s stanza.Stanza) {
	n := h.node()
	var answer []stanza.Stanza
	err := n.call(n.ctx, func() error {
		l := n.find(c)
		if l == nil {
			return nil
		}
		switch s := s.(type) {
		case stanza.Message:
			answer = n.message(l, s)
		case stanza.Presence:
			n.presenceOf(l, s)
		case stanza.IQ:
			answer = n.iq(l, s)
		}
		return nil
	})
	if err == nil && len(answer) > 0 {
		_ = c.Send(n.ctx, answer...) // a failure ends the stream, which tells
	}
}

// Refused implements stream.Handler.
func (h *handler) Refused(r stream.Refusal) {
	n := h.node()
	n.post(func() { n.cannotEncrypt(r) })
}

func (n *Node) find(c *stream.Conn) *live {
	r := n.remotes[c.Peer().Pin]
	if r == nil {
		return nil
	}
	i := slices.IndexFunc(r.live, func(l *live) bool { return l.conn == c })
	if i < 0 {
		return nil
	}
	return r.live[i]
}

// presenceOf follows directed presence (K11). From a listener it also says
// that its user has accepted us, from a dialler that it would like to be
// accepted (spec 5.5).
func (n *Node) presenceOf(l *live, p stanza.Presence) {
	if p.Type != "" || !l.changes.take(time.Now()) {
		return
	}
	came := !l.present && l.accepted
	l.present, l.show, l.status = true, p.Show, cut(p.Status, maxMessage)
	n.touch(l.remote.pin)
	n.heardCaps(l, p)
	if came {
		n.contactCame(l)
	}
	if l.accepted {
		n.pump(l)
		n.expectReceipt(l) // for what left while it kept us waiting
	} else if !l.conn.Peer().Dialled {
		n.asks(l, nil)
	}
}

// sweep closes idle streams of people the user has not accepted (spec 5.7),
// and gives up what has waited for 30 days (L-14).
func (n *Node) sweep() {
	for _, r := range n.remotes {
		for _, l := range r.live {
			if !l.accepted && l.conn.Idle() > strangerIdle {
				l.conn.End()
			}
		}
	}
	expired, err := n.hist.Expire(time.Now())
	if err != nil && n.keeping.why == notClosed {
		n.log.Error("Outbox not swept", "err", err)
	}
	for _, m := range expired {
		n.publishMessage(m)
	}
	n.lapsed()
	n.watchLinks()
	maps.DeleteFunc(n.refused, func(_ string, at time.Time) bool { return time.Since(at) > refusedPause })
	n.after(time.Minute, n.sweep)
}

const strangerIdle = 15 * time.Minute
