package chat_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/identity"
	"llchat/internal/lantest"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/xmlstream"
)

func pinOf(t *testing.T, n *chat.Node) identity.Pin {
	t.Helper()
	s, err := n.Status(context.Background())
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	return s.Fingerprint
}

// rowOf is the row of a key.
func rowOf(t *testing.T, n *chat.Node, pin identity.Pin) chat.Peer {
	t.Helper()
	rows, err := n.Peers(context.Background())
	if err != nil {
		t.Fatalf("peers: %v", err)
	}
	for _, p := range rows {
		if p.Fingerprint == pin {
			return p
		}
	}
	return chat.Peer{}
}

// becomesTrust waits until a key is in a state.
func becomesTrust(t *testing.T, n *chat.Node, pin identity.Pin, want chat.Trust) chat.Peer {
	t.Helper()
	var row chat.Peer
	within(t, time.Minute, pin.Label()+" is "+string(want), func() bool {
		row = rowOf(t, n, pin)
		return row.Trust == want
	})
	return row
}

// secondBob starts another person who is called bob, and lets it write to alice.
func (c *couple) secondBob(t *testing.T, folder, text string) *chat.Node {
	t.Helper()
	bob2 := c.lan.Host().Node(chat.Options{Nick: "bob", Profile: folder})
	sees(t, bob2, "alice")
	send(t, bob2, "alice", text)
	becomesTrust(t, c.alice, pinOf(t, bob2), chat.Conflict)
	return bob2
}

// Security.md 6.2: "another person". The second bob is reached under a petname
// that nobody takes for the first one's; what it wrote meanwhile arrives; all
// stands over a restart, and nothing for one goes to the other.
func TestConflict_AnotherPerson(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		folder := filepath.Join(t.TempDir(), "bob2")
		bob2 := c.secondBob(t, folder, "we met yesterday")
		one, two := pinOf(t, c.bob), pinOf(t, bob2)
		reasons(t, bob2, "alice", "we met yesterday", chat.ReasonWaiting)
		before := pins(t, c.folderA)
		for petname, code := range map[string]int{
			"bob": chat.CodeRefused, "BOB": chat.CodeRefused, "b\u043eb": chat.CodeRefused, "bob@elsewhere": chat.CodeRefused,
			"": chat.CodeUsage, "\x1b[2J": chat.CodeUsage,
		} {
			wantCode(t, "petname "+petname, second(c.alice.AcceptAs(t.Context(), two.String(), petname)), code)
		}
		wantCode(t, "the contact itself", second(c.alice.AcceptAs(t.Context(), one.String(), "Robert")), chat.CodeRefused)
		wantCode(t, "the name that both claim", second(c.alice.Accept(t.Context(), "bob")), chat.CodeRefused)
		if after := pins(t, c.folderA); after != before {
			t.Fatalf("a refusal changed the pins:\n%s", after)
		}

		p, err := c.alice.AcceptAs(t.Context(), two.String(), "Bob from work")
		if err != nil || p.Trust != chat.Pinned || p.Name.String() != "Bob from work" || p.Namesake != one {
			t.Fatalf("row %+v, %v", p, err)
		}
		becomes(t, c.alice, two.String(), "we met yesterday", chat.Received)
		becomes(t, bob2, "alice", "we met yesterday", chat.Delivered)
		closeNode(t, c.alice)
		c.alice = c.startAlice()
		send(t, c.alice, "Bob from work", "for the second")
		send(t, c.alice, one.String(), "for the first")
		becomes(t, c.alice, two.String(), "for the second", chat.Delivered)
		becomes(t, c.alice, one.String(), "for the first", chat.Delivered)
		for n, text := range map[*chat.Node]string{c.bob: "for the second", bob2: "for the first"} {
			if _, count := find(t, n, "alice", text); count != 0 {
				t.Errorf("%q went to the other one", text)
			}
		}
		if p := rowOf(t, c.alice, one); p.Trust != chat.Pinned || p.Name.String() != "bob" {
			t.Errorf("the first bob is %+v", p)
		}
		closeNode(t, bob2)
	})
}

