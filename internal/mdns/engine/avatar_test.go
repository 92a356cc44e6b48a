package engine

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// face is a picture of n octets.
func face(n int) []byte { return append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{7}, n-8)...) }

// called is the TXT data that name a picture.
func called(img []byte) []byte {
	return slices.Concat(text("txtvers=1"), text("phsh="+PictureHash(img)))
}

// pictured is a LAN where alice publishes a picture; nothing was multicast
// within its pause.
func pictured(t *testing.T, img []byte) (*lan, *node) {
	l := newLAN(t, 1)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/16")
	a.setAvatar(img)
	a.e.Publish(l.now, called(img))
	a.collect()
	l.run(20 * time.Second)
	l.forget()
	return l, a
}

func (n *node) setAvatar(img []byte) {
	n.e.SetAvatar(n.lan.now, img)
	n.collect()
}

func (n *node) setData(txt []byte) {
	n.e.SetText(n.lan.now, txt)
	n.collect()
}

func (n *node) fetch(key string) Fetch {
	f := n.e.FetchAvatar(n.lan.now, key)
	n.collect()
	return f
}

// alone has a node ask for unicast answers.
func (n *node) alone() {
	p := n.links[1]
	n.e.Links(n.lan.now, []link.Info{p.info}, true)
	n.collect()
}

// nulls are the NULL records that addr sent, with how they went out.
func (l *lan) nulls(addr string) (out []capture) {
	return l.filter(addr, func(c capture) bool {
		_, ok := find(c.msg.Answers, wire.TypeNULL)
		return ok && c.msg.Response
	})
}

// asked are the questions for a NULL record that addr sent.
func (l *lan) asked(addr string) []capture {
	return slices.DeleteFunc(l.queries(addr), func(c capture) bool {
		return !slices.ContainsFunc(c.msg.Questions, func(q wire.Question) bool { return q.Type == wire.TypeNULL })
	})
}

// shows is bob announced with TXT data, at 10.0.0.9.
func shows(t testing.TB, txt []byte) wire.Message {
	c := bob()
	c.txt = txt
	return c.message(t)
}

func null(t testing.TB, label string, data []byte) wire.Message {
	return wire.Message{Response: true, Authoritative: true, Answers: []wire.Record{
		{Name: instanceName(t, label), Type: wire.TypeNULL, Class: wire.ClassIN, Flush: true, TTL: 4500, Raw: data},
	}}
}

