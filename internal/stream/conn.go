package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// Conn is an open stream.
//
//	open --Close, their </stream:stream>--> ending --both tags, both close_notify--> gone
//	  |                                        |
//	  +------ error, Abort: our error is the last thing we say ------------------> gone
//
// The reader owns the Conn: it alone decides that the stream is over and tears
// down. Everybody else asks: by ending the outbox, or by cutting the socket.
type Conn struct {
	node   *Node
	gate   *gate
	tls    *tls.Conn
	peer   Peer
	names  names
	label  string // peer-N, in logs
	born   time.Time
	reader *xmlstream.Reader
	flow   flow // of the reader alone, as the next one is
	first  bool // we had ended when their closing tag came
	out    outbox

	mayEnable   bool        // the peer may turn on acknowledgements; of the reader alone
	acksOffered atomic.Bool // and so may we
	handled     handled
	offered     []*xmlstream.Element // until Opened has returned

	ctx    context.Context // ends when the socket is cut; its cause is the first error
	cancel context.CancelCauseFunc
	done   chan struct{} // everything but Handler.Closed is over

	standing   atomic.Int32
	waiting    atomic.Bool
	maxBytes   atomic.Int64
	lastOctet  atomic.Int64 // nanoseconds since 1970
	lastStanza atomic.Int64
	lastFlush  atomic.Int64
	handling   atomic.Bool // the Handler runs: Send may go beyond the bound
	more       atomic.Bool // and more has been read already

	mu      sync.Mutex // guards the following
	aborted error      // why we ended the stream with an error
	limit   *time.Timer
	idle    *time.Timer
	pings   map[string]chan struct{}

	ackTimer *time.Timer
}

// handled counts the stanzas that our Handler is done with.
type handled struct {
	on atomic.Bool
	n  atomic.Uint32
}

// newConn makes the Conn of a finished handshake. It has no goroutine yet.
func (n *Node) newConn(g *gate, t *tls.Conn, peer Peer) *Conn {
	c := &Conn{
		node:  n,
		gate:  g,
		tls:   t,
		peer:  peer,
		names: n.ownNames(),
		label: "peer-" + strconv.FormatUint(n.nextID.Add(1), 10),
		done:  make(chan struct{}),
	}
	now := time.Now()
	c.born = now
	c.lastOctet.Store(now.UnixNano())
	c.lastStanza.Store(now.UnixNano())
	c.maxBytes.Store(acceptedStanza)
	c.flow = newFlow(now)
	c.out = newOutbox()
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.restart()
	return c
}

// start opens the stream for use: Handler.Opened, then the reader, so that
// Opened may send and no stanza comes before it. The reader gets a goroutine of
// its own, with a small stack: the handshake has grown this one.
func (c *Conn) start() {
	c.mu.Lock()
	c.idle = time.AfterFunc(c.node.lim.IdleKeepalive, c.checkIdle)
	c.mu.Unlock()
	c.node.log.Debug("Stream open", "peer", c.label, "standing", c.Standing().String(), "dialled", c.peer.Dialled)
	c.askForAcks()
	c.node.cfg.Handler.Opened(c)
	c.offered = nil // it is larger than an idle stream may be (S6)
	c.release()
	go c.run()
}

// run is the reader and the owner.
func (c *Conn) run() {
	defer c.node.wg.Done()
	err := c.finish(c.read())
	c.cut(err)
	c.out.stop()
	<-c.out.gone
	c.stopTimers()
	c.node.remove(c)
	close(c.done)
	c.node.log.Debug("Stream closed", "peer", c.label, "err", err)
	c.node.cfg.Handler.Closed(c, err)
}

// discard takes back a stream that was never started.
func (n *Node) discard(c *Conn) {
	c.cut(ErrEnded)
	c.out.stop()
	n.remove(c)
	close(c.done)
	n.wg.Done()
}

// cut ends the connection at once. The first cause wins.
func (c *Conn) cut(cause error) {
	if cause == nil {
		cause = ErrEnded
	}
	c.cancel(cause)
	_ = c.gate.Close()
}

// giveUp ends a connection whose other side did not end in time: close_notify
// if nothing is being written, then TCP (README 5.9).
func (c *Conn) giveUp() {
	c.cancel(errCloseTimeout)
	_ = c.tls.Close()
}

func (c *Conn) stopTimers() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.Stop()
	if c.limit != nil {
		c.limit.Stop()
	}
	if c.ackTimer != nil {
		c.ackTimer.Stop()
	}
}

// Peer is who is on the other side.
func (c *Conn) Peer() Peer { return c.peer }

