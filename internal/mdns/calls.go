package mdns

import (
	"cmp"
	"context"
	"time"

	"llchat/internal/mdns/engine"
)

// run has f run by the loop and waits until it did.
func (n *Node) run(ctx context.Context, f func(now time.Time)) error {
	ran := make(chan struct{})
	select {
	case n.calls <- func(now time.Time) { f(now); close(ran) }:
	case <-n.done:
		return n.cause()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-ran:
		return nil
	case <-n.done:
		return n.cause()
	}
}

// Publish probes for our names, renames where others have them, announces the
// instance with TXT record t and returns its name once it is announced. Without
// any link it waits. When ctx ends first it returns the context's error, but
// the instance stays published and is announced when there is a link.
func (n *Node) Publish(ctx context.Context, t Text) (instance string, err error) {
	txt, err := t.wire()
	if err != nil {
		return "", err
	}
	return n.publish(ctx, func(now time.Time) error {
		n.engine.Publish(now, txt)
		return nil
	})
}

// Rename does what Publish does under other names and another port, after a
// goodbye for the old instance; it fails with ErrName, and changes
// nothing, when the names make no instance. It ends Silence.
func (n *Node) Rename(ctx context.Context, user, machine string, port uint16, t Text) (instance string, err error) {
	txt, err := t.wire()
	if err != nil {
		return "", err
	}
	return n.publish(ctx, func(now time.Time) error {
		return n.engine.Rename(now, user, machine, port, txt)
	})
}

// publish has start run by the loop and waits until the instance is announced.
func (n *Node) publish(ctx context.Context, start func(now time.Time) error) (instance string, err error) {
	c := make(chan published, 1)
	var refused error
	err = n.run(ctx, func(now time.Time) {
		if refused = start(now); refused == nil {
			n.published = append(n.published, c)
		}
	})
	if err := cmp.Or(err, refused); err != nil {
		return "", err
	}
	n.listen()
	select {
	case p := <-c:
		return p.name, p.err
	case <-n.done:
		return "", n.cause()
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// SetText changes the TXT record of the published instance. The last value
// wins when changes come faster than RFC 6762 8.4 lets us announce them.
func (n *Node) SetText(t Text) error {
	txt, err := t.wire()
	if err != nil {
		return err
	}
	return n.run(context.Background(), func(now time.Time) { n.engine.SetText(now, txt) })
}

// Withdraw says goodbye for the instance and returns when both goodbyes have
// left, a second apart. The node goes on browsing and may publish again.
func (n *Node) Withdraw(ctx context.Context) error {
	c := make(chan struct{})
	err := n.run(ctx, func(now time.Time) {
		for _, p := range n.published {
			p <- published{err: ErrWithdrawn}
		}
		n.published = nil
		n.withdrawn = append(n.withdrawn, c)
		n.engine.Withdraw(now)
	})
	if err != nil {
		return err
	}
	select {
	case <-c:
		return nil
	case <-n.done:
		return n.cause()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Silence makes a ghost of us: when it has returned the node sends nothing, no
// question, no goodbye (call Withdraw before), and the sockets are closed, so
// that not even the system says which groups we listen to. A ghost hears
// nothing: everybody has Left. Publish or Rename ends it.
func (n *Node) Silence() error {
	n.deafen()
	return n.run(context.Background(), func(now time.Time) {
		for _, p := range n.published {
			p <- published{err: ErrWithdrawn}
		}
		n.published = nil
		n.engine.Silence(now)
	})
}

// Stats returns facts for the roster's health line and for doctor.
func (n *Node) Stats() Stats {
	var s Stats
	_ = n.run(context.Background(), func(time.Time) { s = n.engine.Stats() })
	return s
}

// Name is our instance name on the air now, or "" when nothing is announced.
func (n *Node) Name() string {
	var name string
	_ = n.run(context.Background(), func(time.Time) { name = n.engine.Name() })
	return name
}

// Events returns the one channel of events. It is closed when the node ends.
// After a Resync event read Peers and Name again.
func (n *Node) Events() <-chan Event { return n.events }

// Peers returns everybody who is there, sorted by key, without ourselves.
func (n *Node) Peers() []Peer {
	var known []engine.Peer
	_ = n.run(context.Background(), func(time.Time) { known = n.engine.Peers() })
	var out []Peer
	for _, p := range known {
		out = append(out, peer(p))
	}
	return out
}

// Resolve asks for fresh SRV and address records of the instance, as one does
// right before dialling (174-11.2), and returns when they are known. When
// nobody answers within 5 s it returns what was known before, and
// ErrUnanswered; for an instance that is not there ErrUnknown.
func (n *Node) Resolve(ctx context.Context, key string) (Peer, error) {
	c := make(chan resolved, 1)
	known := false
	err := n.run(ctx, func(now time.Time) {
		n.resolved[key] = append(n.resolved[key], c)
		if known = n.engine.Resolve(now, key); !known {
			delete(n.resolved, key)
		}
	})
	switch {
	case err != nil:
		return Peer{}, err
	case !known:
		return Peer{}, ErrUnknown
	}
	select {
	case r := <-c:
		if !r.ok {
			return r.peer, ErrUnanswered
		}
		return r.peer, nil
	case <-n.done:
		return Peer{}, n.cause()
	case <-ctx.Done():
		return Peer{}, ctx.Err()
	}
}

// Reconfirm asks the link whether the instance is still there: call it when
// dialling failed (RFC 6762 10.4). If nobody answers within 10 s, Left follows.
func (n *Node) Reconfirm(key string) {
	_ = n.run(context.Background(), func(now time.Time) { n.engine.Reconfirm(now, key) })
}

// Watch sets the instances whose SRV records are kept fresh, at most 64: the
// open conversation and the contacts in view. The silent death of a watched
// instance is noticed within 120 s.
func (n *Node) Watch(keys ...string) {
	_ = n.run(context.Background(), func(now time.Time) { n.engine.Watch(now, keys) })
}

// Look sets the instances that a person sees, at most 20: whoever of them was
// silent for minutes is asked for, and Left follows when it does not answer.
func (n *Node) Look(keys ...string) {
	_ = n.run(context.Background(), func(now time.Time) { n.engine.Look(now, keys) })
}

// Seek asks once for instances that were on the link and are not known any
// more, by their labels as received, 20 at most: one that answers joins.
func (n *Node) Seek(instances ...string) {
	_ = n.run(context.Background(), func(now time.Time) { n.engine.Seek(now, instances) })
}

// Err tells why the node ended: nil while it lives, ErrClosed after Close, or
// what stopped its links (errors.Is link.ErrTaken: port 5353 is taken).
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.cause()
	default:
		return nil
	}
}

// Close ends the node without a goodbye; call Withdraw before. It waits for the
// node's goroutines.
func (n *Node) Close() error {
	n.running.Lock()
	n.ended = true // no goroutine starts from here on
	n.running.Unlock()
	n.cancel(ErrClosed)
	n.wg.Wait()
	return nil
}
