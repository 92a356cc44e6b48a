package chat_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// The main job: find each other, write, wait, accept, deliver, answer.
func TestFirstLight(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		becomes(t, c.bob, "alice", "may I?", chat.Received)
		send(t, c.bob, "alice", "hello alice")
		becomes(t, c.bob, "alice", "hello alice", chat.Delivered)
		becomes(t, c.alice, "bob", "hello alice", chat.Received)
		p, _ := peerNamed(t, c.alice, "bob")
		if p.Trust != chat.Pinned || !p.Stream || p.Waiting || p.Encrypts == nil || !*p.Encrypts {
			t.Errorf("bob's row: %+v; want pinned, connected, encrypting", p)
		}
	})
}

// Spec 5.5: who is not accepted waits, and is told so; the request is on disk.
func TestRequestSurvivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 2)
		alice, hostB := lan.Host().Node(chat.Options{Nick: "alice"}), lan.Host()
		folder := t.TempDir() + "/bob"
		bob := hostB.Node(chat.Options{Nick: "bob", Profile: folder})
		sees(t, alice, "bob")
		send(t, alice, "bob", "first")
		send(t, alice, "bob", "second")
		reasons(t, alice, "bob", "first", chat.ReasonWaiting)
		within(t, 5*time.Second, "bob has both", func() bool {
			r, _ := bob.Requests(t.Context())
			return len(r) == 1 && len(r[0].Bodies) == 2
		})
		closeNode(t, bob)
		bob = hostB.Node(chat.Options{Profile: folder})
		r, err := bob.Requests(t.Context())
		if err != nil || len(r) != 1 || r[0].Body.String() != "second" {
			t.Fatalf("after a restart: %v, %v; want alice's request", r, err)
		}
		if _, err := bob.Accept(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		becomes(t, alice, "bob", "second", chat.Delivered)
		becomes(t, alice, "bob", "first", chat.Delivered)
		for _, body := range []string{"first", "second"} {
			if _, n := find(t, bob, "alice", body); n != 1 {
				t.Errorf("bob shows %q %d times, want once", body, n)
			}
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// L-11 from the other end: what the other side would drop stays here, and all
// of it arrives once it is accepted, in order.
func TestManyMessagesBeforeAcceptance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 3)
		alice, bob := lan.Host().Node(chat.Options{Nick: "alice"}), lan.Host().Node(chat.Options{Nick: "bob"})
		sees(t, alice, "bob")
		texts := []string{"one", "two", "three", "four", strings.Repeat("long ", 3000), "six"}
		for _, text := range texts {
			send(t, alice, "bob", text)
		}
		for _, text := range texts {
			reasons(t, alice, "bob", text, chat.ReasonWaiting)
		}
		if _, err := bob.Accept(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			becomes(t, alice, "bob", text, chat.Delivered)
		}
		page, err := bob.History(t.Context(), "alice", 0, 100)
		if err != nil || len(page) != len(texts) {
			t.Fatalf("bob has %d messages, %v; want %d", len(page), err, len(texts))
		}
		for i, text := range texts {
			if page[i].Body.String() != strings.TrimRight(text, "\n") {
				t.Errorf("message %d is %.20q, want %.20q", i, page[i].Body, text)
			}
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// Spec 5.5: strangers=refuse and strangers=accept.
func TestStrangersPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 4)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		shy := lan.Host().Node(chat.Options{Nick: "shy", Strangers: chat.StrangersRefuse})
		open := lan.Host().Node(chat.Options{Nick: "open", Strangers: chat.StrangersAccept})
		sees(t, alice, "shy")
		sees(t, alice, "open")
		_, err := alice.Send(t.Context(), "shy", "hello?")
		wantCode(t, "to somebody who takes nobody", err, chat.CodeRefused)
		if p, _ := peerNamed(t, alice, "shy"); !p.Fingerprint.IsZero() {
			t.Errorf("a key that refused us was pinned: %+v", p)
		}
		send(t, alice, "open", "hello!")
		becomes(t, alice, "open", "hello!", chat.Delivered)
		for _, n := range []*chat.Node{alice, shy, open} {
			closeNode(t, n)
		}
	})
}

// What cannot be sent is refused with the reason, before anything happens.
func TestBadText(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		for name, text := range map[string]string{
			"empty":              "",
			"white space":        " \n\t",
			"too long":           strings.Repeat("x", 32<<10+1),
			"too long as XML":    strings.Repeat("&", 20<<10),
			"not UTF-8":          "a\xffb",
			"a NUL":              "a\x00b",
			"an escape sequence": "a\x1b[2Jb",
		} {
			_, err := c.alice.Send(t.Context(), "bob", text)
			wantCode(t, name, err, chat.CodeUsage)
		}
		_, err := c.alice.Send(t.Context(), "nobody", "x")
		wantCode(t, "to nobody", err, chat.CodeNoSuch)
		_, err = c.alice.Send(t.Context(), "", "x")
		wantCode(t, "to no name", err, chat.CodeNoSuch)
		whole := strings.Repeat("y", 32<<10)
		send(t, c.alice, "bob", whole)
		becomes(t, c.bob, "alice", whole, chat.Received)
		send(t, c.alice, "bob", "a\r\nb")
		becomes(t, c.bob, "alice", "a\nb", chat.Received)
	})
}

