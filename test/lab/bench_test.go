//go:build lab && linux

package lab

import (
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"llchat/internal/chat"
	"llchat/internal/cli/control"
)

// The figures of first light, two hosts, dual stack. Each benchmark reports
// the median and the worst of its runs, and what the machine needs for the
// least of the same kind:
//
//	go test -tags lab -run '^$' -bench . -benchtime 10x ./test/lab

// times are durations of one kind.
type times []time.Duration

// report prints median and worst in milliseconds; want is the figure.
func (s times) report(b *testing.B, name string) {
	b.Helper()
	if len(s) == 0 {
		return
	}
	slices.Sort(s)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(s[len(s)/2]), name+"-ms")
	b.ReportMetric(ms(s[len(s)-1]), name+"-worst-ms")
}

// done says that ns/op means nothing here.
func done(b *testing.B) { b.ReportMetric(0, "ns/op") }

// timeline is a watch of a node that knows when each event came.
type timeline struct {
	client *control.Client
	feed   chat.Feed
}

func (n *node) timeline(b *testing.B) *timeline {
	b.Helper()
	c := n.client()
	feed, err := c.Subscribe(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	return &timeline{c, feed}
}

// until waits for an event and returns when it was there.
func (l *timeline) until(b *testing.B, ok func(chat.Event) bool) time.Time {
	b.Helper()
	for {
		events, err := l.feed.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if slices.ContainsFunc(events, ok) {
			return time.Now()
		}
	}
}

func isRow(instance string, ok func(chat.Peer) bool) func(chat.Event) bool {
	return func(e chat.Event) bool {
		p, isPeer := e.Body.(chat.Peer)
		return isPeer && p.Instance.String() == instance && ok(p)
	}
}

// BenchmarkComingAndGoing: `ready` to seen by the other side (at most 2 s,
// probing of 0.75 s included), and the goodbye to gone (at most 1.5 s).
func BenchmarkComingAndGoing(b *testing.B) {
	l := newLAN(b, 2)
	alice := l.hosts[0].daemon(b, "--nick", "Alice")
	bob := l.hosts[1].daemon(b, "--nick", "Bob")
	name := bob.name
	bob.p.stop()
	alice.lost(name)
	var started, seen, gone times
	for b.Loop() {
		events := alice.timeline(b)
		begin := time.Now()
		bob.launch()
		heard := make(chan time.Time, 1)
		go func() { heard <- events.until(b, isRow(name, isOnline)) }()
		bob.awaitReady()
		at := <-heard
		started = append(started, at.Sub(begin))
		seen = append(seen, max(0, at.Sub(bob.readyAt)))
		begin = time.Now()
		go bob.p.stop()
		at = events.until(b, isRow(name, func(p chat.Peer) bool { return p.Gone || !isOnline(p) }))
		gone = append(gone, at.Sub(begin))
		<-bob.p.ended
	}
	started.report(b, "start-to-seen")
	seen.report(b, "ready-to-seen")
	gone.report(b, "SIGTERM-to-gone")
	done(b)
}

// BenchmarkSend: `llchat send` through the running daemon from process start
// to delivered, to a contact who has just come back (at most 500 ms) and on a
// live stream; and a message on a live stream without the process (at most
// 20 ms). Contacts who come back are dialled: a message to one may find no
// stream, or one that is open already, and both are told apart. The baselines
// are a process that does nothing and one octet there and back by TCP.
func BenchmarkSend(b *testing.B) {
	l := newLAN(b, 2)
	alice := l.hosts[0].daemon(b, "--nick", "Alice")
	bob := l.hosts[1].daemon(b, "--nick", "Bob")
	friends(b, alice, bob)
	c := alice.client()
	var first, greeted, second, live, process, round times
	echo := l.echo(b)
	for b.Loop() {
		bob.p.stop()
		alice.lost(bob.name)
		bob.start()
		p := alice.sees("online", bob.name, isOnline)
		took := alice.must(0, "send", bob.name, "first").took
		if p.Stream {
			greeted = append(greeted, took)
		} else {
			first = append(first, took)
		}
		second = append(second, alice.must(0, "send", bob.name, "second").took)
		process = append(process, alice.h.run(b, nil, "true").took)
		begin := time.Now()
		if err := delivered(b.Context(), c, bob.name, "live"); err != nil {
			b.Fatal(err)
		}
		live = append(live, time.Since(begin))
		round = append(round, echo())
	}
	first.report(b, "no-stream")
	greeted.report(b, "greeted")
	second.report(b, "live-process")
	live.report(b, "live")
	process.report(b, "baseline-process")
	round.report(b, "baseline-TCP")
	done(b)
}

// echo returns a function that sends one octet from h1 to h2 and back.
func (l *lan) echo(b *testing.B) func() time.Duration {
	b.Helper()
	in := l.hosts[1].listen(b, l.hosts[1].address()+":0")
	c := l.hosts[0].dial(b, in.Addr().String())
	far, err := in.Accept()
	if err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(far, far) }() // ends with the connection
	b.Cleanup(func() { _ = far.Close() })
	return func() time.Duration {
		begin := time.Now()
		if _, err := c.Write([]byte{1}); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		return time.Since(begin)
	}
}