// Security.md 6.2: "bob has a new key". What waited for the old key goes nowhere
// by itself; the old conversation is still there; the user sends again what is
// to go to the new key; all stands over a restart.
func TestConflict_NewKey(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		send(t, c.bob, "alice", "old times")
		becomes(t, c.alice, "bob", "old times", chat.Received)
		old := pinOf(t, c.bob)
		closeNode(t, c.bob)
		send(t, c.alice, old.String(), "only for the old key")
		bob2 := c.secondBob(t, filepath.Join(t.TempDir(), "bob2"), "I have a new laptop")
		now := pinOf(t, bob2)
		before := pins(t, c.folderA)
		for _, typed := range []string{"", "bobb", "Bob", "b\u043eb", "alice", now.String()} {
			wantCode(t, "typed "+typed, second(c.alice.Replace(t.Context(), now.String(), typed)), chat.CodeUsage)
		}
		wantCode(t, "the contact itself", second(c.alice.Replace(t.Context(), old.String(), "bob")), chat.CodeRefused)
		if after := pins(t, c.folderA); after != before {
			t.Fatalf("a refusal changed the pins:\n%s", after)
		}

		p, err := c.alice.Replace(t.Context(), now.String(), "bob")
		if err != nil || p.Trust != chat.Pinned || p.Name.String() != "bob" || p.Fingerprint != now {
			t.Fatalf("row %+v, %v", p, err)
		}
		if p := rowOf(t, c.alice, old); p.Trust != chat.Retired || p.Name.String() != "bob (old)" || p.ReplacedBy != now {
			t.Errorf("the old key is %+v", p)
		}
		becomes(t, c.alice, "bob", "I have a new laptop", chat.Received)
		m, _ := find(t, c.alice, "bob (old)", "only for the old key")
		if m.State != chat.Failed || m.Reason != chat.ReasonReplaced {
			t.Errorf("what waited is %s, %q", m.State, m.Reason)
		}
		closeNode(t, c.alice)
		c.alice = c.startAlice()
		send(t, c.alice, "bob", "welcome back")
		becomes(t, c.alice, "bob", "welcome back", chat.Delivered)
		time.Sleep(time.Minute)
		if _, count := find(t, bob2, "alice", "only for the old key"); count != 0 {
			t.Error("the new key got what was written to the old one")
		}
		if _, count := find(t, c.alice, "bob (old)", "old times"); count != 1 {
			t.Error("the old conversation is gone")
		}
		wantCode(t, "write to the old key", second(c.alice.Send(t.Context(), "bob (old)", "hello?")), chat.CodeRefused)
		if _, err := c.alice.Retry(t.Context(), "bob (old)", m.ID); err != nil {
			t.Fatal(err)
		}
		becomes(t, c.alice, "bob", "only for the old key", chat.Delivered)
		if _, count := find(t, c.alice, "bob (old)", "only for the old key"); count != 0 {
			t.Error("it is still in the old conversation")
		}
		closeNode(t, bob2)
		c.bob = c.startBob() // for the end of the test: the old key comes back
		time.Sleep(10 * time.Second)
		if p := rowOf(t, c.alice, old); p.Trust != chat.Retired {
			t.Errorf("the old key is %s", p.Trust)
		}
	})
}

// A verified contact is never replaced by a key that nobody compared: the
// refusal says what is missing, and nothing changes.
func TestConflict_VerifiedStays(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		if err := chat.Verify(c.alice, pinOf(t, c.bob)); err != nil {
			t.Fatal(err)
		}
		m := c.lan.Host().Mallory("bob@elsewhere")
		if _, err := m.Dial(t.Context(), place(t, c.hostA, c.alice)); err != nil {
			t.Fatal(err)
		}
		becomesTrust(t, c.alice, m.Pin(), chat.Conflict)
		before := pins(t, c.folderA)
		_, err := c.alice.Replace(t.Context(), m.Pin().String(), "bob")
		wantCode(t, "a new key of a verified contact", err, chat.CodeRefused)
		if err == nil || !strings.Contains(err.Error(), "verified") {
			t.Errorf("error %v does not say why", err)
		}
		if pins(t, c.folderA) != before {
			t.Error("the pins changed")
		}
		closeMallory(t, m)
	})
}

// T-13, P-02: a namesake that is accepted as another person neither becomes bob
// nor reads what waits for him.
func TestT13_NamesakeReadsNothingThatWaits(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		bob := pinOf(t, c.bob)
		closeNode(t, c.bob)
		send(t, c.alice, bob.String(), "only for bob")
		m := c.lan.Host().Mallory("bob@nuc")
		conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
		if err != nil {
			t.Fatal(err)
		}
		becomesTrust(t, c.alice, m.Pin(), chat.Conflict)
		if _, err := c.alice.AcceptAs(t.Context(), m.Pin().String(), "Mallory"); err != nil {
			t.Fatal(err)
		}
		_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: "what did you write?", Request: true})
		becomes(t, c.alice, "Mallory", "what did you write?", chat.Received)
		time.Sleep(2 * time.Minute)
		if got := texts(m); len(got) != 0 {
			t.Errorf("mallory got %q", got)
		}
		send(t, c.alice, bob.String(), "and this, too")
		send(t, c.alice, "Mallory", "nothing")
		c.bob = c.startBob()
		becomes(t, c.bob, "alice", "only for bob", chat.Received)
		becomes(t, c.bob, "alice", "and this, too", chat.Received)
		if got := texts(m); len(got) != 1 || got[0] != "nothing" {
			t.Errorf("mallory got %q", got)
		}
		closeMallory(t, m)
	})
}

