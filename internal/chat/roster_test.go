package chat_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"llchat/internal/chat"
)

// Renaming is the user's own affair: the other side learns nothing of it.
func TestRename(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		p, err := c.alice.Rename(t.Context(), "bob", "Bob (work)")
		if err != nil || p.Name.String() != "Bob (work)" || p.Trust != chat.Pinned {
			t.Errorf("row %+v, %v", p, err)
		}
		send(t, c.alice, "Bob (work)", "hi")
		becomes(t, c.bob, "alice", "hi", chat.Received)
		wantCode(t, "an empty name", second(c.alice.Rename(t.Context(), "Bob (work)", "")), chat.CodeUsage)
		wantCode(t, "a name of escapes", second(c.alice.Rename(t.Context(), "Bob (work)", "\x1b[2J")), chat.CodeUsage)
		wantCode(t, "nobody", second(c.alice.Rename(t.Context(), "carol", "x")), chat.CodeNoSuch)
	})
}

func second[T any](_ T, err error) error { return err }

// security.md 6.2: blocked, then unblocked, is unknown: it may ask again, and
// nothing of before is lost here.
func TestUnblock(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		wantCode(t, "who is not blocked", second(c.alice.Unblock(t.Context(), "bob")), chat.CodeNoSuch)
		p, err := c.alice.Block(t.Context(), "bob")
		if err != nil {
			t.Fatal(err)
		}
		send(t, c.bob, "alice", "hello?")
		reasons(t, c.bob, "alice", "hello?", chat.ReasonWaiting)
		if p, err = c.alice.Unblock(t.Context(), p.Key); err != nil || p.Trust != chat.Unknown {
			t.Fatalf("row %+v, %v; want unknown", p, err)
		}
		send(t, c.bob, "alice", "again?")
		within(t, 2*time.Minute, "bob asks, with all he wrote and in order", func() bool {
			r, err := c.alice.Requests(t.Context())
			return err == nil && len(r) == 1 && len(r[0].Bodies) == 2 && r[0].Bodies[0].String() == "hello?" && r[0].Bodies[1].String() == "again?"
		})
		if _, err := c.alice.Accept(t.Context(), p.Key); err != nil {
			t.Fatal(err)
		}
		becomes(t, c.bob, "alice", "again?", chat.Delivered)
		if _, n := find(t, c.alice, p.Key, "may I?"); n != 1 {
			t.Error("what was written before the block is gone")
		}
	})
}

// Forgotten is forgotten: pins, conversation, draft and outbox; streams end
// within a second (P-09), and the key may ask as a stranger.
func TestP09_Forget(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		send(t, c.bob, "alice", "remember me")
		becomes(t, c.alice, "bob", "remember me", chat.Received)
		p, _ := peerNamed(t, c.alice, "bob")
		if err := c.alice.SetDraft(t.Context(), p.Key, chat.Writing{Text: "half"}); err != nil {
			t.Fatal(err)
		}
		if err := c.alice.Forget(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		within(t, time.Second, "the stream ends", func() bool {
			rows, err := c.alice.Peers(t.Context())
			for _, p := range rows {
				if p.Stream || p.Contact() {
					return false
				}
			}
			return err == nil
		})
		if all, err := c.alice.Export(t.Context(), "", 0, 100); err != nil || len(all) > 0 {
			t.Errorf("%d messages are left, %v", len(all), err)
		}
		if d, err := c.alice.Draft(t.Context(), p.Key); err != nil || d.Text != "" {
			t.Errorf("draft %+v, %v", d, err)
		}
		if data, err := os.ReadFile(filepath.Join(c.folderA, "trust")); err != nil || strings.Contains(string(data), p.Fingerprint.String()) {
			t.Errorf("the pin is on disk: %v", err)
		}
		wantCode(t, "nobody", c.alice.Forget(t.Context(), "carol"), chat.CodeNoSuch)
		send(t, c.bob, "alice", "and now?")
		within(t, 2*time.Minute, "bob asks", func() bool {
			r, err := c.alice.Requests(t.Context())
			return err == nil && len(r) == 1 && len(r[0].Bodies) == 1
		})
		// A request is forgotten, too.
		r, _ := c.alice.Requests(t.Context())
		if err := c.alice.Forget(t.Context(), r[0].Fingerprint.String()); err != nil {
			t.Error(err)
		}
		if r, err := c.alice.Requests(t.Context()); err != nil || len(r) > 0 {
			t.Errorf("requests %+v, %v", r, err)
		}
	})
}

// A petname is the user's own word: a contact that calls itself by that of
// another made the name ambiguous.
func TestP02_ContactTakesNobodysPetname(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		carol := c.lan.Host().Node(chat.Options{Nick: "carol", Strangers: chat.StrangersAccept})
		sees(t, c.alice, "carol")
		send(t, c.alice, "carol", "hello")
		becomes(t, c.alice, "carol", "hello", chat.Delivered)
		if err := carol.Set(t.Context(), "nick", "bob"); err != nil {
			t.Fatal(err)
		}
		within(t, 5*time.Second, "carol calls herself bob", func() bool {
			p, ok := peerNamed(t, c.alice, "carol")
			return ok && p.Nick.String() == "bob"
		})
		send(t, c.alice, "bob", "for bob alone")
		becomes(t, c.bob, "alice", "for bob alone", chat.Received)
		closeNode(t, carol)
	})
}
