package chat_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
	"llchat/internal/safetext"
)

// photo is the header of a PNG of 48 by 48 pixels and n octets of anything,
// which nobody looks at.
func photo(n int, fill byte) []byte {
	head := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), 0, 0, 0, 48, 0, 0, 0, 48)
	return append(head, bytes.Repeat([]byte{fill}, n-len(head))...)
}

// photoFile is a file with a picture.
func photoFile(t *testing.T, img []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "me.png")
	if err := os.WriteFile(path, img, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tapped is a network whose multicast packets are looked at as they leave.
type tapped struct {
	*counted
	mute atomic.Bool // pictures do not leave

	mu        sync.Mutex // guards the following
	questions int        // for NULL records
	records   int        // NULL
	texts     []string   // TXT records, as sent
}

type tappedSource struct {
	link.Source
	t *tapped
}

func (s tappedSource) Send(id link.ID, to netip.AddrPort, data []byte) error {
	if null := s.t.look(data); null && s.t.mute.Load() {
		return nil
	}
	return s.Source.Send(id, to, data)
}

func tap(h *lantest.Host) *tapped {
	x := &tapped{counted: count(h)}
	source := x.net.Source
	x.net.Source = func() (link.Source, error) {
		s, err := source()
		return tappedSource{s, x}, err
	}
	return x
}

func (x *tapped) look(data []byte) (null bool) {
	m, err := wire.Parse(data)
	if err != nil {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, q := range m.Questions {
		if q.Type == wire.TypeNULL {
			x.questions++
		}
	}
	for _, r := range slices.Concat(m.Answers, m.Additional, m.Authority) {
		switch r.Type {
		case wire.TypeNULL:
			null = true
			x.records++
		case wire.TypeTXT:
			x.texts = append(x.texts, string(r.TXT))
		}
	}
	return null
}

// seen is how many NULL questions and records have left.
func (x *tapped) seen() (questions, records int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.questions, x.records
}

// said is whether a TXT record had that in it.
func (x *tapped) said(what string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.ContainsFunc(x.texts, func(t string) bool { return strings.Contains(t, what) })
}

// friends are two contacts whose multicast packets are looked at.
type friends struct {
	lan        *lantest.LAN
	a, b       *tapped
	alice, bob *chat.Node
	folder     string // alice's
}

func inTappedLAN(t *testing.T, f func(t *testing.T, c *friends)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		hostA, hostB := lan.Host(), lan.Host()
		c := &friends{lan: lan, a: tap(hostA), b: tap(hostB), folder: filepath.Join(t.TempDir(), "alice")}
		c.alice = c.a.open(t, chat.Options{Nick: "alice", Profile: c.folder})
		c.bob = c.b.open(t, chat.Options{Nick: "bob"})
		befriend(t, c.alice, c.bob)
		f(t, c)
	})
}

// hasPhoto waits until a row shows that a picture is kept.
func hasPhoto(t *testing.T, n *chat.Node, name string, img []byte) {
	t.Helper()
	within(t, 20*time.Second, name+"'s picture is there", func() bool {
		p, ok := peerNamed(t, n, name)
		return ok && p.Avatar == mdns.AvatarHash(img)
	})
	if got, err := n.Avatar(t.Context(), name); err != nil || !bytes.Equal(got, img) {
		t.Errorf("picture of %s: %d octets, %v; want %d", name, len(got), err, len(img))
	}
}

// 174-11.6, 174-11.8: the picture of a contact comes by itself, and so does the
// next one; somebody who publishes none is asked for none.
func Test174_11_6_AvatarOfAContact(t *testing.T) {
	inTappedLAN(t, func(t *testing.T, c *friends) {
		time.Sleep(time.Minute)
		if q, _ := c.a.seen(); q != 0 {
			t.Errorf("%d questions before there was a picture", q)
		}
		one, two := photo(8192, 1), photo(900, 2)
		set(t, c.bob, "avatar", photoFile(t, one))
		hasPhoto(t, c.alice, "bob", one)
		time.Sleep(2 * time.Minute)
		set(t, c.bob, "avatar", photoFile(t, two))
		hasPhoto(t, c.alice, "bob", two)
		if q, _ := c.a.seen(); q > 2 { // fewer: the announcement of the change has it
			t.Errorf("%d questions for two pictures", q)
		}
		set(t, c.bob, "avatar", "")
		within(t, 10*time.Second, "it is taken back", func() bool {
			p, ok := peerNamed(t, c.alice, "bob")
			return ok && p.Avatar == ""
		})
		_, err := c.alice.Avatar(t.Context(), "bob")
		wantCode(t, "no picture any more", err, chat.CodeNoSuch)
	})
}

