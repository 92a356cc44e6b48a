package chat

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/safetext"
	"llchat/internal/stream"
)

// Redial times of spec 5.6: the arbiter of a pair comes first, so that two
// nodes that lost each other do not dial at the same moment.
const (
	arbiterPause = 500 * time.Millisecond
	otherPause   = 2 * time.Second
	maxPause     = time.Minute

	// dialTime bounds one address: TCP, the 3 s of spec 5.1, TLS, headers.
	dialTime = 12 * time.Second
	// resolveTime is how long fresh addresses are waited for.
	resolveTime = 2 * time.Second
)

// redial is the state of getting a stream to a contact:
//
//	resting --wanted, address known--> dialling --stream--> resting
//	                                      |  ^
//	                                 failed  | pause over, or announced anew
//	                                      v  |
//	                                     paused
type redial struct {
	wanted   bool // somebody waits for a stream though the outbox is empty
	running  bool
	again    bool // announced anew while dialling
	failures int
	brief    int // streams in a row that ended soon
	timer    *time.Timer
	knocked  time.Time
	knocks   rate        // at claims that may be its
	knock    *time.Timer // the next look for such claims
	knockDue time.Time
	began    time.Time // of the dial that runs
	cancel   context.CancelFunc
	found    context.CancelFunc // they have dialled us: no more addresses are tried
}

func (d *redial) succeeded() {
	d.wanted = false
	d.stop()
}

// ended follows the end of a stream. A peer that takes streams only to end
// them at once is dialled ever more rarely, too.
func (d *redial) ended(lived time.Duration) {
	d.brief++
	if lived >= reconnectAge {
		d.brief = 1
	}
	d.failures = d.brief - 1
}

func (d *redial) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// retryAll dials every contact for whom something waits.
func (n *Node) retryAll() {
	pins, err := n.hist.OutboxPeers()
	if err != nil {
		n.log.Error("Outbox not read", "err", err)
		return
	}
	for _, pin := range pins {
		n.retryNow(n.remote(pin))
	}
	n.knockAll()
}

// retrySoon follows a fresh announcement of a contact's name.
func (n *Node) retrySoon(r *remote) {
	if len(r.live) > 0 || !n.wants(r) {
		return
	}
	if r.redial.running {
		r.redial.again = true
		return
	}
	n.retryNow(r)
}

// wants reports whether something waits for a stream to this contact.
func (n *Node) wants(r *remote) bool {
	c, ok := n.trust.Get(r.pin)
	if r.redial.wanted && ok && isContact(c.State) || n.seeks(r.pin) {
		return true
	}
	if !ok || !isContact(c.State) {
		return false
	}
	box, err := n.hist.OutboxHead(r.pin, 1)
	return err == nil && len(box) > 0
}

// lost starts again after a stream ended while something still waits.
func (n *Node) lost(r *remote) {
	if n.ctx.Err() == nil && n.wants(r) {
		n.pause(r)
	}
}

// pause waits before the next try, longer after each failure, up to a minute.
func (n *Node) pause(r *remote) {
	d := arbiterPause
	if !n.arbiter(r) {
		d = otherPause + jitter(otherPause)
	}
	d = min(d<<min(r.redial.failures, 7), maxPause)
	r.redial.stop()
	r.redial.timer = n.after(d, func() {
		r.redial.timer = nil
		if len(r.live) == 0 && n.wants(r) {
			n.retryNow(r)
		}
	})
}

// jitter is a random part of d.
func jitter(d time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(d))
}

// arbiter reports whether we are the arbiter of the pair. Before its device
// key is known the identity decides, which is as good to break a tie.
func (n *Node) arbiter(r *remote) bool {
	mine := n.id.Pin()
	return bytes.Compare(mine[:], r.pin[:]) < 0
}

