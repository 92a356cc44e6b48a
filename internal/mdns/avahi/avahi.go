// Package avahi finds the others and lets them find us through a running
// avahi-daemon, over D-Bus, instead of with sockets of our own. It is for
// machines where Avahi holds port 5353 exclusively, and for who asks for it
// (the setting mdns=avahi).
//
// [Open] returns a [Node] with the methods and events of mdns.Node, so that
// whoever uses one can use the other. What is reported are claims, raw and
// hostile, as there.
//
// Records are registered by entry groups, two for each link: one with the
// addresses under our own host label, one with the service that points to it.
// The machine's own host name is never used, and an address that changes does
// not disturb the service. Others are found by record browsers: one for the PTR
// records, one for the TXT record of each instance, and short-lived ones for
// SRV and addresses. Record browsers, because they give raw octets (a D-Bus
// string must be UTF-8, a label need not be) and report a change within
// milliseconds, where Avahi's service resolver takes one to two seconds.
//
// What Avahi does not allow, and how it differs from our own engine:
//
//   - A client may have 1,024 objects and the cache holds 4,096 records, so at
//     most MaxPeers instances are listed; an Overload event tells of the rest.
//   - Avahi answers from its cache, so Resolve may return records that are up
//     to 120 s old, and Reconfirm ends when the SRV record has run out.
//   - Packets are Avahi's: L-20, L-23, the answers of L-24 and the instances per
//     source of L-22 are not in our hands. L-21, the total of L-22, the
//     questions of L-24 and L-25 are kept here.
//   - A goodbye cannot be told from a record that has run out; both are
//     reported as goodbye.
//
// One goroutine owns the state and waits for D-Bus calls, each at most 5 s. A
// daemon that ends and comes back is used again by itself: contacts stay listed
// for 10 s meanwhile.
package avahi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/godbus/dbus/v5"

	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
)

// Errors of Open and Publish; mdns.ErrClosed, mdns.ErrUnknown,
// mdns.ErrUnanswered and mdns.ErrWithdrawn are used as by mdns.Node.
var (
	// ErrNoDaemon means that no avahi-daemon runs on this machine.
	ErrNoDaemon = errors.New("avahi: avahi-daemon does not run")
	// ErrRefused means that the daemon does not let us publish.
	ErrRefused = errors.New("avahi: the daemon refuses to publish")
	// ErrSystem means that this system has no Avahi.
	ErrSystem = errors.New("avahi: only on Linux")
)

// Config says what a node is called. Fields that have the names of those of
// mdns.Config mean the same.
type Config struct {
	User    string
	Machine string
	Port    uint16
	Limits  mdns.Limits // PerSource is not used: Avahi does not tell who sent a record
	Pinned  func(key string) bool
	Random  io.Reader

	Interfaces []string // only these network interfaces; empty: all that netmon finds usable

	// Dial connects to the bus where Avahi is; nil: the system bus.
	Dial func(opts ...dbus.ConnOption) (*dbus.Conn, error)
	// Links follows the network interfaces until ctx ends; nil: netmon.
	Links func(ctx context.Context, changed func([]link.Info)) error
}

