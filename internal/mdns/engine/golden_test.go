package engine

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/mdns/wire"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestGoldenTraces compares all that two nodes send with a recording. A change
// there is a change on the wire: look at it before -update.
func TestGoldenTraces(t *testing.T) {
	traces := map[string]func(*lan){
		"come-change-go": func(l *lan) {
			a := l.add("alice", "pronto", 5298, "10.0.0.1/24", "fe80::1/64")
			b := l.add("bob", "forza", 5299, "10.0.0.2/24")
			a.publish("status=avail")
			l.run(5 * time.Second)
			b.publish("status=avail")
			l.run(5 * time.Second)
			a.setText("status=dnd")
			l.run(5 * time.Second)
			a.withdraw()
			l.run(5 * time.Second)
		},
		"same-name": func(l *lan) {
			a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
			b := l.add("alice", "pronto", 5299, "10.0.0.2/24")
			a.publish("n=1")
			l.run(2 * time.Second)
			b.publish("n=2")
			l.run(5 * time.Second)
		},
		"cable": func(l *lan) {
			a := l.add("alice", "pronto", 5298, "10.0.0.1/24")
			b := l.add("bob", "forza", 5299, "10.0.0.2/24")
			a.publish("n=1")
			b.publish("n=2")
			l.run(5 * time.Second)
			b.unplug(1)
			l.run(20 * time.Second)
			b.join(1, 0, "10.0.0.2/24")
			l.run(5 * time.Second)
		},
	}
	for name, play := range traces {
		t.Run(name, func(t *testing.T) {
			l := newLAN(t, 77)
			l.latency = func() time.Duration { return time.Millisecond }
			play(l)
			golden(t, name, trace(l))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

// trace writes what was sent over IPv4, and what the nodes were told.
func trace(l *lan) string {
	var b strings.Builder
	for _, c := range l.sent {
		if !c.from.Addr().Is4() {
			continue
		}
		fmt.Fprintf(&b, "%10.3f %s", c.at.Seconds(), c.from.Addr())
		if c.dst.IsValid() {
			fmt.Fprintf(&b, " to %s", c.dst)
		}
		for _, q := range c.msg.Questions {
			fmt.Fprintf(&b, "\n             ? %s", line(q.Name, q.Type))
		}
		for i, section := range [][]wire.Record{c.msg.Answers, c.msg.Authority, c.msg.Additional} {
			for _, r := range section {
				fmt.Fprintf(&b, "\n             %c %s", "=~+"[i], show(r))
			}
		}
		b.WriteByte('\n')
	}
	for i, n := range l.nodes {
		fmt.Fprintf(&b, "\nnode %d is %q\n", i, n.e.Name())
		for _, ev := range n.events {
			fmt.Fprintf(&b, "  kind %d %q %s %q %v\n", ev.Kind, string(ev.Cause)+string(ev.Fact), ev.Peer.Key, ev.Name, ev.Peer.Addrs)
		}
	}
	return b.String()
}

func line(n wire.Name, t wire.Type) string { return fmt.Sprintf("%s %d", n, t) }

func show(r wire.Record) string {
	flush := ""
	if r.Flush {
		flush = " flush"
	}
	s := fmt.Sprintf("%s ttl %d%s", line(r.Name, r.Type), r.TTL, flush)
	switch r.Type {
	case wire.TypePTR:
		s += " " + r.PTR.String()
	case wire.TypeSRV:
		s += fmt.Sprintf(" %d %s", r.SRV.Port, r.SRV.Target)
	case wire.TypeTXT:
		s += fmt.Sprintf(" %q", r.TXT)
	case wire.TypeA, wire.TypeAAAA:
		s += " " + r.Addr.String()
	case wire.TypeNSEC:
		s += fmt.Sprint(" ", r.NSEC.Types)
	}
	return s
}
