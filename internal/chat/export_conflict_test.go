package chat

import (
	"crypto/sha256"
	"fmt"
	"time"

	"llchat/internal/identity"
	"llchat/internal/trust"
)

// Verify does what a comparison of keys will do.
func Verify(n *Node, pin identity.Pin) error {
	return n.call(n.ctx, func() error {
		_, err := n.trust.Verify(pin, nil, "code", time.Now())
		n.touch(pin)
		return err
	})
}

// Namesakes lets many new keys claim a name, each once.
func Namesakes(n *Node, name string, from, to int) error {
	return n.call(n.ctx, func() error {
		for i := from; i < to; i++ {
			r := n.remote(sha256.Sum256(fmt.Append(nil, "namesake", i)))
			r.names = []string{name + "@pit", name}
			if n.mayAsk(r) {
				return fmt.Errorf("namesake %d is %s", i, trust.Unknown)
			}
			n.forgetStranger(r)
		}
		return nil
	})
}
