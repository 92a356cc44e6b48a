package stream

import (
	"errors"
	"fmt"
	"io"
	"time"

	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// flow is what a peer's stanzas have cost so far (L-10).
type flow struct {
	stranger  bucket
	accepted  bucket
	octets    bucket
	delayed   time.Duration // that a stranger was slowed without a pause
	read      int           // octets since the last element
	stanzas   int           // since the last element: one, or none
	now       time.Time     // when octets came last
	dry       bool          // TLS holds neither a whole record nor anything from one
	limitsFor Standing      // whose limits the XML reader has
}

func newFlow(now time.Time) flow {
	return flow{
		now:      now,
		stranger: newBucket(strangerBurst, strangerRate, now),
		accepted: newBucket(acceptedBurst, acceptedRate, now),
		octets:   newBucket(acceptedOctets, acceptedPerSec, now),
	}
}

// meter is what the XML reader reads from: TLS, counted. It also lifts the
// XML reader's limits: that reader belongs to this goroutine, which may sit
// in Read when somebody calls SetStanding.
type meter Conn

func (m *meter) Read(p []byte) (int, error) {
	c := (*Conn)(m)
	switch {
	case !c.gate.polls:
		c.release() // this may wait
	case c.flow.dry && c.gate.empty():
		return 0, errEmpty // what TLS would say, too
	}
	n, err := c.tls.Read(p)
	c.flow.dry = err == errEmpty || c.flow.dry && n > 0 && n < len(p)
	if n > 0 {
		c.flow.now = time.Now()
		c.lastOctet.Store(c.flow.now.UnixNano())
		c.flow.read += n
	}
	c.fitLimits()
	return n, err
}

// fitLimits gives the XML reader the limits of the peer's standing (L-08).
func (c *Conn) fitLimits() {
	s := c.Standing()
	if s == c.flow.limitsFor || c.reader == nil {
		return
	}
	c.flow.limitsFor = s
	c.reader.SetLimits(limitsOf(s))
}

func limitsOf(s Standing) xmlstream.Limits {
	if s == Accepted {
		return xmlstream.Accepted
	}
	return xmlstream.Stranger
}

// restart begins a new XML stream inside TLS with a fresh parser (C-6, C-7).
func (c *Conn) restart() {
	c.reader = nil
	c.flow.limitsFor = c.Standing()
	c.reader = xmlstream.NewReader((*meter)(c), limitsOf(c.flow.limitsFor))
}

// read is the loop: one stanza after the other until the stream is over. The
// error says how: a violation, xmlstream.ErrClosed, a *PeerError, or what TLS
// said. It is never nil.
func (c *Conn) read() (err error) {
	defer c.node.contain(c.gate, &err)
	c.gate.poll(true)
	for {
		c.fitLimits()
		switch err := c.readOne(); {
		case err == errEmpty: // never wrapped: neither TLS nor the XML reader does that to it
			if err := c.park(); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			if err := c.slow(); err != nil {
				return err
			}
		}
	}
}

// readOne reads and handles one child of the stream.
func (c *Conn) readOne() error {
	if took, err := c.takeAcks(); took || err != nil {
		return err
	}
	e, err := c.reader.Next()
	if err != nil {
		return err
	}
	c.node.wire.element(c.label, e)
	return c.element(e)
}

// park waits until something comes, with no more than this small stack: what
// was held is written, and buffers go to others meanwhile.
func (c *Conn) park() error {
	c.release()
	c.reader.Release()
	return c.gate.wait()
}

// release writes what was held while the reader was at work.
func (c *Conn) release() {
	if c.out.claim() {
		c.lead()
	}
}

// element handles one child of the stream.
func (c *Conn) element(e *xmlstream.Element) error {
	switch {
	case e.Is(stanza.NSStreams, "features") && c.peerDialled() && len(e.Children) == 0:
		return nil // one existing stack sends that (C-20)
	case e.Is(stanza.NSStreams, "error"):
		return streamError(e)
	case e.Name.Space == stanza.NSSM:
		return c.management(e)
	case e.Name.Space != stanza.NSClient:
		return violation(xmlstream.UnsupportedStanzaType, "")
	}
	if v := c.names.complete(e); v != nil {
		return v
	}
	s, err := stanza.Decode(e)
	if err != nil {
		if _, ok := asViolation(err); ok {
			return err
		}
		return violation(xmlstream.InvalidXML, "")
	}
	c.lastStanza.Store(c.flow.now.UnixNano())
	if err := c.stanza(s); err != nil {
		return err
	}
	c.flow.stanzas++
	if c.handled.on.Load() {
		c.handled.n.Add(1)
	}
	return nil
}

func (c *Conn) peerDialled() bool { return !c.peer.Dialled }

// streamError is the peer's last word.
func streamError(e *xmlstream.Element) *PeerError {
	said := xmlstream.Error{Condition: xmlstream.UndefinedCondition}
	if s, err := stanza.Decode(e); err == nil {
		if se, ok := s.(stanza.StreamError); ok {
			said = se.Error
		}
	}
	return &PeerError{Err: said}
}

// stanza answers what the stream itself answers and hands over the rest.
func (c *Conn) stanza(s stanza.Stanza) error {
	switch v := s.(type) {
	case stanza.IQ:
		if done, err := c.iq(v); done || err != nil {
			return err
		}
	case stanza.Presence:
		if v.Type == "" && c.waiting.CompareAndSwap(true, false) {
			// The peer has lifted its limits for us before it said so.
			c.maxBytes.CompareAndSwap(strangerStanza, acceptedStanza)
		}
	case stanza.Message:
	default:
		return violation(xmlstream.UnsupportedStanzaType, "")
	}
	if c.out.claim() { // the Handler may take its time
		go c.writeLoop()
	}
	c.handle(func() { c.node.cfg.Handler.Stanza(c, s) })
	return nil
}

// handle marks what f sends as answers.
func (c *Conn) handle(f func()) {
	c.more.Store(c.reader.Buffered() > 0)
	c.handling.Store(true)
	defer c.handling.Store(false)
	f()
}

// iq answers requests that are not the Handler's. Each gets exactly one answer
// (174-7.3); a stranger gets the same one whatever it asks (README 5.5).
func (c *Conn) iq(q stanza.IQ) (done bool, err error) {
	if q.Type == "result" || q.Type == "error" {
		return c.pong(q.ID), nil
	}
	answer := stanza.IQ{ID: q.ID, Type: "result", To: q.From}
	accepted := c.Standing() == Accepted
	switch {
	case accepted && q.Ping && q.Type == "get":
	case accepted && q.Payload != nil && c.serves(q.Payload.Name.Space):
		return false, nil
	default:
		answer.Type = "error"
		answer.Error = &stanza.StanzaError{Type: "cancel", Condition: "service-unavailable"}
	}
	c.handle(func() { err = c.queue(c.ctx, c.appending(answer)) })
	return true, ended(err)
}

// ended is err, unless it says that our closing tag is out: then nothing may
// follow it, and that is no fault of the peer.
func ended(err error) error {
	if errors.Is(err, ErrEnded) {
		return nil
	}
	return err
}

func (c *Conn) serves(namespace string) bool {
	return c.node.cfg.Serves != nil && c.node.cfg.Serves(namespace)
}

// slow delays reading as L-10 wants it, and ends the stream of a stranger
// that keeps on.
func (c *Conn) slow() error {
	now := c.flow.now
	var wait time.Duration
	if c.Standing() == Accepted {
		wait = max(c.flow.accepted.owe(float64(c.flow.stanzas), now), c.flow.octets.owe(float64(c.flow.read), now))
		c.flow.delayed = 0
	} else {
		wait = c.flow.stranger.owe(1, now)
		c.flow.delayed += wait
		if wait == 0 {
			c.flow.delayed = 0
		}
	}
	c.flow.read, c.flow.stanzas = 0, 0
	if wait <= 0 {
		return nil
	}
	if c.flow.delayed > strangerPatience {
		return violation(xmlstream.PolicyViolation, "too many stanzas")
	}
	c.release()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		c.flow.now = time.Now()
		return nil
	case <-c.ctx.Done():
		return fmt.Errorf("stream: read: %w", c.ctx.Err())
	}
}

