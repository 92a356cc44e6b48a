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

// A lying server: what it says about other names, other classes, addresses
// that nobody else has, targets that are none, is not taken.
func TestHostile_Lies(t *testing.T) {
	const romeo = `romeo\@montague._presence._tcp.example.org.`
	for _, tt := range []struct {
		name    string
		records []string
		want    []string // events
		addrs   []string
	}{
		{
			"instance of another domain",
			[]string{`_presence._tcp.example.org. 60 IN PTR romeo\@montague._presence._tcp.example.com.`},
			nil, nil,
		},
		{
			"instance of another type",
			[]string{`_presence._tcp.example.org. 60 IN PTR romeo._http._tcp.example.org.`},
			nil, nil,
		},
		{
			"deeper than one label",
			[]string{`_presence._tcp.example.org. 60 IN PTR a.b._presence._tcp.example.org.`},
			nil, nil,
		},
		{
			"the service itself, and the root",
			[]string{
				`_presence._tcp.example.org. 60 IN PTR _presence._tcp.example.org.`,
				`_presence._tcp.example.org. 60 IN PTR .`,
			},
			nil, nil,
		},
		{
			"alias instead of a list",
			[]string{
				`_presence._tcp.example.org. 60 IN CNAME other.example.org.`,
				`other.example.org. 60 IN PTR ` + romeo,
			},
			nil, nil,
		},
		{
			"no service", []string{
				`_presence._tcp.example.org. 60 IN PTR ` + romeo,
				romeo + ` 60 IN TXT "txtvers=1"`,
			}, nil, nil,
		},
		{
			"service says it is none", []string{
				`_presence._tcp.example.org. 60 IN PTR ` + romeo, romeo + ` 60 IN SRV 0 0 5298 .`,
			}, nil, nil,
		},
		{
			"port 0", []string{
				`_presence._tcp.example.org. 60 IN PTR ` + romeo, romeo + ` 60 IN SRV 0 0 0 montague.example.org.`,
			}, nil, nil,
		},
		{
			"174-3.15 no text, no address", []string{
				`_presence._tcp.example.org. 60 IN PTR ` + romeo,
				romeo + ` 60 IN SRV 0 0 5298 montague.example.org.`,
			}, []string{"joined romeo@montague"}, nil,
		},
		{
			"twice, in two cases", []string{
				`_presence._tcp.example.org. 60 IN PTR ` + romeo,
				`_presence._tcp.example.org. 60 IN PTR ROMEO\@montague._presence._TCP.Example.ORG.`,
				romeo + ` 60 IN SRV 0 0 5298 montague.example.org.`,
			}, []string{"joined romeo@montague"}, nil,
		},
		{
			"L-25 addresses", []string{
				`_presence._tcp.example.org. 60 IN PTR ` + romeo,
				romeo + ` 60 IN SRV 0 0 5298 montague.example.org.`,
				`montague.example.org. 60 IN A 127.0.0.1`, `montague.example.org. 60 IN A 0.0.0.0`,
				`montague.example.org. 60 IN A 224.0.0.251`, `montague.example.org. 60 IN A 255.255.255.255`,
				`montague.example.org. 60 IN A 169.254.1.1`, `montague.example.org. 60 IN AAAA ::1`,
				`montague.example.org. 60 IN AAAA ::`, `montague.example.org. 60 IN AAAA fe80::1`,
				`montague.example.org. 60 IN AAAA ff02::fb`, `montague.example.org. 60 IN AAAA 64:ff9b::7f00:1`,
				`montague.example.org. 60 IN AAAA ::ffff:127.0.0.1`,
				`montague.example.org. 60 IN A 203.0.113.5`, `montague.example.org. 60 IN AAAA 2001:db8::5`,
			}, []string{"joined romeo@montague"}, []string{"203.0.113.5:5298", "[2001:db8::5]:5298"},
		},
		{
			"host that is an alias (RFC 2782)", []string{
				`_presence._tcp.example.org. 60 IN PTR ` + romeo,
				romeo + ` 60 IN SRV 0 0 5298 montague.example.org.`,
				`montague.example.org. 60 IN CNAME other.example.org.`, `other.example.org. 60 IN A 203.0.113.5`,
			}, []string{"joined romeo@montague"}, nil,
		},
		{
			"several services (RFC 6763 5)", []string{
				`_presence._tcp.example.org. 60 IN PTR ` + romeo,
				romeo + ` 60 IN SRV 9 9 1 a.example.org.`, romeo + ` 60 IN SRV 1 0 2 b.example.org.`,
				romeo + ` 60 IN SRV 1 5 3 c.example.org.`,
				`a.example.org. 60 IN A 203.0.113.1`, `b.example.org. 60 IN A 203.0.113.2`,
				`c.example.org. 60 IN A 203.0.113.3`,
			}, []string{"joined romeo@montague"}, []string{"203.0.113.3:3"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZone(t)
				z.add(tt.records...)
				b := browse(t, z.network())
				defer b.Close()
				wantEvents(t, b, tt.want...)
				var got []string
				for _, p := range b.Peers() {
					for _, a := range p.Addrs {
						got = append(got, a.String())
					}
				}
				if diff := cmp.Diff(tt.addrs, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("addresses (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// L-25: at most 8 addresses, also when they come along with the service.
func TestL25_EightAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.person("romeo", "montague", "203.0.113.1", 60)
		for i := range 30 {
			z.add(fmt.Sprintf("montague.example.org. 60 IN A 203.0.113.%d", i+1))
		}
		b := browse(t, z.network())
		defer b.Close()
		synctest.Wait()
		if n := len(b.Peers()[0].Addrs); n != 8 {
			t.Errorf("%d addresses", n)
		}
	})
}

// Addresses that come with the SRV record spare two questions.
func TestBrowse_Additionals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.person("romeo", "montague", "203.0.113.1", 60)
		z.alter = func(m *dns.Msg) {
			if m.Question[0].Qtype == dns.TypeSRV {
				m.Extra = append(m.Extra, rr(t, "montague.example.org. 60 IN A 203.0.113.1"),
					rr(t, "other.example.org. 60 IN A 203.0.113.66"))
			}
		}
		b := browse(t, z.network())
		defer b.Close()
		synctest.Wait()
		if p := b.Peers(); len(p) != 1 || len(p[0].Addrs) != 1 || p[0].Addrs[0].String() != "203.0.113.1:5298" {
			t.Errorf("peers %v", p)
		}
		if q := z.questions(); len(q) != 3 {
			t.Errorf("asked %v", q)
		}
	})
}

