package dnssd

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"llchat/internal/mdns"
)

// serve answers one packed message; no answers are silence.
type serve func(network string, raw []byte) [][]byte

// theServer is where the tests' server is, if it is in memory.
var theServer = netip.MustParseAddrPort("192.0.2.53:53")

// memory is a network with name servers in this process, for virtual time.
// What is sent to any other address goes nowhere.
type memory map[netip.AddrPort]serve

func (m memory) dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	s := m[to]
	if s == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		for {
			raw, err := receive(server, network)
			if err != nil {
				return
			}
			for _, reply := range s(network, raw) {
				if send(server, network, reply) != nil {
					return
				}
			}
		}
	}()
	return client, nil
}

// fakeZone is a primary for example.org: it answers questions and takes
// updates (RFC 2136) signed with key. Faults are knobs.
type fakeZone struct {
	t   testing.TB
	key Key

	mu      sync.Mutex // guards the following
	rrs     []dns.RR
	asked   []string // "PTR _presence._tcp.example.org."
	updates int
	code    int                         // answered to everything when not zero
	mute    bool                        // answers nothing
	alter   func(*dns.Msg)              // last look at an answer
	raw     func(r []byte) []byte       // the same, packed
	quick   func(dns.Question) []dns.RR // answers without a look at rrs, unless nil
	refuse  string                      // updates that touch this name are refused
}

const theDomain = "example.org."

func newZone(t testing.TB) *fakeZone {
	return &fakeZone{t: t, key: testKey(t), rrs: []dns.RR{
		rr(t, `example.org. 3600 IN SOA ns.example.org. host.example.org. 1 3600 600 86400 60`),
		rr(t, `ns.example.org. 3600 IN A 192.0.2.53`),
	}}
}

func rr(t testing.TB, s string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return r
}