// 174-11.3: the picture is a NULL record under the instance's name, raw; it is
// there while the TXT record names it and at no other time (174-11.8, K7).
func Test174_11_3_AvatarIsANULLRecord(t *testing.T) {
	img := face(1200)
	for _, tt := range []struct {
		name string
		img  []byte
		txt  []byte
		want bool
	}{
		{"set and named", img, called(img), true},
		{"named in capitals", img, slices.Concat(text("txtvers=1"), text("PHSH="+string(bytes.ToUpper([]byte(PictureHash(img)))))), true},
		{"set, not named", img, text("txtvers=1"), false},
		{"named, not set", nil, called(img), false},
		{"another one named", img, called(face(99)), false},
		{"neither", nil, text("txtvers=1"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLAN(t, 1)
			a := l.add("alice", "pronto", 5298, "10.0.0.1/16")
			a.setAvatar(tt.img)
			a.e.Publish(l.now, tt.txt)
			a.collect()
			l.run(20 * time.Second)
			if got := l.nulls("10.0.0.1"); len(got) != 0 {
				t.Fatalf("sent to nobody who asked: %v", got)
			}
			l.forget()
			l.say("10.0.0.7", question(instanceName(t, "alice@pronto"), wire.TypeNULL))
			l.run(time.Second)
			got := l.nulls("10.0.0.1")
			if !tt.want {
				nsec, ok := find(l.responses("10.0.0.1")[0].msg.Answers, wire.TypeNSEC)
				if len(got) != 0 || !ok || slices.Contains(nsec.NSEC.Types, wire.TypeNULL) {
					t.Errorf("answers %v; want an NSEC record without NULL", l.sent)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("answers %v", l.sent)
			}
			r, _ := find(got[0].msg.Answers, wire.TypeNULL)
			if !bytes.Equal(r.Raw, img) || !r.Name.Equal(instanceName(t, "alice@pronto")) || !r.Flush || r.TTL != 4500 || r.Class != wire.ClassIN {
				t.Errorf("record %s TTL %d flush %t, %d octets", r.Name, r.TTL, r.Flush, len(r.Raw))
			}
		})
	}
}

// 174-11.4: the largest picture that is published fits a packet of RFC 6762 17
// with the longest name there is.
func Test174_11_4_LargestAvatarFitsAPacket(t *testing.T) {
	l := newLAN(t, 1)
	long := string(bytes.Repeat([]byte("u"), 63))
	a := l.add(long, "pronto", 5298, "10.0.0.1/16")
	img := face(MaxPicture)
	a.setAvatar(img)
	a.e.Publish(l.now, called(img))
	a.collect()
	l.run(20 * time.Second)
	l.forget()
	l.say("10.0.0.7", question(instanceName(t, a.e.Name()), wire.TypeNULL))
	l.run(time.Second)
	got := l.nulls("10.0.0.1")
	if len(got) != 1 || got[0].size > 9000 || len(got[0].msg.Answers) != 1 {
		t.Fatalf("packets %v, want one of at most 9,000 octets with one record", got)
	}
}

// 174-11.6: one who knows alice's phsh and not the picture asks and gets it.
// mdns.md 2.2: without a port of one's own the answer is multicast.
func Test174_11_6_Fetch(t *testing.T) {
	for _, qu := range []bool{false, true} {
		img := face(MaxPicture)
		l, _ := pictured(t, img)
		b := l.add("bob", "forza", 5299, "10.0.0.2/16")
		if qu {
			b.alone()
		}
		l.run(5 * time.Second)
		l.forget()
		if f := b.fetch("alice@pronto"); f != Fetching {
			t.Fatalf("fetch: %v", f)
		}
		l.run(time.Minute)
		ev := b.only(Pictured)
		if !ev.OK || ev.Peer.Key != "alice@pronto" || !bytes.Equal(ev.Data, img) {
			t.Errorf("unicast %t: event %t %q, %d octets", qu, ev.OK, ev.Peer.Key, len(ev.Data))
		}
		if got := l.nulls("10.0.0.1"); len(got) != 1 || got[0].dst.IsValid() != qu {
			t.Errorf("unicast %t: sent %v", qu, got)
		}
	}
}

// 174-11.7: nothing is asked once the answer is there; 174-9.2: nor when the
// instance has said goodbye.
func Test174_11_7_QueryEnds(t *testing.T) {
	img := face(100)
	for _, tt := range []struct {
		name string
		end  func(*lan)
		ok   bool
		want int
	}{
		{"at the answer", func(l *lan) { l.say("10.0.0.9", null(t, "bob@forza", img)) }, true, 1},
		{"at the goodbye", func(l *lan) { c := bob(); c.bye = true; l.say("10.0.0.9", c.message(t)) }, false, 1},
		{"at the end of patience", func(*lan) {}, false, 4},
		{"not at somebody else's record", func(l *lan) { l.say("10.0.0.9", null(t, "ann@kite", img)) }, false, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, a := ready(t)
			l.say("10.0.0.9", shows(t, called(img)))
			l.run(time.Second)
			l.forget()
			a.fetch("bob@forza")
			l.run(500 * time.Millisecond)
			tt.end(l)
			l.run(time.Minute)
			if ev := a.only(Pictured); ev.OK != tt.ok || len(l.asked("10.0.0.1")) != tt.want {
				t.Errorf("ok %t after %d questions, want %t after %d", ev.OK, len(l.asked("10.0.0.1")), tt.ok, tt.want)
			}
			if a.e.cache.fetching != 0 {
				t.Errorf("%d fetches left over", a.e.cache.fetching)
			}
		})
	}
}

