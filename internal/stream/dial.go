package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"llchat/internal/identity"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// Dial opens a stream to addr and returns once the listener's header and
// features have arrived inside TLS (P-08). With want, only that key will do:
// another one sees neither our certificate nor our name (P-07). The peer is
// then Accepted; without want it is a Stranger until SetStanding. The address
// to may be empty. A nil dial is TCP. ctx bounds the negotiation, not the life
// of the stream. Errors are *DialError.
func (n *Node) Dial(ctx context.Context, dial DialFunc, addr netip.AddrPort, want *identity.Pin, to string) (*Conn, error) {
	return n.DialUnless(ctx, context.Background(), dial, addr, want, to)
}

// DialUnless is Dial that gives up with ErrFound when found ends, which says that
// the other side has dialled us, before our side of the TLS handshake is over
// (README 5.6). After that the other side may have the stream, so it goes on.
func (n *Node) DialUnless(
	ctx, found context.Context, dial DialFunc, addr netip.AddrPort, want *identity.Pin, to string,
) (*Conn, error) {
	if !n.begin() {
		return nil, &DialError{Addr: addr, Reason: ReasonUnreachable, Err: ErrNodeClosed}
	}
	defer n.wg.Done()
	ctx, stop := n.joined(ctx)
	defer stop()
	ctx, a, forget := newAttempt(ctx, found)
	defer forget()
	if dial == nil {
		dial = dialTCP
	}
	raw, err := dial(ctx, addr)
	if err != nil {
		return nil, dialError(ctx, addr, &DialError{Reason: ReasonUnreachable, Err: err})
	}
	unhook := context.AfterFunc(ctx, func() { _ = raw.Close() })
	c, err := n.negotiateDialled(ctx, a, raw, addr, want, to)
	if !unhook() && err == nil {
		n.discard(c)
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = raw.Close()
		n.log.Debug("Dial failed", "err", err)
		return nil, dialError(ctx, addr, err)
	}
	c.start()
	return c, nil
}

// attempt is a dial of ours, until it is decided what becomes of it. Our last
// flight of the handshake makes the stream that of the other side, too: up to
// there we may drop it, and from there on only a stream error ends it.
//
//	open --last flight leaves--> bound
//	  +----they have dialled us--> dropped
type attempt struct{ state atomic.Int32 }

const (
	attemptOpen = iota
	attemptBound
	attemptDropped
)

// newAttempt returns the context of an attempt, which found ends while it is
// open; call forget when it is over.
func newAttempt(ctx, found context.Context) (dialling context.Context, a *attempt, forget func()) {
	a = &attempt{}
	dialling, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(found, func() {
		if a.state.CompareAndSwap(attemptOpen, attemptDropped) {
			cancel(ErrFound)
		}
	})
	return dialling, a, func() {
		unhook()
		cancel(context.Canceled)
	}
}

// bind is called before the last flight leaves; with an error it must not.
func (a *attempt) bind() error {
	if a.state.CompareAndSwap(attemptOpen, attemptBound) || a.state.Load() == attemptBound {
		return nil
	}
	return ErrFound
}

func dialTCP(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr.String())
}

// dialError gives a failure its address, and its reason where it has none yet.
func dialError(ctx context.Context, addr netip.AddrPort, err error) *DialError {
	d, ok := errors.AsType[*DialError](err)
	if !ok {
		d = &DialError{Reason: reasonOf(err), Err: err}
	}
	if errors.Is(err, ErrFound) {
		d.Reason = ReasonTimeout
	} else if cause := context.Cause(ctx); cause != nil && (isTimeout(err) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled)) {
		d.Reason, d.Err = ReasonTimeout, cause
	}
	d.Addr = addr
	return d
}

// reasonOf is the verdict on a failure below XML after the handshake. A listener
// that refuses our certificate is seen only here (security.md 4.3.5).
func reasonOf(err error) Reason {
	var op *net.OpError
	switch {
	case isTimeout(err):
		return ReasonTimeout
	case errors.As(err, &op) && op.Op == "remote error":
		return ReasonRefused
	case errors.As(err, &op), isEOF(err):
		return ReasonClosed
	}
	return ReasonBadStream
}

func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

func (n *Node) negotiateDialled(
	ctx context.Context, a *attempt, raw net.Conn, addr netip.AddrPort, want *identity.Pin, to string,
) (c *Conn, err error) {
	defer n.contain(raw, &err)
	start := time.Now()
	g := newGate(raw)
	_ = g.SetDeadline(start.Add(n.lim.DialAnswer))
	if err := n.dialPrelude(g, to); err != nil {
		return nil, err
	}
	_ = g.SetDeadline(start.Add(n.lim.Handshake))
	t, chain, err := n.handshake(ctx, g, a, want)
	if err != nil {
		return nil, handshakeError(err)
	}
	if chain.Device.Equal(n.own) {
		return nil, &DialError{Reason: ReasonSelf, Pin: chain.Pin, Err: errors.New("this is our own key")}
	}
	c, err = n.greet(g, t, Peer{Pin: chain.Pin, Device: chain.Device, Addr: addr, Dialled: true}, want, to)
	if err != nil {
		_ = t.Close()
		d := dialError(ctx, addr, err)
		d.Pin = chain.Pin
		return nil, d
	}
	return c, nil
}

// handshakeError is the verdict on a handshake that failed. No key is proven,
// so none is named (security.md 4.3.6).
func handshakeError(err error) error {
	reason := ReasonTLS
	switch {
	case errors.Is(err, errWrongKey):
		reason = ReasonWrongKey
	case errors.Is(err, identity.ErrChain):
		reason = ReasonBadCertificate
	case isTimeout(err):
		reason = ReasonTimeout
	}
	return &DialError{Reason: reason, Err: err}
}