func testKey(t testing.TB) Key {
	t.Helper()
	k, err := ParseKey([]byte("llchat:hmac-sha256:" + strings.Repeat("QUJD", 11)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// add puts records into the zone.
func (z *fakeZone) add(records ...string) {
	z.t.Helper()
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, s := range records {
		z.rrs = append(z.rrs, rr(z.t, s))
	}
}

// person adds an instance with everything it needs.
func (z *fakeZone) person(user, machine, addr string, ttl int) {
	z.t.Helper()
	name := escapeLabel(user+"@"+machine) + "." + service + theDomain
	z.add(
		fmt.Sprintf(`%s%s %d IN PTR %s`, service, theDomain, ttl, name),
		fmt.Sprintf(`%s %d IN SRV 0 0 5298 %s.%s`, name, ttl, machine, theDomain),
		fmt.Sprintf(`%s %d IN TXT "txtvers=1" "nick=%s"`, name, ttl, user),
		fmt.Sprintf(`%s.%s %d IN A %s`, machine, theDomain, ttl, addr),
	)
}

// remove takes away the records that f names.
func (z *fakeZone) remove(f func(dns.RR) bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.rrs = slices.DeleteFunc(z.rrs, f)
}

func (z *fakeZone) set(f func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f()
}

// questions are what was asked since the last call.
func (z *fakeZone) questions() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	q := z.asked
	z.asked = nil
	return q
}

// contents are the records with the given type, as text.
func (z *fakeZone) contents(kinds ...uint16) (out []string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, r := range z.rrs {
		if slices.Contains(kinds, r.Header().Rrtype) {
			out = append(out, strings.ReplaceAll(r.String(), "\t", " "))
		}
	}
	slices.Sort(out)
	return out
}

// network is a network on which only this zone's server is.
func (z *fakeZone) network() memory { return memory{theServer: z.serve} }

// serve is the server.
func (z *fakeZone) serve(network string, raw []byte) [][]byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	q := new(dns.Msg)
	if err := q.Unpack(raw); err != nil {
		z.t.Errorf("our question does not unpack: %v", err)
		return nil
	}
	if z.mute {
		return nil
	}
	var packed []byte
	if q.Opcode == dns.OpcodeUpdate {
		packed = z.update(q, raw)
	} else {
		packed = z.answer(network, q)
	}
	if z.raw != nil {
		packed = z.raw(packed)
	}
	return [][]byte{packed}
}

func (z *fakeZone) answer(network string, q *dns.Msg) []byte {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	question := q.Question[0]
	z.asked = append(z.asked, dns.TypeToString[question.Qtype]+" "+question.Name)
	if z.quick != nil {
		if m.Answer = z.quick(question); m.Answer != nil {
			return z.pack(m)
		}
	}
	m.Rcode = dns.RcodeNameError
	for _, r := range z.rrs {
		h := r.Header()
		if !same(h.Name, question.Name) {
			if dns.IsSubDomain(question.Name, h.Name) && m.Rcode == dns.RcodeNameError {
				m.Rcode = dns.RcodeSuccess // an empty non-terminal
			}
			continue
		}
		m.Rcode = dns.RcodeSuccess
		if h.Rrtype == question.Qtype || h.Rrtype == dns.TypeCNAME {
			m.Answer = append(m.Answer, dns.Copy(r))
		}
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{dns.Copy(z.rrs[0])}
	}
	if z.code != 0 {
		m.Rcode, m.Answer, m.Ns = z.code, nil, nil
	}
	size := 65535
	if network == "udp" {
		size = dns.MinMsgSize
		if opt := q.IsEdns0(); opt != nil {
			size = int(opt.UDPSize())
		}
	}
	m.Truncate(size)
	if z.alter != nil {
		z.alter(m)
	}
	return z.pack(m)
}

func (z *fakeZone) pack(m *dns.Msg) []byte {
	packed, err := m.Pack()
	if err != nil {
		z.t.Errorf("pack: %v", err)
	}
	return packed
}

// update carries an update out: RFC 2136 3.
func (z *fakeZone) update(q *dns.Msg, raw []byte) []byte {
	m := new(dns.Msg)
	m.Id, m.Response, m.Opcode = q.Id, true, dns.OpcodeUpdate
	m.Question = q.Question
	sig := q.IsTsig()
	if sig == nil {
		m.Rcode = dns.RcodeRefused
		return z.pack(m)
	}
	if err := dns.TsigVerifyWithProvider(raw, signer{z.key}, "", false); err != nil {
		m.Rcode = dns.RcodeNotAuth
		m.SetTsig(sig.Hdr.Name, sig.Algorithm, 300, time.Now().Unix())
		m.IsTsig().Error = dns.RcodeBadSig
		packed, _, _ := dns.TsigGenerateWithProvider(m, signer{z.key}, sig.MAC, false)
		return packed
	}
	m.Rcode = z.carryOut(q)
	if z.alter != nil {
		z.alter(m)
	}
	m.SetTsig(sig.Hdr.Name, sig.Algorithm, 300, time.Now().Unix())
	packed, _, err := dns.TsigGenerateWithProvider(m, signer{z.key}, sig.MAC, false)
	if err != nil {
		z.t.Errorf("sign: %v", err)
	}
	return packed
}

func (z *fakeZone) carryOut(q *dns.Msg) int {
	z.updates++
	if z.code != 0 {
		return z.code
	}
	for _, r := range q.Ns {
		if z.refuse != "" && same(r.Header().Name, z.refuse) {
			return dns.RcodeRefused
		}
		if !dns.IsSubDomain(theDomain, r.Header().Name) {
			return dns.RcodeNotZone
		}
	}
	for _, p := range q.Answer {
		if code := z.holds(p); code != dns.RcodeSuccess {
			return code
		}
	}
	for _, u := range q.Ns {
		z.apply(u)
	}
	return dns.RcodeSuccess
}

// holds checks one prerequisite: RFC 2136 3.2.
func (z *fakeZone) holds(p dns.RR) int {
	h := p.Header()
	var name, set, value bool
	for _, r := range z.rrs {
		if !same(r.Header().Name, h.Name) {
			continue
		}
		name = true
		if r.Header().Rrtype == h.Rrtype {
			set = true
			value = value || sameData(r, p)
		}
	}
	switch {
	case h.Class == dns.ClassNONE && h.Rrtype == dns.TypeANY && name:
		return dns.RcodeYXDomain
	case h.Class == dns.ClassNONE && h.Rrtype != dns.TypeANY && set:
		return dns.RcodeYXRrset
	case h.Class == dns.ClassINET && !value:
		return dns.RcodeNXRrset
	}
	return dns.RcodeSuccess
}

func sameData(a, b dns.RR) bool {
	a, b = dns.Copy(a), dns.Copy(b)
	for _, r := range []dns.RR{a, b} {
		r.Header().Class, r.Header().Ttl = dns.ClassINET, 0
		r.Header().Name = strings.ToLower(r.Header().Name)
	}
	if a.Header().Rrtype == dns.TypeTXT {
		return a.String() == b.String()
	}
	return same(a.String(), b.String())
}

// apply carries out one line of an update: RFC 2136 3.4.2.
func (z *fakeZone) apply(u dns.RR) {
	h := u.Header()
	switch h.Class {
	case dns.ClassANY:
		z.rrs = slices.DeleteFunc(z.rrs, func(r dns.RR) bool {
			return same(r.Header().Name, h.Name) && (h.Rrtype == dns.TypeANY || r.Header().Rrtype == h.Rrtype)
		})
	case dns.ClassNONE:
		z.rrs = slices.DeleteFunc(z.rrs, func(r dns.RR) bool {
			return same(r.Header().Name, h.Name) && r.Header().Rrtype == h.Rrtype && sameData(r, u)
		})
	default:
		z.rrs = slices.DeleteFunc(z.rrs, func(r dns.RR) bool {
			return same(r.Header().Name, h.Name) && sameData(r, u)
		})
		z.rrs = append(z.rrs, dns.Copy(u))
	}
}

// onLoopback puts a server on real sockets, on the same port for UDP and TCP.
func onLoopback(t testing.TB, s serve) netip.AddrPort {
	t.Helper()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := tcp.Addr().(*net.TCPAddr).AddrPort()
	udp, err := net.ListenPacket("udp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _, _ = tcp.Close(), udp.Close(); wg.Wait() })
	wg.Go(func() {
		buf := make([]byte, 65535)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, reply := range s("udp", slices.Clone(buf[:n])) {
				_, _ = udp.WriteTo(reply, from)
			}
		}
	})
	wg.Go(func() {
		for {
			conn, err := tcp.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				var size [2]byte
				if _, err := io.ReadFull(conn, size[:]); err != nil {
					return
				}
				raw := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(conn, raw); err != nil {
					return
				}
				for _, reply := range s("tcp", raw) {
					_ = send(conn, "tcp", reply)
				}
			})
		}
	})
	return at
}

