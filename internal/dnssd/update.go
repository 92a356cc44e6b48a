package dnssd

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"llchat/internal/mdns"
)

// records are what we put into a zone, in presentation form.
type records struct {
	zone     zone
	owner    string // _presence._tcp.domain.
	instance string // user@machine._presence._tcp.domain.
	host     string // machine.domain.
	shared   bool
	port     uint16
	text     []string
	addrs    []netip.Addr
}

func now() time.Time { return time.Now() }

// records is a copy of what we want to be there now.
func (p *Published) records() records {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := records{
		zone: p.zone, owner: p.owner, shared: p.names.shared, port: p.reg.Port,
		instance: escapeLabel(p.names.instance()) + "." + p.owner,
		host:     p.hostName(p.names.host()),
		text:     slices.Clone(p.text), addrs: slices.Clone(p.addrs),
	}
	return r
}

// hostName is where a machine's addresses are: in the domain, unless the
// service name is a zone of its own.
func (p *Published) hostName(machine string) string {
	if name := machine + "." + p.owner[len(service):]; p.zone.holds(name) {
		return name
	}
	return machine + "." + p.zone.name
}

func header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

func (r records) srv() dns.RR {
	return &dns.SRV{Hdr: header(r.instance, dns.TypeSRV, ttlHost), Port: r.port, Target: r.host}
}

func (r records) ptr() dns.RR {
	return &dns.PTR{Hdr: header(r.owner, dns.TypePTR, ttlOther), Ptr: r.instance}
}

func (r records) txt() dns.RR {
	return &dns.TXT{Hdr: header(r.instance, dns.TypeTXT, ttlOther), Txt: r.text}
}

// addresses are the A and AAAA records of the host.
func (r records) addresses() (rrs []dns.RR) {
	for _, a := range r.addrs {
		if a.Is4() {
			rrs = append(rrs, &dns.A{Hdr: header(r.host, dns.TypeA, ttlHost), A: net.IP(a.AsSlice())})
		} else {
			rrs = append(rrs, &dns.AAAA{Hdr: header(r.host, dns.TypeAAAA, ttlHost), AAAA: net.IP(a.AsSlice())})
		}
	}
	return rrs
}

func (r records) message() *dns.Msg {
	return new(dns.Msg).SetUpdate(r.zone.name)
}

// set names an RRset, or with dns.TypeANY all of a name, without data.
func set(name string, kind uint16) []dns.RR {
	return []dns.RR{&dns.ANY{Hdr: header(name, kind, 0)}}
}

// write makes our records be there, and be all under our names.
func (r records) write(m *dns.Msg) {
	for _, kind := range []uint16{dns.TypeSRV, dns.TypeTXT} {
		m.RemoveRRset(set(r.instance, kind))
	}
	m.Insert([]dns.RR{r.srv(), r.txt(), r.ptr()})
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		m.RemoveRRset(set(r.host, kind))
	}
	m.Insert(r.addresses())
}

// unwritten are the prerequisites of a first write: nobody has our names. The
// host of another program on this machine may be there.
func (p *Published) unwritten(m *dns.Msg, r records) {
	m.NameNotUsed(set(r.instance, dns.TypeANY))
	if !r.shared {
		m.NameNotUsed(set(r.host, dns.TypeANY))
	}
}

// ours is the prerequisite of every later write: the SRV record under our name
// is the one we wrote. After a crash it finds what an earlier run left.
func (p *Published) ours(m *dns.Msg, r records) {
	m.Used([]dns.RR{r.srv()})
}

// update writes our records under a prerequisite. A code other than success
// says that the prerequisite does not hold.
func (p *Published) update(ctx context.Context, prerequisite func(*dns.Msg, records)) (code int, err error) {
	r := p.records()
	m := r.message()
	prerequisite(m, r)
	r.write(m)
	if code, err = p.send(ctx, m); err == nil && code == dns.RcodeSuccess {
		p.enumerate(ctx, r)
	}
	return code, err
}

// send sends an update; codes that do not speak about the prerequisites are
// errors.
func (p *Published) send(ctx context.Context, m *dns.Msg) (int, error) {
	code, err := p.zone.update(ctx, p.dial, p.key, m)
	if err != nil {
		return 0, err
	}
	switch code {
	case dns.RcodeSuccess, dns.RcodeYXDomain, dns.RcodeNameError, dns.RcodeYXRrset, dns.RcodeNXRrset:
		return code, nil
	}
	return 0, p.fault(rcodeError(code))
}

