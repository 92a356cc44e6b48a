package chat_test

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/dnssd"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
)

// 174-11.12: two whose links do not reach each other find each other in a
// domain, become contacts, talk, see each other's status, and are gone from it
// when they go.
func TestDomain_FindEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, alice, bob, _ := apartInZone(t)
		time.Sleep(time.Minute)
		if z.asks() != 0 {
			t.Errorf("a domain was asked %d times that nobody had set", z.asks())
		}
		enter(t, z, alice)
		enter(t, z, bob)
		befriend(t, alice, bob)
		send(t, bob, "alice", "by way of DNS")
		becomes(t, bob, "alice", "by way of DNS", chat.Delivered)
		set(t, bob, "status", "away")
		within(t, 5*time.Second, "bob is away", func() bool {
			p, ok := peerNamed(t, alice, "bob")
			return ok && p.Presence == chat.Away
		})
		name := status(t, bob).Name.String()
		if word, _ := z.entry(name).Text.Get("status"); word != "away" {
			t.Errorf("the entry of bob says %q", word)
		}
		closeNode(t, bob)
		if got := z.names(); slices.Contains(got, name) {
			t.Errorf("left in the zone: %q", got)
		}
		within(t, 5*time.Second, "bob is gone", func() bool {
			p, _ := peerNamed(t, alice, "bob")
			return p.Presence == chat.Offline
		})
	})
}

// named are the rows under a name.
func named(t *testing.T, n *chat.Node, name string) (out []chat.Peer) {
	t.Helper()
	rows, err := n.Peers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rows {
		if p.Name.String() == name {
			out = append(out, p)
		}
	}
	return out
}

func wantOne(t *testing.T, when string, n *chat.Node, name string, presence chat.Presence) chat.Peer {
	t.Helper()
	rows := named(t, n, name)
	if len(rows) != 1 || rows[0].Presence != presence {
		t.Errorf("%s: rows %+v, want one that is %s", when, rows, presence)
		return chat.Peer{}
	}
	return rows[0]
}

// K9: heard on the link and listed in the domain is one row, before and after a
// key was proven, and it goes when both are gone.
func TestDomain_OneRowForBothSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan, z := lantest.New(t, 1), newZone()
		alice := z.join(count(lan.Host())).open(t, chat.Options{Nick: "alice"})
		host := lan.Host()
		bob := z.join(count(host)).open(t, chat.Options{Nick: "bob", Profile: filepath.Join(t.TempDir(), "b")})
		sees(t, alice, "bob")
		set(t, alice, "discovery-domain", "example.org")
		enter(t, z, bob)
		time.Sleep(time.Second)
		row := wantOne(t, "unproven", alice, "bob", chat.Online)
		if row.Key != "~"+strings.ToLower(status(t, bob).Name.String()) {
			t.Errorf("the row is called %q", row.Key)
		}
		entry := z.entry(status(t, bob).Name.String())
		z.put(mdns.Peer{Instance: entry.Instance})
		time.Sleep(time.Second)
		wantOne(t, "without the domain", alice, "bob", chat.Online)
		z.put(entry)
		befriend(t, alice, bob)
		wantOne(t, "a contact", alice, "bob", chat.Online)

		// Gone from the link alone: bob is there, and found again in the domain.
		set(t, bob, "discovery-key", "")
		within(t, 5*time.Second, "the entry is gone", func() bool { return len(z.names()) == 0 })
		z.put(entry) // as if he still had it
		closeNode(t, bob)
		time.Sleep(5 * time.Second)
		if rows := named(t, alice, "bob"); len(rows) != 1 {
			t.Errorf("rows %+v", rows)
		}
		z.put(mdns.Peer{Instance: entry.Instance})
		time.Sleep(time.Second)
		wantOne(t, "gone from both", alice, "bob", chat.Offline)
	})
}

// K9: the row of a name that is unproven outlives the goodbye on the link as
// long as the domain lists it.
func TestDomain_RowStaysWhenLinkGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan, z := lantest.New(t, 1), newZone()
		alice := z.join(count(lan.Host())).open(t, chat.Options{Nick: "alice"})
		set(t, alice, "discovery-domain", "example.org")
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		sees(t, alice, "bob")
		name := status(t, bob).Name.String()
		z.put(mdns.Peer{
			Instance: name, Port: 5298, Text: mdns.PresenceText("bob", "avail", ""),
			Addrs: []netip.AddrPort{netip.MustParseAddrPort("10.77.9.9:5298")},
		})
		time.Sleep(time.Second)
		before := wantOne(t, "both", alice, "bob", chat.Online)
		closeNode(t, bob)
		time.Sleep(5 * time.Second)
		if after := wantOne(t, "domain", alice, "bob", chat.Online); after.Key != before.Key {
			t.Errorf("the row was %q and is %q", before.Key, after.Key)
		}
		z.put(mdns.Peer{Instance: name})
		time.Sleep(time.Second)
		if rows := named(t, alice, "bob"); len(rows) != 0 {
			t.Errorf("rows %+v", rows)
		}
	})
}

