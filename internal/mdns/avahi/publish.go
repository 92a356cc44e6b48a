package avahi

import (
	"cmp"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
)

// Rates of changes (RFC 6762 8.4, 174-5.3).
const (
	updatesPerMinute = 10
	updatePause      = time.Second
)

// Pauses after conflicts (RFC 6762 8.1) and after the daemon refused.
const (
	conflictWindow = 10 * time.Second
	conflictLimit  = 15
	conflictPause  = 5 * time.Second
	refusedPause   = 5 * time.Second
)

// A squatter answers every probe. After this many conflicts in a minute the
// records are registered as shared ones, which Avahi neither probes for nor
// gives up: a name that is taken twice is a nuisance, silence is what the
// squatter wants.
const (
	squatterLimit  = 20
	squatterWindow = time.Minute
)

// maxOwnAddrs is how many addresses of a link are published: as many as others
// keep (L-25), and below the 32 entries that Avahi allows in a group.
const maxOwnAddrs = 8

// noReverse is AVAHI_PUBLISH_NO_REVERSE: the reverse record of our address is
// Avahi's own, under the machine's host name.
const noReverse = uint32(16)

// anyProto is AVAHI_PROTO_UNSPEC.
const anyProto = int32(-1)

// publication is our instance in the daemon.
type publication struct {
	names
	wanted      bool     // Publish was called
	established bool     // announced under the present names
	reported    string   // the name we told the user last
	txt         [][]byte // registered, or to be
	wantTXT     [][]byte // to be there as soon as the update rate allows
	groups      map[dbus.ObjectPath]*group
	avatar      avatar
	waiting     []chan published

	former    map[string]time.Time // names we gave up moments ago
	conflicts []time.Time          // of the last minute
	notBefore time.Time            // the next attempt to register
	updates   []time.Time          // changes of the last minute
	change    *time.Timer
}

// group is one entry group: the addresses of our host label on a link, or the
// service there.
//
//	registering --> established      (the daemon probed, then announced)
//	     |               |
//	     +--> collision <+           (somebody has the name: rename)
type group struct {
	path  dbus.ObjectPath
	link  link.ID
	host  bool         // addresses, else the service
	addrs []netip.Addr // of a host group
	ready bool
}

// States of an entry group (AVAHI_ENTRY_GROUP_*).
const (
	groupEstablished = 2
	groupCollision   = 3
	groupFailure     = 4
)

// publish registers the instance, or changes it when it is registered already.
func (n *Node) publish(now time.Time, txt [][]byte, c chan published) {
	p := &n.pub
	p.waiting = append(p.waiting, c)
	if p.wanted {
		n.setText(now, txt)
		n.announced()
		return
	}
	p.wanted, p.txt, p.wantTXT = true, txt, txt
	n.sync(now)
}

// become publishes the instance under other names, or on another port.
func (n *Node) become(now time.Time, fresh names, port uint16, txt [][]byte, c chan published) {
	p := &n.pub
	n.speak(now)
	if p.label != fresh.label || n.cfg.Port != port {
		if p.wanted {
			n.retract(now)
		}
		p.names, p.reported, p.wanted, n.cfg.Port = fresh, "", false, port
		p.notBefore = time.Time{}
	}
	n.publish(now, txt, c)
}

// withdraw frees the groups: the daemon says goodbye.
func (n *Node) withdraw(now time.Time) {
	p := &n.pub
	for _, c := range p.waiting {
		c <- published{err: mdns.ErrWithdrawn}
	}
	p.waiting, p.wanted = nil, false
	n.retract(now)
}

// retract frees all groups, so that nothing is published under these names.
func (n *Node) retract(now time.Time) {
	for _, g := range n.pub.groups {
		n.free(g.path, groupFace)
	}
	n.pub.leave(now)
	n.pub.established = false
	n.turnAvatar()
	n.dropGroups()
	n.after(formerFor, n.forget)
}

// formerFor is how long late copies of our own records are not taken for
// somebody else after we gave up a name.
const formerFor = 5 * time.Second

