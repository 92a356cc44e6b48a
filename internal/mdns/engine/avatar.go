package engine

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // XEP-0174 15 fixes it for phsh; nothing is trusted for it (K16)
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"llchat/internal/mdns/wire"
)

// The avatar of XEP-0174 11.2 is a NULL record of the instance's name (the
// owner name printed there is that of the service, a mistake). It is large:
// nobody is sent it who did not ask, and nothing is taken that we did not ask
// for.
//
// What the TXT record on the air calls by its hash (phsh) is on the air, and
// nothing else is: record and hash cannot change apart from each other.
const (
	// MaxPicture is the largest picture that is published (mdns.md 2.8): with
	// headers it stays below the 9,000 octets of RFC 6762 17.
	MaxPicture = 8700

	picturePause    = 10 * time.Second // between multicasts of it (mdns.md 2.8)
	pictureReplies  = 1                // unicast replies/s with it, to all together (L-24)
	pictureBurst    = 8
	pictureTime     = 15 * time.Second // for an answer, more than picturePause
	maxPictureFetch = 8                // instances whose picture is asked for at once
)

// pictures are ours: what we were given, and what is on the air.
type pictures struct {
	given   picture
	onAir   picture
	replies bucket
}

// picture is an avatar and what the TXT record calls it.
type picture struct {
	data []byte
	hash string
}

func (p picture) none() bool { return len(p.data) == 0 }

