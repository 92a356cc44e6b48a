package chat

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"time"

	"llchat/internal/health"
	"llchat/internal/mdns"
	"llchat/internal/mdns/avahi"
	"llchat/internal/peer"
)

// VisibleGhost publishes nothing and sends no multicast at all: who wants to
// reach a ghost must know where it is (spec K5).
const VisibleGhost = "ghost"

// goodbyeTime is how long the two goodbyes before silence may take: they leave
// a second apart (mdns.md 2.4).
const goodbyeTime = 3 * time.Second

// outside is the side of a node that the network sees. A turn shows it anew;
// turns follow each other, and a newer one ends the one under way.
type outside struct {
	listeners []net.Listener
	turn      int
	stop      context.CancelFunc // ends the present turn
	turned    chan struct{}      // closed when that has ended; nil before the first
}

func (n *Node) ghost() bool { return n.settings.Visibility == VisibleGhost }

// turning reports whether the network does not yet see us as we are set.
func (n *Node) turning() bool {
	select {
	case <-n.outside.turned:
		return false
	default:
		return n.outside.turned != nil
	}
}

// wantPort is the port to listen on: the one asked for, in the open profile the
// kept one. What is not open gets a new one, 0, at each start and switch: a
// port tells who we are as well as a name does.
func (n *Node) wantPort() uint16 {
	switch {
	case n.settings.Visibility == VisibleOpen:
		return cmp.Or(n.opt.Port, n.settings.Port)
	case n.outside.listeners == nil:
		return n.opt.Port
	}
	return 0
}

// hear takes streams at these listeners and no more at those before. Streams
// that came in there live on.
func (n *Node) hear(listeners []net.Listener) {
	closeAll(n.outside.listeners)
	n.outside.listeners = listeners
	for _, l := range listeners {
		n.start(func() {
			err := n.streams.Serve(n.ctx, l)
			if err != nil && n.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				n.log.Error("Listener ended", "err", err)
			}
		})
	}
}

// setVisibility changes what the network sees of a node that runs. When it has
// returned from making a ghost, nothing is sent any more.
func (n *Node) setVisibility(ctx context.Context, value string) error {
	var silent []chan struct{}
	err := n.call(ctx, func() error {
		err := n.show(value)
		if n.ghost() {
			silent = []chan struct{}{n.outside.turned, n.search.busy, n.domain.turned}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range silent {
		if c == nil {
			continue // nothing of the kind was ever begun
		}
		select {
		case <-c:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.ctx.Done():
			return ErrEnded
		}
	}
	return nil
}

// show makes a visibility the present one, or changes nothing.
func (n *Node) show(value string) error {
	s := n.settings
	if err := change(&s, "visibility", value); err != nil || s.Visibility == n.settings.Visibility {
		return err
	}
	before, port := n.settings, n.port
	n.settings = s
	fresh, err := n.listenAnew()
	if err == nil {
		err = n.prof.SaveSettings(n.settings)
	}
	if err != nil {
		closeAll(fresh)
		n.settings, n.port = before, port
		return err
	}
	n.settlePrelude()
	if n.opt.Passive { // never published; what it says elsewhere is that of its start
		return nil
	}
	if fresh != nil {
		n.hear(fresh)
		n.tellPlaces()
	}
	n.clearHealth(healthRenamed)
	n.turnAround()
	n.wantAvatars()
	n.tendDomain()
	return nil
}

// listenAnew listens where the visibility wants it, unless we are there.
func (n *Node) listenAnew() ([]net.Listener, error) {
	if want := n.wantPort(); want != 0 && want == n.port {
		return nil, nil
	}
	return n.listen(n.ctx)
}

// turnAround shows the network the new names, or nobody.
func (n *Node) turnAround() {
	if !n.publishing { // browsing under names that were never announced
		n.introduce()
		n.publish()
		return
	}
	n.takeNames()
	switch {
	case n.ghost() && n.search.uses == "":
		n.hide()
	case n.search.uses != "" && n.wantFinder() != n.search.uses: // a ghost since its start
		n.swapFinder()
	case n.events != nil: // else discoveryThere does it
		n.announceSelf()
	}
}

// hide makes a ghost of a node that was looking for a way to the network.
func (n *Node) hide() {
	if err := n.openDiscovery(); err != nil {
		n.discoveryFailed(err)
		return
	}
	n.discoveryThere()
}

// takeNames makes the names that the visibility wants the present ones.
func (n *Node) takeNames() {
	if n.ghost() {
		n.names.leave()
		return
	}
	n.names.add(mdns.InstanceName(n.ownNames()))
}

// leave ends the present name. Streams are opened without one, and those that
// are open go on under what their headers said (spec 5.4).
func (o *ownNames) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.current = ""
}

// discoveryNames are the names to browse under. A ghost has none: the words are
// never sent.
func (n *Node) discoveryNames() (user, machine string) {
	if name := n.names.now(); name != "" {
		return mdns.SplitInstance(name)
	}
	return mdns.Word(rand.Reader), mdns.Machine(rand.Reader)
}

// announceSelf shows us on the links as we are set: under our names, or with a
// goodbye and then silence.
func (n *Node) announceSelf() {
	n.showAvatar()
	o := &n.outside
	if o.stop != nil {
		o.stop()
	}
	ctx, stop := context.WithCancel(n.ctx)
	before, turned := o.turned, make(chan struct{})
	o.turn++
	o.stop, o.turned = stop, turned
	d, turn, ghost, port, text := n.disc.Load(), o.turn, n.ghost(), n.port, n.presenceText()
	user, machine := n.discoveryNames()
	n.start(func() {
		defer stop()
		if before != nil {
			<-before
		}
		name, err := "", ctx.Err()
		switch {
		case err != nil: // there is a newer one
		case ghost:
			err = vanish(ctx, d)
		default:
			name, err = d.Rename(ctx, user, machine, port, text)
		}
		close(turned)
		n.post(func() { n.turnEnded(d, turn, name, err) })
	})
}

// vanish says goodbye and is silent from then on.
func vanish(ctx context.Context, d Finder) error {
	polite, cancel := context.WithTimeout(ctx, goodbyeTime)
	defer cancel()
	_ = d.Withdraw(polite) // nobody hears it: silence matters more
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.Silence()
}

// turnEnded follows a turn that has ended.
func (n *Node) turnEnded(d Finder, turn int, name string, err error) {
	if turn != n.outside.turn {
		return
	}
	if err != nil {
		n.log.Debug("Not published", "err", err) // the end of the links says why
		n.refusedBy(turn, err)
		return
	}
	if !n.ghost() {
		n.clearHealth(healthDiscovery)
		if peer.Fold(name) != peer.Fold(n.names.now()) {
			n.renamed(name)
		}
		n.keepName(name)
		if err := d.SetText(n.presenceText()); err != nil { // what was set meanwhile
			n.log.Debug("Text not announced", "err", err)
		}
	}
	n.tendDomain()
	n.readyOnce.Do(func() { close(n.ready) })
}

// refusedBy says that avahi-daemon does not publish us, and asks it again.
func (n *Node) refusedBy(turn int, err error) {
	if !errors.Is(err, avahi.ErrRefused) {
		return
	}
	text, hint := discoveryWords(err)
	n.healthItem(health.Error, healthDiscovery, "others cannot find you: "+text, hint)
	n.after(discoveryPause, func() {
		if turn == n.outside.turn && n.events != nil {
			n.announceSelf()
		}
	})
}