// 174-11.8: picture and phsh change in one set of packets; the one before is
// flushed, or says goodbye where there is none after it.
func Test174_11_8_AvatarAndHashChangeTogether(t *testing.T) {
	one, two := face(1000), face(2000)
	l, a := pictured(t, one)
	l.say("10.0.0.7", question(instanceName(t, "alice@pronto"), wire.TypeNULL))
	l.run(20 * time.Second)
	l.forget()

	a.setAvatar(two)
	l.run(0)
	if len(l.sent) != 0 {
		t.Fatalf("the new picture went out before its hash: %v", l.sent)
	}
	l.say("10.0.0.7", question(instanceName(t, "alice@pronto"), wire.TypeTXT))
	a.setData(called(two))
	l.run(0)
	txt, picture := false, false
	for _, c := range l.responses("10.0.0.1") {
		if r, ok := find(c.msg.Answers, wire.TypeTXT); ok && bytes.Equal(r.TXT, called(two)) {
			txt = true
		}
		if r, ok := find(c.msg.Answers, wire.TypeNULL); ok && bytes.Equal(r.Raw, two) && r.Flush && r.TTL > 0 {
			picture = true
		}
	}
	if !txt || !picture {
		t.Errorf("at once: TXT %t, NULL %t: %v", txt, picture, l.sent)
	}
	l.run(20 * time.Second)
	if got := l.nulls("10.0.0.1"); len(got) != 1 {
		t.Errorf("the picture went out %d times, want once", len(got))
	}

	l.forget()
	a.setData(text("txtvers=1"))
	l.run(20 * time.Second)
	got := l.nulls("10.0.0.1")
	if len(got) != 1 {
		t.Fatalf("sent %v, want one goodbye", l.sent)
	}
	if r, _ := find(got[0].msg.Answers, wire.TypeNULL); r.TTL != 0 || !bytes.Equal(r.Raw, two) {
		t.Errorf("goodbye with TTL %d", r.TTL)
	}
}

// A picture told to somebody ends with the instance, and one that nobody asked
// for is not sent even then.
func TestAvatarGoodbye(t *testing.T) {
	for _, asked := range []bool{false, true} {
		img := face(300)
		l, a := pictured(t, img)
		if asked {
			l.say("10.0.0.7", question(instanceName(t, "alice@pronto"), wire.TypeNULL))
			l.run(20 * time.Second)
			l.forget()
		}
		a.withdraw()
		l.run(10 * time.Second)
		got := l.nulls("10.0.0.1")
		for _, c := range got {
			if r, _ := find(c.msg.Answers, wire.TypeNULL); r.TTL != 0 {
				t.Errorf("TTL %d", r.TTL)
			}
		}
		if asked != (len(got) == 2) || !asked && len(got) != 0 {
			t.Errorf("asked for %t: %d packets with it", asked, len(got))
		}
	}
}

// 174-11.9: the question goes to the group and wants a unicast answer where
// unicast reaches us.
func Test174_11_9_QuestionWantsUnicast(t *testing.T) {
	for _, qu := range []bool{false, true} {
		l, a := ready(t)
		if qu {
			a.alone()
		}
		l.say("10.0.0.9", shows(t, called(face(50))))
		l.run(time.Second)
		l.forget()
		a.fetch("bob@forza")
		l.run(500 * time.Millisecond)
		got := l.asked("10.0.0.1")
		if len(got) == 0 || got[0].dst.IsValid() || len(got[0].msg.Questions) != 1 {
			t.Fatalf("sent %v", l.sent)
		}
		q := got[0].msg.Questions[0]
		if q.Type != wire.TypeNULL || q.Unicast != qu || !q.Name.Equal(instanceName(t, "bob@forza")) {
			t.Errorf("question %+v", q)
		}
	}
}