// greet is the dialler's half of README 5.4.
func (n *Node) greet(g *gate, t *tls.Conn, peer Peer, want *identity.Pin, to string) (*Conn, error) {
	_ = g.SetDeadline(time.Now().Add(n.lim.Header))
	c := n.newConn(g, t, peer)
	if want != nil {
		c.standing.Store(int32(Accepted))
	}
	f, err := c.openStream(to)
	if err != nil {
		return nil, err
	}
	if len(f.Mechanisms) > 0 {
		if f, err = c.authenticate(f, to); err != nil {
			return nil, err
		}
	}
	if err := voluntary(f); err != nil {
		return nil, c.object(err)
	}
	if f.MaxBytes > 0 {
		c.maxBytes.Store(int64(f.MaxBytes))
	}
	c.waiting.Store(f.Waiting)
	c.acksOffered.Store(f.SM)
	c.offered = f.Unknown
	if err := n.add(c); err != nil {
		return nil, c.object(err)
	}
	_ = g.SetDeadline(time.Time{})
	return c, nil
}

// openStream sends our header and reads the listener's with its features.
func (c *Conn) openStream(to string) (stanza.Features, error) {
	var none stanza.Features
	header := xmlstream.AppendHeader(nil, xmlstream.Header{From: c.names.own, To: to, Lang: language})
	if err := c.writeNow(header, ""); err != nil {
		return none, err
	}
	h, err := c.reader.Header()
	if err != nil {
		return none, c.object(err)
	}
	if !h.HasVersion {
		return none, c.object(violation(xmlstream.UnsupportedVersion, ""))
	}
	if v := c.names.checkHeader(h); v != nil {
		return none, c.object(v)
	}
	c.peer.Name = c.names.peer
	e, err := c.next()
	if err != nil {
		return none, c.object(err)
	}
	if !e.Is(stanza.NSStreams, "features") {
		return none, c.object(violation(xmlstream.NotAuthorized, "")) // C-9
	}
	return decodeFeatures(e, c)
}

func decodeFeatures(e *xmlstream.Element, c *Conn) (stanza.Features, error) {
	s, err := stanza.Decode(e)
	if err != nil {
		return stanza.Features{}, c.object(err)
	}
	f, ok := s.(stanza.Features)
	if !ok {
		return stanza.Features{}, c.object(violation(xmlstream.InvalidXML, ""))
	}
	return f, nil
}

// next reads an element during negotiation; a stream error ends it.
func (c *Conn) next() (*xmlstream.Element, error) {
	e, err := c.reader.Next()
	if err != nil {
		return nil, err
	}
	c.node.wire.element(c.label, e)
	return e, peerError(e)
}

// authenticate does SASL EXTERNAL with a listener that wants it: TLS has proved
// our key already, and we claim no other identity (RFC 6120 6.3.8). Then the
// stream starts again (C-7).
func (c *Conn) authenticate(f stanza.Features, to string) (stanza.Features, error) {
	if !slices.Contains(f.Mechanisms, "EXTERNAL") {
		return f, c.object(violation(xmlstream.UnsupportedFeature, "only EXTERNAL is spoken here"))
	}
	// White space around SASL elements is forbidden (RFC 6120 6.3.5): no padding.
	auth := []byte("<auth xmlns='" + stanza.NSSASL + "' mechanism='EXTERNAL'>=</auth>")
	c.node.wire.octets(c.label, "->", auth)
	if _, err := c.tls.Write(auth); err != nil {
		return f, fmt.Errorf("sasl: %w", err)
	}
	e, err := c.next()
	switch {
	case err != nil:
		return f, c.object(err)
	case e.Is(stanza.NSSASL, "failure"):
		return f, &DialError{Reason: ReasonRefused, Err: errors.New("sasl: EXTERNAL refused")}
	case !e.Is(stanza.NSSASL, "success"):
		return f, c.object(violation(xmlstream.NotAuthorized, ""))
	case c.reader.Buffered() > 0:
		return f, c.object(violation(xmlstream.NotAuthorized, "octets before the stream restart"))
	}
	c.restart()
	f, err = c.openStream(to)
	if err == nil && len(f.Mechanisms) > 0 {
		err = c.object(violation(xmlstream.UnsupportedFeature, "SASL twice"))
	}
	return f, err
}

// nsBind is resource binding, mandatory wherever it is offered (RFC 6120 7.3.1).
const nsBind = "urn:ietf:params:xml:ns:xmpp-bind"

// voluntary reports a feature that we would have to negotiate and cannot.
// STARTTLS inside TLS is one (C-8).
func voluntary(f stanza.Features) error {
	if f.StartTLS {
		return violation(xmlstream.UnsupportedFeature, "STARTTLS inside TLS")
	}
	for _, e := range f.Unknown {
		if e.Name.Space == nsBind || e.Child(e.Name.Space, "required") != nil {
			return violation(xmlstream.UnsupportedFeature, "")
		}
	}
	return nil
}

// object tells the listener what it did wrong, if it did, and returns err.
func (c *Conn) object(err error) error {
	if v, ok := asViolation(err); ok {
		b := xmlstream.AppendStreamError(nil, *v)
		c.lastWords(b)
		return &DialError{Reason: ReasonBadStream, Err: v}
	}
	if errors.Is(err, xmlstream.ErrClosed) {
		_ = c.writeNow(nil, xmlstream.CloseTag)
		return &DialError{Reason: ReasonRefused, Err: err}
	}
	return err
}