// retryNow dials a contact, one dial at a time.
func (n *Node) retryNow(r *remote) {
	if r.redial.running || len(r.live) > 0 {
		return
	}
	keys, known := n.placesOf(r)
	byHand := n.addedFor(r.pin)
	if len(keys) == 0 && len(known) == 0 && len(byHand) == 0 {
		r.redial.wanted = false // its next announcement begins anew
		n.notHere(r)
		return
	}
	r.redial.stop()
	r.redial.running = true
	ctx, cancel := context.WithCancel(n.ctx)
	seek, found := context.WithCancel(ctx)
	r.redial.began, r.redial.cancel, r.redial.found = time.Now(), cancel, found
	n.start(func() {
		defer cancel()
		err := n.dialContact(ctx, seek, r.pin, keys, known)
		if len(byHand) > 0 && seek.Err() == nil && (err != nil || len(keys)+len(known) == 0) {
			err = n.dialByHand(ctx, seek, r.pin, byHand)
		}
		n.post(func() { n.dialled(r, err) })
	})
}

func (n *Node) dialled(r *remote, err error) {
	r.redial.running = false
	again := r.redial.again
	r.redial.again = false
	if err == nil || len(r.live) > 0 {
		return
	}
	r.redial.failures++
	n.log.Debug("Dial failed", "err", err)
	n.notHere(r)
	if len(n.owned[r.pin]) > 0 {
		n.miss(r)
	}
	if again {
		n.retryNow(r)
		return
	}
	n.pause(r)
}

// notHere says of waiting messages that their receiver cannot be reached.
func (n *Node) notHere(r *remote) {
	n.askAround(r)
	box, err := n.hist.Outbox(r.pin)
	if err != nil {
		n.log.Error("Outbox not read", "err", err)
		return
	}
	for _, m := range box {
		if m.Reason != ReasonNotHere {
			n.mark(r.pin, m.ID, history.Queued, ReasonNotHere)
		}
	}
}

// placesOf lists where a contact may be found: claims to resolve now (spec
// 174-11.2), then addresses that it had told to us, then those at which it
// answered before.
func (n *Node) placesOf(r *remote) (keys []string, known []netip.AddrPort) {
	for _, c := range n.claimsOf(r.pin) {
		keys = append(keys, c.Key)
	}
	known = n.toldPlaces(r.pin)
	contact, _ := n.trust.Get(r.pin)
	for _, a := range placesIn(contact.LastAddrs) {
		if !slices.Contains(known, a) {
			known = append(known, a)
		}
	}
	return keys, known
}