// 174-11.5: a picture that is kept is not asked for again, over a restart, and
// when another contact has the same.
func Test174_11_5_KeptAvatar(t *testing.T) {
	inTappedLAN(t, func(t *testing.T, c *friends) {
		img := photo(500, 1)
		set(t, c.bob, "avatar", photoFile(t, img))
		hasPhoto(t, c.alice, "bob", img)
		closeNode(t, c.alice)
		before, _ := c.a.seen()
		c.alice = c.a.open(t, chat.Options{Profile: c.folder})
		hasPhoto(t, c.alice, "bob", img)
		time.Sleep(5 * time.Minute)
		hostC := c.lan.Host()
		carol := hostC.Node(chat.Options{Nick: "carol"})
		befriend2(t, c.alice, carol, "carol")
		set(t, carol, "avatar", photoFile(t, img))
		hasPhoto(t, c.alice, "carol", img)
		if after, _ := c.a.seen(); after != before {
			t.Errorf("%d questions for a picture that was there", after-before)
		}
	})
}

// befriend2 makes a contact of somebody beside others.
func befriend2(t *testing.T, n, other *chat.Node, name string) {
	t.Helper()
	sees(t, n, name)
	send(t, n, name, "may I, "+name+"?")
	within(t, 5*time.Second, name+" is asked", func() bool {
		r, err := other.Requests(t.Context())
		return err == nil && len(r) == 1
	})
	if _, err := other.Accept(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	becomes(t, n, name, "may I, "+name+"?", chat.Delivered)
}

// L-18: nobody's picture is asked for but contacts', whatever they publish and
// however often, and none of a contact that was blocked is kept.
func TestL18_NoAvatarOfStrangers(t *testing.T) {
	inTappedLAN(t, func(t *testing.T, c *friends) {
		img := photo(500, 1)
		set(t, c.bob, "avatar", photoFile(t, img))
		hasPhoto(t, c.alice, "bob", img)
		before, _ := c.a.seen()
		for _, host := range []string{"eve", "mallory"} {
			n := c.lan.Host().Node(chat.Options{Nick: host})
			sees(t, c.alice, host)
			for i := range 3 {
				set(t, n, "avatar", photoFile(t, photo(600+i, 3)))
				time.Sleep(10 * time.Second)
			}
			if host == "mallory" { // a key that is proven, and waits
				send(t, n, "alice", "hello")
				within(t, 5*time.Second, "alice is asked", func() bool {
					r, err := c.alice.Requests(t.Context())
					return err == nil && len(r) == 1
				})
			}
			time.Sleep(5 * time.Minute)
			_, err := c.alice.Avatar(t.Context(), host)
			wantCode(t, host, err, chat.CodeNoSuch)
		}
		if after, _ := c.a.seen(); after != before {
			t.Errorf("%d questions about strangers", after-before)
		}
		if _, err := c.alice.Block(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n := chat.KeptAvatars(c.alice); n != 0 {
			t.Errorf("%d pictures kept of a blocked contact", n)
		}
	})
}

// L-24: a phsh that flaps costs one question a minute at the most.
func TestL24_AvatarHashFlaps(t *testing.T) {
	inTappedLAN(t, func(t *testing.T, c *friends) {
		const minutes = 5
		for i := range minutes * 6 {
			set(t, c.bob, "avatar", photoFile(t, photo(300+i, byte(i))))
			time.Sleep(10 * time.Second)
		}
		if q, _ := c.a.seen(); q > 2*(minutes+1) {
			t.Errorf("%d questions in %d minutes", q, minutes)
		}
		last := photo(300+minutes*6, 9)
		set(t, c.bob, "avatar", photoFile(t, last))
		time.Sleep(2 * time.Minute)
		hasPhoto(t, c.alice, "bob", last)
	})
}

// 174-9.2, L-24: a picture that nobody hands out is asked for three times, the
// gaps growing, and then no more.
func TestL24_AvatarThatNobodyHas(t *testing.T) {
	inTappedLAN(t, func(t *testing.T, c *friends) {
		c.b.mute.Store(true)
		img := photo(300, 1)
		set(t, c.bob, "avatar", photoFile(t, img))
		time.Sleep(2 * time.Hour)
		if q, _ := c.a.seen(); q != 3*4 { // mdns.Node.Avatar asks four times
			t.Errorf("%d questions in two hours", q)
		}
		c.b.mute.Store(false)
		img[40]++
		set(t, c.bob, "avatar", photoFile(t, img))
		hasPhoto(t, c.alice, "bob", img)
	})
}

// T-25, L-18: what comes is kept only if it is a small picture of the hash that
// its owner names.
func TestT25_WhatIsNoAvatar(t *testing.T) {
	huge := photo(48, 1)
	binary.BigEndian.PutUint32(huge[16:], 1<<30) // a bomb for who decodes it
	good := photo(100, 1)
	for name, img := range map[string][]byte{
		"bomb": huge, "too large": photo(8193, 1), "no picture": []byte("<svg onload=alert(1)>"), "empty": {}, "good": good,
	} {
		t.Run(name, func(t *testing.T) {
			inTappedLAN(t, func(t *testing.T, c *friends) {
				chat.NameAvatar(c.alice, "bob", mdns.AvatarHash(img))
				chat.GotAvatar(c.alice, "bob", mdns.AvatarHash(img), img)
				if got, want := chat.KeptAvatars(c.alice), map[bool]int{true: 1}[name == "good"]; got != want {
					t.Errorf("%d kept, want %d", got, want)
				}
				chat.GotAvatar(c.alice, "bob", mdns.AvatarHash(good), []byte("of another hash"))
				if p, _ := peerNamed(t, c.alice, "bob"); (p.Avatar != "") != (name == "good") {
					t.Errorf("shown: %q", p.Avatar)
				}
			})
		})
	}
}

// K5, K7, 174-13.7: nothing of the card is on the wire unless it was set, none
// of it in quiet and ghost, and nobody is asked for a picture there.
func TestK5_CardOnlyIfSetAndOpen(t *testing.T) {
	inTappedLAN(t, func(t *testing.T, c *friends) {
		img := photo(400, 1)
		card := map[string]string{
			"first": "Roberta", "last": "Tables", "email": "bob@example.org  b@example.net", "jid": "bob@xmpp.example", "avatar": photoFile(t, img),
		}
		marks := []string{"1st=", "last=", "email=", "jid=", "phsh="}
		time.Sleep(10 * time.Second)
		for _, m := range marks {
			if c.b.said(m) || c.a.said(m) {
				t.Errorf("%s is published without having been set", m)
			}
		}
		for _, v := range []string{chat.VisibleQuiet, chat.VisibleGhost} {
			show(t, c.bob, v)
			show(t, c.alice, v)
			for key, value := range card {
				set(t, c.bob, key, value)
				set(t, c.alice, key, value)
			}
			time.Sleep(5 * time.Minute)
			for _, m := range marks {
				if c.b.said(m) || c.a.said(m) {
					t.Errorf("%s: %s is published", v, m)
				}
			}
			if q, r := c.b.seen(); q+r != 0 {
				t.Errorf("%s: %d questions, %d records", v, q, r)
			}
		}
		show(t, c.alice, chat.VisibleQuiet)
		show(t, c.bob, chat.VisibleOpen)
		sees(t, c.alice, "bob")
		time.Sleep(time.Minute)
		if q, r := c.a.seen(); q+r != 0 {
			t.Errorf("quiet asked %d times, sent %d records", q, r)
		}
		show(t, c.alice, chat.VisibleOpen)
		hasPhoto(t, c.alice, "bob", img)
		p, _ := peerNamed(t, c.alice, "bob")
		want := chat.Card{
			First: safetext.Name("Roberta"), Last: safetext.Name("Tables"), Email: safetext.Line("bob@example.org b@example.net"),
			JID: safetext.Line("bob@xmpp.example"), Avatar: mdns.AvatarHash(img),
		}
		if p.Card != want {
			t.Errorf("card %+v, want %+v", p.Card, want)
		}
	})
}

// What cannot be published is said, and changes nothing.
func TestSetCard_Refused(t *testing.T) {
	inTappedLAN(t, func(t *testing.T, c *friends) {
		fifo := filepath.Join(t.TempDir(), "dir")
		if err := os.Mkdir(fifo, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ key, value string }{
			{"first", strings.Repeat("x", 64)},
			{"last", "\x1b[2J"},
			{"email", "nobody"},
			{"email", "a@b.example @c"},
			{"jid", strings.Repeat("j", 241)},
			{"avatar", filepath.Join(fifo, "missing.png")},
			{"avatar", fifo},
			{"avatar", photoFile(t, photo(8193, 1))},
			{"avatar", photoFile(t, []byte("hello"))},
		} {
			wantCode(t, tt.key+" "+tt.value[:min(len(tt.value), 20)], c.bob.Set(t.Context(), tt.key, tt.value), chat.CodeUsage)
		}
		time.Sleep(5 * time.Second)
		if c.b.said("phsh=") || c.b.said("email=") {
			t.Error("it is published all the same")
		}
	})
}