// An ambiguous name never sends: it lists who bears it (cli.md).
func TestAmbiguousName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 5)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		one, two := lan.Host().Node(chat.Options{Nick: "sam"}), lan.Host().Node(chat.Options{Nick: "Sam"})
		sees(t, alice, "sam")
		sees(t, alice, "Sam")
		_, err := alice.Send(t.Context(), "sam", "which?")
		e, ok := errors.AsType[*chat.Error](err)
		if !ok || e.Code != chat.CodeRefused || len(e.Candidates) != 2 {
			t.Fatalf("error %+v, want code 4 with two candidates", err)
		}
		send(t, alice, e.Candidates[0].Instance.String(), "you")
		for _, n := range []*chat.Node{alice, one, two} {
			closeNode(t, n)
		}
	})
}

// Nick, status and message reach everybody at once by TXT (174-5.1), and a
// contact inside TLS (K11).
func TestStatusTravels(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		for _, set := range [][2]string{{"status", "dnd"}, {"message", "in a meeting"}, {"nick", "Bobby"}} {
			if err := c.bob.Set(t.Context(), set[0], set[1]); err != nil {
				t.Fatal(err)
			}
		}
		within(t, 3*time.Second, "alice sees it", func() bool {
			p, ok := peerNamed(t, c.alice, "bob") // her own name for him stays
			return ok && p.Presence == chat.DND && p.Message.String() == "in a meeting" && p.Nick.String() == "Bobby"
		})
		for _, bad := range [][2]string{{"status", "asleep"}, {"nick", "\x1b[2J"}, {"nick", ""}, {"color", "red"}, {"strangers", "maybe"}, {"message", "a\nb"}} {
			wantCode(t, "set "+bad[0], c.bob.Set(t.Context(), bad[0], bad[1]), chat.CodeUsage)
		}
	})
}

// Goodbye: gone at the other side within 1.5 s of leaving.
func TestGoodbye(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		left := time.Now()
		go closeNode(t, c.bob)
		within(t, 1500*time.Millisecond, "bob is offline", func() bool {
			p, _ := peerNamed(t, c.alice, "bob")
			return p.Presence == chat.Offline
		})
		t.Logf("gone after %v", time.Since(left))
		<-c.bob.Done()
	})
}

// The feed replays what is stored and goes on live, over a restart.
func TestSubscribeSince(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		send(t, c.bob, "alice", "stored")
		becomes(t, c.alice, "bob", "stored", chat.Received)
		closeNode(t, c.alice)
		c.alice = c.startAlice()
		feed, err := c.alice.Subscribe(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = feed.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var last uint64
		var bodies []string
		sent := false
		for len(bodies) < 3 {
			if len(bodies) == 2 && !sent { // events that are no messages come between
				sees(t, c.bob, "alice")
				send(t, c.bob, "alice", "live")
				sent = true
			}
			events, err := feed.Next(ctx)
			if err != nil {
				t.Fatalf("after %v: %v", bodies, err)
			}
			for _, e := range events {
				m, ok := e.Body.(chat.Message)
				if !ok {
					continue
				}
				if e.Seq <= last {
					t.Errorf("number %d after %d", e.Seq, last)
				}
				last = e.Seq
				bodies = append(bodies, m.Body.String())
			}
		}
		if got := strings.Join(bodies, " "); got != "may I? stored live" {
			t.Errorf("messages %q", got)
		}
	})
}

// Drafts are on disk.
func TestDraftSurvivesRestart(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		p, _ := peerNamed(t, c.alice, "bob")
		if err := c.alice.SetDraft(t.Context(), p.Key, chat.Writing{Text: "half a thou", Reply: "1"}); err != nil {
			t.Fatal(err)
		}
		closeNode(t, c.alice)
		c.alice = c.startAlice()
		if got, err := c.alice.Draft(t.Context(), p.Key); got.Text != "half a thou" || got.Reply != "1" || err != nil {
			t.Errorf("draft %+v, %v", got, err)
		}
	})
}

// Nothing is on the wire before the user gave a name (ui, first run).
func TestHoldStaysOffTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 6)
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		alice := lan.Host().Node(chat.Options{Hold: true})
		sees(t, alice, "bob")
		time.Sleep(time.Minute)
		if rows, _ := bob.Peers(t.Context()); len(rows) != 0 {
			t.Errorf("bob sees %+v before alice has a name", rows)
		}
		if s, _ := alice.Status(t.Context()); !s.Fresh || s.Ready {
			t.Errorf("status %+v; want fresh and not ready", s)
		}
		if err := alice.Set(t.Context(), "nick", "alice"); err != nil {
			t.Fatal(err)
		}
		sees(t, bob, "alice")
		p, _ := peerNamed(t, bob, "alice")
		if !strings.HasPrefix(p.Instance.String(), "alice@") {
			t.Errorf("instance %q, want alice@...", p.Instance)
		}
		sees(t, alice, "bob")
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// The disk alone: what needs no network works without one.
func TestOffline(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		if _, err := chat.OpenOffline(t.Context(), c.folderA); !errors.Is(err, chat.ErrLocked) {
			t.Errorf("while a node runs: %v, want ErrLocked", err)
		}
		closeNode(t, c.alice)
		n, err := chat.OpenOffline(t.Context(), c.folderA)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := peerNamed(t, n, "bob"); !ok || p.Presence != chat.Offline || p.Trust != chat.Pinned {
			t.Errorf("bob on disk: %+v, %v", p, ok)
		}
		send(t, n, "bob", "for later")
		reasons(t, n, "bob", "for later", chat.ReasonNotHere)
		closeNode(t, n)
		c.alice = c.startAlice()
		becomes(t, c.alice, "bob", "for later", chat.Delivered)
		becomes(t, c.bob, "alice", "for later", chat.Received)
	})
}