// checkIdle looks at the stream after a silence (README 5.7): the arbiter of
// an accepted pair pings, so that both hear something, and restarts what is a
// day old; a stranger's stream ends, and so does one where nothing comes at all.
func (c *Conn) checkIdle() {
	select {
	case <-c.done:
		return
	default:
	}
	lim := c.node.lim
	quiet := c.Idle()
	if c.Standing() != Accepted {
		quiet = time.Since(time.Unix(0, c.lastStanza.Load()))
	}
	switch {
	case quiet >= lim.IdleEnd && (c.Standing() != Accepted || c.Waiting()):
		c.End()
		return
	case quiet >= lim.IdleEnd:
		c.abortSoon(xmlstream.ConnectionTimeout)
		return
	case quiet >= lim.IdleKeepalive && c.keepsAlive() && time.Since(c.born) >= maxAge && c.out.waits() == 0:
		c.abortSoon(xmlstream.Reset) // new keys: Go never updates those of a connection
		return
	case quiet >= lim.IdleKeepalive && c.keepsAlive():
		c.keepalive()
	}
	next := lim.IdleKeepalive
	if rest := lim.IdleKeepalive - quiet; rest > 0 {
		next = rest
	}
	if rest := lim.IdleEnd - quiet; rest < next {
		next = rest
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.Reset(next)
}

// keepsAlive reports whether it is ours to ping: that of the smaller device
// key, and only where both sides have accepted each other.
func (c *Conn) keepsAlive() bool {
	return c.Standing() == Accepted && !c.Waiting() && c.node.own.Compare(c.peer.Device) < 0
}

// keepalive sends a ping whose answer nobody waits for. A full outbox needs
// none: there is something on the way already.
func (c *Conn) keepalive() {
	q := stanza.IQ{ID: stanza.NewID(), Type: "get", Ping: true}
	c.expectPong(q.ID, nil)
	lead, room, err := c.out.fill(c.node.lim.Outbox, false, c.appending(q))
	if lead {
		c.lead()
	}
	if room != nil || err != nil {
		c.pong(q.ID)
	}
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
