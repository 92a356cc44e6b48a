package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"llchat/internal/mdns/link"
	"llchat/internal/netmon"
)

// Times of one run.
const (
	readyTime  = 2 * time.Second // for the links to open
	listenTime = 8 * time.Second
	// dialAfter is when people are dialled; dialTime later it is done.
	dialAfter = 4 * time.Second
)

// Options says whom to examine.
type Options struct {
	// Only these interfaces; empty: every usable one.
	Only []string
	// Running: a node of ours runs. Name is its instance name, empty while it
	// is not announced, and Port that of its streams.
	Running bool
	Name    string
	Port    uint16
	// Known are addresses at which people were, or contacts answered before.
	// Where nobody is heard they tell whether nobody is there.
	Known []netip.AddrPort
	// Silent: nothing may leave this machine, as for a ghost (spec K5). What
	// needs a packet is then not looked at.
	Silent bool
	// Listen is how long; 0 is eight seconds.
	Listen time.Duration
}

// Run examines this machine's network. It takes about nine seconds, where it
// is to be silent a moment; it ends early with the error of ctx.
func Run(ctx context.Context, o Options) (Report, error) {
	f, err := lookAround(ctx, o)
	if err != nil {
		return Report{}, err
	}
	if o.Silent {
		f.silent = true
		f.unknown = append(f.unknown, "multicast, who is here, and who can be dialled (this profile is a ghost, which sends nothing, "+
			"not even that it listens; to look: llchat set visibility quiet)")
		return judge(f), ctx.Err()
	}
	src, err := link.Open(o.Only)
	if err != nil {
		return Report{}, fmt.Errorf("doctor: %w", err)
	}
	own := addresses(f.ifaces)
	e := newEar(own, o.Name, o.Port, newMarker())
	if err := e.listen(ctx, src, &f, o); err != nil {
		return Report{}, err
	}
	return judge(f), ctx.Err()
}

// lookAround takes the facts that need no packet.
func lookAround(ctx context.Context, o Options) (facts, error) {
	all, err := netmon.Interfaces()
	if err != nil {
		return facts{}, fmt.Errorf("doctor: interfaces: %w", err)
	}
	f := facts{
		system: lookSystem(), running: o.Running, named: o.Name != "", stream: o.Port, only: o.Only,
		draw: linkLocal(), now: time.Now(), built: built(), second: Second{Stack: stack},
	}
	for _, i := range all {
		l := iface{Interface: i, adminUp: adminUp(i.Name), used: netmon.Usable(i, o.Only)}
		l.look()
		f.ifaces = append(f.ifaces, l)
	}
	f.routes()
	if f.rules, err = lookRules(ctx); err != nil {
		f.unknown = append(f.unknown, "the rules of the firewall (root sees them)")
		if errors.Is(err, errNoNft) {
			f.unknown[0] = "the rules of the firewall (" + err.Error() + ")"
		}
	}
	if !o.Running {
		f.unknown = append(f.unknown, "our announcement, name and stream port (no node runs)")
	}
	return f, nil
}

func adminUp(name string) bool {
	i, err := net.InterfaceByName(name)
	return err == nil && i.Flags&net.FlagUp != 0
}

// routes asks the system where it would send what.
func (f *facts) routes() {
	f.route = f.nameOf(routeTo(elsewhere))
	for n := range f.ifaces {
		i := &f.ifaces[n]
		if !i.used {
			continue
		}
		for _, to := range neighbours(i.Addrs) {
			by := f.indexOf(routeTo(to))
			if by >= 0 && by != n && !f.ifaces[by].used && !f.ifaces[by].Loopback {
				i.captured = f.ifaces[by].Name
			}
		}
	}
}

// indexOf finds the interface that bears an address.
func (f *facts) indexOf(a netip.Addr) int {
	return slices.IndexFunc(f.ifaces, func(i iface) bool {
		return slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr() == a })
	})
}

func (f *facts) nameOf(a netip.Addr) string {
	if n := f.indexOf(a); n >= 0 {
		return f.ifaces[n].Name
	}
	return ""
}

// addresses lists all of ours.
func addresses(all []iface) []netip.Addr {
	var out []netip.Addr
	for _, i := range all {
		for _, p := range i.Addrs {
			out = append(out, p.Addr())
		}
	}
	return out
}

// linkLocal draws an address of RFC 3927 section 2.1.
func linkLocal() netip.Addr {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return netip.AddrFrom4([4]byte{169, 254, 1 + b[0]%254, b[1]})
}

// built is when this program was built, as far as it knows.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value) // zero: not known
			return t
		}
	}
	return time.Time{}
}

