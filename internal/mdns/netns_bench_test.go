//go:build netns && linux

package mdns

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkNetnsBrowse looks for a crowd with three programs one after the
// other, on the same link and with the socket buffers they ask for; llchat also
// with the default one. The ratios are to llchat with the default buffer.
//
//	go test -tags netns -run xxx -bench Netns ./internal/mdns
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

// BenchmarkNetnsFirstPeer is how long a newcomer among 50 hosts is unknown to
// another: from Publish to listed, and from a change of status to seen.
func BenchmarkNetnsFirstPeer(b *testing.B) {
	r, a := crowded(b, 50, 0)
	a.openNode("a", "alice", "pronto", 5298, 0)
	a.do(nil, "publish a")
	c := r.host("carol", "10.77.0.2")
	var listed, changed, gone []int
	for b.Loop() {
		c.openNode("c", "carol", "desk", 5298, 0)
		a.tell("meet a carol@desk")
		time.Sleep(20 * time.Millisecond)
		c.do(nil, "publish c")
		listed = append(listed, parse(b, a.want("done")))
		a.tell("changed a carol@desk")
		time.Sleep(20 * time.Millisecond)
		c.do(nil, "text c away")
		changed = append(changed, parse(b, a.want("done")))
		a.tell("gone a carol@desk")
		time.Sleep(20 * time.Millisecond)
		c.do(nil, "leave c")
		gone = append(gone, parse(b, a.want("done")))
	}
	for name, list := range map[string][]int{"listed": listed, "change": changed, "goodbye": gone} {
		b.ReportMetric(float64(percentile(list, 95)-20), name+"-p95-ms")
		b.ReportMetric(float64(percentile(list, 99)-20), name+"-p99-ms")
	}
}

func percentile(list []int, p int) int {
	slices.Sort(list)
	return list[min(len(list)-1, len(list)*p/100)]
}

// TestNetnsIdleTraffic: what 25 nodes on one link say at rest, and one node's
// CPU time. All hear all, so the share of a node is the sum over the number.
func TestNetnsIdleTraffic(t *testing.T) {
	r := newRoom(t)
	h := r.host("many", "10.77.0.1")
	ear := r.host("ear", "10.77.0.2")
	const nodes = 25
	for i := range nodes {
		h.openNode(fmt.Sprint("n", i), fmt.Sprint("user", i), fmt.Sprint("host", i), 5300+i, 0)
		h.do(nil, "publish n%d", i)
	}
	time.Sleep(10 * time.Second)
	var rss, cpu, cpu2, shed, n, size int
	h.do([]any{&rss, &cpu, &shed}, "usage n0")
	ear.do([]any{&n, &size}, "traffic 30")
	h.do([]any{&rss, &cpu2, &shed}, "usage n0")
	share := float64(cpu2-cpu) / 300 / nodes
	t.Logf("%d nodes, 30 s at rest: %d packets, %d octets, %.3f %% of a core a node", nodes, n, size, share)
	if n > 30*20 || share > 1 {
		t.Error("too much for a link at rest")
	}
}
