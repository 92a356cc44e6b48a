package mdns

import "context"

// Node is our place on the links.
type Node struct {
	events chan Event
}

func open(_ context.Context, c Config) (*Node, error) {
	return &Node{events: make(chan Event, 1)}, nil
}

// Publish probes for our names, renames where others have them, announces the
// instance with TXT record t and returns its name once it is announced.
func (n *Node) Publish(ctx context.Context, t Text) (instance string, err error) {
	return "", ErrClosed
}

// SetText changes the TXT record of the published instance. The last value
// wins when changes come faster than RFC 6762 8.4 lets us announce them.
func (n *Node) SetText(t Text) error { return ErrClosed }

// Withdraw says goodbye for the instance and returns when both goodbyes have
// left. The node goes on browsing.
func (n *Node) Withdraw(ctx context.Context) error { return ErrClosed }

// Name is our instance name on the air now, or "" when nothing is published.
func (n *Node) Name() string { return "" }

// Events returns the one channel of events. It is closed by Close.
func (n *Node) Events() <-chan Event { return n.events }

// Peers returns everybody who is there, sorted by key, without ourselves.
func (n *Node) Peers() []Peer { return nil }

// Resolve asks for fresh SRV and address records of the instance, as one does
// right before dialling (174-11.2), and returns when they are known.
func (n *Node) Resolve(ctx context.Context, key string) (Peer, error) { return Peer{}, ErrClosed }

// Reconfirm asks the link whether the instance is still there: call it when
// dialling failed (RFC 6762 10.4). If nobody answers, Left follows.
func (n *Node) Reconfirm(key string) {}

// Watch sets the instances whose SRV records are kept fresh, at most 64: the
// open conversation and the contacts in view.
func (n *Node) Watch(keys ...string) {}

// Close ends the node without a goodbye; call Withdraw before. It waits for the
// node's goroutines.
func (n *Node) Close() error { return nil }
