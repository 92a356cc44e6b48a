package chat_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/health"
	"llchat/internal/lantest"
	"llchat/internal/mdns"
)

// itemOf finds what status says about a code that begins so.
func itemOf(t *testing.T, n *chat.Node, code string) (health.Item, bool) {
	t.Helper()
	s, err := n.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range s.Health {
		if strings.HasPrefix(h.Code, code) {
			return h, true
		}
	}
	return health.Item{}, false
}

// Part 9: nobody answers. Alone it is a remark, beside a stream to somebody on
// the link a warning that multicast is filtered; it ends with the first word.
func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 15)
		hostA, hostB := lan.Host(), lan.Host()
		lan.Deaf(hostA, hostB)
		network := hostA.Network()
		interfaces := network.Interfaces()
		interfaces[0].Name = "mem1" // as the LAN in memory calls its first link
		network.Interfaces = func() []chat.Interface { return interfaces }
		alice, err := chat.Open(t.Context(), chat.Options{Profile: t.TempDir() + "/a", Nick: "alice", Network: network})
		if err != nil {
			t.Fatal(err)
		}
		ready(t, alice)
		time.Sleep(7 * time.Second)
		if h, ok := itemOf(t, alice, "nobody-answers"); ok {
			t.Errorf("too early: %+v", h)
		}
		time.Sleep(5 * time.Second)
		h, ok := itemOf(t, alice, "nobody-answers")
		if !ok || h.Severity != health.Info || !strings.Contains(h.Text, "nobody has answered yet on mem1") || !strings.Contains(h.Hint, "llchat add ADDRESS") {
			t.Errorf("after 12 s: %+v, %v; want a first remark", h, ok)
		}
		time.Sleep(3 * time.Minute)
		h, ok = itemOf(t, alice, "nobody-answers")
		if !ok || !strings.Contains(h.Text, "nobody else is here") || h.Severity != health.Info || !strings.Contains(h.Hint, "llchat doctor") {
			t.Errorf("alone: %+v, %v; want a remark", h, ok)
		}
		bob := hostB.Node(chat.Options{Nick: "bob", Port: 5298})
		ready(t, bob)
		add(t, alice, hostB.Addr().String())
		time.Sleep(2 * time.Minute)
		h, ok = itemOf(t, alice, "nobody-answers")
		if !ok || !strings.Contains(h.Text, "multicast seems filtered") || h.Severity != health.Warning {
			t.Errorf("with bob reached by address: %+v, %v; want a warning", h, ok)
		}
		carol := lan.Host().Node(chat.Options{Nick: "carol"})
		ready(t, carol)
		w := watch(t, alice)
		time.Sleep(2 * time.Minute)
		if h, ok := itemOf(t, alice, "nobody-answers"); ok {
			t.Errorf("carol is heard, and still: %+v", h)
		}
		_ = w.stop()
		for _, n := range []*chat.Node{alice, bob, carol} {
			closeNode(t, n)
		}
	})
}

// What was said early is taken back as soon as somebody is heard.
func TestNobodyAnswersYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 17)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		ready(t, alice)
		time.Sleep(15 * time.Second)
		if _, ok := itemOf(t, alice, "nobody-answers"); !ok {
			t.Error("alone for 15 s, and nothing is said")
		}
		bob := lan.Host().Node(chat.Options{Nick: "bob"})
		ready(t, bob)
		time.Sleep(5 * time.Second)
		if h, ok := itemOf(t, alice, "nobody-answers"); ok {
			t.Errorf("bob is heard, and still: %+v", h)
		}
		closeNode(t, alice)
		closeNode(t, bob)
	})
}

// A ghost asks nobody, so nobody has to answer.
func TestNobodyAnswersNoGhost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ghost := lantest.New(t, 16).Host().Node(chat.Options{Visibility: chat.VisibleGhost})
		ready(t, ghost)
		time.Sleep(time.Hour)
		if h, ok := itemOf(t, ghost, "nobody-answers"); ok {
			t.Errorf("%+v", h)
		}
		closeNode(t, ghost)
	})
}

// Part 9: a clock that jumped is told, for a while.
func TestClockJumpIsTold(t *testing.T) {
	inLAN(t, func(t *testing.T, c *couple) {
		chat.LinkHealth(c.alice, mdns.CauseWoke, "")
		if h, ok := itemOf(t, c.alice, "clock-jump"); !ok || h.Severity != health.Info {
			t.Errorf("%+v, %v", h, ok)
		}
		time.Sleep(4 * time.Minute)
		if h, ok := itemOf(t, c.alice, "clock-jump"); ok {
			t.Errorf("for ever: %+v", h)
		}
	})
}
