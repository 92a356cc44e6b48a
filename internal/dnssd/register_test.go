package dnssd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"
)

func registration(m memory) Registration {
	return Registration{
		Domain: "example.org", Servers: []netip.AddrPort{theServer}, Dial: m.dial,
		User: "romeo", Machine: "montague", Port: 5298, Text: text("txtvers=1", "nick=Romeo", `msg=say "hi" \o/`),
		Addrs: []netip.Addr{
			netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("fe80::1%eth0"),
			netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("169.254.1.2"),
		},
	}
}

func mustRegister(t *testing.T, z *fakeZone, change ...func(*Registration)) *Published {
	t.Helper()
	r := registration(z.network())
	for _, f := range change {
		f(&r)
	}
	p, err := Register(t.Context(), r, z.key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var ourKinds = []uint16{dns.TypePTR, dns.TypeSRV, dns.TypeTXT, dns.TypeA, dns.TypeAAAA}

// expect compares what is in the zone, without its name server.
func expect(t *testing.T, z *fakeZone, want ...string) {
	t.Helper()
	got := slices.DeleteFunc(z.contents(ourKinds...), func(s string) bool { return strings.HasPrefix(s, "ns.") })
	slices.Sort(want)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("zone (-want +got):\n%s", diff)
	}
}

const typeLine = `_services._dns-sd._udp.example.org. 300 IN PTR _presence._tcp.example.org.`

// 174-3.1 to 3.5 in a unicast domain: the records, their change, their end.
func TestRegister_Life(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		p := mustRegister(t, z)
		lines := []string{
			typeLine,
			`_presence._tcp.example.org. 300 IN PTR romeo\@montague._presence._tcp.example.org.`,
			`romeo\@montague._presence._tcp.example.org. 120 IN SRV 0 0 5298 montague.example.org.`,
			`montague.example.org. 120 IN A 203.0.113.7`, `montague.example.org. 120 IN AAAA 2001:db8::7`,
		}
		expect(t, z, append([]string{`romeo\@montague._presence._tcp.example.org. 300 IN TXT "txtvers=1" "nick=Romeo" "msg=say \"hi\" \\o/"`}, lines...)...)
		if p.Name() != "romeo@montague" || p.Err() != nil {
			t.Errorf("name %q, err %v", p.Name(), p.Err())
		}
		b := browse(t, z.network())
		defer b.Close()
		wantEvents(t, b, "joined romeo@montague")
		if msg, _ := b.Peers()[0].Text.Get("msg"); msg != `say "hi" \o/` {
			t.Errorf("msg %q", msg)
		}
		if err := p.SetText(text("txtvers=1", "status=away")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expect(t, z, append([]string{`romeo\@montague._presence._tcp.example.org. 300 IN TXT "txtvers=1" "status=away"`}, lines...)...)
		time.Sleep(time.Minute)
		if err := p.SetAddrs([]netip.Addr{netip.MustParseAddr("203.0.113.9")}); err != nil {
			t.Fatal(err)
		}
		if err := p.SetAddrs(nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := z.contents(dns.TypeA, dns.TypeAAAA); len(got) != 2 || !strings.HasSuffix(got[0], "203.0.113.9") {
			t.Errorf("addresses %v", got)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(t, z)
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if err := p.SetText(nil); !errors.Is(err, ErrClosed) {
			t.Errorf("SetText after Close: %v", err)
		}
	})
}

// 174-3.5: an empty TXT is one empty string.
func TestRegister_EmptyText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		p := mustRegister(t, z, func(r *Registration) { r.Text = nil })
		defer p.Close(t.Context())
		if got := z.contents(dns.TypeTXT); len(got) != 1 || !strings.HasSuffix(got[0], `TXT ""`) {
			t.Errorf("text %q", got)
		}
	})
}