// leave remembers the name that is given up.
func (p *publication) leave(now time.Time) {
	if p.former == nil {
		p.former = map[string]time.Time{}
	}
	p.former[fold(p.label)] = now.Add(formerFor)
}

// forget shows who else has a name that we gave up.
func (n *Node) forget(now time.Time) {
	for key, until := range n.pub.former {
		if !now.Before(until) {
			delete(n.pub.former, key)
			n.touch(n.browse.byKey[key])
		}
	}
}

// dropGroups forgets groups that the daemon does not hold any more.
func (n *Node) dropGroups() {
	clear(n.pub.groups)
	clear(n.pub.avatar.groups)
	n.pub.established = false
	n.touch(n.browse.byKey[fold(n.pub.label)])
}

func (n *Node) free(path dbus.ObjectPath, face string) { _ = n.ask(path, face+".Free", nil) }

// sync makes the daemon's groups what they should be: two for every link.
func (n *Node) sync(now time.Time) {
	p := &n.pub
	if !p.wanted || n.owner == "" || now.Before(p.notBefore) {
		return
	}
	if n.spare() {
		n.delay(now, time.Second)
		return
	}
	for path, g := range p.groups {
		l, ok := n.links[g.link]
		if !ok || g.host && !slices.Equal(g.addrs, ownAddrs(l)) {
			n.free(path, groupFace)
			delete(p.groups, path)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(n.links)) {
		for _, host := range []bool{true, false} {
			if p.find(id, host) == nil && !n.register(now, n.links[id], host) {
				return // under another name soon
			}
		}
	}
	n.announced()
}

func (p *publication) find(id link.ID, host bool) *group {
	for _, g := range p.groups {
		if g.link == id && g.host == host {
			return g
		}
	}
	return nil
}

// ownAddrs are the addresses we publish on l: its own and no others.
func ownAddrs(l link.Info) []netip.Addr {
	var out []netip.Addr
	for _, p := range l.Addrs {
		if len(out) < maxOwnAddrs {
			out = append(out, p.Addr().WithZone(""))
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// register makes one group. It reports whether the name is still the same.
func (n *Node) register(now time.Time, l link.Info, host bool) bool {
	g := &group{link: l.ID, host: host}
	err := n.ask("/", serverFace+".EntryGroupNew", &g.path)
	if err != nil {
		return n.refused(now, g, err)
	}
	n.pub.groups[g.path] = g // a state may be on its way already
	switch shared := n.squatted(now); {
	case host:
		g.addrs = ownAddrs(l)
		err = n.addHost(g, shared)
	case shared:
		err = n.addShared(g)
	default:
		p := &n.pub
		err = n.ask(g.path, groupFace+".AddService", nil, int32(l.ID), anyProto, uint32(0),
			p.label, "_presence._tcp", "local", p.host+".local", n.cfg.Port, p.txt)
	}
	if err == nil {
		err = n.ask(g.path, groupFace+".Commit", nil)
	}
	if err != nil {
		n.free(g.path, groupFace)
		delete(n.pub.groups, g.path)
		return n.refused(now, g, err)
	}
	return true
}

// refused decides what an error of the daemon means for us. It reports whether
// the name is still the same.
func (n *Node) refused(now time.Time, g *group, err error) bool {
	var said dbus.Error
	if !errors.As(err, &said) {
		return true // no daemon: it will be back
	}
	switch said.Name {
	case errCollision: // another program on this machine has it, through Avahi
		p := userPart
		if g.host {
			p = machinePart
		}
		n.rename(now, p)
		return false
	case errObjects, errEntries:
		n.overload(1)
	case errNoPublish, errNoAccess:
		for _, c := range n.pub.waiting {
			c <- published{err: errors.Join(ErrRefused, err)}
		}
		n.pub.waiting = nil
	}
	n.delay(now, refusedPause)
	return true
}

// delay tries to register again in d.
func (n *Node) delay(now time.Time, d time.Duration) {
	n.pub.notBefore = now.Add(d)
	n.after(d, n.sync)
}

// groupState follows the daemon's probing and announcing.
func (n *Node) groupState(now time.Time, s signal) {
	g := n.pub.groups[s.path]
	if g == nil {
		return
	}
	switch s.state {
	case groupEstablished:
		g.ready = true
		n.announced()
	case groupCollision: // another machine, or a program with sockets of its own
		n.rename(now, machinePart)
	case groupFailure:
		n.free(g.path, groupFace)
		delete(n.pub.groups, g.path)
		n.delay(now, refusedPause)
	}
}

// rename gives a name up and registers the next one (174-3.8, 174-3.9).
func (n *Node) rename(now time.Time, which part) {
	p := &n.pub
	p.conflicts = slices.DeleteFunc(p.conflicts, func(t time.Time) bool { return now.Sub(t) >= squatterWindow })
	p.conflicts = append(p.conflicts, now)
	n.retract(now)
	n.stats.Conflicts++
	n.stats.Renames++
	p.next(which, n.rand.Uint32())
	recent := 0
	for _, t := range p.conflicts {
		if now.Sub(t) < conflictWindow {
			recent++
		}
	}
	if recent >= conflictLimit {
		n.delay(now, conflictPause)
		return
	}
	n.delay(now, 0)
}

// squatted says whether somebody takes every name that we want.
func (n *Node) squatted(now time.Time) bool {
	c := n.pub.conflicts
	return len(c) >= squatterLimit && now.Sub(c[len(c)-squatterLimit]) < squatterWindow
}

// announced tells who waits when all groups are on the air.
func (n *Node) announced() {
	p := &n.pub
	if !p.wanted || len(p.groups) == 0 {
		return
	}
	for _, g := range p.groups {
		if !g.ready {
			return
		}
	}
	if !p.established {
		p.established, p.tries = true, 0
		n.touch(n.browse.byKey[fold(p.label)])
	}
	if p.reported == "" {
		p.reported = p.user + "@" + p.machine
	}
	if p.label != p.reported {
		p.reported = p.label
		n.tell(mdns.Event{Kind: mdns.Renamed, Cause: mdns.CauseConflict, Name: p.label})
	}
	n.turnAvatar()
	for _, c := range p.waiting {
		c <- published{name: p.label}
	}
	p.waiting = nil
}

// setText changes the TXT record now or as soon as the rate allows.
func (n *Node) setText(now time.Time, txt [][]byte) {
	p := &n.pub
	p.wantTXT = txt
	if p.change != nil {
		p.change.Stop()
		p.change = nil
	}
	if !p.wanted || same(p.txt, txt) {
		return
	}
	at := p.updateAt(now)
	if !at.After(now) {
		n.applyText(now)
		return
	}
	p.change = n.after(at.Sub(now), n.applyText)
}

// updateAt is when the next change may be announced.
func (p *publication) updateAt(now time.Time) time.Time {
	p.updates = slices.DeleteFunc(p.updates, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	at := now
	if u := len(p.updates); u > 0 {
		at = later(at, p.updates[u-1].Add(updatePause))
		if u >= updatesPerMinute {
			at = later(at, p.updates[u-updatesPerMinute].Add(time.Minute))
		}
	}
	return at
}

func later(a, b time.Time) time.Time {
	if cmp.Compare(a.UnixNano(), b.UnixNano()) >= 0 {
		return a
	}
	return b
}

func same(a, b [][]byte) bool { return slices.EqualFunc(a, b, slices.Equal[[]byte]) }

// applyText has the daemon announce the wanted TXT data in place. A group that
// does not take them is made anew.
func (n *Node) applyText(now time.Time) {
	p := &n.pub
	if !p.wanted || same(p.txt, p.wantTXT) {
		return
	}
	p.txt = p.wantTXT
	n.turnAvatar()
	p.updates = append(p.updates, now)
	for path, g := range p.groups {
		if g.host {
			continue
		}
		err := n.ask(path, groupFace+".UpdateServiceTxt", nil, int32(g.link), anyProto, uint32(0),
			p.label, "_presence._tcp", "local", p.txt)
		if err != nil {
			n.free(path, groupFace)
			delete(p.groups, path)
		}
	}
	n.sync(now)
}
