package engine

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/mdns/wire"
)

// hall is a crowd on a link that loses packets: each of them hears each packet
// of ours or not, and answers as RFC 6762 6 and 7.2 say, over the family that
// the question came by, as responders with a socket for each do.
type hall struct {
	e      *Engine
	rand   *rand.Rand
	now    time.Time
	loss   float64
	six    bool // IPv6 too
	people []*guest
	byKey  map[string]*guest
	due    []answer // sorted
	listed int
}

// guest is one of the crowd; [0] is IPv4, [1] IPv6.
type guest struct {
	packet []byte
	key    string
	src    [2]netip.AddrPort
	asked  [2]bool // an answer waits for the rest of the known ones
	known  [2]bool
	said   [2]time.Time
}

type answer struct {
	at     time.Time
	who    *guest
	family int
}

func newHall(t testing.TB, seed uint64, people int, loss float64, six bool) *hall {
	h := &hall{rand: rand.New(rand.NewPCG(seed, 3)), now: testStart, loss: loss, six: six, byKey: map[string]*guest{}}
	e, err := New(Config{User: "alice", Machine: "pronto", Port: 5298, Rand: rand.New(rand.NewPCG(seed, 4))})
	if err != nil {
		t.Fatal(err)
	}
	h.e = e
	for i := range people {
		m := claim{label: fmt.Sprintf("user%d@desk%d", i, i), host: fmt.Sprintf("desk%d", i), port: 5298, addrs: []string{"10.0.9.9"}}.message(t)
		data, _ := m.Append(nil, 0)
		g := &guest{packet: data, key: fmt.Sprintf("user%d@desk%d", i, i)}
		a4 := netip.AddrFrom4([4]byte{10, 0, 1 + byte(i/200), byte(1 + i%200)})
		g.src[0] = netip.AddrPortFrom(a4, 5353)
		g.src[1] = netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("fe80::1:%x", i+1)), 5353)
		h.people, h.byKey[g.key] = append(h.people, g), g
	}
	addrs := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/16")}
	if six {
		addrs = append(addrs, netip.MustParsePrefix("fe80::1/64"))
	}
	e.Links(h.now, []link.Info{{ID: 1, Name: "eth0", MTU: 1500, Addrs: addrs}}, false)
	return h
}

// run lets d pass, or less when all are listed. It returns how much passed.
func (h *hall) run(t testing.TB, d time.Duration) time.Duration {
	t.Helper()
	start := h.now
	for end := h.now.Add(d); ; {
		at, next := end, h.e.Next()
		if !next.IsZero() && next.Before(at) {
			at = next
		}
		if len(h.due) > 0 && h.due[0].at.Before(at) {
			a := h.due[0]
			h.due, h.now = h.due[1:], later(h.now, a.at)
			h.say(a)
		} else {
			h.now = later(h.now, at)
			h.e.Tick(h.now)
		}
		packets, events := h.e.Take()
		for _, ev := range events {
			h.listed += btoi(ev.Kind == Joined) - btoi(ev.Kind == Left)
		}
		for _, p := range packets {
			h.hear(t, p.Data)
		}
		if !h.now.Before(end) || h.listed == len(h.people) {
			return h.now.Sub(start)
		}
	}
}

// hear gives a packet to all, each copy on its own.
func (h *hall) hear(t testing.TB, data []byte) {
	t.Helper()
	m, err := wire.Parse(data)
	if err != nil || m.Response {
		t.Fatalf("%v of %x", err, data)
	}
	everybody := slices.ContainsFunc(m.Questions, func(q wire.Question) bool { return q.Name.Equal(service) })
	before := len(h.due)
	for f := range 1 + btoi(h.six) {
		for _, g := range h.people {
			if everybody && h.rand.Float64() >= h.loss {
				if !g.asked[f] {
					h.due = append(h.due, answer{h.now.Add(h.wait(m.Truncated)), g, f})
				}
				g.asked[f], g.known[f] = true, false
			}
		}
		for _, r := range m.Answers {
			if g := h.byKey[keyOf(r.PTR)]; g != nil && g.asked[f] && h.rand.Float64() >= h.loss {
				g.known[f] = true
			}
		}
	}
	if len(h.due) > before {
		slices.SortStableFunc(h.due, func(a, b answer) int { return a.at.Compare(b.at) })
	}
}

