package chat

import (
	"context"
	"fmt"
	"time"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/safetext"
	"llchat/internal/stanza"
	"llchat/internal/trust"
)

// maxNewKeys is how many keys the policy accept pins an hour (L-11).
const maxNewKeys = 200

// rate counts events in a window of fixed length.
type rate struct {
	most  int
	per   time.Duration
	since time.Time
	count int
}

func (r *rate) take(now time.Time) bool {
	if now.Sub(r.since) >= r.per {
		r.since, r.count = now, 0
	}
	r.count++
	return r.count <= r.most
}

// asks puts a stranger into the request queue, or refreshes its place there,
// with a message that it left. Whoever waits for requests hears of it once.
func (n *Node) asks(l *live, left *history.RequestMessage) {
	r := l.remote
	if !n.mayAsk(r) {
		return
	}
	req, err := n.hist.AddRequest(history.Request{
		Pin: r.pin, Names: r.names, Nick: l.nick, Addr: l.conn.Peer().Addr.String(),
		First: time.Now(), Last: time.Now(),
	})
	if err != nil {
		n.log.Debug("Request not taken", "err", err) // among others: too many new keys (L-11)
		return
	}
	pushedOut := req.PushedOut
	if left != nil {
		now, stored, err := n.hist.AddRequestMessage(r.pin, *left)
		if err != nil {
			n.log.Error("Request not stored", "err", err)
		} else if stored {
			req = now
		}
	}
	told := r.request != nil && r.request.Seq == req.Seq
	r.request = &req
	n.touch(r.pin)
	if !told {
		n.publishRequest(req)
	}
	// Numbers must rise: these have one that is newer than that of the request.
	for _, pin := range pushedOut {
		n.requestGone(n.remote(pin))
	}
}

// mayAsk reports whether a key may become a contact (security.md 6.2).
func (n *Node) mayAsk(r *remote) bool {
	state, of := n.judge(r)
	if state == trust.Conflict {
		n.conflict(r, of)
	}
	return state == trust.Unknown
}

// strangerMessage keeps what an unaccepted key wrote, within L-11. No answer
// of any kind: who is not accepted learns nothing (P-19).
func (n *Node) strangerMessage(l *live, s stanza.Message) {
	body := textOf(s)
	if l.parted || body == "" && !s.HasBody || s.Type == "error" || s.Type == "groupchat" || s.Retracts != "" || s.Reactions != nil {
		return
	}
	left := history.RequestMessage{ID: s.ID, Body: body, Time: time.Now()}
	if left.ID == "" {
		left.ID = stanza.NewID()
	}
	if l.nick == "" {
		l.nick = cut(s.Nick, maxNick)
	}
	if l.remote.mayLeave(body) {
		n.asks(l, &left)
	}
}

// mayLeave reports whether a request has room for another message (L-11). What
// it has not costs us nothing: no stranger shall keep the disk busy, and the
// engine waiting for it (P-14).
func (r *remote) mayLeave(body string) bool {
	if r.request == nil {
		return true
	}
	size := len(body)
	for _, m := range r.request.Messages {
		size += len(m.Body)
	}
	return len(r.request.Messages) < waitingMessages && size <= waitingOctets
}

func (n *Node) publishRequest(r history.Request) { n.emitFact(r.Seq, n.faceRequest(r)) }

func (n *Node) faceRequest(r history.Request) Request {
	f := Request{Fingerprint: r.Pin, Name: n.requestName(r), Address: r.Addr}
	for _, m := range r.Messages {
		f.Body = safetext.Body(m.Body)
		f.Bodies = append(f.Bodies, f.Body)
	}
	return f
}

func (n *Node) requestName(r history.Request) safetext.Text {
	if row, ok := n.rows[r.Pin.String()]; ok {
		return row.Name
	}
	return safetext.Name(claimedName(r.Nick, r.Names))
}

// claimedName is what a key that was never accepted would like to be called.
func claimedName(nick string, names []string) string {
	if nick != "" || len(names) == 0 {
		return nick
	}
	user, _ := mdns.SplitInstance(names[0])
	return user
}

// requestGone tells the faces that a request is not there any more.
func (n *Node) requestGone(r *remote) {
	if r.request == nil {
		return
	}
	gone := n.faceRequest(*r.request)
	gone.Gone, gone.Body, gone.Bodies = true, safetext.Text{}, nil
	r.request = nil
	n.touch(r.pin)
	n.emit(gone)
	n.forgetStranger(r)
}

// Accept implements API.
func (n *Node) Accept(ctx context.Context, who string) (Peer, error) {
	return n.decide(ctx, who, func(r *remote) error {
		// Who is asked to accept a contact that has long been one means the other
		// key that claims its name.
		if state, of := n.judge(r); isContact(state) && r.request == nil && len(n.inConflict(of.Pin)) > 0 {
			return n.contactAlready(of)
		}
		_, err := n.accept(r, trust.ByAccepted)
		return err
	})
}

// Block implements API.
func (n *Node) Block(ctx context.Context, who string) (Peer, error) {
	return n.decide(ctx, who, n.block)
}