// Open connects to Avahi and browses at once. It fails when there is no system
// bus or no daemon; one that ends later is waited for. The node lives until
// Close or until ctx ends.
func Open(ctx context.Context, c Config) (*Node, error) {
	if c.Dial == nil {
		c.Dial = systemBus
	}
	if c.Links == nil {
		c.Links = interfaces(c.Interfaces)
	}
	n, err := newNode(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := n.connect(true); err != nil {
		n.cancel(err)
		n.hangUp()
		return nil, err
	}
	n.start()
	return n, nil
}

// Publish registers the instance with TXT record t on all links and returns its
// name once Avahi has announced it. Without any link it waits. When ctx ends
// first it returns the context's error, but the instance stays published.
func (n *Node) Publish(ctx context.Context, t mdns.Text) (instance string, err error) {
	txt, err := encode(t)
	if err != nil {
		return "", err
	}
	return n.announce(ctx, func(now time.Time, c chan published) { n.publish(now, txt, c) })
}

// announce has start run by the loop and waits until we are on the air.
func (n *Node) announce(ctx context.Context, start func(now time.Time, c chan published)) (instance string, err error) {
	c := make(chan published, 1)
	if err := n.run(ctx, func(now time.Time) { start(now, c) }); err != nil {
		return "", err
	}
	select {
	case p := <-c:
		return p.name, p.err
	case <-n.done:
		return "", n.closed()
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// SetText changes the TXT record of the published instance. The last value wins
// when changes come faster than RFC 6762 8.4 allows.
func (n *Node) SetText(t mdns.Text) error {
	txt, err := encode(t)
	if err != nil {
		return err
	}
	return n.run(context.Background(), func(now time.Time) { n.setText(now, txt) })
}

// Withdraw takes the instance off the network: Avahi says goodbye. The node
// goes on browsing and may publish again.
func (n *Node) Withdraw(ctx context.Context) error { return n.run(ctx, n.withdraw) }

// Rename does what Publish does under other names and another port, after a
// goodbye for the old instance; it fails with mdns.ErrName, and changes
// nothing, when the names make no instance. It ends Silence.
func (n *Node) Rename(ctx context.Context, user, machine string, port uint16, t mdns.Text) (instance string, err error) {
	txt, err := encode(t)
	if err != nil {
		return "", err
	}
	var fresh names
	if !fresh.name(user, machine) {
		return "", mdns.ErrName
	}
	return n.announce(ctx, func(now time.Time, c chan published) { n.become(now, fresh, port, txt, c) })
}

// Silence makes a ghost of us: when it has returned we are no client of the
// daemon any more, so that it asks and answers nothing for us. A ghost hears
// nothing: everybody has Left. Call Withdraw before; Rename ends it.
func (n *Node) Silence() error {
	return n.run(context.Background(), func(time.Time) { n.silence() })
}

// Stats returns what can be known: Avahi does not say what is sent and heard
// on a link.
func (n *Node) Stats() mdns.Stats {
	var s mdns.Stats
	_ = n.run(context.Background(), func(time.Time) { s = n.facts() })
	return s
}

// Name is our instance name on the air now, or "" when nothing is announced.
func (n *Node) Name() string {
	var name string
	_ = n.run(context.Background(), func(time.Time) {
		if n.pub.established {
			name = n.pub.label
		}
	})
	return name
}

// Events returns the one channel of events. It is closed when the node ends.
// After a Resync event read Peers and Name again.
func (n *Node) Events() <-chan mdns.Event { return n.events }

// Peers returns everybody who is there, sorted by key, without ourselves.
func (n *Node) Peers() []mdns.Peer {
	var out []mdns.Peer
	_ = n.run(context.Background(), func(time.Time) { out = n.shown() })
	return out
}

// Resolve asks for SRV and address records of the instance, as one does right
// before dialling (174-11.2). When nobody answers within 5 s it returns what
// was known before, and mdns.ErrUnanswered; for an instance that is not there
// mdns.ErrUnknown.
func (n *Node) Resolve(ctx context.Context, key string) (mdns.Peer, error) {
	c := make(chan resolved, 1)
	known := false
	err := n.run(ctx, func(time.Time) { known = n.resolve(key, c) })
	switch {
	case err != nil:
		return mdns.Peer{}, err
	case !known:
		return mdns.Peer{}, mdns.ErrUnknown
	}
	select {
	case r := <-c:
		if !r.ok {
			return r.peer, mdns.ErrUnanswered
		}
		return r.peer, nil
	case <-n.done:
		return mdns.Peer{}, n.closed()
	case <-ctx.Done():
		return mdns.Peer{}, ctx.Err()
	}
}

// Reconfirm has Avahi keep asking whether the instance is still there, because
// dialling failed. When its SRV record has run out, at most 120 s after it was
// heard last, Left follows.
func (n *Node) Reconfirm(key string) {
	_ = n.run(context.Background(), func(now time.Time) { n.reconfirm(now, key) })
}

// Watch sets the instances whose SRV records are kept fresh, at most 64. The
// silent death of a watched instance is noticed within 120 s.
func (n *Node) Watch(keys ...string) {
	_ = n.run(context.Background(), func(now time.Time) { n.watch(now, keys) })
}

// Err tells why the node ended: nil while it lives, mdns.ErrClosed after Close.
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.closed()
	default:
		return nil
	}
}

// Close ends the node and waits for its goroutines. The bus connection ends
// with it, whereupon Avahi says goodbye for what was published.
func (n *Node) Close() error {
	n.cancel(mdns.ErrClosed)
	n.wg.Wait()
	return nil
}

// run has f run by the loop and waits until it did.
func (n *Node) run(ctx context.Context, f func(now time.Time)) error {
	ran := make(chan struct{})
	select {
	case n.calls <- func(now time.Time) { f(now); close(ran) }:
	case <-n.done:
		return n.closed()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-ran:
		return nil
	case <-n.done:
		return n.closed()
	}
}

// closed is the error after the end.
func (n *Node) closed() error {
	if err := context.Cause(n.ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return mdns.ErrClosed
}

// reaches says whether a can be a neighbour's address on l: in one of our
// subnets, or link-local in a family that we have there (L-25).
func reaches(l link.Info, a netip.Addr) bool {
	if !a.IsValid() || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == v4Broadcast {
		return false
	}
	for _, p := range l.Addrs {
		if p.Masked().Contains(a) || a.IsLinkLocalUnicast() && p.Addr().Is4() == a.Is4() {
			return true
		}
	}
	return false
}

var v4Broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// op puts the operation before an error.
func op(what string, err error) error { return fmt.Errorf("avahi: %s: %w", what, err) }
