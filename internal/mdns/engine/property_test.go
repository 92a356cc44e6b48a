package engine

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/wire"
)

// group makes n published nodes.
func group(l *lan, n int) []*node {
	var out []*node
	for i := range n {
		x := l.add(fmt.Sprintf("user%02d", i), fmt.Sprintf("host%02d", i), 5298, fmt.Sprintf("10.0.%d.%d/16", i/200, 1+i%200))
		x.publish("n=0")
		out = append(out, x)
	}
	return out
}

// TestNoFlap: whatever is lost, late or doubled, a status change never makes
// anybody seem to leave.
func TestNoFlap(t *testing.T) {
	for seed := range uint64(10) {
		l := newLAN(t, 100+seed)
		l.keep = false
		l.latency = func() time.Duration { return time.Duration(l.rand.Int64N(int64(50 * time.Millisecond))) }
		nodes := group(l, 6)
		l.run(10 * time.Second)
		l.loss = 0.3
		for i := range 30 {
			x := nodes[l.rand.IntN(len(nodes))]
			x.setText(fmt.Sprintf("n=%d", i))
			l.run(time.Duration(l.rand.Int64N(int64(3 * time.Second))))
		}
		l.run(time.Minute)
		for i, x := range nodes {
			if n := x.count(Left); n != 0 {
				t.Errorf("seed %d: node %d saw %d leave", seed, i, n)
			}
			if n := x.count(Joined); n != 5 {
				t.Errorf("seed %d: node %d saw %d join", seed, i, n)
			}
		}
	}
}

// TestConvergenceWithHalfLost: with every second copy lost nine in ten see each other
// within 20 s and most have a change within 4 s: it is announced twice, so one
// observer in four misses both. Nobody is lost again. Once the loss is over, the
// next question completes the picture.
func TestConvergenceWithHalfLost(t *testing.T) {
	var missing, late, pairs, observers int
	for seed := range uint64(20) {
		l := newLAN(t, 200+seed)
		l.keep = false
		l.loss = 0.5
		nodes := group(l, 8)
		l.run(20 * time.Second)
		for _, x := range nodes {
			missing += 7 - len(x.keys())
			pairs += 7
		}
		nodes[0].setText("status=last")
		l.run(4 * time.Second)
		for _, x := range nodes[1:] {
			observers++
			if p, _ := x.e.Peer("user00@host00"); !bytes.Equal(p.TXT, text("status=last")) {
				late++
			}
		}
		l.loss = 0
		l.run(time.Minute)
		for i, x := range nodes {
			if len(x.keys()) != 7 || x.count(Left) != 0 {
				t.Errorf("seed %d: node %d sees %d of 7, saw %d leave", seed, i, len(x.keys()), x.count(Left))
			}
		}
	}
	if missing*10 > pairs || late*10 > observers*4 {
		t.Errorf("after 20 s %d of %d missing; after 4 s %d of %d without the change", missing, pairs, late, observers)
	}
	t.Logf("after 20 s %d of %d missing; after 4 s %d of %d without the change", missing, pairs, late, observers)
}

// TestConvergenceWithFifthLost: issue 3 wants all to see all within 120 s.
func TestConvergenceWithFifthLost(t *testing.T) {
	for seed := range uint64(20) {
		l := newLAN(t, 300+seed)
		l.keep = false
		l.loss = 0.2
		nodes := group(l, 10)
		l.run(2 * time.Minute)
		for i, x := range nodes {
			if got := len(x.keys()); got != 9 {
				t.Errorf("seed %d: node %d sees %d of 9", seed, i, got)
			}
		}
	}
}

// TestTwentyNodesOnOneMachine share address and port.
func TestTwentyNodesOnOneMachine(t *testing.T) {
	l := newLAN(t, 30)
	l.keep = false
	var nodes []*node
	for i := range 20 {
		x := l.add("alice", "pronto", uint16(5298+i), "10.0.0.1/24", "fe80::1/64")
		x.publish("n=0")
		nodes = append(nodes, x)
	}
	l.run(2 * time.Minute)
	names := map[string]bool{}
	for i, x := range nodes {
		names[x.e.Name()] = true
		if got := len(x.keys()); got != 19 {
			t.Errorf("node %d (%s) sees %d of 19", i, x.e.Name(), got)
		}
	}
	if len(names) != 20 || names[""] {
		t.Errorf("names %v", names)
	}
}

func TestOutageHeals(t *testing.T) {
	for _, outage := range []time.Duration{5 * time.Second, 10 * time.Second, 150 * time.Second} {
		l := newLAN(t, 40)
		nodes := group(l, 3)
		l.run(10 * time.Second)
		x := nodes[0]
		x.unplug(1)
		l.run(outage)
		x.join(1, 0, "10.0.0.1/16")
		l.run(5 * time.Second)
		for i, y := range nodes {
			if got := len(y.keys()); got != 2 {
				t.Errorf("outage of %v: node %d sees %d of 2", outage, i, got)
			}
		}
		if x.e.Name() != "user00@host00" {
			t.Errorf("outage of %v: renamed to %s", outage, x.e.Name())
		}
	}
}

