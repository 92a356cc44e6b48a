package avahi

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

const (
	maxFetches = 8                // pictures asked for at once
	fetchTime  = 15 * time.Second // as mdns.Node's Avatar

	// ourPicture is AVAHI_PUBLISH_UNIQUE and AVAHI_PUBLISH_NO_PROBE: the name
	// is ours by the service's probing.
	ourPicture = uint32(1 | 2)
)

// avatar is our picture: what we were given, and the entry groups it is in. It
// has groups of its own, so that a change of it does not disturb the service.
type avatar struct {
	given  []byte
	onAir  []byte
	groups map[link.ID]dbus.ObjectPath // "" is a link where the daemon refused it
}

// fetch is the question for somebody's picture: one record browser, until it
// finds the right one.
type fetch struct {
	browser *browser
	waiting []chan []byte
}

// SetAvatar is what mdns.Node's SetAvatar is.
func (n *Node) SetAvatar(img []byte) error {
	if len(img) > mdns.MaxAvatar {
		return mdns.ErrAvatarSize
	}
	return n.run(context.Background(), func(now time.Time) {
		n.pub.avatar.given = bytes.Clone(img)
		n.turnAvatar()
	})
}

// Avatar is what mdns.Node's Avatar is. Avahi asks for multicast answers and
// may answer out of its cache.
func (n *Node) Avatar(ctx context.Context, key string) ([]byte, error) {
	c := make(chan []byte, 1)
	var refused error
	if err := n.run(ctx, func(time.Time) { refused = n.fetchAvatar(key, c) }); err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	select {
	case img := <-c:
		if img == nil {
			return nil, mdns.ErrUnanswered
		}
		return img, nil
	case <-n.done:
		return nil, n.closed()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// phsh is what a TXT record calls the avatar.
func phsh(t mdns.Text) string {
	hash, _ := t.Get("phsh")
	return strings.ToLower(hash)
}

// wanted is the picture that our TXT record names.
func (a *avatar) wanted(txt [][]byte) []byte {
	var data []byte
	for _, s := range txt {
		data = append(append(data, byte(len(s))), s...)
	}
	hash := phsh(decode(data))
	for _, img := range [][]byte{a.given, a.onAir} {
		if len(img) > 0 && mdns.AvatarHash(img) == hash {
			return img
		}
	}
	return nil
}

// turnAvatar makes the picture that the TXT record names the one in the daemon,
// on every link where the service is announced (174-11.8).
func (n *Node) turnAvatar() {
	p := &n.pub
	a := &p.avatar
	img := a.wanted(p.txt)
	if !p.wanted || !p.established {
		img = nil
	}
	for id, path := range a.groups {
		if _, here := n.links[id]; !here || !bytes.Equal(a.onAir, img) {
			if path != "" {
				n.free(path, groupFace)
			}
			delete(a.groups, id)
		}
	}
	if a.onAir = img; img == nil {
		return
	}
	if a.groups == nil {
		a.groups = map[link.ID]dbus.ObjectPath{}
	}
	for id := range n.links {
		if _, there := a.groups[id]; !there {
			a.groups[id] = n.addAvatar(id, img)
		}
	}
}

// addAvatar publishes the picture on one link.
func (n *Node) addAvatar(id link.ID, img []byte) dbus.ObjectPath {
	var path dbus.ObjectPath
	instance, err := service.Child(n.pub.label)
	if err != nil || n.ask("/", serverFace+".EntryGroupNew", &path) != nil {
		return ""
	}
	err = n.ask(path, groupFace+".AddRecord", nil, int32(id), anyProto, ourPicture,
		presentation(instance.Labels()...), uint16(wire.ClassIN), uint16(wire.TypeNULL), ttlOther, img)
	if err == nil {
		err = n.ask(path, groupFace+".Commit", nil)
	}
	if err != nil {
		n.free(path, groupFace)
		return ""
	}
	return path
}

// fetchAvatar begins to ask for the picture of an instance, or has c wait for
// the one that is under way.
func (n *Node) fetchAvatar(key string, c chan []byte) error {
	in := n.browse.byKey[key]
	switch {
	case in == nil || !in.shown || phsh(in.last.Text) == "":
		return mdns.ErrNoAvatar
	case in.fetch != nil:
	case n.browse.fetches >= maxFetches:
		return mdns.ErrBusy
	default:
		b := n.open(wire.TypeNULL, in, in.name.Labels()...)
		if b == nil {
			return mdns.ErrUnanswered
		}
		f := &fetch{browser: b}
		in.fetch = f
		n.browse.fetches++
		n.after(fetchTime, func(time.Time) {
			if in.fetch == f {
				n.endFetch(in, nil)
			}
		})
	}
	in.fetch.waiting = append(in.fetch.waiting, c)
	return nil
}

// toldAvatar looks whether the picture is there that the TXT record names. Any
// other is not taken.
func (n *Node) toldAvatar(in *instance) {
	for _, r := range in.fetch.browser.live {
		if img := []byte(r.data); len(img) <= mdns.MaxAvatar && mdns.AvatarHash(img) == phsh(in.last.Text) {
			n.endFetch(in, img)
			return
		}
	}
}

// endFetch ends the question (174-11.7, 174-9.2); img is nil when there was no
// answer.
func (n *Node) endFetch(in *instance, img []byte) {
	f := in.fetch
	if f == nil {
		return
	}
	in.fetch = nil
	n.browse.fetches--
	n.shut(f.browser)
	for _, c := range f.waiting {
		c <- img
	}
}
