package mdns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"llchat/internal/mdns/engine"
)

// MaxAvatar is the largest picture that can be published, and that is taken
// from others (mdns.md 2.8): record and headers stay below the 9,000 octets
// of RFC 6762 17. The 65,535 octets of XEP-0174 11.2 are above it.
const MaxAvatar = engine.MaxPicture

// Errors of SetAvatar and Avatar.
var (
	ErrAvatarSize = fmt.Errorf("mdns: an avatar has at most %d octets", MaxAvatar)
	ErrNoAvatar   = errors.New("mdns: the instance names no avatar")
	ErrBusy       = errors.New("mdns: too many avatars are asked for at once")
)

// AvatarHash is the value of the TXT key phsh for a picture: its SHA-1 in hex
// (XEP-0174 15). It finds pictures and proves nothing (K16).
func AvatarHash(img []byte) string { return engine.PictureHash(img) }

// SetAvatar gives the node the picture, of any form, that it publishes while
// the TXT record names it under the key phsh, and at no other time: record and
// hash change together (174-11.8). An empty one is none.
func (n *Node) SetAvatar(img []byte) error {
	if len(img) > MaxAvatar {
		return ErrAvatarSize
	}
	return n.run(context.Background(), func(now time.Time) { n.engine.SetAvatar(now, img) })
}

// Avatar asks the link for the picture that the instance's TXT record names,
// and returns it when its hash is right. The octets are a stranger's, and none
// were looked at. It fails with ErrNoAvatar, with ErrUnanswered after 15 s or
// when the instance leaves, with ErrBusy when eight are asked for already.
func (n *Node) Avatar(ctx context.Context, key string) ([]byte, error) {
	c := make(chan []byte, 1)
	var did engine.Fetch
	err := n.run(ctx, func(now time.Time) {
		if did = n.engine.FetchAvatar(now, key); did == engine.Fetching {
			n.pictured[key] = append(n.pictured[key], c)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case did == engine.NoPicture:
		return nil, ErrNoAvatar
	case did == engine.TooMany:
		return nil, ErrBusy
	}
	select {
	case img := <-c:
		if img == nil {
			return nil, ErrUnanswered
		}
		return img, nil
	case <-n.done:
		return nil, n.cause()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// gotAvatar gives a picture, or nil, to whoever waits for it.
func (n *Node) gotAvatar(ev engine.Event) {
	for _, c := range n.pictured[ev.Peer.Key] {
		c <- ev.Data
	}
	delete(n.pictured, ev.Peer.Key)
}
