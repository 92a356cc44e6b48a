//go:build lab && linux

package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"llchat/internal/chat"
)

// healTime is generous for a loaded machine; the bar of 5 s (issues 3 and 4)
// is measured by BenchmarkHealing.
const healTime = time.Minute

// received are the texts that n shows as received, in order.
func (n *node) received(from string) []string {
	n.t.Helper()
	return n.bodies(from, chat.In)
}

// bodies reads the whole history with somebody, oldest first.
func (n *node) bodies(with string, d chat.Direction) []string {
	n.t.Helper()
	var list []string
	for _, m := range n.messages(with) {
		if m.Direction == d {
			list = append(list, m.Body.String())
		}
	}
	return list
}

func (n *node) messages(with string) []chat.Message {
	n.t.Helper()
	c := n.client()
	var all []chat.Message
	for before := int64(0); ; {
		page, err := c.History(n.t.Context(), with, before, 200)
		if err != nil {
			n.t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(page, all...)
		before = page[0].Row
	}
}

// wantOnce wants every text of want exactly once, in order where asked.
func wantOnce(t testing.TB, got, want []string, ordered bool) {
	t.Helper()
	count := map[string]int{}
	for _, s := range got {
		count[s]++
	}
	lost, doubled := 0, 0
	for _, s := range want {
		switch {
		case count[s] == 0:
			lost++
		case count[s] > 1:
			doubled++
		}
	}
	if lost+doubled > 0 {
		t.Errorf("of %d messages %d are lost and %d shown twice", len(want), lost, doubled)
	}
	if !ordered || t.Failed() {
		return
	}
	next := 0
	for _, s := range got {
		if next < len(want) && s == want[next] {
			next++
		}
	}
	if next != len(want) {
		t.Errorf("out of order after %q", want[next-1])
	}
}

// outages are what a network does to two people who talk.
var outages = []struct {
	name string
	cut  func(l *lan, h *host, on bool)
}{
	{"cable", (*lan).pull},
	{"silent", (*lan).silence},
}

// TestOutage: both sides list each other again and what was written meanwhile
// arrives once, in order, both ways.
func TestOutage(t *testing.T) {
	for _, o := range outages {
		for _, d := range []time.Duration{10 * time.Second, 150 * time.Second} {
			t.Run(fmt.Sprintf("%s/%v", o.name, d), func(t *testing.T) {
				t.Parallel()
				l := newLAN(t, 2)
				alice := l.hosts[0].daemon(t, "--nick", "Alice")
				bob := l.hosts[1].daemon(t, "--nick", "Bob")
				friends(t, alice, bob)
				o.cut(l, alice.h, true)
				time.Sleep(d / 2) // an outage lasts
				alice.must(chat.CodeNotYet, "send", "--timeout", "0.1s", "bob", "from alice")
				bob.must(chat.CodeNotYet, "send", "--timeout", "0.1s", "alice", "from bob")
				time.Sleep(d / 2)
				o.cut(l, alice.h, false)
				t.Logf("healed after %v", healed(t, alice, bob, "from alice", "from bob"))
				wantOnce(t, bob.received("alice"), []string{"thank you", "from alice"}, true)
				wantOnce(t, alice.received("bob"), []string{"welcome", "from bob"}, true)
			})
		}
	}
}

// healed waits until two people see each other and have what was written, and
// says how long that took.
func healed(t testing.TB, a, b *node, toB, toA string) time.Duration {
	t.Helper()
	start := time.Now()
	has := func(n *node, from, text string) bool {
		page, err := n.client().History(t.Context(), from, 0, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			if m.Body.String() == text && m.Direction == chat.In {
				return true
			}
		}
		return false
	}
	online := func(n *node, who string) bool {
		rows, err := n.client().Peers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range rows {
			if p.Instance.String() == who && isOnline(p) && p.Stream {
				return true
			}
		}
		return false
	}
	eventually(t, healTime, "both sides list each other and have what was written", func() bool {
		return online(a, b.name) && online(b, a.name) && has(b, "alice", toB) && has(a, "bob", toA)
	})
	return time.Since(start)
}

// TestLossyConversation: 30 % of all frames lost, 200 ms of delay: 500
// messages arrive whole and in order.
func TestLossyConversation(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 2)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	friends(t, alice, bob)
	l.slow(alice.h, 100*time.Millisecond) // each way
	l.lose(bob.h, 30)
	var want []string
	c := alice.client()
	for i := range 500 {
		text := fmt.Sprintf("line %d %s", i, strings.Repeat("x", i%300))
		if _, err := c.Send(t.Context(), "bob", text); err != nil {
			t.Fatal(err)
		}
		want = append(want, text)
	}
	eventually(t, 4*time.Minute, "500 messages are delivered", func() bool {
		page, err := c.History(t.Context(), "bob", 0, 1)
		return err == nil && len(page) == 1 && page[0].State == chat.Delivered
	})
	wantOnce(t, bob.received("alice"), want, true)
}

