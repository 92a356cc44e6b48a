package engine

import (
	"hash/maphash"
	"time"

	"llchat/internal/mdns/link"
)

// Fact is a change in how things are with a link or with us.
type Fact string

// The facts of Health events. Name is that of the link where it concerns one.
const (
	NoEcho    Fact = "no echo"   // our own multicast has not come back to us for 10 s: something here filters it
	Echo      Fact = "echo"      // it does again
	NoLinks   Fact = "no links"  // there is no usable network
	SomeLinks Fact = "links"     // there is one again
	Moved     Fact = "moved"     // a link came, went, or has other addresses
	Woke      Fact = "woke"      // the clock jumped: the machine slept
	Contested Fact = "contested" // somebody speaks for our name; Renamed follows if they mean it
)

// echoTime is how long we wait for our own packets to come back. The system
// loops them back at once (RFC 6762 needs it for two programs on a machine).
const echoTime = 10 * time.Second

// Stats are facts about the engine since it was made.
type Stats struct {
	Name   string // as of [Engine.Name]
	Silent bool
	Links  []LinkStats // ascending by id
	Peers  int         // instances shown

	Conflicts     int // times somebody else had one of our names
	Renames       int
	ShedPackets   int // not looked at (L-20)
	ShedInstances int // no room, or too many at once (L-22, L-23)
	Evicted       int // had to make room (L-22)

	Wakes int // clock jumps
	Woke  time.Time
}

// LinkStats are facts about one link.
type LinkStats struct {
	ID      link.ID
	Name    string
	Live    bool      // our instance is announced there
	Sent    time.Time // last multicast of ours
	Echo    time.Time // last one of ours that we heard
	Foreign time.Time // last packet of another machine
	NoEcho  bool      // ours have not come back for 10 s
}

// Stats returns the facts as they are now.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Name, s.Silent = e.Name(), e.silent
	for _, in := range e.cache.byKey {
		if in.shown {
			s.Peers++
		}
	}
	for _, l := range e.sorted() {
		s.Links = append(s.Links, LinkStats{
			ID: l.id, Name: l.info.Name, Live: l.pub.phase == live,
			Sent: l.echo.sent, Echo: l.echo.heard, Foreign: l.foreign, NoEcho: l.echo.missing,
		})
	}
	return s
}

// echo watches whether what we multicast on a link comes back to us.
type echo struct {
	sent, heard time.Time
	want        uint64 // hash of the last packet
	missing     bool
	timer       timer // runs while an echo is awaited
}

var echoSeed = maphash.MakeSeed()

// expectEcho notes that packet goes out to the group on l. What follows before
// its echo takes its place.
func (e *Engine) expectEcho(l *linkState, packet []byte) {
	l.echo.want = maphash.Bytes(echoSeed, packet)
	l.echo.sent = e.now
	if !l.echo.timer.running() {
		e.timers.set(&l.echo.timer, e.now.Add(echoTime))
	}
}

// hearEcho takes a packet from an address of this machine, perhaps ours.
func (e *Engine) hearEcho(now time.Time, l *linkState, packet []byte) {
	if l.echo.sent.IsZero() || maphash.Bytes(echoSeed, packet) != l.echo.want {
		return
	}
	l.echo.heard = now
	e.timers.stop(&l.echo.timer)
	if l.echo.missing {
		l.echo.missing = false
		e.emit(Event{Kind: Health, Fact: Echo, Name: l.info.Name})
	}
}

// echoDue is called when ours did not come back.
func (e *Engine) echoDue(l *linkState) {
	if !l.echo.missing {
		l.echo.missing = true
		e.emit(Event{Kind: Health, Fact: NoEcho, Name: l.info.Name})
	}
}

// countLinks tells when the last link went or the first one came back.
func (e *Engine) countLinks(before int) {
	switch n := len(e.links); {
	case n == 0 && (before > 0 || !e.told):
		e.emit(Event{Kind: Health, Fact: NoLinks})
	case n > 0 && before == 0 && e.told:
		e.emit(Event{Kind: Health, Fact: SomeLinks})
	}
	e.told = true
}