// mdns.md 2.8, L-24: a storm of questions draws one multicast in 10 s and a few
// unicast answers, whoever asks.
func TestL24_NULLQuestionStorm(t *testing.T) {
	for _, tt := range []struct {
		name    string
		unicast bool
		typ     wire.Type
		most    int
	}{
		{"multicast", false, wire.TypeNULL, 4},
		{"multicast ANY", false, wire.TypeANY, 4},
		{"unicast", true, wire.TypeNULL, 4 + pictureBurst + 30*pictureReplies},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, _ := pictured(t, face(MaxPicture))
			q := question(instanceName(t, "alice@pronto"), tt.typ)
			q.Questions[0].Unicast = tt.unicast
			for i := range 3000 {
				l.say(fmt.Sprintf("10.0.%d.%d", 1+i%200, 1+i%250), q)
				l.run(10 * time.Millisecond)
			}
			got := l.nulls("10.0.0.1")
			if len(got) == 0 || len(got) > tt.most {
				t.Errorf("%d answers in 30 s, want 1 to %d", len(got), tt.most)
			}
			var last time.Duration = -time.Minute
			for _, c := range got {
				if c.dst.IsValid() {
					continue
				}
				if c.at-last < picturePause {
					t.Errorf("multicast again after %v", c.at-last)
				}
				last = c.at
			}
		})
	}
}

// RFC 8882 3.3.4: a probe draws a defence without the picture, and a resolver
// that is not on port 5353 no reply larger than a packet.
func TestAvatarIsNoAmplifier(t *testing.T) {
	l, _ := pictured(t, face(MaxPicture))
	n := instanceName(t, "alice@pronto")
	probe := question(n, wire.TypeANY)
	probe.Authority = []wire.Record{{Name: n, Type: wire.TypeSRV, TTL: 120, SRV: wire.SRV{Port: 1, Target: wire.MustName("evil", "local")}}}
	l.say("10.0.0.7", probe)
	l.run(30 * time.Second)
	if got := l.nulls("10.0.0.1"); len(got) != 0 || len(l.responses("10.0.0.1")) == 0 {
		t.Errorf("a probe drew %v", l.sent)
	}
	l.forget()
	l.sayRaw("10.0.0.7:4000", addrPort("10.0.0.1:5353"), packet(t, question(n, wire.TypeANY)))
	l.sayRaw("10.0.0.7:4000", addrPort("10.0.0.1:5353"), packet(t, question(n, wire.TypeNULL)))
	l.run(time.Second)
	if len(l.sent) != 1 || l.sent[0].size > 1472 || len(l.nulls("10.0.0.1")) != 0 {
		t.Errorf("legacy questions drew %v", l.sent)
	}

	small := face(700)
	l, _ = pictured(t, small)
	l.sayRaw("10.0.0.7:4000", addrPort("10.0.0.1:5353"), packet(t, question(n, wire.TypeNULL)))
	l.run(time.Second)
	if got := l.nulls("10.0.0.1"); len(got) != 1 || len(got[0].msg.Questions) != 1 || got[0].msg.Answers[0].TTL > 10 {
		t.Errorf("a small one: %v", l.sent)
	}
}

func packet(t *testing.T, m wire.Message) []byte {
	t.Helper()
	out, rest := m.Append(nil, 0)
	if !rest.Empty() {
		t.Fatal("does not fit")
	}
	return out
}

// What nobody asked for, has the wrong hash or is too large is not taken, and
// does not keep the right one out.
func TestT24_ForgedAvatars(t *testing.T) {
	img := face(500)
	l, a := ready(t)
	l.say("10.0.0.9", shows(t, called(img)))
	l.run(time.Second)
	l.forget()
	l.say("10.0.0.9", null(t, "bob@forza", img))
	l.run(time.Second)
	if a.count(Pictured) != 0 || len(l.sent) != 0 {
		t.Fatalf("unasked: %v, sent %v", a.events, l.sent)
	}
	a.fetch("bob@forza")
	for range 50 {
		l.say("10.0.0.66", null(t, "bob@forza", face(8000)))
		l.say("10.0.0.66", null(t, "bob@forza", nil))
		l.run(10 * time.Millisecond)
	}
	oversize := slices.Concat(packet(t, null(t, "bob@forza", face(8800))), make([]byte, 60000))
	a.e.Packet(l.now, link.Packet{Link: 1, Src: addrPort("10.0.0.66:5353"), Multicast: true, Data: oversize})
	gone := null(t, "bob@forza", img)
	gone.Answers[0].TTL = 0
	l.say("10.0.0.66", gone)
	l.run(0)
	if a.count(Pictured) != 0 {
		t.Fatalf("taken: %v", a.events)
	}
	l.say("10.0.0.9", null(t, "bob@forza", img))
	l.run(0)
	if ev := a.only(Pictured); !ev.OK || !bytes.Equal(ev.Data, img) {
		t.Errorf("event %t, %d octets", ev.OK, len(ev.Data))
	}
}

