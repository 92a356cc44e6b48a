package chat

import (
	"context"
	"errors"
	"fmt"

	"llchat/internal/identity"
	"llchat/internal/safetext"
	"llchat/internal/trust"
)

// Unblock implements API.
func (n *Node) Unblock(ctx context.Context, who string) (Peer, error) {
	return n.decide(ctx, who, func(r *remote) error {
		if err := n.trust.Unblock(r.pin); err != nil {
			return n.notKept(err, r, "is not blocked")
		}
		// What came on its streams was thrown away, so what follows there would be
		// taken in before it. A new stream brings all, in order.
		for _, l := range r.live {
			n.partStream(l, blocking)
		}
		n.rebind()
		n.touch(r.pin)
		return nil
	})
}

// Rename implements API.
func (n *Node) Rename(ctx context.Context, who, petname string) (Peer, error) {
	if err := checkNick(petname); err != nil {
		return Peer{}, err
	}
	return n.decide(ctx, who, func(r *remote) error {
		if _, err := n.trust.Rename(r.pin, petname); err != nil {
			if errors.Is(err, trust.ErrPetname) {
				return usage(fmt.Sprintf("%q is no name for a contact", safetext.Name(petname).String()), "")
			}
			return n.notKept(err, r, "is no contact")
		}
		n.rebind()
		n.touch(r.pin)
		return nil
	})
}

// Forget implements API. The key and its streams go first, so that nothing
// more is written while the conversation is removed.
func (n *Node) Forget(ctx context.Context, who string) error {
	var pin identity.Pin
	err := n.call(ctx, func() error {
		row, err := n.resolve(who)
		if err != nil {
			return err
		}
		if pin = row.Fingerprint; pin.IsZero() {
			return &Error{Code: CodeNoSuch, Text: fmt.Sprintf("nothing is kept of %s", row.Name)}
		}
		return n.forget(n.remote(pin))
	})
	if err != nil {
		return err
	}
	// Beside the engine: a long conversation takes long to overwrite.
	err = n.hist.Forget(pin)
	return errors.Join(err, n.call(ctx, func() error {
		n.forgetStranger(n.remote(pin))
		n.refresh()
		return nil
	}))
}

// forget removes a key: it is a stranger from now on, and so are those that
// were in conflict with it.
func (n *Node) forget(r *remote) error {
	err := n.trust.Forget(r.pin)
	if e, ok := errors.AsType[*trust.Error](err); ok && (e.State == trust.Unknown || e.State == "") {
		err = nil // a request, or what is left of one
	}
	if err != nil {
		return err
	}
	return n.part(r, forgetting)
}

func (n *Node) notKept(err error, r *remote, what string) error {
	if _, ok := errors.AsType[*trust.Error](err); !ok {
		return err
	}
	return &Error{
		Code: CodeNoSuch, Text: fmt.Sprintf("%s %s", n.nameOf(r.pin), what),
		Hint: "llchat peers lists whom you know",
	}
}
