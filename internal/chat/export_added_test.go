package chat

import (
	"llchat/internal/mdns"
	"llchat/internal/profile"
)

// FillAdded keeps as many addresses as fit, all of the key at this one.
func FillAdded(n *Node, address string) error {
	return n.call(n.ctx, func() error {
		t, err := parseTarget(address)
		if err != nil {
			return err
		}
		was := n.added[len(n.added)-1]
		for i := range profile.MaxAdded - 1 {
			t.port = uint16(20000 + i)
			if err := n.remember(added{t, was.pin, was.name}); err != nil {
				return err
			}
		}
		n.refresh()
		return nil
	})
}

// LinkHealth has the engine take in what discovery found out about a link.
func LinkHealth(n *Node, cause, link string) {
	_ = n.call(n.ctx, func() error {
		n.linkHealth(mdns.Event{Kind: mdns.Health, Cause: cause, Name: link})
		return nil
	})
}

// Rename has discovery tell of another name.
func Rename(n *Node, name string) {
	_ = n.call(n.ctx, func() error {
		n.claimEvent(mdns.Event{Kind: mdns.Renamed, Name: name})
		return nil
	})
}