// TestCrossedFirstMessages: both write the first message at once, again and
// again: nothing is lost and one stream is left. LLCHAT_LAB_CROSSED is how
// often; the soak run does it 200 times.
func TestCrossedFirstMessages(t *testing.T) {
	t.Parallel()
	times := number(t, "LLCHAT_LAB_CROSSED", 8)
	l := newLAN(t, 2)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	friends(t, alice, bob)
	var toBob, toAlice []string
	for i := range times {
		// Without streams: both restart at once.
		for _, n := range []*node{alice, bob} {
			n.p.kill()
			n.launch()
		}
		alice.awaitReady()
		bob.awaitReady()
		a, b := alice.client(), bob.client()
		toBob, toAlice = append(toBob, fmt.Sprintf("to bob %d", i)), append(toAlice, fmt.Sprintf("to alice %d", i))
		var both sync.WaitGroup
		both.Go(func() { sent(t, a, "bob", toBob[i]) })
		both.Go(func() { sent(t, b, "alice", toAlice[i]) })
		both.Wait()
		eventually(t, healTime, "both first messages are there", func() bool {
			return last(t, a, "bob") == chat.Delivered && last(t, b, "alice") == chat.Delivered
		})
	}
	wantOnce(t, bob.received("alice"), toBob, true)
	wantOnce(t, alice.received("bob"), toAlice, true)
	eventually(t, healTime, "one stream is left", func() bool {
		return streams(alice, bob) == 1
	})
}

func sent(t testing.TB, c chat.API, who, text string) {
	if _, err := c.Send(context.WithoutCancel(t.Context()), who, text); err != nil {
		t.Errorf("send %q: %v", text, err)
	}
}

// last is the state of the newest message of ours.
func last(t testing.TB, c chat.API, with string) chat.State {
	t.Helper()
	page, err := c.History(t.Context(), with, 0, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(page) - 1; i >= 0; i-- {
		if page[i].Direction == chat.Out {
			return page[i].State
		}
	}
	return ""
}

// streams counts the TCP connections between two nodes.
func streams(a, b *node) int {
	a.t.Helper()
	n := 0
	for line := range strings.Lines(a.h.mustRun(a.t, "ss", "-Htn", "state", "established")) {
		if strings.Contains(line, ":"+strconv.Itoa(a.port)) || strings.Contains(line, ":"+strconv.Itoa(b.port)) {
			n++
		}
	}
	return n
}

// number reads how often a soak run wants something.
func number(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is no number", variable, s)
	}
	return n
}

