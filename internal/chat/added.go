package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"
	"unicode/utf8"

	"llchat/internal/identity"
	"llchat/internal/profile"
	"llchat/internal/stream"
	"llchat/internal/trust"
)

const (
	// addTime bounds all that Add does.
	addTime = 20 * time.Second
	// nextTime is how long an address may take while another of the same host
	// name waits for its turn.
	nextTime = 5 * time.Second
	// lookupTime bounds the question for the addresses of a host name.
	lookupTime = 5 * time.Second
	// maxLookup is how many addresses of one host name are tried (L-25).
	maxLookup = 8
)

// added is an address that the user gave by hand: a place to knock, as an
// announcement is. The key that answered when it was added is no pin. It is
// the one that is looked for there from then on, so that whoever sits at the
// address later, in another network perhaps, gets a TLS alert and learns
// nothing (P-07).
type added struct {
	target
	pin  identity.Pin
	name string // the instance that it claimed, raw
}

// Add implements API.
func (n *Node) Add(ctx context.Context, address string) (Peer, error) {
	t, err := parseTarget(address)
	if err != nil {
		return Peer{}, err
	}
	if n.isOwn(t) {
		return Peer{}, ownAddress(t)
	}
	ctx, cancel := context.WithTimeout(ctx, addTime)
	defer cancel()
	c, err := n.knock(ctx, ctx, t, nil)
	if err != nil {
		return Peer{}, n.addError(t, err)
	}
	var row Peer
	err = n.call(ctx, func() error {
		row, err = n.keepAdded(t, c.Peer())
		return err
	})
	return row, err
}

// knock dials the places that a target means until somebody answers; with want
// until that key does, or until seek ends (DialUnless).
func (n *Node) knock(ctx, seek context.Context, t target, want *identity.Pin) (*stream.Conn, error) {
	places, err := n.placesAt(ctx, t)
	if err != nil {
		return nil, err
	}
	var last error
	for i, a := range places {
		dialling, cancel := ctx, context.CancelFunc(func() {})
		if i < len(places)-1 {
			dialling, cancel = context.WithTimeout(ctx, nextTime)
		}
		c, err := n.dialSlot(dialling, seek, a, want, "")
		cancel()
		if err == nil {
			return c, nil
		}
		if !isVerdict(last) {
			last = err // an address that nobody answers at says less
		}
	}
	return nil, last
}

var errNoSuchHost = errors.New("no such host")

// placesAt looks a target up.
func (n *Node) placesAt(ctx context.Context, t target) ([]netip.AddrPort, error) {
	if t.host == "" {
		return []netip.AddrPort{netip.AddrPortFrom(t.ip, t.port)}, nil
	}
	if n.net.Lookup == nil {
		return nil, errNoSuchHost
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	found, err := n.net.Lookup(ctx, t.host)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoSuchHost, err)
	}
	var places []netip.AddrPort
	for _, a := range found {
		at := target{ip: a.Unmap(), port: t.port}
		if at.check() == nil && len(places) < maxLookup {
			places = append(places, netip.AddrPortFrom(at.ip, at.port))
		}
	}
	if len(places) == 0 {
		return nil, errNoSuchHost
	}
	return places, nil
}

// keepAdded remembers where a key answered that the user looked for by its
// address. It pins nothing.
func (n *Node) keepAdded(t target, p stream.Peer) (Peer, error) {
	r := n.remote(p.Pin)
	if len(r.names) == 0 { // its stream has ended already
		r.names = namesOf(p)
	}
	switch state, of := n.judge(r); state {
	case trust.Unknown, trust.Pinned, trust.Verified:
	case trust.Conflict:
		n.conflict(r, of)
		return Peer{}, conflictError(p.Pin, of, "it is not kept at "+t.String())
	default:
		return Peer{}, &Error{Code: CodeRefused, Text: fmt.Sprintf("the key that answers at %s is %s", t, state)}
	}
	name := p.Name
	if !utf8.ValidString(name) || len(name) > maxKeptName {
		name = ""
	}
	if err := n.remember(added{t, p.Pin, name}); err != nil {
		return Peer{}, err
	}
	n.touch(p.Pin)
	n.refresh()
	return n.rows[p.Pin.String()].Peer, nil
}

// remember keeps an address on disk, in place of the oldest when there are
// too many.
func (n *Node) remember(fresh added) error {
	before := n.added
	n.added = slices.DeleteFunc(slices.Clone(before), func(a added) bool { return a.target == fresh.target })
	n.added = append(n.added, fresh)
	n.added = n.added[max(0, len(n.added)-profile.MaxAdded):]
	if err := n.saveAdded(); err != nil {
		n.added = before
		return err
	}
	for _, a := range before { // the oldest of too many, or another key answers there now
		n.touch(a.pin)
		if old := n.remotes[a.pin]; old != nil {
			n.forgetStranger(old)
		}
	}
	return nil
}