// 174-3.8, 174-3.9: who comes second gets another name, by the XEP's rules.
func TestRegister_Renames(t *testing.T) {
	for _, tt := range []struct {
		name    string
		present []string
		want    string
	}{
		{"174-3.8 the host is another machine", []string{"montague.example.org. 60 IN A 198.51.100.1"}, "romeo@montague-1"},
		{"174-3.8 twice", []string{
			"montague.example.org. 60 IN A 198.51.100.1", "montague-1.example.org. 60 IN AAAA 2001:db8::1",
		}, "romeo@montague-2"},
		{"174-3.8 the instance is another machine's", []string{
			"montague.example.org. 60 IN A 198.51.100.1",
			`romeo\@montague._presence._tcp.example.org. 60 IN SRV 0 0 5298 montague.example.org.`,
		}, "romeo@montague"}, // equal to ours in every octet: ours from before
		{"174-3.8 the instance is another machine's, other port", []string{
			"montague.example.org. 60 IN A 198.51.100.1",
			`romeo\@montague._presence._tcp.example.org. 60 IN SRV 0 0 9999 montague.example.org.`,
		}, "romeo@montague-1"},
		{"174-3.9 another program on this machine", []string{
			"montague.example.org. 60 IN A 203.0.113.7",
			`romeo\@montague._presence._tcp.example.org. 60 IN SRV 0 0 9999 montague.example.org.`,
		}, "romeo-1@montague"},
		{"174-3.9 two of them", []string{
			"montague.example.org. 60 IN A 203.0.113.7",
			`romeo\@montague._presence._tcp.example.org. 60 IN SRV 0 0 9999 montague.example.org.`,
			`romeo-1\@montague._presence._tcp.example.org. 60 IN SRV 0 0 9998 montague.example.org.`,
		}, "romeo-2@montague"},
		{"only a text is there", []string{`romeo\@montague._presence._tcp.example.org. 60 IN TXT "x"`}, "romeo@montague-1"},
		{"in another case", []string{`ROMEO\@Montague._presence._tcp.example.org. 60 IN TXT "x"`}, "romeo@montague-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZone(t)
				z.add(tt.present...)
				before := z.contents(ourKinds...)
				p := mustRegister(t, z)
				if p.Name() != tt.want {
					t.Errorf("name %q, want %q", p.Name(), tt.want)
				}
				if err := p.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if tt.want == "romeo@montague" {
					return
				}
				shared := strings.HasSuffix(tt.want, "@montague")
				// What belongs to others is as it was, but for the TTL of an
				// address that two programs on one machine share.
				data := cmp.Transformer("data", func(s string) string {
					f := strings.Fields(s)
					return f[0] + " " + strings.Join(f[2:], " ")
				})
				after := slices.DeleteFunc(z.contents(ourKinds...), func(s string) bool {
					return shared && strings.HasPrefix(s, "montague.example.org. 120 IN AAAA")
				})
				if diff := cmp.Diff(before, after, data); diff != "" {
					t.Errorf("others' records (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// After a crash the records of the earlier run are taken over, also when the
// address has changed meanwhile.
func TestRegister_AfterCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		p := mustRegister(t, z)
		p.cancel() // and no goodbye
		p.wg.Wait()
		p = mustRegister(t, z, func(r *Registration) { r.Addrs = []netip.Addr{netip.MustParseAddr("203.0.113.99")} })
		if p.Name() != "romeo@montague" {
			t.Errorf("name %q", p.Name())
		}
		if got := z.contents(dns.TypeA, dns.TypeAAAA); len(got) != 2 || !strings.HasSuffix(got[0], ".99") {
			t.Errorf("addresses %v", got)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(t, z)
	})
}

// What a crashed run left under another name goes, unless it is not ours.
func TestRegister_SweepsFormer(t *testing.T) {
	for _, tt := range []struct {
		name, former string
		left         bool
	}{
		{"ours", "fox@word-aaaa", false},
		{"in another case", "FOX@Word-AAAA", false},
		{"target of somebody else", "owl@word-bbbb", true},
		{"not there", "cat@word-cccc", true},
		{"no name", "", true},
		{"no machine", "fox", true},
		{"too long", strings.Repeat("x", 70) + "@m", true},
		{"our name now", "romeo@montague", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZone(t)
				z.person("fox", "word-aaaa", "203.0.113.50", 120)
				z.person("owl", "word-bbbb", "203.0.113.51", 120)
				z.remove(func(r dns.RR) bool {
					return r.Header().Rrtype == dns.TypeSRV && strings.HasPrefix(r.Header().Name, "owl")
				})
				z.add(`owl\@word-bbbb._presence._tcp.example.org. 60 IN SRV 0 0 5298 elsewhere.example.org.`)
				before := z.contents(ourKinds...)
				p := mustRegister(t, z, func(r *Registration) { r.Former = tt.former })
				if err := p.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				after := slices.DeleteFunc(z.contents(ourKinds...), func(s string) bool { return s == typeLine })
				if got := cmp.Equal(before, after); got != tt.left {
					t.Errorf("all left: %v\n%s", got, strings.Join(after, "\n"))
				}
				for _, s := range after {
					if !tt.left && (strings.HasPrefix(s, "fox") || strings.HasPrefix(s, "word-aaaa")) {
						t.Errorf("left behind: %s", s)
					}
				}
			})
		})
	}
}