// listen takes the facts that need packets.
func (e *ear) listen(ctx context.Context, src link.Source, f *facts, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	ran := make(chan error, 1)
	wg.Go(func() { ran <- src.Run(ctx, e) })
	defer wg.Wait()
	defer cancel() // before wg.Wait

	select {
	case <-e.ready:
	case err := <-ran:
		if ctx.Err() != nil { // it ended because we are to end
			return ctx.Err()
		}
		return e.closedDoor(f, err)
	case <-time.After(readyTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	f.taken = e.lacking(f)
	if len(f.taken) > 0 {
		f.holder = lookHolder()
	}
	if len(e.list()) == 0 {
		return nil // nothing to listen on
	}
	o.Listen = cmp.Or(o.Listen, listenTime)
	f.seconds = int(o.Listen / time.Second)
	e.observe(ctx, src, f, o)
	return ctx.Err()
}

// closedDoor judges why the links could not be opened.
func (e *ear) closedDoor(f *facts, err error) error {
	if !errors.Is(err, link.ErrTaken) {
		return fmt.Errorf("doctor: multicast: %w", err)
	}
	f.taken = []string{family4, family6}
	f.holder = lookHolder()
	return nil
}

// lacking lists the families for which no link could be opened, though there
// are addresses of them.
func (e *ear) lacking(f *facts) []string {
	var out []string
	for _, family := range []string{family4, family6} {
		four := family == family4
		wanted, open := false, false
		for _, i := range f.ifaces {
			wanted = wanted || i.used && i.has(four)
		}
		for _, l := range e.list() {
			open = open || l.speaks(four)
		}
		if wanted && !open {
			out = append(out, family)
		}
	}
	return out
}

// observe listens, asks and dials.
func (e *ear) observe(ctx context.Context, src link.Source, f *facts, o Options) {
	ctx, cancel := context.WithTimeout(ctx, o.Listen)
	defer cancel()
	links := e.list()
	var used []netmon.Interface
	for _, i := range f.ifaces {
		if i.used {
			used = append(used, i.Interface)
		}
	}
	answers := make([]map[netip.Addr]bool, len(links))
	tries := make([]dialled, len(links))
	known := make([]int, len(links))
	var wg sync.WaitGroup
	wg.Go(func() { e.ask(ctx, src) })
	var seen []sighting
	wg.Go(func() { f.second, seen = secondOpinion(ctx, used, o.Name) })
	for n, l := range links {
		wg.Go(func() { answers[n] = directly(ctx, l.info, e.own) })
		wg.Go(func() {
			switch {
			case !sleep(ctx, min(dialAfter, o.Listen/2)):
			case e.silent(l):
				known[n] = knockKnown(ctx, l, e.own, o.Known)
			default:
				tries[n] = dial(ctx, e.dialable(l, dialPeople))
			}
		})
	}
	wg.Wait()
	<-ctx.Done()
	for n, l := range links {
		e.conclude(f, l, answers[n], tries[n], known[n])
	}
	f.people = e.everybody()
	f.second.People = e.strangers(seen)
}

// silent reports whether nothing was heard on a link.
func (e *ear) silent(l *heardLink) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(l.sources) == 0
}

// knockKnown counts the known addresses on a link at which somebody listens.
func knockKnown(ctx context.Context, l *heardLink, own map[netip.Addr]bool, known []netip.AddrPort) int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	n, tried := 0, 0
	for _, to := range known {
		a := to.Addr()
		zone := a.Zone() == "" || a.Zone() == l.info.Name
		if own[a.WithZone("")] || !zone || !l.info.OnLink(a) || !l.speaks(a.Is4()) || tried == dialKnown {
			continue
		}
		tried++
		if a.Is6() && a.IsLinkLocalUnicast() {
			to = netip.AddrPortFrom(a.WithZone(l.info.Name), to.Port())
		}
		wg.Go(func() {
			if knock(ctx, to) == accepted {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return n
}

// conclude writes what was heard on a link into the facts of its interface.
func (e *ear) conclude(f *facts, l *heardLink, answers map[netip.Addr]bool, tries dialled, known int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := slices.IndexFunc(f.ifaces, func(i iface) bool { return i.Index == int(l.info.ID) })
	if n < 0 {
		return // it came while we listened
	}
	i := &f.ifaces[n]
	i.opened = true
	i.echo4, i.echo6 = l.echo4, l.echo6
	i.heard, i.answered, i.known = l.machines(l.sources), l.machines(answers), known
	i.people = len(e.others(l))
	i.dialled, i.reached, i.silent = tries.tried, tries.reached, tries.silent
	for _, addrs := range tries.quiet {
		if slices.ContainsFunc(addrs, func(a netip.AddrPort) bool { return answers[a.Addr().WithZone("")] }) {
			i.silentSpeak++
		}
	}
	i.announced, i.fight = l.announced, e.fight(l)
}

// everybody counts the people on all links, each once.
func (e *ear) everybody() int {
	names := map[string]bool{}
	for _, l := range e.list() {
		e.mu.Lock()
		for _, p := range e.others(l) {
			names[p.name.Key()] = true
		}
		e.mu.Unlock()
	}
	return len(names)
}