// TestSilentPartition: the cable is pulled behind the switch; nobody is told.
// Both miss the other within 125 s. When it heals, whoever speaks first on the
// link brings both back at once; without anybody, the questions do that were
// started anew by the loss, at times that double (RFC 6762 5.2): within the time
// that it was broken.
func TestSilentPartition(t *testing.T) {
	for _, tt := range []struct {
		chatter bool
		within  time.Duration
	}{{true, 5 * time.Second}, {false, 150 * time.Second}} {
		for seed := range uint64(10) {
			l := newLAN(t, 41+seed)
			nodes := group(l, 2)
			l.run(10*time.Second + time.Duration(seed)*11*time.Second)
			nodes[0].e.Watch(l.now, []string{"user01@host01"})
			nodes[1].e.Watch(l.now, []string{"user00@host00"})
			l.run(time.Minute)
			l.drop = func(from, to netip.Addr) bool { return from != to }
			l.run(150 * time.Second)
			for i, n := range nodes {
				if ev := n.only(Left); ev.Cause != Unanswered {
					t.Errorf("node %d: %+v", i, ev)
				}
			}
			l.drop = nil
			if tt.chatter { // a telephone looks for a printer
				l.say("10.0.0.200", question(wire.MustName("_ipp", "_tcp", "local"), wire.TypePTR))
			}
			l.run(tt.within)
			for i, n := range nodes {
				if got := n.keys(); len(got) != 1 {
					t.Errorf("chatter %v: node %d sees %q after healing", tt.chatter, i, got)
				}
			}
		}
	}
}

func TestThousandsOfPeers(t *testing.T) {
	for _, n := range []int{1000, 5000} {
		l := newLAN(t, 50)
		l.keep = false
		a := l.add("alice", "pronto", 5298, "10.0.0.1/16", "fe80::1/64") // each packet twice
		a.publish("n=0")
		l.run(150 * time.Millisecond)
		start := l.now
		l.keep = true
		crowd(t, l, n) // the answers to her first question
		l.run(10 * time.Millisecond)
		if got := len(a.keys()); got != n {
			t.Fatalf("%d of %d after %v", got, n, l.now.Sub(start))
		}
		l.run(100 * time.Second)
		sent := 0
		for _, c := range l.sent {
			sent += c.size
		}
		if sent > 500_000 { // issue 3: at most 0.5 MB in the first 100 s
			t.Errorf("%d octets sent in 100 s", sent)
		}
		t.Logf("%d packets, %d octets in 100 s among %d", len(l.sent), sent, n)
		if a.count(Left) != 0 || a.count(Changed) != 0 {
			t.Errorf("%d left, %d changed", a.count(Left), a.count(Changed))
		}
	}
}

// TestSameSeedSameTrace: nothing in the engine depends on the order of a map or
// on another clock.
func TestSameSeedSameTrace(t *testing.T) {
	trace := func() []string {
		l := newLAN(t, 60)
		l.loss = 0.2
		nodes := group(l, 5)
		l.run(30 * time.Second)
		nodes[1].withdraw()
		l.run(30 * time.Second)
		var out []string
		for _, c := range l.sent {
			out = append(out, c.String())
		}
		return out
	}
	if a, b := trace(), trace(); !slices.Equal(a, b) {
		t.Error("two runs differ")
	}
}

// TestIdleTrafficOfAThousand: one node's share of what 1,000 say at rest, in the
// second hour, times 1,000. Each lists the others as known answers once an hour
// (27 packets), so hardly anybody has to answer.
func TestIdleTrafficOfAThousand(t *testing.T) {
	const people = 1000
	l := newLAN(t, 90)
	a := l.add("alice", "pronto", 5298, "10.0.0.1/16")
	a.publish("n=0")
	l.run(150 * time.Millisecond)
	crowd(t, l, people)
	hour := func() {
		for range 60 {
			before := len(l.queries("10.0.0.1"))
			l.run(time.Minute)
			if len(l.queries("10.0.0.1")) > before {
				crowd(t, l, people) // whom she asked, they answer: all, so that she has all to list
			}
		}
	}
	hour()
	l.forget()
	l.keep = true
	hour()
	packets, octets := 0, 0
	for _, c := range l.sent {
		packets++
		octets += c.size
	}
	// And she is asked by others: her PTR record is worth an answer twice in its
	// life of 75 min, for everybody at once.
	all := (float64(packets) + 60.0/37.5) * people / 3600
	t.Logf("one of %d sends %d packets, %d octets in an hour: %.1f packets/s in all", people, packets, octets, all)
	if all > 20 || len(a.keys()) != people {
		t.Errorf("%.1f packets/s, issue 3 wants at most 20; %d listed", all, len(a.keys()))
	}
}