// conditions are the stream errors that mallory was sent; "" for a plain end.
func conditions(m *lantest.Mallory) []string {
	var got []string
	for _, err := range m.Ends() {
		c := ""
		if e, ok := err.(*stream.PeerError); ok { //nolint:errorlint // only the bare one is what was sent
			c = e.Err.Condition
		}
		got = append(got, c)
	}
	return got
}

// C-24, 5.8-18, P-09: a key that is retired or removed while its stream lives
// gets reset, within a second; a blocked one an end like any other (P-19). The
// next stream is a full handshake, of a stranger.
func TestC24_KeyRevokedWhileItsStreamLives(t *testing.T) {
	tests := []struct {
		name, want string
		revoke     func(t *testing.T, c *couple, pin identity.Pin) error
	}{
		{"retired", xmlstream.Reset, func(t *testing.T, c *couple, _ identity.Pin) error {
			m := c.lan.Host().Mallory("zed@new")
			if _, err := m.Dial(t.Context(), place(t, c.hostA, c.alice)); err != nil {
				return err
			}
			becomesTrust(t, c.alice, m.Pin(), chat.Conflict)
			return second(c.alice.Replace(t.Context(), m.Pin().String(), "zed"))
		}},
		{"forgotten", xmlstream.Reset, func(t *testing.T, c *couple, pin identity.Pin) error {
			return c.alice.Forget(t.Context(), pin.String())
		}},
		{"blocked", "", func(t *testing.T, c *couple, pin identity.Pin) error {
			return second(c.alice.Block(t.Context(), pin.String()))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inLAN(t, func(t *testing.T, c *couple) {
				m := c.lan.Host().Mallory("zed@h")
				conn, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), HasBody: true, Body: "may I?", Request: true})
				becomesTrust(t, c.alice, m.Pin(), chat.Unknown)
				time.Sleep(time.Second)
				if _, err := c.alice.Accept(t.Context(), m.Pin().String()); err != nil {
					t.Fatal(err)
				}
				if err := tt.revoke(t, c, m.Pin()); err != nil {
					t.Fatal(err)
				}
				within(t, time.Second, "the stream is gone (P-09)", func() bool { return len(m.Ends()) == 1 })
				if got := conditions(m); got[0] != tt.want {
					t.Errorf("it ended with %q, want %q", got[0], tt.want)
				}
				again, err := m.Dial(t.Context(), place(t, c.hostA, c.alice))
				if err != nil {
					t.Fatal(err)
				}
				if again.TLS().DidResume || !again.Waiting() {
					t.Error("the new stream is resumed, or no stranger's")
				}
				closeMallory(t, m)
			})
		})
	}
}

// Security.md 6.2: a retired key may do nothing: no request, no text, no word
// to it, whatever it says; the user may make it a stranger's again.
func TestRetiredKeyDoesNothing(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		old := pinOf(t, c.bob)
		bob2 := c.secondBob(t, filepath.Join(t.TempDir(), "bob2"), "new laptop")
		if _, err := c.alice.Replace(t.Context(), pinOf(t, bob2).String(), "bob"); err != nil {
			t.Fatal(err)
		}
		send(t, c.bob, "alice", "do not listen to the other one")
		reasons(t, c.bob, "alice", "do not listen to the other one", chat.ReasonWaiting)
		time.Sleep(2 * time.Minute)
		noRequests(t, c.alice)
		if _, n := find(t, c.alice, old.String(), "do not listen to the other one"); n != 0 {
			t.Error("a retired key's text was kept")
		}
		if p := rowOf(t, c.alice, old); p.Trust != chat.Retired {
			t.Errorf("it is %s", p.Trust)
		}
		if got := chat.AcceptedStreams(c.alice); got != 1 {
			t.Errorf("%d accepted streams, want that of the new key", got)
		}
		p, err := c.alice.Accept(t.Context(), old.String())
		if err != nil || p.Trust != chat.Conflict || p.Of != pinOf(t, bob2) {
			t.Errorf("accepted it is %+v, %v; want a stranger in conflict with the new key", p, err)
		}
		// The old laptop was found again: both are kept.
		if p, err = c.alice.AcceptAs(t.Context(), old.String(), "old laptop"); err != nil || p.Trust != chat.Pinned {
			t.Errorf("row %+v, %v", p, err)
		}
		becomes(t, c.alice, "old laptop", "do not listen to the other one", chat.Received)
		closeNode(t, bob2)
	})
}