// BenchmarkThroughput: messages a second, one after the other, each delivered
// (on the other side's disk) before the next.
func BenchmarkThroughput(b *testing.B) {
	l := newLAN(b, 2)
	alice := l.hosts[0].daemon(b, "--nick", "Alice")
	bob := l.hosts[1].daemon(b, "--nick", "Bob")
	friends(b, alice, bob)
	c := alice.client()
	for b.Loop() {
		if err := delivered(b.Context(), c, bob.name, "one more"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkMemory: resident memory of a daemon (at most 40 MiB) that has just
// started, and after a conversation of 200 messages.
func BenchmarkMemory(b *testing.B) {
	mib := func(n int64) float64 { return float64(n) / (1 << 20) }
	for b.Loop() {
		l := newLAN(b, 2)
		alice := l.hosts[0].daemon(b, "--nick", "Alice")
		b.ReportMetric(mib(alice.rss()), "started-MiB")
		bob := l.hosts[1].daemon(b, "--nick", "Bob")
		friends(b, alice, bob)
		c := bob.client()
		for range 200 {
			if err := delivered(b.Context(), c, alice.name, "how are you?"); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(mib(alice.rss()), "talked-MiB")
	}
	done(b)
}

// BenchmarkVersion: `llchat version` (at most 50 ms); the baseline is a
// process that does nothing.
func BenchmarkVersion(b *testing.B) {
	h := newHost(b, "h1", 1)
	var version, process times
	for b.Loop() {
		version = append(version, h.run(b, nil, llchat, "version").took)
		process = append(process, h.run(b, nil, "true").took)
	}
	version.report(b, "version")
	process.report(b, "baseline-process")
	done(b)
}

// escape is a control sequence of a terminal (ECMA-48 5.4, 5.6).
var escape = regexp.MustCompile(`\x1b(\[[0-9;?:<=>]*[ -/]*[@-~]|[\]P_^X][^\x07\x1b]*(\x07|\x1b\\)|[ -/]*[0-~])`)

// firstWord matches a word on the screen.
var firstWord = regexp.MustCompile(`\pL{4,}`)

// BenchmarkFirstFrame: from process start to the first words on a terminal
// that answers no query (at most 100 ms), of the window on a new profile and
// of the demo.
func BenchmarkFirstFrame(b *testing.B) {
	for _, command := range [][]string{{}, {"demo"}} {
		name := "window"
		if len(command) > 0 {
			name = command[0]
		}
		b.Run(name, func(b *testing.B) {
			l := newLAN(b, 1)
			h := l.hosts[0]
			var frame times
			for b.Loop() {
				frame = append(frame, h.firstFrame(b, command))
			}
			frame.report(b, "frame")
			done(b)
		})
	}
}

func (h *host) firstFrame(b *testing.B, command []string) time.Duration {
	b.Helper()
	screen := h.terminal(b, 120, 36)
	how := []as{onTerminal(screen), withEnv("LLCHAT_HOME="+filepath.Join(h.folder(b, "frame"), "p"), "COLORTERM=truecolor")}
	begin := time.Now()
	p := h.background(b, how, append([]string{llchat}, command...)...)
	drawn := make(chan time.Time, 1)
	go func() {
		var all []byte
		buf := make([]byte, 64<<10)
		shown := false
		for {
			n, err := screen.control.Read(buf)
			all = append(all, buf[:n]...)
			if !shown && firstWord.Match(escape.ReplaceAll(all, nil)) {
				shown = true
				drawn <- time.Now()
			}
			if err != nil {
				return // the terminal is gone
			}
		}
	}()
	select {
	case at := <-drawn:
		p.kill()
		return at.Sub(begin)
	case <-time.After(readyTime):
		b.Fatal("nothing was drawn")
	case <-p.ended:
		b.Fatal("the program ended")
	}
	return 0
}