// Standing is what the peer may do now.
func (c *Conn) Standing() Standing { return Standing(c.standing.Load()) }

// SetStanding changes what the peer may do: Accepted lifts the limits for
// strangers. Do that before the presence that tells the peer (README 5.5).
func (c *Conn) SetStanding(s Standing) {
	c.standing.Store(int32(s))
	c.askForAcks()
	c.release()
}

// Waiting reports whether the peer's user has not accepted us yet. It ends
// with the first presence from the peer (README 5.5).
func (c *Conn) Waiting() bool { return c.waiting.Load() }

// Offered are the elements in the features of a listener that the stream itself
// makes nothing of, disco#info among them. They are there for Handler.Opened.
func (c *Conn) Offered() []*xmlstream.Element { return c.offered }

// MaxBytes is the size of the largest stanza that the peer takes (XEP-0478).
func (c *Conn) MaxBytes() int { return int(c.maxBytes.Load()) }

// Done is closed when the stream is gone, just before Handler.Closed.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Idle is the time since the last octet from the peer.
func (c *Conn) Idle() time.Duration {
	return time.Since(time.Unix(0, c.lastOctet.Load()))
}

// TLS is the state of the finished handshake, for verification codes.
func (c *Conn) TLS() tls.ConnectionState { return c.tls.ConnectionState() }

// Names are the instance names of both sides as the stream headers have them.
func (c *Conn) Names() (own, peer string) { return c.names.own, c.names.peer }

// Send queues stanzas, in this order and with nothing in between. It waits
// while the outbox is full, until ctx ends. Nil means queued, not delivered.
// What the kernel takes at once is written before Send returns.
func (c *Conn) Send(ctx context.Context, stanzas ...stanza.Stanza) error {
	untimed := false
	err := c.queue(ctx, func(o *outbox) error {
		if o.acks.full() && slices.ContainsFunc(stanzas, isVisible) {
			return errNoRoom
		}
		ask := false
		for _, s := range stanzas {
			from := len(o.buf)
			ask = o.appendCounted(s, c.names.own, c.names.peer) || ask
			if n := len(o.buf) - from; n > c.MaxBytes() {
				return fmt.Errorf("%w: %d octets, it takes %d", ErrTooBig, n, c.MaxBytes())
			}
		}
		if ask {
			o.buf = append(o.buf, requestAck...)
		}
		untimed = o.acks.untimed()
		return nil
	})
	if err == nil && untimed {
		c.setAckTimer(ackLate)
	}
	return err
}

// appending returns what queue needs for a stanza of the stream itself.
func (c *Conn) appending(s stanza.Stanza) func(*outbox) error {
	return func(o *outbox) error {
		o.appendCounted(s, c.names.own, c.names.peer)
		return nil
	}
}

// queue lets fill append to the outbox, whole or not at all.
func (c *Conn) queue(ctx context.Context, fill func(*outbox) error) error {
	for {
		lead, room, err := c.out.fill(c.bound(), c.holds(), fill)
		if lead {
			c.lead()
		}
		if err != nil || room == nil {
			return err
		}
		select {
		case <-room:
		case <-c.ctx.Done():
			return ErrEnded
		case <-ctx.Done():
			return fmt.Errorf("send: %w", context.Cause(ctx))
		}
	}
}

// bound is how much may wait in the outbox.
func (c *Conn) bound() int {
	if c.handling.Load() && c.Standing() == Accepted {
		return outboxReply
	}
	return c.node.lim.Outbox
}

// holds reports whether what is queued now may wait for what comes next: the
// reader, which is at work, has more before it, and writes before it waits.
func (c *Conn) holds() bool { return c.handling.Load() && c.more.Load() }

// Ping asks whether the peer is there (XEP-0199). An error answer is an
// answer: a stranger's stream gives no other (README 5.5).
func (c *Conn) Ping(ctx context.Context) error {
	id := stanza.NewID()
	answer := make(chan struct{})
	c.expectPong(id, answer)
	defer func() {
		c.mu.Lock()
		delete(c.pings, id)
		c.mu.Unlock()
	}()
	if err := c.Send(ctx, stanza.IQ{ID: id, Type: "get", Ping: true}); err != nil {
		return err
	}
	select {
	case <-answer:
		return nil
	case <-c.done:
		return ErrEnded
	case <-ctx.Done():
		return fmt.Errorf("ping: %w", context.Cause(ctx))
	}
}

// expectPong notes a ping; answer, unless nil, is closed when it is answered.
func (c *Conn) expectPong(id string, answer chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pings == nil {
		c.pings = make(map[string]chan struct{})
	}
	c.pings[id] = answer
}