func (h *hall) wait(train bool) time.Duration {
	if train {
		return trainMin + time.Duration(h.rand.Int64N(int64(trainMax-trainMin)))
	}
	return sharedMin + time.Duration(h.rand.Int64N(int64(sharedMax-sharedMin)))
}

// say has a guest answer, unless it was told that it is known, or has just done so.
func (h *hall) say(a answer) {
	g := a.who
	g.asked[a.family] = false
	if g.known[a.family] || h.now.Sub(g.said[a.family]) < recordPause {
		return
	}
	g.said[a.family] = h.now
	if h.rand.Float64() >= h.loss {
		h.e.Packet(h.now, link.Packet{Link: 1, Src: g.src[a.family], Multicast: true, Data: g.packet})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestThousandWithFifthLost: issue 3 wants 1,000 listed within 120 s though
// every fifth packet is lost, both ways, for whoever looks alone.
func TestThousandWithFifthLost(t *testing.T) {
	var worst time.Duration
	for seed := range uint64(30) {
		h := newHall(t, seed, 1000, 0.2, true)
		took := h.run(t, 2*time.Minute)
		if got := h.e.Stats().Peers; got != 1000 {
			t.Errorf("seed %d: %d of 1,000 after %v", seed, got, took)
		}
		worst = max(worst, took)
	}
	t.Logf("slowest of 30: %v", worst)
}

// TestThousandWithFifthLostOverIPv4 only: one copy of each question and answer.
// Seven questions fit into 120 s (RFC 6762 5.2 does not allow more), so that
// 1,000 x 0.36^7, less than one, are missing then; they come with the next ones.
func TestThousandWithFifthLostOverIPv4(t *testing.T) {
	missing, worst := 0, time.Duration(0)
	const seeds = 30
	for seed := range uint64(seeds) {
		h := newHall(t, 100+seed, 1000, 0.2, false)
		took := h.run(t, 2*time.Minute)
		missing += 1000 - h.e.Stats().Peers
		took += h.run(t, 40*time.Minute)
		if got := h.e.Stats().Peers; got != 1000 {
			t.Errorf("seed %d: %d of 1,000 after %v", seed, got, took)
		}
		worst = max(worst, took)
	}
	t.Logf("%d of %d missing after 120 s; slowest of %d: %v", missing, 1000*seeds, seeds, worst)
	if missing > 2*seeds {
		t.Errorf("%d of %d missing after 120 s", missing, 1000*seeds)
	}
}

// TestSilentLinkIsSettled: nobody new and nobody again, and the questions of a
// crowd become rare at once; a name that only others list makes us ask on.
func TestSilentLinkIsSettled(t *testing.T) {
	for _, tt := range []struct {
		name  string
		known string
		want  int // questions in the first 50 s
	}{
		{"nobody", "", 2}, // 0 and 1 s, then a minute
		{"others know no more", "user7@desk7", 2},
		{"others know one more", "carol@juliet", 6}, // 3, 7, 15, 31 s
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHall(t, 7, 300, 0, true)
			h.run(t, time.Second/2)
			asked, before := 1, h.e.links[1].ask.last
			for range 100 {
				if tt.known != "" {
					var m wire.Message // the second packet of a train: a question would count as ours (7.3)
					m.Answers = []wire.Record{{Name: service, Type: wire.TypePTR, TTL: 4500, PTR: instanceName(t, tt.known)}}
					data, _ := m.Append(nil, 0)
					h.e.Packet(h.now, link.Packet{Link: 1, Src: netip.MustParseAddrPort("10.0.0.8:5353"), Multicast: true, Data: data})
				}
				h.pass(t, time.Second/2)
				if last := h.e.links[1].ask.last; last != before {
					asked, before = asked+1, last
				}
			}
			if asked != tt.want || h.e.cache.byKey["carol@juliet"] != nil {
				t.Errorf("%d questions in 50 s, want %d", asked, tt.want)
			}
		})
	}
}

// pass is run for exactly d.
func (h *hall) pass(t testing.TB, d time.Duration) {
	t.Helper()
	h.people = append(h.people, &guest{key: "nobody"}) // never all
	for spent := time.Duration(0); spent < d; {
		spent += h.run(t, d-spent)
	}
	h.people = h.people[:len(h.people)-1]
}