// TestKillPoints kills real nodes at random moments while both sides write:
// nothing is lost, nothing shown twice, nothing said to be delivered that is
// not there. LLCHAT_LAB_KILLS is how many a side; the soak run takes 1,000.
// LLCHAT_LAB_SEED repeats a run.
func TestKillPoints(t *testing.T) {
	t.Parallel()
	kills := number(t, "LLCHAT_LAB_KILLS", 10)
	seed := number(t, "LLCHAT_LAB_SEED", int(time.Now().UnixNano()&0xffffff)+1)
	t.Logf("LLCHAT_LAB_SEED=%d", seed)
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	l := newLAN(t, 2)
	alice := l.hosts[0].daemon(t, "--nick", "Alice")
	bob := l.hosts[1].daemon(t, "--nick", "Bob")
	friends(t, alice, bob)

	written := map[*node][]string{}
	for i := range kills {
		for _, victim := range []*node{bob, alice} {
			other := alice
			if victim == alice {
				other = bob
			}
			written[other] = append(written[other], writeWhile(other, nick(victim), fmt.Sprintf("%d to %s", i, nick(victim)), func() {
				time.Sleep(time.Duration(random.IntN(60_000)) * time.Microsecond)
				victim.p.kill()
			})...)
			victim.start()
		}
	}
	for _, pair := range [][2]*node{{alice, bob}, {bob, alice}} {
		from, to := pair[0], pair[1]
		ctx, cancel := context.WithTimeout(t.Context(), 2*healTime)
		defer cancel()
		if err := delivered(ctx, from.client(), nick(to), "the end"); err != nil { // after all others
			t.Fatalf("the last message of %s: %v", nick(from), err)
		}
		got := to.received(nick(from))
		wantOnce(t, got, written[from], true)
		there := strings.Join(got, "\n") + "\n"
		for _, m := range from.messages(nick(to)) {
			if m.Direction == chat.Out && m.State == chat.Delivered && !strings.Contains(there, m.Body.String()+"\n") {
				t.Errorf("%q is shown as delivered and is not there", m.Body)
			}
		}
	}
	t.Logf("%d kills, %d and %d messages", 2*kills, len(written[alice]), len(written[bob]))
}

func nick(n *node) string {
	user, _, _ := strings.Cut(n.name, "@")
	return user
}

// writeWhile sends messages one after the other until f returns, and says
// which ones the node took.
func writeWhile(n *node, who, word string, f func()) (taken []string) {
	n.t.Helper()
	c := n.client()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for i := 0; ; i++ {
		select {
		case <-done:
			return taken
		default:
		}
		text := fmt.Sprintf("%s, %d", word, i)
		m, err := c.Send(n.t.Context(), who, text)
		if err != nil {
			n.t.Fatalf("send: %v", err)
		}
		taken = append(taken, m.Body.String())
	}
}

// BenchmarkHealing measures from the cable's return to both lists and both
// waiting messages: the bar is 5 s. The baseline is one ping.
func BenchmarkHealing(b *testing.B) {
	for _, o := range outages {
		b.Run(o.name, func(b *testing.B) {
			l := newLAN(b, 2)
			alice := l.hosts[0].daemon(b, "--nick", "Alice")
			bob := l.hosts[1].daemon(b, "--nick", "Bob")
			friends(b, alice, bob)
			var total, ping time.Duration
			for i := 0; b.Loop(); i++ {
				o.cut(l, alice.h, true)
				time.Sleep(10 * time.Second)
				toB, toA := fmt.Sprintf("to bob %d", i), fmt.Sprintf("to alice %d", i)
				alice.must(chat.CodeNotYet, "send", "--timeout", "0.1s", "bob", toB)
				bob.must(chat.CodeNotYet, "send", "--timeout", "0.1s", "alice", toA)
				o.cut(l, alice.h, false)
				start := time.Now()
				for alice.h.run(b, nil, "ping", "-n", "-c", "1", "-W", "1", bob.h.address()).code != 0 {
				}
				ping += time.Since(start)
				total += time.Since(start) + healed(b, alice, bob, toB, toA)
			}
			b.ReportMetric(total.Seconds()/float64(b.N), "healed-s")
			b.ReportMetric(ping.Seconds()/float64(b.N), "baseline-ping-s")
		})
	}
}