// Records that somebody removed come back; a name that somebody took is given
// up, and we are told.
func TestRegister_Keeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		type told struct {
			name string
			err  bool
		}
		notes := make(chan told, 10)
		p := mustRegister(t, z, func(r *Registration) {
			r.Notify = func(name string, err error) { notes <- told{name, err != nil} }
		})
		defer p.Close(t.Context())
		full := z.contents(ourKinds...)
		z.remove(func(r dns.RR) bool {
			return r.Header().Rrtype != dns.TypeSOA && !strings.HasPrefix(r.Header().Name, "ns")
		})
		time.Sleep(keepEvery)
		synctest.Wait()
		if diff := cmp.Diff(full, z.contents(ourKinds...)); diff != "" {
			t.Errorf("after a reset of the zone (-want +got):\n%s", diff)
		}
		z.set(func() { z.code = dns.RcodeServerFailure })
		time.Sleep(keepEvery + time.Minute)
		synctest.Wait()
		if err := p.Err(); err == nil || !strings.Contains(err.Error(), "update 192.0.2.53:53 example.org") {
			t.Errorf("err %v", err)
		}
		z.set(func() { z.code = 0 })
		z.remove(func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeSRV || r.Header().Rrtype == dns.TypeA })
		z.add("ns.example.org. 60 IN A 192.0.2.53",
			`romeo\@montague._presence._tcp.example.org. 60 IN SRV 0 0 1 mallory.example.org.`,
			"montague.example.org. 60 IN A 198.51.100.66")
		time.Sleep(keepEvery + time.Minute)
		synctest.Wait()
		if p.Name() != "romeo@montague-1" || p.Err() != nil {
			t.Errorf("name %q, err %v", p.Name(), p.Err())
		}
		close(notes)
		var got []told
		for n := range notes {
			got = append(got, n)
		}
		want := []told{{"romeo@montague", true}, {"romeo@montague-1", false}}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(told{})); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// 174-5.3: at most ten updates a minute, and the last value wins.
func TestRegister_Rate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		p := mustRegister(t, z)
		defer p.Close(t.Context())
		z.set(func() { z.updates = 0 })
		for i := range 600 {
			if err := p.SetText(text(fmt.Sprintf("n=%d", i))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(updateEvery)
		synctest.Wait()
		z.mu.Lock()
		n := z.updates
		z.mu.Unlock()
		if n > 2*11 { // ours, and the type's
			t.Errorf("%d updates in a minute", n)
		}
		if got := z.contents(dns.TypeTXT); !strings.Contains(got[0], "n=599") {
			t.Errorf("text %v", got)
		}
	})
}

// What a policy does not allow for the type's list is no reason to fail.
func TestRegister_TypeListRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.refuse = enumeration + theDomain
		p := mustRegister(t, z)
		if len(z.contents(dns.TypeSRV)) != 1 {
			t.Error("not registered")
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// The type stays as long as somebody else is there.
func TestRegister_LastOneClosesTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		p := mustRegister(t, z)
		q := mustRegister(t, z, func(r *Registration) { r.User, r.Machine = "juliet", "capulet" })
		for i, c := range []*Published{p, q} {
			if err := c.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			there := slices.Contains(z.contents(dns.TypePTR), typeLine)
			if there != (i == 0) {
				t.Errorf("after %d: type listed %v", i+1, there)
			}
		}
	})
}