func (p *Published) fault(err error) error {
	return &Error{Op: "update", Server: p.zone.primary, What: strings.TrimSuffix(p.zone.name, "."), Err: err, Hint: hint("update", err)}
}

// claim takes a name: ours from an earlier run, else a free one.
func (p *Published) claim(ctx context.Context) error {
	for range 2 * maxRenames {
		for _, prerequisite := range []func(*dns.Msg, records){p.unwritten, p.ours} {
			code, err := p.update(ctx, prerequisite)
			if err != nil || code == dns.RcodeSuccess {
				return err
			}
		}
		if err := p.rename(ctx); err != nil {
			return err
		}
	}
	return p.fault(errNameTaken)
}

// rename chooses the next name (XEP-0174 3). When the host is this machine
// under another program, the user part is what is taken (174-3.9); else the
// machine part is (174-3.8).
func (p *Published) rename(ctx context.Context) error {
	r := p.records()
	primary := newAsker(p.dial, []netip.AddrPort{p.zone.primary}, p.asker.pace)
	addrs, _, err := primary.hostAddresses(ctx, r.host)
	if err != nil {
		return err
	}
	srv, err := primary.ask(ctx, r.instance, dns.TypeSRV)
	if err != nil {
		return err
	}
	there, _, taken := srv.service(r.instance)
	sameHost := taken && same(there.host, r.host) && slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		return slices.Contains(r.addrs, a)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if sameHost {
		p.names.shared = true
		p.names.userNo++
	} else {
		p.names.shared = false
		p.names.hostNo++
	}
	if p.names.userNo > maxRenames || p.names.hostNo > maxRenames {
		return p.fault(errNameTaken)
	}
	return nil
}

// enumerate lists the type (RFC 6763 9). It is an update of its own, and its
// failure is none of ours: many policies give a key no right to this name.
func (p *Published) enumerate(ctx context.Context, r records) {
	rr := typeRecord(r)
	if !r.zone.holds(rr.Header().Name) {
		return
	}
	m := r.message()
	m.Insert([]dns.RR{rr})
	_, _ = p.zone.update(ctx, p.dial, p.key, m)
}

func typeRecord(r records) dns.RR {
	domain := r.owner[len(service):]
	return &dns.PTR{Hdr: header(enumeration+domain, dns.TypePTR, ttlOther), Ptr: r.owner}
}

// sweep takes away what an earlier run left under another name. That it was
// ours is seen by its target, which is no other machine's.
func (p *Published) sweep(ctx context.Context, former string) error {
	_, machine := mdns.SplitInstance(former)
	if former == "" || len(former) > maxLabel || fold(former) == fold(p.Name()) || checkLabels(fold(machine)) != nil {
		return nil
	}
	r := p.records()
	host := r.host
	r.instance, r.host = escapeLabel(former)+"."+p.owner, p.hostName(machine)
	r.shared = same(r.host, host)
	ans, err := newAsker(p.dial, []netip.AddrPort{p.zone.primary}, p.asker.pace).ask(ctx, r.instance, dns.TypeSRV)
	if err != nil {
		return err
	}
	there, _, ok := ans.service(r.instance)
	if !ok || !same(there.host, r.host) {
		return nil
	}
	r.host, r.port = there.host, there.port // as the server writes it
	return p.withdraw(ctx, r)
}

// withdraw takes records away if they are still ours, and the type when we
// were the last.
func (p *Published) withdraw(ctx context.Context, r records) error {
	m := r.message()
	p.ours(m, r)
	m.RemoveName(set(r.instance, dns.TypeANY))
	m.Remove([]dns.RR{r.ptr()})
	if !r.shared {
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
			m.RemoveRRset(set(r.host, kind))
		}
	}
	code, err := p.send(ctx, m)
	if err != nil || code != dns.RcodeSuccess { // somebody else has the name now
		return err
	}
	if rr := typeRecord(r); r.zone.holds(rr.Header().Name) {
		m := r.message()
		m.RRsetNotUsed(set(r.owner, dns.TypePTR))
		m.Remove([]dns.RR{rr})
		_, _ = p.zone.update(ctx, p.dial, p.key, m)
	}
	return nil
}
