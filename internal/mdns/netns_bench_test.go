//go:build netns && linux

package mdns

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// These benchmarks are the bars of issue 3, each beside Avahi and grandcat's
// Browse in the same run where those do the same; ratios are to llchat. Root,
// and about twenty minutes, nearly all of it waiting:
//
//	go test -tags netns -run xxx -bench . -benchtime 1x -timeout 60m ./internal/mdns

// BenchmarkNetnsBrowse looks for a crowd with three programs one after the
// other, on the same link and with the socket buffers they ask for; llchat also
// with the default one. The ratios are to llchat with the default buffer.
func BenchmarkNetnsBrowse(b *testing.B) {
	for _, people := range []int{1000, 5000} {
		for _, loss := range []float64{0, 0.2} {
			b.Run(fmt.Sprintf("%d/loss%g", people, 100*loss), func(b *testing.B) {
				for b.Loop() {
					browseAll(b, people, loss)
				}
			})
		}
	}
}

// patience is how long each program may look.
const patience = 60

func browseAll(b *testing.B, people int, loss float64) {
	r, a := crowded(b, people, loss)
	var found, ms, base, rss, cpu, shed int
	for id, buffer := range []int{defaultBuffer, 0} {
		a.openNode(fmt.Sprint("n", id), "alice", "pronto", 5298+id, buffer)
		a.do([]any{&found, &ms}, "wait n%d %d %d", id, people, patience)
		name := "llchat"
		if buffer == 0 {
			name = "llchat-4MB"
		} else {
			base = max(1, ms)
			a.do([]any{&rss, &cpu, &shed}, "usage n%d", id)
			b.ReportMetric(float64(rss)/1024, "llchat-MiB")
			b.ReportMetric(float64(cpu), "llchat-CPU-ms")
		}
		report(b, name, found, ms, base)
		a.do(nil, "leave n%d", id)
		time.Sleep(1200 * time.Millisecond) // nobody answers twice within a second
	}
	a.do([]any{&found, &ms}, "grandcat %d %d", people, patience)
	report(b, "grandcat", found, ms, base)
	avahi := r.host("avahi", "10.77.0.3")
	avahi.do(nil, "avahi")
	found, ms = 0, 0
	avahi.do([]any{&found, &ms}, "avahi-browse %d %d", people, patience/2)
	report(b, "avahi", found, ms, base)
}

func report(b *testing.B, name string, found, ms, base int) {
	b.ReportMetric(float64(ms), name+"-ms")
	b.ReportMetric(float64(found), name+"-found")
	b.ReportMetric(float64(ms)/float64(base), name+"-ratio")
}

// meetings is how often somebody comes, changes and goes.
const meetings = 20

// BenchmarkNetnsFirstPeer is how long a newcomer among 50 hosts is unknown to
// another, probing included, a change of status unseen, and a goodbye; and the
// same for Avahi's own service seen by its own browser.
func BenchmarkNetnsFirstPeer(b *testing.B) {
	r, a := crowded(b, 50, 0)
	a.openNode("a", "alice", "pronto", 5298, 0)
	a.do(nil, "publish a")
	c := r.host("carol", "10.77.0.2")
	far := r.host("far", "10.77.0.3")
	for _, h := range []*host{c, far} {
		h.do(nil, "avahi")
	}
	took := map[string][]int{}
	step := func(name string, ear *host, question string, who *host, command string) {
		ear.tell("%s", question)
		time.Sleep(heard)
		who.do(nil, "%s", command)
		took[name] = append(took[name], parse(b, ear.want("done"))-int(heard.Milliseconds()))
	}
	for b.Loop() {
		for range meetings {
			c.openNode("c", "carol", "desk", 5298, 0)
			step("listed", a, "meet a carol@desk", c, "publish c")
			step("change", a, "changed a carol@desk", c, "text c away")
			step("goodbye", a, "gone a carol@desk", c, "leave c")
			step("avahi-listed", far, "avahi-sees + ava@desk", c, "avahi-publish ava@desk")
			step("avahi-goodbye", far, "avahi-sees - ava@desk", c, "avahi-unpublish")
		}
	}
	for name, list := range took {
		b.ReportMetric(float64(percentile(list, 95)), name+"-p95-ms")
		b.ReportMetric(float64(percentile(list, 99)), name+"-p99-ms")
	}
	for _, name := range []string{"listed", "goodbye"} {
		b.ReportMetric(float64(percentile(took["avahi-"+name], 95))/float64(max(1, percentile(took[name], 95))), "avahi-"+name+"-ratio")
	}
}

// heard is enough for a command to reach its host before the next one.
const heard = 20 * time.Millisecond

func percentile(list []int, p int) int {
	slices.Sort(list)
	return list[min(len(list)-1, len(list)*p/100)]
}

