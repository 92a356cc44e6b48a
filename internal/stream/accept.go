package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"time"

	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// isFailure reports whether a connection that came to nothing costs its source
// a penalty (L-05). A client that can only speak in clear, and a proven key
// that we refuse, have done nothing wrong.
func isFailure(err error) bool {
	var refused *refusedPeer
	var plain *noEncryption
	return err != nil && !errors.As(err, &refused) && !errors.As(err, &plain) && !errors.Is(err, context.Canceled)
}

// refusedPeer is a proven key that gets no stream.
type refusedPeer struct{ err error }

func (e *refusedPeer) Error() string { return "refused: " + e.err.Error() }
func (e *refusedPeer) Unwrap() error { return e.err }

// accept negotiates one connection as the receiving entity. Without an error
// the stream is in the books and waits for start; with one, the connection is
// closed.
func (n *Node) accept(ctx context.Context, raw net.Conn, addr netip.AddrPort) (c *Conn, err error) {
	defer n.contain(raw, &err)
	start := time.Now()
	g := newGate(raw)
	g.expect(start.Add(n.lim.FirstOctet), start.Add(n.lim.Handshake))
	unhook := context.AfterFunc(ctx, func() { _ = raw.Close() })
	c, err = n.negotiateAccepted(ctx, g, addr)
	if !unhook() && err == nil {
		n.discard(c)
		err = context.Canceled
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// contain turns a panic into the end of one connection (T-39).
func (n *Node) contain(raw net.Conn, err *error) {
	if r := recover(); r != nil {
		n.log.Error("Panic in a stream", "value", fmt.Sprint(r), "stack", string(debug.Stack()))
		_ = raw.Close()
		*err = fmt.Errorf("stream: panic: %v", r)
	}
}

func (n *Node) negotiateAccepted(ctx context.Context, g *gate, addr netip.AddrPort) (*Conn, error) {
	if err := n.receivePrelude(g); err != nil {
		n.endPrelude(g, addr, err)
		return nil, err
	}
	t, chain, err := n.handshake(ctx, g, nil, nil)
	if err != nil {
		_ = g.Close() // the alert is out; no closing tag here (C-5)
		return nil, err
	}
	peer := Peer{Pin: chain.Pin, Device: chain.Device, Addr: addr}
	c, err := n.welcome(g, t, peer)
	if err != nil {
		_ = t.Close()
		return nil, err
	}
	return c, nil
}

// endPrelude closes a connection that did not get to TLS.
func (n *Node) endPrelude(g *gate, addr netip.AddrPort, err error) {
	var plain *noEncryption
	var told *spoken
	switch {
	case errors.As(err, &plain):
		g.hangUp()
		n.cfg.Handler.Refused(Refusal{Addr: addr, Name: plain.name, Reason: ReasonCannotEncrypt})
	case errors.As(err, &told):
		g.hangUp()
	default:
		_ = g.Close()
	}
}

// welcome is the listener's half of README 5.4: header, who is it, answer.
func (n *Node) welcome(g *gate, t *tls.Conn, peer Peer) (*Conn, error) {
	_ = g.SetDeadline(time.Now().Add(n.lim.Header))
	c := n.newConn(g, t, peer)
	h, err := c.reader.Header()
	v, isViolation := asViolation(err)
	switch {
	case err != nil && !isViolation:
		return nil, fmt.Errorf("stream header: %w", err)
	case !isViolation && !h.HasVersion:
		v = violation(xmlstream.UnsupportedVersion, "")
	case !isViolation:
		v = c.names.checkHeader(h)
	}
	if h.To != "" && c.names.isOurs(h.To) {
		c.names.own = h.To // answered as we were called
	}
	c.peer.Name = c.names.peer
	answer := xmlstream.AppendHeader(nil, xmlstream.Header{
		ID: stanza.NewID(), From: c.names.own, To: c.names.peer, Lang: language,
	})
	if v != nil {
		return nil, c.refuse(answer, v)
	}
	return n.admit(c, answer)
}

// admit decides about a proven key and sends header and features, or header and
// error.
func (n *Node) admit(c *Conn, answer []byte) (*Conn, error) {
	if c.peer.Device.Equal(n.own) {
		return nil, c.refuse(answer, violation(xmlstream.Conflict, "")) // 174-4.2
	}
	standing := Stranger
	if n.cfg.Admit != nil {
		standing = n.cfg.Admit(c.peer)
	}
	if standing == Refused {
		v := &xmlstream.Error{Condition: xmlstream.PolicyViolation, AppCondition: xmlstream.StrangersRefused}
		return nil, c.refuse(answer, v)
	}
	c.standing.Store(int32(standing))
	if err := n.add(c); err != nil {
		if v, ok := asViolation(err); ok {
			return nil, c.refuse(answer, v)
		}
		return nil, err
	}
	c.mayEnable = standing == Accepted
	answer = stanza.Append(answer, n.features(standing))
	if err := c.writeNow(answer, ""); err != nil {
		n.discard(c)
		return nil, err
	}
	_ = c.gate.SetDeadline(time.Time{})
	return c, nil
}

// features are what a peer of that standing is offered (README 5.4, 5.5).
// Nothing in them is mandatory: negotiation is complete (C-9).
func (n *Node) features(s Standing) stanza.Features {
	if s == Accepted {
		f := stanza.Features{MaxBytes: acceptedStanza, IdleSeconds: advertisedIdle, SM: true}
		if n.cfg.Features != nil {
			f.Unknown = n.cfg.Features()
		}
		return f
	}
	return stanza.Features{MaxBytes: strangerStanza, Waiting: true}
}

// refuse sends header, error and closing tag in one write (C-14).
func (c *Conn) refuse(header []byte, v *xmlstream.Error) error {
	c.lastWords(xmlstream.AppendStreamError(header, *v))
	return &refusedPeer{v}
}

// lastWords ends a stream that was never opened: b, the closing tag and
// close_notify go out, and a moment is left for them to arrive.
func (c *Conn) lastWords(b []byte) {
	if c.writeNow(b, xmlstream.CloseTag) != nil {
		return
	}
	_ = c.tls.CloseWrite()
	_ = c.gate.SetDeadline(time.Now().Add(refusalLinger))
	_ = c.drain()
}
