package engine

import (
	"net/netip"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// Packet takes one packet. p.Data is not kept.
func (e *Engine) Packet(now time.Time, p link.Packet) {
	e.now = now
	l := e.links[p.Link]
	if l == nil || !p.Src.IsValid() || len(p.Data) > wire.MaxPacket {
		return
	}
	src := p.Src.Addr().Unmap()
	own := e.isOwnAddr(src)
	if !e.room(now, l, src, own, len(p.Data)) {
		e.stats.ShedPackets++
		e.shed(now, 1)
		return
	}
	switch {
	case !own:
		e.hearForeign(now, l)
	case p.Multicast:
		e.hearEcho(now, l, p.Data)
	}
	m, err := wire.ParseFirst(p.Data, l.records(len(p.Data)))
	if err != nil || m.Opcode != 0 || m.Rcode != 0 { // RFC 6762 18.3, 18.11
		return
	}
	in := input{
		src: netip.AddrPortFrom(p.Src.Addr(), p.Src.Port()), own: own, multicast: p.Multicast,
		onLink: own || l.info.OnLink(src), msg: &m,
	}
	if m.Response {
		e.response(now, l, in)
	} else {
		e.query(now, l, in)
	}
	e.settle()
}

// room says whether one more packet from src may be looked at (L-20). The source
// is asked first: a loud one must not use up the share of the others. Many of
// us may be on this machine behind its one address, so what it sends counts for
// the link alone. When the link is over its limit there is a reserve for the
// sources of contacts.
func (e *Engine) room(now time.Time, l *linkState, src netip.Addr, own bool, size int) bool {
	frames := float32(1 + size/frameSize)
	if !own && !e.sources.packet(now, src, frames) {
		return false
	}
	return l.load.takeMany(now, frames, linkRate, linkRate) ||
		e.sources.known(src, e.cfg.Pinned) && l.reserve.takeMany(now, frames, reserveRate, reserveRate)
}

// largeRecords is how many records of a packet in fragments are read. RFC 6762
// 17 allows one, and only because it would not fit otherwise; who sends more
// wants us to work.
const largeRecords = 16

// records is how many records of a packet of that size are read.
func (l *linkState) records(size int) int {
	if size > max(frameSize, l.info.MTU) {
		return largeRecords
	}
	return wire.MaxRecords
}

// input is one packet that was parsed, with what is known about its sender.
type input struct {
	src       netip.AddrPort
	own       bool // from an address of this machine
	multicast bool
	onLink    bool // the sender is a neighbour
	msg       *wire.Message
}

// response looks at a response: it may contradict our own records, and it
// tells about others. Only port 5353 of a neighbour counts (RFC 6762 6, 11;
// C-33), and a unicast response only if we asked for one.
func (e *Engine) response(now time.Time, l *linkState, in input) {
	if in.src.Port() != link.Port || !in.onLink {
		return
	}
	if !in.multicast && now.After(l.quUntil) {
		return
	}
	e.compareOwn(now, l, in)
	e.suppress(l, in)
	e.learn(now, l, in)
}

// query looks at a query. A unicast query from elsewhere is none of our
// business (RFC 6762 5.5), and a legacy querier elsewhere gets nothing.
func (e *Engine) query(now time.Time, l *linkState, in input) {
	if !in.onLink && (!in.multicast || in.src.Port() != link.Port) {
		return
	}
	e.tieBreak(now, l, in)
	if in.src.Port() == link.Port && in.multicast {
		e.noteQuestions(now, l, in)
	}
	if l.pub.phase == live {
		e.answer(now, l, in)
	}
}

// shed counts what was not looked at and reports it at most once a second.
func (e *Engine) shed(now time.Time, n int) {
	c := &e.cache
	c.shed += n
	if !c.overload.running() {
		e.timers.set(&c.overload, now.Add(time.Second))
	}
}