// A retired key that is not here is a stranger's, too, once the user says so.
func TestRevivedWhileAway(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		old := pinOf(t, c.bob)
		closeNode(t, c.bob)
		bob2 := c.secondBob(t, filepath.Join(t.TempDir(), "bob2"), "new laptop")
		if _, err := c.alice.Replace(t.Context(), pinOf(t, bob2).String(), "bob"); err != nil {
			t.Fatal(err)
		}
		p, err := c.alice.Accept(t.Context(), old.String())
		if err != nil || p.Fingerprint != old || p.Contact() || p.Trust == chat.Retired {
			t.Errorf("row %+v, %v", p, err)
		}
		closeNode(t, bob2)
	})
}

// T-14, P-15: a decision does not start the hour anew: of 10,000 namesakes
// before and after it one line is shown.
func TestT14_NamesakesAroundADecision(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		feed, err := c.alice.Subscribe(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := chat.Namesakes(c.alice, "bob", 0, 5000); err != nil {
			t.Fatal(err)
		}
		bob2 := c.secondBob(t, filepath.Join(t.TempDir(), "bob2"), "new laptop")
		if _, err := c.alice.Replace(t.Context(), pinOf(t, bob2).String(), "bob"); err != nil {
			t.Fatal(err)
		}
		if err := chat.Namesakes(c.alice, "bob", 5000, 10_000); err != nil {
			t.Fatal(err)
		}
		if n := conflictNotices(t, feed); n != 1 {
			t.Errorf("%d notices, want 1", n)
		}
		noRequests(t, c.alice)
		closeNode(t, bob2)
	})
}

// Two namesakes at once: the one that the user did not choose is in conflict
// with the new key, and gets nothing of it.
func TestConflict_OtherNamesakeStays(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		m := c.lan.Host().Mallory("bob@elsewhere")
		if _, err := m.Dial(t.Context(), place(t, c.hostA, c.alice)); err != nil {
			t.Fatal(err)
		}
		bob2 := c.secondBob(t, filepath.Join(t.TempDir(), "bob2"), "new laptop")
		_, err := c.alice.AcceptAs(t.Context(), pinOf(t, c.bob).String(), "Robert")
		e := new(chat.Error)
		if wantCode(t, "a decision about the contact", err, chat.CodeRefused); err != nil {
			e = err.(*chat.Error) //nolint:errorlint // wantCode said so
		}
		if len(e.Candidates) != 2 {
			t.Errorf("%d candidates, want both keys in conflict", len(e.Candidates))
		}
		if _, err := c.alice.Replace(t.Context(), pinOf(t, bob2).String(), "bob"); err != nil {
			t.Fatal(err)
		}
		p := rowOf(t, c.alice, m.Pin())
		if p.Trust != chat.Conflict || p.Of != pinOf(t, bob2) {
			t.Errorf("the other namesake is %s of %s", p.Trust, p.Of.Label())
		}
		time.Sleep(10 * time.Second)
		if got := m.Got(); len(got) != 0 {
			t.Errorf("it got %+v", got)
		}
		closeMallory(t, m)
		closeNode(t, bob2)
	})
}

// The node ended between the new pin and the outbox of the old one, as a crash
// can: the next start says of what waited that it does not go.
func TestCrashInsideReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := acquaint(t, lantest.New(t, 1))
		old := pinOf(t, c.bob)
		closeNode(t, c.bob)
		send(t, c.alice, old.String(), "only for the old key")
		bob2 := c.secondBob(t, filepath.Join(t.TempDir(), "bob2"), "new laptop")
		closeNode(t, c.alice)
		path := filepath.Join(c.folderA, "history.db")
		waiting, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c.alice = c.startAlice()
		becomesTrust(t, c.alice, pinOf(t, bob2), chat.Conflict)
		if _, err := c.alice.Replace(t.Context(), pinOf(t, bob2).String(), "bob"); err != nil {
			t.Fatal(err)
		}
		closeNode(t, c.alice)
		for _, f := range []string{"-wal", "-shm", ""} {
			_ = os.Remove(path + f)
		}
		if err := os.WriteFile(path, waiting, 0o600); err != nil {
			t.Fatal(err)
		}
		c.alice = c.startAlice()
		m := becomes(t, c.alice, "bob (old)", "only for the old key", chat.Failed)
		if m.Reason != chat.ReasonReplaced {
			t.Errorf("reason %q", m.Reason)
		}
		closeNode(t, c.alice)
		closeNode(t, bob2)
	})
}
