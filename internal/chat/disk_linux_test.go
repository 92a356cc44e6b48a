package chat_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
	"llchat/internal/stanza"
)

// ownProcess runs a test in a process of its own, and reports whether this is
// it. What fullDisk does would meet files of the test run itself: go test keeps
// a log of what tests look at, and takes a hole in it for a failure.
func ownProcess(t *testing.T) bool {
	t.Helper()
	const mark = "LLCHAT_TEST_FULL_DISK"
	if os.Getenv(mark) != "" {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), mark+"=yes")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// fullDisk makes every write of this process to a file fail, until the return
// is called.
func fullDisk(t *testing.T) (mend func()) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	now := was
	now.Cur = 16
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
		t.Fatal(err)
	}
	mend = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(mend)
	return mend
}

// Our disk is full when the receipt comes: the user is told, the message is
// not sent again on that stream, and not called delivered before it is
// written down. Theirs is full when a message comes: it gets no receipt.
func TestFullDisk(t *testing.T) {
	if !ownProcess(t) {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		host := lan.Host()
		alice := host.Node(chat.Options{Nick: "alice"})
		m := lan.Host().Mallory("ann@h")
		stop, err := m.Announce(t.Context(), mdns.PresenceText("ann", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		sees(t, alice, "ann")
		send(t, alice, "ann", "one")
		time.Sleep(15 * time.Second) // the next stream is a reconnect (5.6) and stays
		first, _ := find(t, alice, "ann", "one")
		conn, err := m.Dial(t.Context(), place(t, host, alice))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // both messages of the test go on the newer stream
		send(t, alice, "ann", "two")
		time.Sleep(time.Second)
		second, _ := find(t, alice, "ann", "two")
		got := len(texts(m))

		mend := fullDisk(t)
		receipt := func() {
			for _, id := range []string{first.ID, second.ID} {
				_ = conn.Send(t.Context(), stanza.Message{ID: stanza.NewID(), Received: id})
			}
			time.Sleep(time.Second)
		}
		receipt()
		_ = conn.Send(t.Context(), stanza.Message{ID: "lost", HasBody: true, Body: "lost", Request: true})
		time.Sleep(time.Second)
		if n := len(texts(m)); n != got {
			t.Errorf("%d messages were sent again", n-got)
		}
		if s, _ := alice.Status(t.Context()); len(s.Health) != 1 || s.Health[0].Code != "store" {
			t.Errorf("health %+v, want that of the store", s.Health)
		}
		if _, err := alice.Send(t.Context(), "ann", "three"); err == nil {
			t.Error("a message was taken that is nowhere")
		}
		for _, s := range m.Got() {
			if msg, ok := s.(stanza.Message); ok && msg.Received == "lost" {
				t.Error("a receipt for what was not stored")
			}
		}
		mend()
		receipt()
		becomes(t, alice, "ann", "two", chat.Delivered)
		_ = conn.Send(t.Context(), stanza.Message{ID: "lost", HasBody: true, Body: "lost", Request: true})
		becomes(t, alice, "ann", "lost", chat.Received)
		if s, _ := alice.Status(t.Context()); len(s.Health) != 0 {
			t.Errorf("health %+v, want none after it works again", s.Health)
		}
		stop()
		closeMallory(t, m)
		closeNode(t, alice)
	})
}

// The receiver's disk is full: no receipt, and the sender keeps the message,
// which arrives once, by itself, when there is room again. Both run in this
// process, so what alice writes is on her disk before.
func Test5_7_FullDiskOfTheReceiver(t *testing.T) {
	if !ownProcess(t) {
		return
	}
	inLAN(t, func(t *testing.T, c *couple) {
		time.Sleep(time.Minute)
		c.lan.Delay(100 * time.Millisecond)
		send(t, c.alice, "bob", "keep this") // on the way
		mend := fullDisk(t)
		time.Sleep(10 * time.Second)
		if m, _ := find(t, c.alice, "bob", "keep this"); m.State == chat.Delivered {
			t.Error("called delivered, and it is on no disk")
		}
		if s, _ := c.bob.Status(t.Context()); len(s.Health) == 0 {
			t.Error("bob is not told that his disk is full")
		}
		mend()
		becomes(t, c.alice, "bob", "keep this", chat.Delivered)
		if _, n := find(t, c.bob, "alice", "keep this"); n != 1 {
			t.Errorf("bob shows it %d times", n)
		}
	})
}