// rest is how long nothing happens.
const rest = 30 * time.Second

// cost is what a program has used.
type cost struct{ rss, cpu, sent int }

// cost asks for it; command says whose.
func (h *host) cost(command string) (c cost) {
	h.t.Helper()
	h.do([]any{&c.rss, &c.cpu}, "%s", command)
	h.do([]any{&c.sent}, "tx")
	return c
}

// early is when a node has asked most of its questions.
const early = 100 * time.Second

// BenchmarkNetnsAtRest is a node that lists 5,000: what it sends in its first
// 100 seconds over both families and what it costs from then on; and after it
// Avahi's daemon and grandcat that browse for as long.
func BenchmarkNetnsAtRest(b *testing.B) {
	r, a := crowded(b, 5000, 0)
	avahi, cat := r.host("avahi", "10.77.0.3"), r.host("cat", "10.77.0.4")
	avahi.do(nil, "avahi")
	for b.Loop() {
		begin := a.cost("self-usage")
		a.openNode("a", "alice", "pronto", 5298, defaultBuffer)
		a.do(nil, "publish a")
		var n, ms int
		a.do([]any{&n, &ms}, "wait a 5000 60")
		b.ReportMetric(float64(n), "llchat-listed")
		time.Sleep(early - time.Duration(ms)*time.Millisecond)
		mid := a.cost("self-usage")
		time.Sleep(rest)
		end := a.cost("self-usage")
		a.do(nil, "leave a")

		beginAvahi, beginCat := avahi.cost("avahi-usage"), cat.cost("self-usage")
		avahi.do(nil, "run timeout 150 avahi-browse -p _presence._tcp >/dev/null 2>&1 &")
		cat.tell("grandcat 6000 %d", int(early.Seconds()))
		cat.want("done")
		midAvahi, endCat := avahi.cost("avahi-usage"), cat.cost("self-usage")
		time.Sleep(rest)
		endAvahi := avahi.cost("avahi-usage")
		for name, c := range map[string][3]cost{
			"llchat": {begin, mid, end}, "avahi": {beginAvahi, midAvahi, endAvahi}, "grandcat": {beginCat, endCat, endCat},
		} {
			b.ReportMetric(float64(c[1].sent-c[0].sent)/1e6, name+"-MB-sent")
			b.ReportMetric(float64(c[1].cpu-c[0].cpu), name+"-CPU-ms")
			b.ReportMetric(float64(c[2].rss)/1024, name+"-MiB")
			if name != "grandcat" {
				b.ReportMetric(float64(c[2].cpu-c[1].cpu)/float64(rest.Milliseconds())*100, name+"-rest-core-%")
			}
		}
	}
}

// BenchmarkNetnsIdle is what 25 nodes on one link say at rest, and one node's
// CPU time. All hear all, so the share of a node is the sum over the number.
func BenchmarkNetnsIdle(b *testing.B) {
	r := newRoom(b)
	h, ear := r.host("many", "10.77.0.1"), r.host("ear", "10.77.0.2")
	const nodes = 25
	for i := range nodes {
		h.openNode(fmt.Sprint("n", i), fmt.Sprint("user", i), fmt.Sprint("host", i), 5300+i, 0)
		h.do(nil, "publish n%d", i)
	}
	time.Sleep(10 * time.Second)
	for b.Loop() {
		before := h.cost("self-usage")
		var n, size int
		ear.do([]any{&n, &size}, "traffic %d", int(rest.Seconds()))
		after := h.cost("self-usage")
		b.ReportMetric(float64(n)/rest.Seconds(), "packets/s")
		b.ReportMetric(float64(size)/rest.Seconds(), "octets/s")
		b.ReportMetric(float64(after.cpu-before.cpu)/float64(rest.Milliseconds())/nodes*100, "node-core-%")
	}
}

// BenchmarkNetnsOutage is how long two nodes do not list each other after a
// cable was pulled, where the one that is cut off sees it, or behind a switch.
func BenchmarkNetnsOutage(b *testing.B) {
	for _, tt := range []struct {
		outage time.Duration
		seen   bool
	}{{10 * time.Second, true}, {10 * time.Second, false}, {150 * time.Second, true}, {150 * time.Second, false}} {
		b.Run(fmt.Sprintf("%v/carrier=%v", tt.outage, tt.seen), func(b *testing.B) {
			r := newRoom(b)
			a, c := r.host("alice", "10.77.0.1"), r.host("bob", "10.77.0.2")
			for id, h := range map[string]*host{"a": a, "b": c} {
				h.openNode(id, "user"+id, "host"+id, 5298, 0)
				h.do(nil, "publish "+id)
			}
			down, up := "down", "up"
			if !tt.seen {
				down, up = "nomaster", "master br0"
			}
			for b.Loop() {
				var n, ms, ms2 int
				a.do([]any{&n, &ms}, "wait a 1 60")
				c.do([]any{&n, &ms}, "wait b 1 60")
				a.do(nil, "watch a userb@hostb") // in view: its silence is noticed
				c.do(nil, "watch b usera@hosta")
				r.hub.ip("link set " + r.plug["alice"] + " " + down)
				time.Sleep(tt.outage)
				r.hub.ip("link set " + r.plug["alice"] + " " + up)
				a.do([]any{&n, &ms}, "wait a 1 60")
				c.do([]any{&n, &ms2}, "wait b 1 60")
				b.ReportMetric(float64(ms+ms2), "listed-again-ms")
			}
		})
	}
}