// The primary is found by SOA; when it is elsewhere it is asked elsewhere.
func TestRegister_FindsPrimary(t *testing.T) {
	const primary = "198.51.100.53:53"
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.rrs[1] = rr(t, "ns.example.org. 60 IN A 198.51.100.53")
		resolver, updates := z.network(), 0
		m := memory{theServer: resolver[theServer], netip.MustParseAddrPort(primary): func(n string, raw []byte) [][]byte {
			updates++
			return z.serve(n, raw)
		}}
		r := registration(m)
		p, err := Register(t.Context(), r, z.key)
		if err != nil {
			t.Fatal(err)
		}
		if updates == 0 {
			t.Error("the primary was not used")
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // and named: nobody else is asked
		z := newZone(t)
		m := memory{netip.MustParseAddrPort(primary): z.serve}
		r := registration(m)
		r.Primary, r.Servers = netip.MustParseAddrPort(primary), nil
		p, err := Register(t.Context(), r, z.key)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Every way to fail says which server and what to do.
func TestRegister_Fails(t *testing.T) {
	other, err := ParseKey([]byte("llchat:hmac-sha256:" + secret64))
	if err != nil {
		t.Fatal(err)
	}
	unsigned := func(code int) func(*fakeZone) {
		return func(z *fakeZone) {
			z.raw = func(packed []byte) []byte {
				m := new(dns.Msg)
				if err := m.Unpack(packed); err != nil {
					t.Error(err)
				}
				if m.Opcode != dns.OpcodeUpdate {
					return packed
				}
				m.Extra, m.Rcode = nil, code
				packed, _ = m.Pack()
				return packed
			}
		}
	}
	for _, tt := range []struct {
		name       string
		fault      func(*fakeZone)
		change     func(*Registration)
		key        *Key
		text, hint string
	}{
		{name: "no zone", change: func(r *Registration) { r.Domain = "example.com" }, text: "no zone holds it", hint: "spelling"},
		{name: "local", change: func(r *Registration) { r.Domain = "local" }, text: "multicast", hint: "by itself"},
		{name: "no port", change: func(r *Registration) { r.Port = 0 }, text: "no port"},
		{name: "no user", change: func(r *Registration) { r.User = "" }, text: "empty or too long"},
		{name: "long user", change: func(r *Registration) { r.User = strings.Repeat("x", 60) }, text: "empty or too long"},
		{name: "174-12.1 machine", change: func(r *Registration) { r.Machine = "zoë" }, text: "no host label"},
		{name: "dots in machine", change: func(r *Registration) { r.Machine = "a.b" }, text: "no host label"},
		{name: "no address", change: func(r *Registration) { r.Addrs = r.Addrs[2:] }, text: "no address", hint: "connect"},
		{name: "bad text", change: func(r *Registration) { r.Text = text("a=1", "a=2") }, text: "key"},
		{name: "no key", key: &Key{}, text: "no usable name"},
		{name: "another secret", key: &other, text: "BADSIG", hint: "differs"},
		{name: "refused", fault: func(z *fakeZone) { z.refuse = "montague.example.org." }, text: "update 192.0.2.53:53", hint: "policy"},
		{
			name: "unsigned success", fault: unsigned(dns.RcodeSuccess),
			text: "not signed", hint: "somebody else",
		},
		{name: "unsigned refusal", fault: unsigned(dns.RcodeRefused), text: "REFUSED", hint: "policy"},
		{name: "not implemented", fault: unsigned(dns.RcodeNotImplemented), text: "NOTIMP", hint: "primary"},
		{
			name: "forged signature", text: "update 192.0.2.53:53",
			fault: func(z *fakeZone) {
				z.raw = func(packed []byte) []byte {
					if packed[2]>>3&15 == dns.OpcodeUpdate {
						packed[3] ^= 5 // REFUSED or SUCCESS, the other way round
					}
					return packed
				}
			},
		},
		{name: "primary mute", fault: func(z *fakeZone) { z.mute = true }, text: "ask 192.0.2.53:53 for SOA _presence._tcp.example.org", hint: "firewall"},
		{
			name: "primary unusable", text: "no usable address", hint: "primary",
			fault: func(z *fakeZone) { z.rrs[1].(*dns.A).A = []byte{127, 0, 0, 1} },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZone(t)
				r, k := registration(z.network()), z.key
				if tt.fault != nil {
					tt.fault(z)
				}
				if tt.change != nil {
					tt.change(&r)
				}
				if tt.key != nil {
					k = *tt.key
				}
				p, err := Register(t.Context(), r, k)
				if err == nil {
					_ = p.Close(t.Context())
					t.Fatal("registered")
				}
				var e *Error
				if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.text) || !strings.Contains(e.Hint, tt.hint) {
					t.Errorf("got %q, hint %q; want %q, hint %q", err, e.Hint, tt.text, tt.hint)
				}
			})
		})
	}
}

// Names that are all taken end in an error, not in a loop.
func TestRegister_AllTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.alter = func(m *dns.Msg) {
			if m.Opcode == dns.OpcodeUpdate && m.Rcode == dns.RcodeSuccess {
				m.Rcode = dns.RcodeYXDomain
			}
		}
		_, err := Register(t.Context(), registration(z.network()), z.key)
		if !errors.Is(err, errNameTaken) {
			t.Errorf("got %v", err)
		}
	})
}

// A primary that is gone does not hold Close longer than its context.
func TestClose_IsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		p := mustRegister(t, z)
		z.set(func() { z.mute = true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		err := p.Close(ctx)
		if took := time.Since(begin); err == nil || took > time.Second {
			t.Errorf("took %v, %v", took, err)
		}
	})
}

// The service name may be a zone of its own; then our host lies in it.
func TestRegister_ZoneOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.rrs[0].Header().Name = service + theDomain
		p := mustRegister(t, z, func(r *Registration) { r.Primary = theServer })
		srv := z.contents(dns.TypeSRV)
		if len(srv) != 1 || !strings.HasSuffix(srv[0], "5298 montague._presence._tcp.example.org.") {
			t.Errorf("srv %v", srv)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