// P-02: whoever writes a contact's name into the domain gets neither its words
// shown on the row of the contact, nor a word that is meant for it.
func TestDomain_ContactsNameTakenInTheDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan, z := lantest.New(t, 1), newZone()
		alice := z.join(count(lan.Host())).open(t, chat.Options{Nick: "alice"})
		set(t, alice, "discovery-domain", "example.org")
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		befriend(t, alice, bob)
		hostM := lan.Host()
		mallory := hostM.Node(chat.Options{Nick: "mallory", Strangers: chat.StrangersAccept})
		name, at := status(t, bob).Name.String(), place(t, hostM, mallory)
		z.put(mdns.Peer{
			Instance: name, Port: at.Port(), Text: mdns.PresenceText("BOSS", "dnd", "write to my new key"),
			Addrs: []netip.AddrPort{at},
		})
		for _, up := range []bool{true, false} {
			if !up {
				closeNode(t, bob)
			}
			time.Sleep(time.Minute)
			p := wantOne(t, "contact", alice, "bob", map[bool]chat.Presence{true: chat.Online, false: chat.Offline}[up])
			if !p.Message.IsEmpty() || p.Nick.String() != "bob" && !p.Nick.IsEmpty() || p.Trust != chat.Pinned {
				t.Errorf("up %v: the row of bob is %+v", up, p)
			}
			text := map[bool]string{true: "to bob", false: "to bob later"}[up]
			send(t, alice, "bob", text)
			if up {
				becomes(t, alice, "bob", text, chat.Delivered)
			}
		}
		time.Sleep(time.Minute)
		pin := status(t, alice).Fingerprint.String()
		if page, err := mallory.History(t.Context(), pin, 0, 10); err == nil && len(page) > 0 {
			t.Errorf("mallory got %+v", page)
		}
		if len(named(t, alice, "BOSS")) != 0 {
			t.Error("the words of mallory are shown")
		}
	})
}

// A record stays in the zone when its owner died: the dial that the contact is
// greeted with, or a message, says that nobody is there.
func TestDomain_DeadContactIsOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, alice, bob, _ := apartInZone(t)
		enter(t, z, alice)
		enter(t, z, bob)
		befriend(t, alice, bob)
		z.set(func() { z.fail = errors.New("nobody answers") }) // his goodbye does not arrive
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_ = bob.Close(ctx)
		z.set(func() { z.fail = nil })
		within(t, time.Minute, "bob is offline", func() bool {
			p, _ := peerNamed(t, alice, "bob")
			return p.Presence == chat.Offline
		})
		time.Sleep(10 * time.Minute)
		wantOne(t, "ten minutes later", alice, "bob", chat.Offline)
	})
}

// K5: a ghost has no entry and asks no server; the quiet one publishes only
// constants under words of its own.
func TestK5_Domain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, alice, bob, _ := apartInZone(t)
		set(t, alice, "message", "singing")
		enter(t, z, alice)
		enter(t, z, bob)
		befriend(t, alice, bob)
		open := status(t, alice)
		show(t, alice, chat.VisibleQuiet)
		within(t, 10*time.Second, "the quiet entry", func() bool {
			s, _ := alice.Status(t.Context())
			return !s.Discovery.Entry.IsEmpty() && s.Discovery.Entry != open.Discovery.Entry
		})
		quiet := status(t, alice)
		e := z.entry(quiet.Discovery.Entry.String())
		if strings.Contains(e.Instance, "alice") || e.Port == open.Port || len(e.Text) != 1 || z.entry(open.Name.String()).Port != 0 {
			t.Errorf("quiet as %+v, zone %q", e, z.names())
		}
		show(t, alice, chat.VisibleGhost)
		if got := z.names(); len(got) != 1 || got[0] != status(t, bob).Name.String() {
			t.Errorf("the zone of a ghost: %q", got)
		}
		before := z.asks()
		closeNode(t, bob) // he asks no more
		atBob := z.asks() - before
		send(t, alice, "bob", "into the dark")
		time.Sleep(time.Hour)
		if n := z.asks() - before - atBob; n != 0 {
			t.Errorf("a ghost asked the domain %d times", n)
		}
		show(t, alice, chat.VisibleOpen)
		within(t, 10*time.Second, "she is back", func() bool {
			return slices.Contains(z.names(), open.Name.String())
		})
	})
}