// phsh that flaps while a picture is asked for: the picture of the moment
// counts, and one series of questions is all there is.
func TestAvatarHashFlaps(t *testing.T) {
	one, two := face(100), face(200)
	l, a := ready(t)
	l.say("10.0.0.9", shows(t, called(one)))
	l.run(time.Second)
	l.forget()
	for i := range 100 {
		l.say("10.0.0.9", shows(t, called([][]byte{two, one}[i%2])))
		l.run(20 * time.Millisecond)
		a.fetch("bob@forza")
	}
	l.say("10.0.0.9", null(t, "bob@forza", two))
	l.run(0)
	if a.count(Pictured) != 0 {
		t.Errorf("the picture of another hash was taken")
	}
	l.run(time.Minute)
	if got := len(l.asked("10.0.0.1")); got > 4 {
		t.Errorf("%d questions", got)
	}
	if ev := a.only(Pictured); ev.OK {
		t.Errorf("a picture that nobody sent: %d octets", len(ev.Data))
	}
}

// L-24: eight at once, and who names no picture is not asked.
func TestL24_AvatarFetchesAreBounded(t *testing.T) {
	l, a := ready(t)
	for i := range 12 {
		c := bob()
		c.label, c.txt = fmt.Sprintf("p%d@forza", i), called(face(10+i))
		l.say("10.0.0.9", c.message(t))
	}
	l.say("10.0.0.9", bob().message(t))
	l.run(time.Second)
	l.forget()
	for i := range 12 {
		want := Fetching
		if i >= maxPictureFetch {
			want = TooMany
		}
		if got := a.fetch(fmt.Sprintf("p%d@forza", i)); got != want {
			t.Errorf("fetch %d: %v, want %v", i, got, want)
		}
	}
	if got := a.fetch("bob@forza"); got != NoPicture {
		t.Errorf("no phsh: %v", got)
	}
	if got := a.fetch("nobody@forza"); got != NoPicture {
		t.Errorf("nobody: %v", got)
	}
	l.run(time.Minute)
	at := []time.Duration{}
	for _, c := range l.asked("10.0.0.1") {
		at = append(at, c.at)
	}
	for i := 1; i < len(at); i++ {
		if at[i]-at[i-1] < resolvePause {
			t.Errorf("questions %v apart", at[i]-at[i-1])
		}
	}
	if a.count(Pictured) != maxPictureFetch || a.e.cache.fetching != 0 {
		t.Errorf("%d results, %d left over", a.count(Pictured), a.e.cache.fetching)
	}
}

// A ghost has no picture on the wire and asks for none.
func TestSilenceHidesTheAvatar(t *testing.T) {
	l, a := pictured(t, face(100))
	l.say("10.0.0.9", shows(t, called(face(50))))
	l.run(time.Second)
	a.fetch("bob@forza")
	a.e.Silence(l.now)
	a.collect()
	l.forget()
	l.say("10.0.0.7", question(instanceName(t, "alice@pronto"), wire.TypeNULL))
	l.run(time.Minute)
	if got := l.filter("10.0.0.1", func(capture) bool { return true }); len(got) != 0 {
		t.Errorf("a ghost sent %v", got)
	}
	if a.e.cache.fetching != 0 {
		t.Errorf("%d fetches left over", a.e.cache.fetching)
	}
}
