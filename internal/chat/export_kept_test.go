package chat

import "llchat/internal/identity"

// Said is what is kept of the words with which the streams of a key name and
// describe it, and of those in its request.
func Said(n *Node, pin identity.Pin) (words []string) {
	_ = n.call(n.ctx, func() error {
		r := n.remotes[pin]
		if r == nil {
			return nil
		}
		for _, l := range r.live {
			words = append(words, l.nick, l.status, l.show)
		}
		if r.request != nil {
			words = append(words, r.request.Nick)
		}
		return nil
	})
	return words
}
