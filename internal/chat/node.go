package chat

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"llchat/internal/health"
	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/peer"
	"llchat/internal/profile"
	"llchat/internal/stream"
	"llchat/internal/trust"
)

// ErrEnded is what a call gets from a node that has ended. Nothing but another
// node of the profile knows whether what was asked for is done.
var ErrEnded = &Error{Code: CodeError, Text: "the running node ended", Hint: "start it again: llchat daemon"}

// inboxSize bounds the commands and stanzas that wait for the engine. When it
// is full, callers and stream readers wait, which slows the peer, not us.
const inboxSize = 256

// Node is a running engine. Open makes one; Close says goodbye and ends it.
type Node struct {
	opt     Options
	net     Network
	log     *slog.Logger
	prof    *profile.Profile
	id      *identity.Identity
	trust   *trust.Store
	hist    *history.Store
	streams *stream.Node
	disc    atomic.Pointer[sources] // replaced when one of them is another
	names   ownNames
	hub     *hub
	health  health.Set

	fullPrelude atomic.Bool // see settlePrelude

	ctx    context.Context // ends when Close has flushed
	cancel context.CancelFunc
	inbox  chan func()
	ended  chan struct{}  // the engine goroutine is gone
	work   sync.WaitGroup // every goroutine of the node but those of stream and mdns
	dials  chan struct{}  // a slot for each dial under way (L-26)

	also      func(context.Context) error // what Close closes besides (Demo)
	closeOnce sync.Once
	closeErr  error

	// Set once by publish, before ready is closed.
	ready      chan struct{}
	readyOnce  sync.Once
	publishing bool // owned by the engine goroutine

	state // owned by the engine goroutine
}

// state is everything about the chat that changes. Only the engine goroutine
// touches it.
type state struct {
	settings profile.Settings
	port     uint16
	started  time.Time

	events     <-chan mdns.Event                    // of discovery, nil while there is none
	claims     map[string]*peer.Claim               // by instance key
	bearers    peer.Bearers                         // who bore which instance last
	book       nameBook                             // names of contacts that rows were compared with
	owner      map[string]identity.Pin              // claim -> the key it is shown under
	owned      map[identity.Pin]map[string]struct{} // and back
	remotes    map[identity.Pin]*remote             // every proven key we know or talk to
	rows       map[string]shownRow                  // what was published last
	dirty      map[rowID]struct{}                   // rows to look at again
	noticed    map[identity.Pin]time.Time           // last conflict notice a contact (P-15)
	refused    map[string]time.Time                 // last "cannot encrypt" notice a claim
	lapse      map[string]time.Time                 // health items told for a while
	focus      identity.Pin                         // whose conversation is looked at
	focusTimer *time.Timer
	view       []identity.Pin           // whose rows a person sees
	sight      sight                    // what they announce who are no contacts
	seekTimer  *time.Timer              // runs while somebody is missed
	newKeys    rate                     // unknown keys handled (L-11)
	firsts     map[string]chan struct{} // claims to which a first message is under way

	endpoints endpoints // told by common contacts
	avatars   avatars
	added     []added              // addresses that the user gave, oldest first
	mute      map[string]time.Time // links that are silent, and since when
	outside   outside              // what the network sees of us
	disk      disk                 // what is on its way there
	keeping   keeping              // whether there is a history at all
	search    search               // how people are looked for on the links
	domain    domain               // and in the domain, if one is set
}

// rowID names a row to build: a key, or a claim without one.
type rowID struct {
	pin   identity.Pin
	claim string
}

// shownRow is a published row and what it was built from.
type shownRow struct {
	Peer
	id rowID
}

// run is the engine: the one goroutine that owns state.
func (n *Node) run() {
	defer close(n.ended)
	for {
		select {
		case f := <-n.inbox:
			f()
		case err := <-n.oldest():
			n.settle(err)
		case e, ok := <-n.events:
			if ok {
				n.claimEvent(e)
			} else {
				n.discoveryEnded()
			}
		case e, ok := <-n.domain.events:
			if ok {
				n.domainEvent(e)
			} else {
				n.domain.events = nil
			}
		case <-n.ctx.Done():
			return
		}
		n.endTurn()
		n.refresh()
	}
}

// post hands f to the engine and does not wait for it to run.
func (n *Node) post(f func()) {
	select {
	case n.inbox <- f:
	case <-n.ctx.Done():
	}
}

// call runs f in the engine and waits for it.
func (n *Node) call(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case n.inbox <- func() { result <- f() }:
	case <-ctx.Done():
		return ctx.Err()
	case <-n.ctx.Done():
		return ErrEnded
	}
	select {
	case err := <-result:
		return err
	case <-n.ended: // not before: f may be at work, in variables of the caller
	}
	select {
	case err := <-result:
		return err
	default:
		return ErrEnded
	}
}

// after runs f in the engine when d has passed.
func (n *Node) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { n.post(f) })
}

// start runs f in a goroutine that Close waits for.
func (n *Node) start(f func()) { n.work.Go(f) }

// Done is closed when the node has ended.
func (n *Node) Done() <-chan struct{} { return n.ctx.Done() }

// Close says goodbye, closes the streams, and ends the node. It waits for the
// polite part at most until ctx ends; it is safe to call more than once.
func (n *Node) Close(ctx context.Context) error {
	n.closeOnce.Do(func() { n.closeErr = n.close(ctx) })
	return n.closeErr
}

func (n *Node) close(ctx context.Context) error {
	var polite sync.WaitGroup
	polite.Go(func() {
		if err := n.disc.Load().Withdraw(ctx); err != nil {
			n.log.Debug("Goodbye not sent", "err", err)
		}
	})
	polite.Go(func() { n.leaveDomain(ctx) })
	polite.Go(func() {
		if err := n.streams.Close(ctx); err != nil {
			n.log.Debug("Streams not closed cleanly", "err", err)
		}
	})
	var err error
	if n.also != nil {
		polite.Go(func() { err = n.also(ctx) })
	}
	polite.Wait()
	n.cancel()
	n.hub.close()
	n.work.Wait() // discovery lives in the same context: nobody waits for it
	n.domain.held.drop()
	return errors.Join(err, n.disc.Load().Close(), n.hist.Close(), n.prof.Close())
}

// emit publishes an event that is not stored.
func (n *Node) emit(body any) {
	n.hub.publish(Event{Seq: n.hist.NextSeq(), Time: time.Now(), Body: body})
}

// emitFact publishes a stored fact under the number it was stored with.
func (n *Node) emitFact(seq uint64, body any) {
	n.hub.publishFact(Event{Seq: seq, Time: time.Now(), Body: body})
}