// browse opens a browser on a network in memory.
func browse(t testing.TB, m memory, change ...func(*Config)) *Browser {
	t.Helper()
	c := Config{Domain: "example.org", Servers: []netip.AddrPort{theServer}, Dial: m.dial}
	for _, f := range change {
		f(&c)
	}
	b, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// drain reads the events that are there, as short text.
func drain(b *Browser) (out []string) {
	for {
		select {
		case ev, ok := <-b.Events():
			if !ok {
				return append(out, "closed")
			}
			out = append(out, describe(ev))
		default:
			return out
		}
	}
}

func describe(ev Event) string {
	words := map[Kind]string{
		Joined: "joined", Changed: "changed", Left: "left", Resync: "resync",
		Overload: "overload", Trouble: "trouble", Recovered: "recovered",
	}
	s := words[ev.Kind]
	switch ev.Kind {
	case Joined, Changed:
		s += " " + ev.Peer.Key
	case Left:
		s += " " + ev.Peer.Key + " " + ev.Cause
	case Overload:
		s += fmt.Sprint(" ", ev.Shed)
	}
	return s
}

func text(pairs ...string) mdns.Text {
	t := mdns.Text{}
	for _, p := range pairs {
		k, v, has := strings.Cut(p, "=")
		e := mdns.TextEntry{Key: k, HasValue: has}
		if v != "" {
			e.Value = []byte(v)
		}
		t = append(t, e)
	}
	return t
}