// PictureHash is the phsh of a picture: the SHA-1 in hex (XEP-0174 15).
func PictureHash(data []byte) string {
	sum := sha1.Sum(data) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

// phsh is what TXT data call the avatar; "" when they name none.
func phsh(txt []byte) string {
	for _, p := range wire.ParseText(txt) {
		if foldASCII(p.Key) == "phsh" {
			return strings.ToLower(string(p.Value))
		}
	}
	return ""
}

// SetAvatar keeps the picture of at most MaxPicture octets that is on the air
// whenever the TXT data name its hash, and only then; empty is none.
func (e *Engine) SetAvatar(now time.Time, data []byte) {
	e.now = now
	o := &e.own
	o.pictures.given = picture{}
	if len(data) > 0 {
		o.pictures.given = picture{bytes.Clone(data), PictureHash(data)}
	}
	e.SetText(now, o.wantTXT)
	e.settle()
}

// wanted is the picture that goes with TXT data.
func (p *pictures) wanted(txt []byte) picture {
	hash := phsh(txt)
	for _, x := range []picture{p.given, p.onAir} {
		if !x.none() && x.hash == hash {
			return x
		}
	}
	return picture{}
}

// pictureStands says whether the picture on the air is the one that goes with
// the wanted TXT data.
func (o *own) pictureStands() bool {
	return o.pictures.wanted(o.wantTXT).hash == o.pictures.onAir.hash
}

// turnPicture puts the picture that goes with the TXT data on the air in place
// of the one before. It leaves with the announcement of the text (174-11.8),
// or as soon after it as the pause allows; one that is no more says goodbye
// where it was told.
func (e *Engine) turnPicture(now time.Time) {
	p := &e.own.pictures
	before := p.onAir
	p.onAir = p.wanted(e.own.txt)
	if before.hash == p.onAir.hash {
		return
	}
	for _, l := range e.sorted() {
		r := &l.responder
		delete(r.pending, slot{kind: slotNULL})
		switch at := r.ready(slot{kind: slotNULL}); {
		case l.pub.phase != live:
		case p.onAir.none():
			if r.pictured {
				l.pub.extra = append(l.pub.extra, e.pictureBye(l, before))
			}
			r.pictured = false
		case at.After(now):
			r.pend(slot{kind: slotNULL}, at)
			e.timers.sooner(&r.timer, at)
		default:
			r.mark(now, slot{kind: slotNULL})
			r.pictured = true
			l.pub.extra = append(l.pub.extra, e.record(l, slot{kind: slotNULL}).rec)
		}
	}
}

// pictureBye is the goodbye of a picture on l.
func (e *Engine) pictureBye(l *linkState, p picture) wire.Record {
	r := e.record(l, slot{kind: slotNULL}).rec
	r.Raw, r.TTL = p.data, 0
	return r
}

// instanceTypes are the types that exist at our instance name, in ascending
// order.
func (o *own) instanceTypes() []wire.Type {
	types := []wire.Type{wire.TypeTXT, wire.TypeSRV}
	if !o.pictures.onAir.none() {
		types = slices.Insert(types, 0, wire.TypeNULL)
	}
	return types
}

// withPicture adds the picture to what answers a question about our instance.
func (e *Engine) withPicture(s ...slot) []slot {
	if e.own.pictures.onAir.none() {
		return s
	}
	return append(s, slot{kind: slotNULL})
}

func isPicture(s slot) bool { return s.kind == slotNULL }

// small leaves the picture out of a reply that must be one packet: a resolver
// that knows nothing of multicast reads no second one (RFC 6762 6.7).
func (e *Engine) small(l *linkState, s []slot) []slot {
	const others = 512 // SRV, TXT and addresses, as RFC 1035 2.3.4 bounds them
	if len(e.own.pictures.onAir.data) <= l.payload()-others {
		return s
	}
	return slices.DeleteFunc(s, isPicture)
}

// mayReply says whether the picture may go to one asker alone.
func (e *Engine) mayReply(now time.Time, l *linkState) bool {
	if !e.own.pictures.replies.take(now, pictureReplies, pictureBurst) {
		return false
	}
	l.responder.pictured = true
	return true
}

// Fetch is what FetchAvatar did.
type Fetch int

// What FetchAvatar can do.
const (
	Fetching  Fetch = iota + 1 // the event Pictured follows, within 15 s
	NoPicture                  // there is no such instance, or its TXT names none
	TooMany                    // eight are asked for at once
)

// FetchAvatar asks for the picture that the TXT record of an instance names, by
// a question that wants a unicast answer (174-11.9), and again after 1, 3 and 7
// s. The first answer with the right hash ends the questions (174-11.7), and
// so does the instance's leaving (174-9.2).
func (e *Engine) FetchAvatar(now time.Time, key string) Fetch {
	e.now = now
	in := e.cache.byKey[key]
	switch {
	case in == nil || !in.shown || in.lost() || phsh(in.last.TXT) == "":
		return NoPicture
	case in.picture != nil:
	case e.cache.fetching >= maxPictureFetch:
		return TooMany
	default:
		e.cache.fetching++
		in.picture = &questions{start: now, next: now.Add(e.between(askMin, askMax)), end: now.Add(pictureTime)}
		e.arm(now, in)
	}
	return Fetching
}

// askPicture asks for the picture of in when that is due, at the pace of all
// questions about instances (L-24).
func (e *Engine) askPicture(now time.Time, in *instance) {
	q := in.picture
	switch {
	case q == nil:
	case !q.end.After(now) || len(in.views) == 0:
		e.endPicture(in, nil)
	case !q.next.After(now):
		for _, v := range in.views {
			if at := v.link.resolved.Add(resolvePause); at.After(now) {
				q.next = at
				return
			}
		}
		q.next = now.Add(fetchGap << q.asked)
		q.asked++
		for _, v := range in.views {
			e.askPictureOn(now, v)
		}
	}
}

func (e *Engine) askPictureOn(now time.Time, v *view) {
	l := v.link
	l.resolved = now
	if e.unicast {
		l.quUntil = later(l.quUntil, now.Add(quWait))
	}
	e.multicast(l, &wire.Message{Questions: []wire.Question{
		{Name: v.in.name, Type: wire.TypeNULL, Class: wire.ClassIN, Unicast: e.unicast},
	}})
}

// learnPicture takes a picture that was asked for. One with another hash is
// somebody else's word, or an old one: the right one may yet come.
func (e *Engine) learnPicture(l *linkState, r *wire.Record) {
	if r.Type != wire.TypeNULL || r.TTL == 0 || len(r.Raw) == 0 || len(r.Raw) > MaxPicture {
		return
	}
	v := e.viewOf(l, r.Name)
	if v == nil || v.in.picture == nil || PictureHash(r.Raw) != phsh(v.in.last.TXT) {
		return
	}
	e.endPicture(v.in, r.Raw)
}

// endPicture ends the questions for the picture of in; data is nil when none
// came.
func (e *Engine) endPicture(in *instance, data []byte) {
	if in.picture == nil {
		return
	}
	in.picture = nil
	e.cache.fetching--
	e.emit(Event{Kind: Pictured, Peer: Peer{Key: in.key}, Data: data, OK: data != nil})
}