// decide runs a decision of the user about a proven key.
func (n *Node) decide(ctx context.Context, who string, f func(*remote) error) (Peer, error) {
	var row Peer
	err := n.call(ctx, func() error {
		found, err := n.resolve(who)
		if err != nil {
			return err
		}
		if found.Fingerprint.IsZero() {
			return &Error{
				Code: CodeNoSuch,
				Text: fmt.Sprintf("%s has not proven a key yet", found.Name),
				Hint: "write to them first, or wait until they write to you",
			}
		}
		r := n.remote(found.Fingerprint)
		if err := f(r); err != nil {
			return err
		}
		row = n.decided(r, found.Peer)
		return nil
	})
	return row, err
}

// decided is the row of a key after a decision; of one that is not here and not
// kept any more, what it was.
func (n *Node) decided(r *remote, was Peer) Peer {
	state, _ := n.judge(r)
	n.forgetStranger(r)
	n.refresh()
	if row, ok := n.rows[was.Key]; ok {
		return row.Peer
	}
	was.Trust, was.Asks, was.Stream, was.Presence, was.ReplacedBy = state, false, false, Offline, identity.Pin{}
	return was
}

// accept pins a proven key. What it wrote while waiting becomes messages, and
// only now does it get presence and receipts (spec 5.5).
func (n *Node) accept(r *remote, by string) (trust.Contact, error) {
	state, of := n.judge(r)
	if isContact(state) {
		if r.request == nil && r.told() {
			return of, nil
		}
		return of, n.takeRequest(r)
	}
	switch state {
	case trust.Unknown:
	case trust.Retired:
		return of, n.revive(r, of, by)
	default:
		return of, notAcceptable(r.pin, state, of)
	}
	contact, err := n.trust.Accept(r.pin, n.petname(r), r.lastNames(), by, time.Now())
	if err != nil {
		return contact, err
	}
	n.rebind()
	n.touch(r.pin)
	return contact, n.takeRequest(r)
}

// revive makes a retired key a stranger's again, when the user says so. It is
// not accepted by that (security.md 6.2).
func (n *Node) revive(r *remote, was trust.Contact, by string) error {
	if by != trust.ByAccepted {
		return notAcceptable(r.pin, trust.Retired, was)
	}
	if _, err := n.trust.Accept(r.pin, "", r.lastNames(), by, time.Now()); err != nil {
		return err
	}
	n.rebind()
	n.touch(r.pin)
	return nil
}

// petname is the name under which a key is kept: what it calls itself, made
// fit to be shown; the store makes it unique.
func (n *Node) petname(r *remote) string {
	nick := ""
	for _, c := range n.claimsOf(r.pin) {
		if v, ok := c.Text.Get("nick"); ok && c.Pin == r.pin {
			nick = v
		}
	}
	if r.request != nil && r.request.Nick != "" {
		nick = r.request.Nick
	}
	if name := safetext.Name(claimedName(nick, r.lastNames())); !name.IsEmpty() {
		return name.String()
	}
	return r.pin.Label()
}

// takeRequest turns a request into a conversation and tells the other side.
// The pin is on disk before: should we end between the two, the next start or
// the next accept does the rest.
func (n *Node) takeRequest(r *remote) error {
	taken, err := n.hist.TakeRequest(r.pin)
	if err != nil {
		return err
	}
	receipts := make([]stanza.Stanza, 0, len(taken))
	for _, m := range taken {
		n.publishMessage(m)
		receipts = append(receipts, receiptFor(m.ID))
	}
	n.requestGone(r)
	for _, l := range r.live {
		n.welcomeStranger(l, receipts)
	}
	n.oneStream(r)
	if len(r.live) == 0 {
		r.redial.wanted = true
		n.retryNow(r)
	}
	return nil
}

// finishAccepts takes the requests of keys that are contacts: we ended after
// the pin was written and before the request was taken.
func (n *Node) finishAccepts() {
	for _, r := range n.remotes {
		c, ok := n.trust.Get(r.pin)
		if r.request == nil || !ok || !c.Accepted() {
			continue
		}
		if err := n.takeRequest(r); err != nil {
			n.storeFailed(err)
		}
	}
}

// welcomeStranger is welcome for a stream on which the peer waited: presence
// first, then a receipt for each of its messages, in order.
func (n *Node) welcomeStranger(l *live, receipts []stanza.Stanza) {
	if l.accepted {
		n.say(l, receipts...)
		return
	}
	n.lift(l)
	n.keepLive()
	n.say(l, append([]stanza.Stanza{n.presence()}, receipts...)...)
	if l.present { // it said so before it was accepted
		n.contactCame(l)
	}
}

func (n *Node) block(r *remote) error {
	if _, err := n.trust.Block(r.pin, time.Now(), r.lastNames()...); err != nil {
		return err
	}
	return n.part(r, blocking)
}

// Requests implements API.
func (n *Node) Requests(ctx context.Context) ([]Request, error) {
	var found []Request
	err := n.call(ctx, func() error {
		stored, err := n.hist.Requests()
		for _, r := range stored {
			found = append(found, n.faceRequest(r))
		}
		return err
	})
	return found, err
}