// A domain that cannot be asked or changed is said in a sentence with a hint,
// is tried again, and the sentence goes when it works.
func TestDomain_Trouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, alice, _, _ := apartInZone(t)
		refused := &dnssd.Error{Op: "update", What: "example.org", Err: errors.New("refused"), Hint: "see its update policy"}
		z.set(func() { z.fail = refused })
		set(t, alice, "discovery-domain", "example.org")
		set(t, alice, "discovery-key", keyFile(t))
		time.Sleep(time.Second)
		text, hint, ok := healthItem(t, alice, "domain-entry")
		if want := "you are not listed in the domain example.org: update example.org: refused"; !ok || text != want || hint != "see its update policy" {
			t.Errorf("%q, hint %q", text, hint)
		}
		tries := z.asks()
		time.Sleep(time.Hour)
		if n := z.asks() - tries; n < 10 || n > 30 {
			t.Errorf("%d tries in an hour", n)
		}
		z.set(func() { z.fail = nil })
		within(t, 6*time.Minute, "she has an entry", func() bool {
			_, _, bad := healthItem(t, alice, "domain-entry")
			return !bad && len(z.names()) == 1
		})
		z.set(func() {
			z.tell(dnssd.Event{Kind: dnssd.Trouble, Err: errors.New("dnssd: no answer")})
		})
		time.Sleep(time.Second)
		if text, _, ok := healthItem(t, alice, "domain"); !ok || text != "the domain example.org cannot be asked who is there: no answer" {
			t.Errorf("%q", text)
		}
		z.set(func() { z.tell(dnssd.Event{Kind: dnssd.Recovered}) })
		time.Sleep(time.Second)
		if _, _, ok := healthItem(t, alice, "domain"); ok {
			t.Error("it recovered")
		}
		z.notify("alice-2@elsewhere", errors.New("the key is gone"))
		time.Sleep(time.Second)
		if text, _, _ := healthItem(t, alice, "domain-entry"); !strings.HasSuffix(text, "the key is gone") {
			t.Errorf("%q", text)
		}
		set(t, alice, "discovery-domain", "")
		time.Sleep(time.Second)
		if _, _, ok := healthItem(t, alice, "domain-entry"); ok || len(z.names()) != 0 {
			t.Errorf("after the end: %q", z.names())
		}
	})
}

// The name of an entry that was left behind is told to the next registration
// and is nobody beside us; after a goodbye it is forgotten.
func TestDomain_FormerEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan, z := lantest.New(t, 1), newZone()
		out, folder := z.join(count(lan.Host())), filepath.Join(t.TempDir(), "p")
		n := out.open(t, chat.Options{Nick: "alice", Profile: folder, Visibility: chat.VisibleQuiet})
		enter(t, z, n)
		left := z.names()[0]
		z.set(func() { z.fail = errors.New("cut off") })
		closeNode(t, n)
		z.set(func() { z.fail = nil })
		n = out.open(t, chat.Options{Profile: folder})
		within(t, 10*time.Second, "another entry", func() bool { return len(z.names()) == 2 })
		if rows, _ := n.Peers(t.Context()); len(rows) != 0 {
			t.Errorf("she sees herself: %+v", rows)
		}
		closeNode(t, n)
		out.open(t, chat.Options{Profile: folder})
		within(t, 10*time.Second, "a third entry", func() bool { return len(z.names()) == 2 })
		if want := []string{"", left, ""}; !slices.Equal(z.formers, want) {
			t.Errorf("told %q, want %q", z.formers, want)
		}
	})
}

// Everything that dnssd lost is taken anew.
func TestDomain_Resync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z, alice, _, _ := apartInZone(t)
		set(t, alice, "discovery-domain", "example.org")
		at := []netip.AddrPort{netip.MustParseAddrPort("10.77.9.9:5298")}
		z.put(mdns.Peer{Instance: "carol@ivy", Port: 5298, Addrs: at})
		time.Sleep(time.Second)
		wantOne(t, "joined", alice, "carol", chat.Online)
		z.set(func() {
			delete(z.entries, "carol@ivy")
			z.entries["dan@fig"] = mdns.Peer{Key: "dan@fig", Instance: "dan@fig", Port: 5298, Addrs: at}
			z.tell(dnssd.Event{Kind: dnssd.Resync})
		})
		time.Sleep(time.Second)
		wantOne(t, "new", alice, "dan", chat.Online)
		if rows := named(t, alice, "carol"); len(rows) != 0 {
			t.Errorf("carol is still there: %+v", rows)
		}
	})
}

func TestDomain_Settings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, alice, _, _ := apartInZone(t)
		for _, tt := range []struct{ key, value string }{
			{"discovery-domain", "local"},
			{"discovery-domain", "two words"},
			{"discovery-server", "ns.example.org"},
			{"discovery-key", "llchat.key"},
			{"discovery-key", filepath.Join(t.TempDir(), "none")},
			{"discovery-colour", "red"},
			{"mdns", "bonjour"},
		} {
			wantCode(t, tt.key+" "+tt.value, alice.Set(t.Context(), tt.key, tt.value), chat.CodeUsage)
		}
	})
}