// floodTime is how long it lasts, as in T-23.
const floodTime = 60

// BenchmarkT23_NetnsFlood is 27,000 forged announcements a second for a minute
// beside ten contacts, for llchat and for Avahi's daemon on the same link.
func BenchmarkT23_NetnsFlood(b *testing.B) {
	r, a := crowded(b, 0, 0)
	r.host("friends", "10.77.2.1").do(nil, "crowd 10 10 0 friend")
	evil, avahi := r.host("evil", "10.77.3.1"), r.host("avahi", "10.77.0.3")
	avahi.do(nil, "avahi")
	avahi.do(nil, "run timeout 120 avahi-browse -p _presence._tcp >/dev/null 2>&1 &")
	a.openNode("a", "alice", "pronto", 5298, 0)
	for b.Loop() {
		var n, ms, rss, cpu, shed, missing, left, found int
		a.do([]any{&n, &ms}, "wait a 10 60")
		before, beforeAvahi := a.cost("self-usage"), avahi.cost("avahi-usage")
		evil.tell("flood 27000 %d 0", floodTime)
		sent := parse(b, evil.wantIn("done", 3*time.Minute))
		after, afterAvahi := a.cost("self-usage"), avahi.cost("avahi-usage")
		a.do([]any{&rss, &cpu, &shed}, "usage a")
		a.do([]any{&missing, &left}, "missing a %s", friends())
		avahi.do([]any{&found, &ms}, "avahi-browse 5000 5 friend")
		b.ReportMetric(float64(sent)/floodTime, "forged/s")
		b.ReportMetric(float64(10-missing), "llchat-contacts")
		b.ReportMetric(float64(found), "avahi-contacts")
		b.ReportMetric(float64(shed), "shed")
		b.ReportMetric(float64(after.rss)/1024, "llchat-MiB")
		b.ReportMetric(float64(afterAvahi.rss)/1024, "avahi-MiB")
		b.ReportMetric(float64(after.cpu-before.cpu)/floodTime/10, "llchat-core-%")
		b.ReportMetric(float64(afterAvahi.cpu-beforeAvahi.cpu)/floodTime/10, "avahi-core-%")
	}
}

func friends() string {
	var keys []string
	for i := range 10 {
		keys = append(keys, fmt.Sprintf("friend%d@desk%d", i, i))
	}
	return strings.Join(keys, " ")
}

// BenchmarkT40_NetnsLargePackets is 300 packets/s of 8.9 KB for ten seconds, the
// kernel's work on the fragments included, and what 200 questions in a packet
// draw, of llchat and of Avahi's daemon.
func BenchmarkT40_NetnsLargePackets(b *testing.B) {
	r, a := crowded(b, 0, 0)
	evil, avahi := r.host("evil", "10.77.3.1"), r.host("avahi", "10.77.0.3")
	for b.Loop() {
		var n, size, sent int
		a.openNode("a", "alice", "pronto", 5298, 0)
		a.do(nil, "publish a")
		time.Sleep(5 * time.Second)
		evil.do([]any{&n, &size}, "ask 200")
		b.ReportMetric(float64(n), "llchat-answers-to-200")
		avahi.do(nil, "avahi")
		avahi.do(nil, "run timeout 60 avahi-browse -p _presence._tcp >/dev/null 2>&1 &")
		before, beforeAvahi := a.cost("self-usage"), avahi.cost("avahi-usage")
		evil.do([]any{&sent}, "flood 300 10 8900")
		after, afterAvahi := a.cost("self-usage"), avahi.cost("avahi-usage")
		b.ReportMetric(float64(sent)/10, "packets/s")
		b.ReportMetric(float64(after.cpu-before.cpu), "llchat-CPU-ms/10s")
		b.ReportMetric(float64(afterAvahi.cpu-beforeAvahi.cpu), "avahi-CPU-ms/10s")
		a.do(nil, "leave a")
		avahi.do(nil, "avahi-publish ava@desk")
		time.Sleep(5 * time.Second)
		evil.do([]any{&n, &size}, "ask 200")
		b.ReportMetric(float64(n), "avahi-answers-to-200")
	}
}