// pong takes the answer to one of our pings.
func (c *Conn) pong(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer, ok := c.pings[id]
	if ok && answer != nil {
		close(answer)
	}
	delete(c.pings, id)
	return ok
}

// End begins a clean end (README 5.9) and returns: what is queued goes out,
// then our closing tag; what still comes is handed over until theirs.
func (c *Conn) End() {
	if c.handled.on.Load() { // XEP-0198: what was handled is said before the end
		_, _, _ = c.out.fill(outboxReply, true, func(o *outbox) error {
			o.buf = c.appendAck(o.buf)
			return nil
		})
	}
	c.endOutbox(nil, false)
}

// Close ends the stream and waits until it is gone. When ctx ends first the
// connection is cut. It may be called more than once, and not from a Handler
// method of this stream: that would wait for itself; use End there.
func (c *Conn) Close(ctx context.Context) error {
	c.End()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		c.cut(context.Cause(ctx))
		return fmt.Errorf("close stream: %w", context.Cause(ctx))
	}
}

// Abort ends the stream with a stream error. What is queued is dropped. It
// does not wait.
func (c *Conn) Abort(e xmlstream.Error) {
	c.mu.Lock()
	if c.aborted == nil {
		c.aborted = &e
	}
	c.mu.Unlock()
	c.endWith(e)
}

// endWith queues a stream error as our last word.
func (c *Conn) endWith(e xmlstream.Error) {
	c.endOutbox(xmlstream.AppendStreamError(nil, e), true)
}

// endOutbox makes last and our closing tag the end of what we say.
func (c *Conn) endOutbox(last []byte, drop bool) {
	first, lead := c.out.end(last, xmlstream.CloseTag, drop)
	if first {
		c.limitEnd()
	}
	if lead {
		c.lead()
	}
}

func (c *Conn) abortSoon(condition string) { c.Abort(xmlstream.Error{Condition: condition}) }

// ending reports whether our side has ended.
func (c *Conn) ending() bool { return c.out.isEnding() }

// limitEnd starts the clock for the other side's closing tag (README 5.9).
func (c *Conn) limitEnd() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit == nil {
		c.limit = time.AfterFunc(c.node.lim.CloseWait, c.giveUp)
	}
}

// finish brings the stream to its end after read returned why, and returns
// what the Handler is told: nil for a clean end.
func (c *Conn) finish(why error) error {
	v, isViolation := asViolation(why)
	switch {
	case isViolation:
		c.endWith(*v)
		why = fmt.Errorf("stream: peer broke the rules: %w", v)
	case errors.Is(why, xmlstream.ErrClosed):
		c.first = c.ending()
		c.End() // the answer is our own closing tag (174-8.2)
		why = nil
	case isPeerError(why):
		c.endOutbox(nil, true) // it reads no more
	default:
		return c.broken(why)
	}
	c.limitEnd()
	select {
	case <-c.out.gone:
	case <-c.ctx.Done():
		return c.broken(why)
	}
	_ = c.tls.CloseWrite()
	if err := c.drain(); err != nil && why == nil {
		why = err
	}
	return c.cause(why)
}

// cause puts the reason of our own Abort first.
func (c *Conn) cause(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted != nil && !isPeerError(err) {
		return fmt.Errorf("stream: aborted: %w", c.aborted)
	}
	return err
}

// broken says why a stream ended without an end.
func (c *Conn) broken(err error) error {
	if cause := context.Cause(c.ctx); cause != nil {
		err = cause
	} else if err == nil || isEOF(err) {
		err = ErrTruncated
	}
	return c.cause(err)
}

func isPeerError(err error) bool {
	_, ok := errors.AsType[*PeerError](err)
	return ok
}

// drain reads to the other side's close_notify and throws away what comes
// before it. A TCP end without close_notify is a cut (T-09).
func (c *Conn) drain() error {
	c.gate.poll(false)
	b := make([]byte, 4096)
	for left := maxDrain; left > 0; {
		n, err := c.tls.Read(b)
		left -= n
		switch {
		case err == nil:
		case isEOF(err) && !c.gate.ended.Load():
			c.waitForFIN()
			return nil
		default:
			return c.broken(err)
		}
	}
	return c.broken(ErrTruncated)
}

// waitForFIN lets the side that closed first close TCP first (174-8.3).
func (c *Conn) waitForFIN() {
	if c.first {
		return
	}
	var b [1]byte
	_, _ = c.gate.Read(b[:])
}
