package engine

import (
	"net/netip"
	"slices"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// headers is what IPv6 and UDP put in front of a payload.
const headers = 40 + 8

// linkState is everything about one link.
type linkState struct {
	id      link.ID
	info    link.Info
	load    bucket // packets of this link, L-20
	reserve bucket // and of contacts, when it is used up

	echo    echo
	foreign time.Time // last packet of another machine
	lost    time.Time // somebody did not answer: the network may be cut behind the next switch

	pub       publication
	responder responder
	ask       asking
	quUntil   time.Time // unicast responses are accepted until then (RFC 6762 6)

	hosts    map[string]*host // SRV targets, by Name.Key
	queue    []*view          // views with questions to ask
	resolve  timer            // next packet of such questions
	resolved time.Time        // the last one
	sought   map[string]sought
}

// Links takes the links that are up now. unicast says whether unicast packets
// to port 5353 reach us, so that QU questions make sense (RFC 6762 15.1).
func (e *Engine) Links(now time.Time, infos []link.Info, unicast bool) {
	e.now = now
	e.unicast = unicast
	before, moved := len(e.links), false
	here := map[link.ID]bool{}
	for _, i := range infos {
		here[i.ID] = true
	}
	for _, l := range e.sorted() {
		if !here[l.id] {
			moved = true
			e.dropLink(now, l)
		}
	}
	for _, i := range infos {
		l := e.links[i.ID]
		switch {
		case l == nil:
			l = e.newLink(i)
			e.links[i.ID] = l
			moved = true
			e.linkUp(now, l)
		case !sameAddrs(l.info.Addrs, i.Addrs):
			l.info = i
			moved = true
			clear(l.responder.sent)
			e.linkUp(now, l) // RFC 6762 8: like a new link
		default:
			l.info = i
		}
	}
	if moved && before > 0 && len(e.links) > 0 { // else countLinks tells
		e.emit(Event{Kind: Health, Fact: Moved})
	}
	e.countLinks(before)
	e.settle()
}

func (e *Engine) newLink(i link.Info) *linkState {
	l := &linkState{id: i.ID, info: i, hosts: map[string]*host{}}
	l.pub.timer.fire = func(now time.Time) { e.publishStep(now, l) }
	l.responder.init(func(now time.Time) { e.respond(now, l) })
	l.ask.timer.fire = func(now time.Time) { e.askDue(now, l) }
	l.resolve.fire = func(now time.Time) { e.sendQueue(now, l) }
	l.echo.timer.fire = func(time.Time) { e.echoDue(l) }
	return l
}

// linkUp starts questions and, when something is published, probes on a link
// that is new or has new addresses.
func (e *Engine) linkUp(now time.Time, l *linkState) {
	e.restartAsking(now, l)
	if e.own.wanted {
		e.startProbing(now, l, e.between(0, probeSpread))
	}
}

// dropLink forgets a link and what came from it (RFC 6762 10.3).
func (e *Engine) dropLink(now time.Time, l *linkState) {
	for _, t := range []*timer{&l.pub.timer, &l.responder.timer, &l.ask.timer, &l.resolve, &l.echo.timer} {
		e.timers.stop(t)
	}
	for _, tr := range l.responder.trains {
		e.timers.stop(&tr.timer)
	}
	delete(e.links, l.id)
	e.forgetLink(now, l)
	e.publishedYet()
}

// has says whether a, without zone, is our address on the link.
func (l *linkState) has(a netip.Addr) bool {
	return slices.ContainsFunc(l.info.Addrs, func(p netip.Prefix) bool { return p.Addr() == a })
}

// payload is how large our packets may be (C-35).
func (l *linkState) payload() int {
	if l.info.MTU <= 0 {
		return wire.DefaultMTU
	}
	return max(512, min(wire.DefaultMTU, l.info.MTU-headers))
}

// sameAddrs compares without order.
func sameAddrs(a, b []netip.Prefix) bool {
	if len(a) != len(b) {
		return false
	}
	for _, p := range a {
		if !slices.Contains(b, p) {
			return false
		}
	}
	return true
}