// maxKeptName bounds what is kept of a name that a stranger claims: an
// instance and its machine part (RFC 1035 labels) fit.
const maxKeptName = 2*maxLabel + 1

func (n *Node) saveAdded() error {
	var list []profile.Added
	for _, a := range n.added {
		list = append(list, profile.Added{Address: a.String(), Key: a.pin.String(), Name: a.name})
	}
	return n.prof.SaveAdded(list)
}

// readAdded reads what was added before.
func (n *Node) readAdded() error {
	list, err := n.prof.Added()
	if err != nil {
		return err
	}
	for _, a := range list {
		t, err := parseTarget(a.Address)
		pin, pinErr := identity.ParsePin(a.Key)
		if err = cmp.Or(err, pinErr); err != nil {
			return fmt.Errorf("added addresses: %s: %w", n.prof.Path("added"), err)
		}
		n.added = append(n.added, added{t, pin, a.Name})
		r := n.remote(pin)
		if len(r.names) == 0 {
			r.names = namesOf(stream.Peer{Name: a.Name})
		}
		n.touch(pin)
	}
	return nil
}

// addedFor are the addresses at which the user found a key.
func (n *Node) addedFor(pin identity.Pin) []target {
	var found []target
	for _, a := range n.added {
		if a.pin == pin {
			found = append(found, a.target)
		}
	}
	return found
}

// seeks reports whether a stream to this key is always wanted: no announcement
// may ever tell that somebody is here whom the user added by address.
func (n *Node) seeks(pin identity.Pin) bool {
	c, kept := n.trust.Get(pin)
	if kept && !isContact(c.State) {
		return false
	}
	return slices.ContainsFunc(n.added, func(a added) bool { return a.pin == pin })
}

// dialAdded looks for everybody who was added by address.
func (n *Node) dialAdded() {
	for _, a := range n.added {
		if r := n.remote(a.pin); n.seeks(a.pin) {
			n.retryNow(r)
		}
	}
}

// dialByHand tries the addresses that the user gave for a key.
func (n *Node) dialByHand(ctx, seek context.Context, pin identity.Pin, at []target) error {
	var all []error
	for _, t := range at {
		_, err := n.knock(ctx, seek, t, &pin)
		if err == nil {
			return nil
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// withAdded shows in a row where the user found it.
func (n *Node) withAdded(p *Peer) {
	for _, t := range n.addedFor(p.Fingerprint) {
		if text := t.String(); !slices.Contains(p.Addresses, text) {
			p.Addresses = append(p.Addresses, text)
		}
	}
}

// isOwn reports whether a target is where we listen ourselves.
func (n *Node) isOwn(t target) bool {
	own := false
	_ = n.call(n.ctx, func() error {
		own = n.port != 0 && t.port == n.port && (t.ip.IsLoopback() || n.net.Interfaces != nil &&
			slices.Contains(addressesOf(n.net.Interfaces(), t.port), t.String()))
		return nil
	})
	return own
}

func ownAddress(t target) *Error {
	return usage(fmt.Sprintf("%s is your own address", t), "llchat status shows the addresses that others can add")
}

// addError says in words why nobody was found at an address.
func (n *Node) addError(t target, err error) *Error {
	e := &Error{Code: CodeError, Text: fmt.Sprintf("%s does not answer", t), Hint: "is llchat running there, and its firewall open for this port? llchat status there shows the port"}
	d, dialled := errors.AsType[*stream.DialError](err)
	switch {
	case errors.Is(err, errNoSuchHost):
		e.Text, e.Hint = fmt.Sprintf("there is no address for the name %s", t.host), "check the name, or give the address in numbers"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Text = fmt.Sprintf("nobody listens at %s", t)
	case !dialled:
	case d.Reason == stream.ReasonSelf:
		return ownAddress(t)
	case d.Reason == stream.ReasonUnreachable:
		e.Text, e.Hint = fmt.Sprintf("%s cannot be reached from here", t), "check the address; llchat doctor looks at this machine's network"
	case d.Reason == stream.ReasonClosed || d.Reason == stream.ReasonRefused || d.Reason == stream.ReasonBadStream:
		e.Text, e.Hint = fmt.Sprintf("what answers at %s does not talk to us: it is busy, or no llchat", t), "try again, or check the port: llchat status there shows it"
	case d.Reason == stream.ReasonCannotEncrypt || d.Reason == stream.ReasonTLS:
		e.Code = CodeRefused
		e.Text, e.Hint = fmt.Sprintf("what answers at %s cannot encrypt: it is not added", t), "llchat on that side can talk to you"
	case d.Reason == stream.ReasonStrangersRefused:
		e.Code = CodeRefused
		e.Text, e.Hint = fmt.Sprintf("whoever is at %s takes nobody that is not known there", t), "ask that person to add you first"
	case d.Reason == stream.ReasonBadCertificate:
		e.Code = CodeRefused
		e.Text, e.Hint = fmt.Sprintf("what answers at %s has no valid key: it is not added", t), ""
	}
	return e
}