// Names are octets: dots, quotes, spaces, UTF-8, controls and backslashes in a
// label come through, and are asked for as they came.
func TestBrowse_RawLabels(t *testing.T) {
	for _, label := range []string{
		"a.b@c", `back\slash@x`, "spa ce@x", `quo"te@x`, "zoë@x", "喵@x", "\x00\x1b[2J@x", "semi;colon(@)x", "\\065@x", "\xff\xfe",
		strings.Repeat("x", 63), "UPPER@Case",
	} {
		t.Run(fmt.Sprintf("%q", label), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				name := escapeLabel(label) + "." + service + theDomain
				z := newZone(t)
				z.set(func() {
					z.rrs = append(z.rrs,
						&dns.PTR{Hdr: header(service+theDomain, dns.TypePTR, 60), Ptr: name},
						&dns.SRV{Hdr: header(name, dns.TypeSRV, 60), Port: 5298, Target: "h.example.org."})
				})
				b := browse(t, z.network())
				defer b.Close()
				synctest.Wait()
				p := b.Peers()
				if len(p) != 1 || p[0].Instance != label || p[0].Key != fold(label) {
					t.Fatalf("peers %+v", p)
				}
				if _, err := b.Resolve(t.Context(), fold(label)); err != nil {
					t.Errorf("resolve: %v", err)
				}
			})
		})
	}
}

