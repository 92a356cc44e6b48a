package chat

import "llchat/internal/mdns"

// KeptAvatars is how many pictures of contacts are kept.
func KeptAvatars(n *Node) (count int) {
	_ = n.call(n.ctx, func() error {
		all, err := n.hist.Avatars()
		count = len(all)
		return err
	})
	return count
}

// NameAvatar has the claim of somebody name a picture, as a forged TXT record
// does.
func NameAvatar(n *Node, who, phsh string) {
	_ = n.call(n.ctx, func() error {
		row, err := n.resolve(who)
		if err != nil {
			return err
		}
		for key := range n.owned[row.Fingerprint] {
			p := n.claims[key].Peer
			p.Text = append(withoutAvatar(p.Text), mdns.TextEntry{Key: "phsh", Value: []byte(phsh), HasValue: true})
			n.claimEvent(mdns.Event{Kind: mdns.Changed, Peer: p})
		}
		n.refresh()
		return nil
	})
}

// GotAvatar has a picture come from the network.
func GotAvatar(n *Node, who, hash string, img []byte) {
	_ = n.call(n.ctx, func() error {
		row, err := n.resolve(who)
		if err == nil {
			n.gotAvatar(row.Fingerprint, hash, img, nil)
		}
		return err
	})
}