// dialContact tries every place until the contact's key answers at one, or seek
// ends: then no other one is tried. A dial that is under way is dropped if its
// handshake is not over (spec 5.6); else it goes on: the other side may have
// chosen it already, and only it can tell.
func (n *Node) dialContact(ctx, seek context.Context, pin identity.Pin, keys []string, known []netip.AddrPort) error {
	var all []error
	tried := map[netip.AddrPort]bool{}
	for _, key := range keys {
		p, err := n.resolveClaim(seek, key)
		if err != nil {
			all = append(all, err)
			continue
		}
		for _, a := range p.Addrs {
			tried[a] = true
			if seek.Err() != nil {
				return seek.Err()
			}
			_, err := n.dialAddr(ctx, seek, a, &pin, p.Instance)
			if err == nil {
				return nil
			}
			all = append(all, err)
		}
		if seek.Err() == nil {
			n.disc.Load().Reconfirm(key)
		}
	}
	for _, a := range known {
		if tried[a] {
			continue
		}
		if seek.Err() != nil {
			return seek.Err()
		}
		_, err := n.dialAddr(ctx, seek, a, &pin, "")
		if err == nil {
			return nil
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

func (n *Node) resolveClaim(ctx context.Context, key string) (mdns.Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	return n.disc.Load().Resolve(ctx, key)
}

// dialClaim dials a claim that never proved a key and returns the stream to
// whoever answered.
func (n *Node) dialClaim(ctx context.Context, key string) (*stream.Conn, error) {
	p, err := n.resolveClaim(ctx, key)
	if err != nil {
		return nil, &Error{Code: CodeError, Text: "it is not here any more: nothing was sent", Hint: "write again when it is back"}
	}
	var last error
	for _, a := range p.Addrs {
		c, err := n.dialAddr(ctx, ctx, a, nil, p.Instance)
		if err == nil {
			return c, nil
		}
		if !isVerdict(last) {
			last = err // an address that nobody answers at says less
		}
	}
	n.disc.Load().Reconfirm(key)
	failed := n.dialError(safetext.Name(p.Instance), last)
	n.post(func() { n.noteFailure(key, last) })
	return nil, failed
}

// isVerdict reports whether somebody answered and could not be talked to.
func isVerdict(err error) bool {
	d, ok := errors.AsType[*stream.DialError](err)
	return ok && slices.Contains([]stream.Reason{
		stream.ReasonCannotEncrypt, stream.ReasonStrangersRefused, stream.ReasonSelf, stream.ReasonBadCertificate,
	}, d.Reason)
}

// noteFailure keeps for the roster what dialling a claim has taught.
func (n *Node) noteFailure(key string, err error) {
	var d *stream.DialError
	c := n.claims[key]
	if c == nil || !errors.As(err, &d) || d.Reason != stream.ReasonCannotEncrypt {
		return
	}
	no := false
	c.Encrypts, c.Note = &no, noteCannotEncrypt
	n.touchClaim(key)
}

// dialError says in words why nothing could be sent to a claim. The text has
// not left the caller.
func (n *Node) dialError(name safetext.Text, err error) *Error {
	e := &Error{Code: CodeError, Text: fmt.Sprintf("%s does not answer: nothing was sent", name), Hint: "try again later"}
	var d *stream.DialError
	if !errors.As(err, &d) {
		return e
	}
	switch d.Reason {
	case stream.ReasonCannotEncrypt:
		e.Code = CodeRefused
		e.Text = fmt.Sprintf("%s cannot encrypt: nothing was sent", name)
		e.Hint = "its client speaks XMPP in clear only; llchat on that side can talk to you"
	case stream.ReasonStrangersRefused:
		e.Code = CodeRefused
		e.Text = fmt.Sprintf("%s does not take messages from people it does not know", name)
		e.Hint = "ask that person to write to you first"
	case stream.ReasonSelf:
		e.Code = CodeRefused
		e.Text = fmt.Sprintf("%s is yourself: nothing was sent", name)
		e.Hint = ""
	case stream.ReasonBadCertificate:
		e.Code = CodeRefused
		e.Text = fmt.Sprintf("%s has no valid key: nothing was sent", name)
		e.Hint = ""
	}
	return e
}

// dialAddr makes one stream, within the limits of L-26, unless seek ends first.
func (n *Node) dialAddr(ctx, seek context.Context, to netip.AddrPort, want *identity.Pin, name string) (*stream.Conn, error) {
	if err := n.mayDial(to); err != nil {
		return nil, err
	}
	return n.dialSlot(ctx, seek, to, want, name)
}

// dialSlot makes one stream as soon as few enough are being made.
func (n *Node) dialSlot(ctx, seek context.Context, to netip.AddrPort, want *identity.Pin, name string) (*stream.Conn, error) {
	select {
	case n.dials <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-seek.Done():
		return nil, seek.Err()
	}
	defer func() { <-n.dials }()
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	return n.streams.DialUnless(ctx, seek, n.net.Dial, to, want, name)
}

// mayDial refuses what an announcement must not make us do (L-26).
func (n *Node) mayDial(to netip.AddrPort) error {
	a := to.Addr().Unmap()
	switch {
	case !to.IsValid() || a.IsUnspecified() || a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("dial %s: not the address of a host", to)
	case a.IsLoopback():
		return fmt.Errorf("dial %s: an announced loopback address is never ours to dial", to)
	case to.Port() < 1024:
		return fmt.Errorf("dial %s: ports below 1024 are not dialled", to)
	}
	return nil
}
