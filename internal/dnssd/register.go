package dnssd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"llchat/internal/mdns"
)

// TTLs of what we register, in seconds: as in RFC 6762 10, but an hour of
// stale presence would be too long in a cache that nobody flushes.
const (
	ttlHost  = 120
	ttlOther = 300
)

const (
	keepEvery   = 5 * time.Minute // how often we look that our records are there
	updateEvery = 6 * time.Second // at most ten changes a minute: 174-5.3
	retryFirst  = 5 * time.Second // after a failed update, doubled up to keepEvery
	maxRenames  = 100             // -1 to -100, then we give up
)

// Published is our instance in a domain. One goroutine keeps it there.
type Published struct {
	reg    Registration
	key    Key
	dial   DialFunc
	zone   zone
	kick   chan struct{} // something is to be changed
	cancel context.CancelFunc
	wg     sync.WaitGroup
	asker  *asker
	owner  string // the service name

	mu    sync.Mutex // guards the following
	names names
	text  []string // TXT strings in presentation form
	addrs []netip.Addr
	err   error // why the last update failed
	gone  bool
}

// names are what we are called in the domain.
type names struct {
	user, machine  string
	userNo, hostNo int  // the -N appended so far
	shared         bool // the host's addresses are another program's too
}

func numbered(s string, no int) string {
	if no == 0 {
		return s
	}
	return fmt.Sprintf("%s-%d", s, no)
}

func (n names) host() string     { return numbered(n.machine, n.hostNo) }
func (n names) instance() string { return mdns.InstanceName(numbered(n.user, n.userNo), n.host()) }

func register(ctx context.Context, r Registration, k Key) (*Published, error) {
	domain, err := checkDomain(r.Domain)
	if err != nil {
		return nil, err
	}
	p := &Published{
		reg: r, key: k, owner: service + domain, kick: make(chan struct{}, 1),
		names: names{user: r.User, machine: r.Machine},
		asker: newAsker(r.Dial, slices.Clone(r.Servers), newPace(defaultPerSecond)),
	}
	p.dial = p.asker.dial
	if err := p.check(); err != nil {
		return nil, &Error{Op: "register", What: r.Domain, Err: err}
	}
	if p.addrs = usableOf(r.Addrs); len(p.addrs) == 0 {
		return nil, &Error{Op: "register", What: r.Domain, Err: errNoAddress, Hint: "connect to a network first"}
	}
	if p.zone, err = findZone(ctx, p.asker, r, p.owner); err != nil {
		return nil, err
	}
	if err := p.claim(ctx); err != nil {
		return nil, err
	}
	_ = p.sweep(ctx, r.Former) // we are there, with or without
	keep, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	p.wg.Go(func() { p.keep(keep) })
	return p, nil
}

// check looks at what does not need a server.
func (p *Published) check() (err error) {
	if err := p.key.check(); err != nil {
		return err
	}
	if p.text, err = encodeText(p.reg.Text); err != nil {
		return err
	}
	widest := names{user: p.reg.User, machine: p.reg.Machine, userNo: maxRenames, hostNo: maxRenames}
	switch {
	case p.reg.Port == 0:
		return errors.New("no port")
	case p.reg.User == "" || len(widest.instance()) > maxLabel:
		return errors.New("the instance name is empty or too long")
	case strings.ContainsRune(p.reg.Machine, '.') || checkLabels(strings.ToLower(p.reg.Machine)) != nil:
		return errors.New("the machine part is no host label") // 174-12.1
	}
	return nil
}

// usableOf are the addresses that others may be told, at most maxAddrs.
func usableOf(addrs []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		if usable(a) && len(out) < maxAddrs && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// Name is our instance name in the domain now.
func (p *Published) Name() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names.instance()
}

// Err is why the last update failed; nil when it did not.
func (p *Published) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// SetText changes the TXT record. The last value wins when changes come faster
// than ten a minute.
func (p *Published) SetText(t mdns.Text) error {
	text, err := encodeText(t)
	if err != nil {
		return &Error{Op: "register", What: p.reg.Domain, Err: err}
	}
	return p.change(func() bool {
		same := slices.Equal(p.text, text)
		p.text = text
		return !same
	})
}

// SetAddrs changes the addresses of our host. Without a usable one the old
// ones stay: we could not tell the server anyway.
func (p *Published) SetAddrs(addrs []netip.Addr) error {
	addrs = usableOf(addrs)
	return p.change(func() bool {
		if len(addrs) == 0 || slices.Equal(p.addrs, addrs) {
			return false
		}
		p.addrs = addrs
		return true
	})
}

func (p *Published) change(f func() bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return ErrClosed
	}
	if f() {
		select {
		case p.kick <- struct{}{}:
		default: // it is on its way to look anyway
		}
	}
	return nil
}

// keep carries changes out and looks that our records stay, until ctx ends.
func (p *Published) keep(ctx context.Context) {
	wait, failures := keepEvery, 0
	for {
		timer := time.NewTimer(jitter(wait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-p.kick:
			timer.Stop()
		case <-timer.C:
		}
		if err := p.refresh(ctx); err != nil {
			failures++
			wait = min(retryFirst<<min(failures-1, 16), keepEvery)
		} else {
			wait, failures = keepEvery, 0
		}
		if !sleep(ctx, updateEvery) {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// refresh writes our records anew; when they are no longer ours it claims a
// name again.
func (p *Published) refresh(ctx context.Context) error {
	before := p.Name()
	code, err := p.update(ctx, p.ours)
	if err == nil && code != dns.RcodeSuccess {
		err = p.claim(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.mu.Lock()
	changed := (err == nil) != (p.err == nil) || p.names.instance() != before
	p.err = err
	name := p.names.instance()
	p.mu.Unlock()
	if changed && p.reg.Notify != nil {
		p.reg.Notify(name, err)
	}
	return err
}

// Close takes our records out of the zone and ends the keeper. ctx bounds how
// long the server may take; the keeper has ended in any case.
func (p *Published) Close(ctx context.Context) error {
	p.mu.Lock()
	again := p.gone
	p.gone = true
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
	if again {
		return nil
	}
	return p.withdraw(ctx, p.records())
}
