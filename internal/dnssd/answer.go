package dnssd

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"llchat/internal/mdns"
	"llchat/internal/mdns/wire"
)

// maxAddrs is how many addresses of an instance are kept: L-25.
const maxAddrs = 8

// answer is what a server said to one question. Aliases are not followed: only
// records under the very name that was asked count (RFC 2782, RFC 6763 4.1).
type answer struct {
	main     map[recordKey][]dns.RR // answer section
	extra    map[recordKey][]dns.RR // additional section
	order    []dns.RR               // answer section as it came
	negative time.Duration          // how long that nothing is there holds (RFC 2308 5)
	partial  bool                   // cut although it came by TCP
	soa      *dns.SOA               // of the authority or answer section
}

type recordKey struct {
	name string // lower case
	kind uint16
}

func keyOf(name string, kind uint16) recordKey { return recordKey{strings.ToLower(name), kind} }

// newAnswer takes a reply apart, or says why it is none.
func newAnswer(m *dns.Msg) (*answer, error) {
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil, rcodeError(m.Rcode)
	}
	a := &answer{main: index(m.Answer), extra: index(m.Extra), order: m.Answer, partial: m.Truncated}
	for _, rr := range slices.Concat(m.Ns, m.Answer) {
		if soa, ok := rr.(*dns.SOA); ok {
			a.soa = soa
			a.negative = seconds(min(soa.Hdr.Ttl, soa.Minttl))
		}
	}
	if len(m.Answer) == 0 && m.Rcode == dns.RcodeSuccess && !m.Authoritative && !m.RecursionAvailable {
		return nil, errLame
	}
	return a, nil
}

func index(rrs []dns.RR) map[recordKey][]dns.RR {
	m := make(map[recordKey][]dns.RR, len(rrs))
	for _, rr := range rrs {
		h := rr.Header()
		if h.Class != dns.ClassINET {
			continue
		}
		k := keyOf(h.Name, h.Rrtype)
		m[k] = append(m[k], rr)
	}
	return m
}

// seconds reads a TTL; one with the top bit set is zero (RFC 2181 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		ttl = 0
	}
	return time.Duration(ttl) * time.Second
}

// lifetime is the shortest TTL of rrs.
func lifetime(rrs []dns.RR) time.Duration {
	d := seconds(rrs[0].Header().Ttl)
	for _, rr := range rrs[1:] {
		d = min(d, seconds(rr.Header().Ttl))
	}
	return d
}

// named is one instance of a list.
type named struct {
	name string // in presentation form, as it came
	raw  string // its label
	key  string
}

// instances are what the PTR records of the service name point to, each once,
// in their order, and how long the list holds.
func (a *answer) instances(owner string) (list []named, ttl time.Duration) {
	seen := map[string]bool{}
	found := a.main[keyOf(owner, dns.TypePTR)]
	if len(found) == 0 {
		return nil, a.negative
	}
	for _, rr := range found {
		ptr, ok := rr.(*dns.PTR)
		if !ok {
			continue
		}
		raw, rest := firstLabel(ptr.Ptr)
		key := fold(raw)
		if raw == "" || !same(rest, owner) || seen[key] {
			continue
		}
		seen[key] = true
		list = append(list, named{name: ptr.Ptr, raw: raw, key: key})
	}
	return list, lifetime(found)
}

// target is where a service is.
type target struct {
	host string // in presentation form
	port uint16
}

// service picks the SRV record to use: lowest priority, then heaviest weight
// (RFC 2782), then by name, so that it does not change without reason. A
// target of "." says that there is no such service.
func (a *answer) service(name string) (t target, ttl time.Duration, ok bool) {
	var all []*dns.SRV
	found := a.main[keyOf(name, dns.TypeSRV)]
	for _, rr := range found {
		if srv, is := rr.(*dns.SRV); is && srv.Port != 0 && srv.Target != "." {
			all = append(all, srv)
		}
	}
	if len(all) == 0 {
		return target{}, a.negative, false
	}
	best := slices.MinFunc(all, func(x, y *dns.SRV) int {
		return cmp.Or(cmp.Compare(x.Priority, y.Priority), cmp.Compare(y.Weight, x.Weight),
			strings.Compare(x.Target, y.Target), cmp.Compare(x.Port, y.Port))
	})
	return target{best.Target, best.Port}, lifetime(found), true
}

// endless is the lifetime of what is not there: it never makes us ask sooner.
const endless = time.Duration(math.MaxInt64)

// text reads the TXT record, within L-21. None, and several (of which RFC 6763
// 6.8 makes alternatives), are no fault: 174-3.15.
func (a *answer) text(name string) (t mdns.Text, ttl time.Duration) {
	found := a.main[keyOf(name, dns.TypeTXT)]
	for _, rr := range found {
		if txt, ok := rr.(*dns.TXT); ok {
			return parseText(txt.Txt), lifetime(found)
		}
	}
	return nil, endless
}

// parseText reads TXT strings in presentation form.
func parseText(strings []string) mdns.Text {
	var data []byte
	for _, s := range strings {
		s = unescape(s)
		if len(s) > 255 || len(data)+1+len(s) > wire.MaxTXT {
			break
		}
		data = append(append(data, byte(len(s))), s...)
	}
	var t mdns.Text
	for _, p := range wire.ParseText(data) {
		t = append(t, mdns.TextEntry(p))
	}
	return t
}

// encodeText is the other way.
func encodeText(t mdns.Text) ([]string, error) {
	pairs := make([]wire.Pair, 0, len(t))
	for _, e := range t {
		pairs = append(pairs, wire.Pair(e))
	}
	data, err := wire.AppendText(nil, pairs)
	if err != nil {
		return nil, err
	}
	var out []string
	for s := range wire.Strings(data) {
		out = append(out, escapeString(s))
	}
	return out, nil
}

// escapeString writes a character-string as miekg/dns reads it.
func escapeString(raw []byte) string {
	var b strings.Builder
	for _, c := range raw {
		b.WriteString(decimal[c])
	}
	return b.String()
}

// addresses adds the usable ones of a host to list, from the answer itself and
// from what came with it, at most maxAddrs (L-25).
func (a *answer) addresses(list []netip.Addr, host string, kinds ...uint16) ([]netip.Addr, time.Duration) {
	var used []dns.RR
	for _, kind := range kinds {
		for _, section := range []map[recordKey][]dns.RR{a.main, a.extra} {
			for _, rr := range section[keyOf(host, kind)] {
				used = append(used, rr)
				addr, ok := addressOf(rr)
				if ok && usable(addr) && len(list) < maxAddrs && !slices.Contains(list, addr) {
					list = append(list, addr)
				}
			}
		}
	}
	if len(used) == 0 {
		return list, endless
	}
	return list, lifetime(used)
}

func addressOf(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		a, ok := netip.AddrFromSlice(rr.A.To4())
		return a, ok
	case *dns.AAAA:
		a, ok := netip.AddrFromSlice(rr.AAAA)
		return a.Unmap(), ok
	}
	return netip.Addr{}, false
}
