package chat_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// clearNames counts what was said with a name of this kind before TLS, since a
// length of the recording.
func clearNames(lan *lantest.LAN, since int, attr string) int {
	n := 0
	for part := range bytes.SplitSeq(lan.Wire()[since:], []byte("<stream:stream ")) {
		header, _, _ := bytes.Cut(part, []byte(">"))
		n += bytes.Count(header, []byte(attr))
	}
	return n
}

// K3: before TLS no stream says a name, unless the user asks for it in a profile
// that publishes the name anyhow. A switch counts from the next stream on, over
// restarts, and not where nothing may leak.
func TestK3_PreludeSetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 1)
		lan.Record()
		hostA, folder := lan.Host(), t.TempDir()+"/alice"
		alice := hostA.Node(chat.Options{Nick: "alice", Profile: folder})
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		befriend(t, alice, bob)
		if n := clearNames(lan, 0, "from='") + clearNames(lan, 0, "to='"); n != 0 {
			t.Errorf("%d names in clear without being asked for", n)
		}
		_, _, said := healthItem(t, alice, "prelude")
		if said {
			t.Error("said to be in clear")
		}

		choose(t, alice, "prelude", chat.PreludeFull)
		if _, _, ok := healthItem(t, alice, "prelude"); !ok {
			t.Error("nothing says that names are in clear")
		}
		closeNode(t, alice)
		since := len(lan.Wire())
		alice = hostA.Node(chat.Options{Profile: folder})
		sees(t, alice, "bob")
		within(t, time.Minute, "a stream", func() bool { p, _ := peerNamed(t, alice, "bob"); return p.Stream })
		if n := clearNames(lan, since, "from='"+status(t, alice).Name.String()+"'"); n == 0 {
			t.Error("full: alice said no name")
		}
		if n := clearNames(lan, since, "from='"+status(t, bob).Name.String()+"'"); n != 0 {
			t.Error("bob said his name, and never asked for that")
		}
		if _, _, ok := healthItem(t, alice, "prelude"); !ok {
			t.Error("after a restart nothing says that names are in clear")
		}

		for _, v := range []string{chat.VisibleQuiet, chat.VisibleGhost} {
			choose(t, alice, "visibility", v)
			time.Sleep(5 * time.Second)
			since = len(lan.Wire())
			chat.EndStreams(alice)
			within(t, 2*time.Minute, "a new stream in "+v, func() bool { p, _ := peerNamed(t, alice, "bob"); return p.Stream })
			send(t, alice, "bob", "in "+v)
			becomes(t, alice, "bob", "in "+v, chat.Delivered)
			if n := clearNames(lan, since, "from='") + clearNames(lan, since, "to='"); n != 0 {
				t.Errorf("%s: %d names in clear", v, n)
			}
			if _, _, ok := healthItem(t, alice, "prelude"); ok {
				t.Errorf("%s: said to be in clear", v)
			}
			wantCode(t, "full in "+v, alice.Set(t.Context(), "prelude", chat.PreludeFull), chat.CodeUsage)
		}
		wantCode(t, "nonsense", alice.Set(t.Context(), "prelude", "some"), chat.CodeUsage)
		choose(t, alice, "prelude", chat.PreludeBare)
		closeNode(t, alice)
		closeNode(t, bob)
	})
}