// L-21: 1,300 octets and 32 strings of a TXT record are looked at, and what is
// no key is not.
func TestL21_Text(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("k%d=v", i)
	}
	big := make([]string, 20)
	for i := range big {
		big[i] = fmt.Sprintf("k%d=%s", i, strings.Repeat("x", 240))
	}
	for _, tt := range []struct {
		name    string
		strings []string
		want    int
	}{
		{"many", many, 32},
		{"big", big, 5}, // 5 x 244 = 1,220
		{"empty", []string{""}, 0},
		{"no keys", []string{"=x", "=", "\x01=1"}, 0},
		{"first wins (RFC 6763 6.4)", []string{"a=1", "A=2", "a"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var txt []string
			for _, s := range tt.strings {
				txt = append(txt, escapeString([]byte(s)))
			}
			packed, err := (&dns.Msg{Answer: []dns.RR{&dns.TXT{Hdr: header("a.", dns.TypeTXT, 1), Txt: txt}}}).Pack()
			if err != nil {
				t.Fatal(err)
			}
			m := new(dns.Msg)
			if err := m.Unpack(packed); err != nil {
				t.Fatal(err)
			}
			a := &answer{main: index(m.Answer)}
			if got, _ := a.text("a."); len(got) != tt.want {
				t.Errorf("%d entries, want %d: %v", len(got), tt.want, got)
			}
		})
	}
}

// A list too long for a datagram is fetched by TCP; one that does not fit TCP
// either is taken as far as it goes, and nobody leaves because of it.
func TestBrowse_Truncated(t *testing.T) {
	for _, tt := range []struct{ n, least, shed int }{{100, 100, 0}, {10_000, 1500, 1}} {
		t.Run(fmt.Sprint(tt.n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZone(t)
				z.add("h.example.org. 3600 IN A 203.0.113.5")
				z.set(func() {
					for i := range tt.n {
						name := fmt.Sprintf(`p%d._presence._tcp.example.org.`, i)
						z.rrs = append(z.rrs, &dns.PTR{Hdr: header(service+theDomain, dns.TypePTR, 3600), Ptr: name})
					}
					z.quick = func(q dns.Question) []dns.RR { // services for everybody
						switch q.Qtype {
						case dns.TypeSRV:
							return []dns.RR{&dns.SRV{Hdr: header(q.Name, dns.TypeSRV, 3600), Port: 5298, Target: "h.example.org."}}
						case dns.TypeTXT:
							return []dns.RR{&dns.TXT{Hdr: header(q.Name, dns.TypeTXT, 3600), Txt: []string{"txtvers=1"}}}
						case dns.TypeA:
							return []dns.RR{rr(t, "h.example.org. 3600 IN A 203.0.113.5")}
						case dns.TypeAAAA:
							return []dns.RR{rr(t, "h.example.org. 3600 IN AAAA 2001:db8::5")}
						}
						return nil
					}
				})
				b := browse(t, z.network(), func(c *Config) { c.Limits.PerSecond = 100_000; c.Limits.Events = 20_000 })
				defer b.Close()
				time.Sleep(time.Second)
				synctest.Wait()
				if n := len(b.Peers()); n < tt.least {
					t.Errorf("%d peers, want at least %d", n, tt.least)
				}
				overload := slices.Contains(drain(b), "overload 1")
				if overload != (tt.shed > 0) {
					t.Errorf("overload told: %v", overload)
				}
			})
		})
	}
}

// L-22: there is a bound, pinned instances come first, and the reader is told.
func TestL22_Instances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		for i := range 20 {
			z.person(fmt.Sprintf("p%02d", i), "host", "203.0.113.5", 60)
		}
		pinned := func(key string) bool { return key == "p19@host" || key == "late@host" }
		b := browse(t, z.network(), func(c *Config) { c.Limits.Instances, c.Pinned = 5, pinned })
		defer b.Close()
		wantEvents(t, b, "overload 15", "joined p00@host", "joined p01@host", "joined p02@host", "joined p03@host",
			"joined p19@host")
		z.person("late", "host", "203.0.113.5", 60)
		time.Sleep(time.Minute)
		synctest.Wait()
		got := map[string]bool{}
		for _, p := range b.Peers() {
			got[p.Key] = true
		}
		if len(got) != 5 || !got["late@host"] || !got["p19@host"] {
			t.Errorf("kept %v", got)
		}
	})
}

// The pace is bounded, whatever the size of the domain.
func TestBrowse_Pace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		for i := range 200 {
			z.person(fmt.Sprintf("p%d", i), fmt.Sprint("host", i), "203.0.113.5", 0)
		}
		b := browse(t, z.network(), func(c *Config) { c.Limits.PerSecond = 10 })
		defer b.Close()
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if n := len(z.questions()); n > 100+1000 || n < 1000 {
			t.Errorf("%d questions in 100 s", n)
		}
	})
}

