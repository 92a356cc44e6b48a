//go:build netns && linux

package mdns

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"llchat/internal/mdns/link"
)

// hostSide is the inside of a host process.
type hostSide struct {
	mu    sync.Mutex
	out   io.Writer
	nodes map[string]*Node
	left  map[string]int // times an instance left, all nodes
	seen  chan Event     // of the node that await waits for; nobody else
	stops []func()

	daemon  int       // process id of avahi-daemon
	publish *exec.Cmd // avahi-publish-service
}

func (h *hostSide) print(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(h.out, format+"\n", args...)
}

func (h *hostSide) done(err error, values ...any) {
	if err != nil {
		h.print("error %v", err)
		return
	}
	h.print("done %s", strings.TrimSuffix(fmt.Sprintln(values...), "\n"))
}

func (h *hostSide) close() {
	for _, n := range h.nodes {
		n.Close()
	}
	for _, stop := range h.stops {
		stop()
	}
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func (h *hostSide) command(name string, args []string) {
	switch name {
	case "open": // id user machine port buffer
		h.done(h.open(args))
	case "publish":
		got, err := h.nodes[args[0]].Publish(context.Background(), PresenceText("", "avail", ""))
		h.done(err, got)
	case "rename":
		got, err := h.nodes[args[0]].Rename(context.Background(), args[1], args[2], 5298, nil)
		h.done(err, got)
	case "leave":
		n := h.nodes[args[0]]
		err := n.Withdraw(context.Background())
		n.Close()
		delete(h.nodes, args[0])
		h.done(err)
	case "silence":
		h.done(h.nodes[args[0]].Silence())
	case "wait": // id n seconds: how many are listed, after how many milliseconds
		n, ms := h.wait(h.nodes[args[0]], number(args[1]), number(args[2]))
		h.done(nil, n, ms)
	case "watch":
		h.nodes[args[0]].Watch(args[1:]...)
		h.done(nil)
	case "missing": // id key ...
		missing := 0
		for _, key := range args[1:] {
			if _, err := h.nodes[args[0]].Resolve(context.Background(), key); err != nil {
				missing++
			}
		}
		h.mu.Lock()
		left := 0
		for _, key := range args[1:] {
			left += h.left[key]
		}
		h.mu.Unlock()
		h.done(nil, missing, left)
	case "usage": // id: resident KiB, CPU ms, and the shed packets of the node
		rss, cpu := usage()
		h.done(nil, rss, cpu, h.nodes[args[0]].Stats().ShedPackets)
	case "avahi-usage": // resident KiB, CPU ms of avahi-daemon
		rss, cpu, err := usageOf(h.daemon)
		h.done(err, rss, cpu)
	case "self-usage":
		rss, cpu := usage()
		h.done(nil, rss, cpu)
	case "tx": // octets that left eth0
		n, err := transmitted()
		h.done(err, n)
	case "avahi-publish": // instance
		h.publish = exec.Command("avahi-publish-service", "-s", args[0], "_presence._tcp", "5298", "txtvers=1")
		h.publish.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		h.done(h.publish.Start())
	case "avahi-unpublish":
		h.publish.Process.Kill()
		h.publish.Wait()
		h.done(nil)
	case "avahi-sees": // + or - and instance: ms until avahi-browse says so
		ms, err := avahiSees(args[0], args[1])
		h.done(err, ms)
	case "crowd": // peers addresses loss first
		stop, err := crowd(number(args[0]), number(args[1]), args[2], args[3])
		h.stops = append(h.stops, stop)
		h.done(err)
	case "flood": // packets/s seconds size
		n, err := flood(number(args[0]), number(args[1]), number(args[2]))
		h.done(err, n)
	case "ask": // questions in one packet: packets that came from others within 4 s, octets
		n, size, err := askMany(number(args[0]))
		h.done(err, n, size)
	case "grandcat": // n seconds: found, after ms
		n, ms := grandcat(number(args[0]), number(args[1]))
		h.done(nil, n, ms)
	case "capture": // seconds: frames that left this host, by protocol
		n, what, err := capture(number(args[0]))
		h.done(err, n, what)
	case "traffic": // seconds: mDNS packets and octets heard
		n, size, err := traffic(number(args[0]))
		h.done(err, n, size)
	case "addrs": // id key: where it is
		p, err := h.nodes[args[0]].Resolve(context.Background(), args[1])
		h.done(err, strings.Trim(fmt.Sprint(p.Addrs), "[ "))
	case "cycle": // n: start and stop as often; renames, ms of the slowest publication
		renames, worst, err := h.cycle(number(args[0]))
		h.done(err, renames, worst)
	case "text": // id status
		h.done(h.nodes[args[0]].SetText(PresenceText("", args[1], "")))
	case "meet", "changed", "gone": // id key: ms until that event
		h.done(nil, h.await(args[1], map[string]Kind{"meet": Joined, "changed": Changed, "gone": Left}[name]))
	case "avahi-browse": // n seconds [word]: found, after ms
		n, ms, err := avahiBrowse(number(args[0]), number(args[1]), strings.Join(args[2:], ""))
		h.done(err, n, ms)
	case "avahi":
		h.done(h.avahi())
	case "run": // shell: output on one line
		out, err := exec.Command("sh", "-c", strings.Join(args, " ")).Output()
		h.done(err, strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", "|"))
	default:
		h.print("error no command %s", name)
	}
}

func (h *hostSide) open(args []string) error {
	src, err := link.OpenWith(link.Options{ReceiveBuffer: number(args[4])})
	if err != nil {
		return err
	}
	n, err := Open(context.Background(), Config{
		Source: src, User: args[1], Machine: args[2], Port: uint16(number(args[3])),
		Pinned: func(key string) bool { return strings.HasPrefix(key, "friend") },
	})
	if err != nil {
		return err
	}
	if h.nodes == nil {
		h.nodes, h.left, h.seen = map[string]*Node{}, map[string]int{}, make(chan Event)
	}
	h.nodes[args[0]] = n
	go func() {
		for ev := range n.Events() {
			if ev.Kind == Left {
				h.mu.Lock()
				h.left[ev.Peer.Key]++
				h.mu.Unlock()
			}
			select {
			case h.seen <- ev:
			default: // nobody waits
			}
		}
	}()
	return nil
}

// await returns after how many milliseconds the event came, 60,000 at most.
func (h *hostSide) await(key string, k Kind) int {
	start := time.Now()
	timeout := time.After(time.Minute)
	for {
		select {
		case ev := <-h.seen:
			if ev.Peer.Key == key && ev.Kind == k {
				return int(time.Since(start).Milliseconds())
			}
		case <-timeout:
			return 60000
		}
	}
}

// cycle starts, publishes, withdraws and closes a node n times.
func (h *hostSide) cycle(n int) (renames, worst int, err error) {
	for i := range n {
		if err := h.open([]string{"c", "alice", "pronto", strconv.Itoa(6000 + i%10), "0"}); err != nil {
			return renames, worst, err
		}
		start := time.Now()
		name, err := h.nodes["c"].Publish(context.Background(), nil)
		if err != nil {
			return renames, worst, err
		}
		worst = max(worst, int(time.Since(start).Milliseconds()))
		if name != "alice@pronto" {
			renames++
		}
		time.Sleep(200 * time.Millisecond)
		if err := h.nodes["c"].Withdraw(context.Background()); err != nil {
			return renames, worst, err
		}
		h.nodes["c"].Close()
		delete(h.nodes, "c")
	}
	return renames, worst, nil
}

func (h *hostSide) wait(n *Node, want, seconds int) (listed, ms int) {
	start := time.Now()
	for {
		listed = n.Stats().Peers
		if spent := time.Since(start); listed >= want || spent > time.Duration(seconds)*time.Second {
			return listed, int(spent.Milliseconds())
		}
		time.Sleep(10 * time.Millisecond)
	}
}