// Datagrams that are not the answer are passed over: other id, other question,
// no answer at all, rubbish.
func TestAsk_PassesOverForgeries(t *testing.T) {
	z := newZone(t)
	z.person("romeo", "montague", "203.0.113.5", 60)
	forge := func(f func(*dns.Msg)) func([]byte) []byte {
		return func(raw []byte) []byte {
			m := new(dns.Msg)
			if err := m.Unpack(raw); err != nil {
				t.Error(err)
			}
			m.Response, m.Authoritative = true, true
			m.Answer = []dns.RR{rr(t, `_presence._tcp.example.org. 60 IN PTR mallory._presence._tcp.example.org.`)}
			f(m)
			packed, err := m.Pack()
			if err != nil {
				t.Error(err)
			}
			return packed
		}
	}
	forgeries := []func([]byte) []byte{
		func([]byte) []byte { return nil },
		func([]byte) []byte { return []byte("rubbish") },
		func(raw []byte) []byte { return raw },
		forge(func(m *dns.Msg) { m.Id++ }),
		forge(func(m *dns.Msg) { m.Response = false }),
		forge(func(m *dns.Msg) { m.Question = nil }),
		forge(func(m *dns.Msg) { m.Question[0].Name = "_presence._tcp.example.com." }),
		forge(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeSRV }),
		forge(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }),
		forge(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }),
	}
	at := onLoopback(t, func(network string, raw []byte) (out [][]byte) {
		for _, f := range forgeries {
			out = append(out, f(raw))
		}
		return append(out, z.serve(network, raw)...)
	})
	a := newAsker(nil, []netip.AddrPort{at}, newPace(100))
	ans, err := a.ask(t.Context(), service+theDomain, dns.TypePTR)
	if err != nil {
		t.Fatal(err)
	}
	list, _ := ans.instances(service + theDomain)
	if len(list) != 1 || list[0].key != "romeo@montague" {
		t.Errorf("list %v", list)
	}
}

// Real sockets, UDP and then TCP; and EDNS with a server that has none.
func TestAsk_Loopback(t *testing.T) {
	for _, old := range []bool{false, true} {
		z := newZone(t)
		for i := range 100 {
			z.person(fmt.Sprintf("person-with-a-long-name-%d", i), "host", "203.0.113.5", 60)
		}
		at := onLoopback(t, func(network string, raw []byte) [][]byte {
			q := new(dns.Msg)
			if err := q.Unpack(raw); err != nil {
				t.Error(err)
			}
			if old && q.IsEdns0() != nil {
				m := new(dns.Msg).SetRcodeFormatError(q)
				m.Question = nil
				packed, _ := m.Pack()
				return [][]byte{packed}
			}
			return z.serve(network, raw)
		})
		ans, err := newAsker(nil, []netip.AddrPort{at}, newPace(100)).ask(t.Context(), service+theDomain, dns.TypePTR)
		if err != nil {
			t.Fatal(err)
		}
		if list, _ := ans.instances(service + theDomain); len(list) != 100 {
			t.Errorf("old %v: %d instances", old, len(list))
		}
	}
}

// A server that sends its answer octet by octet cannot hold us.
func TestAsk_Slow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.alter = func(m *dns.Msg) { m.Truncated = true }
		m := memory{theServer: func(network string, raw []byte) [][]byte {
			if network == "tcp" {
				time.Sleep(time.Hour)
			}
			return z.serve(network, raw)
		}}
		a := newAsker(m.dial, []netip.AddrPort{theServer}, newPace(100))
		begin := time.Now()
		_, err := a.ask(t.Context(), service+theDomain, dns.TypePTR)
		if took := time.Since(begin); err == nil || took > tcpWait {
			t.Errorf("took %v, %v", took, err)
		}
		time.Sleep(time.Hour) // lets the server end
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		_, err = newAsker(memory{}.dial, []netip.AddrPort{theServer}, newPace(100)).ask(ctx, "a.", dns.TypeA)
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("took %v, %v", took, err)
		}
	})
}
