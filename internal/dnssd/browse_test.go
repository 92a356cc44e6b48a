package dnssd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"

	"llchat/internal/mdns"
)

func wantEvents(t *testing.T, b *Browser, want ...string) {
	t.Helper()
	synctest.Wait()
	got := drain(b)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// 174-11.12: who is in the domain is listed, with everything the XEP knows.
func TestBrowse_Lists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.person("romeo", "montague", "192.0.2.7", 300)
		z.add(`montague.example.org. 300 IN AAAA 2001:db8::7`)
		b := browse(t, z.network())
		defer b.Close()
		wantEvents(t, b, "joined romeo@montague")
		want := []Peer{{Peer: mdns.Peer{
			Key: "romeo@montague", Instance: "romeo@montague", Text: text("txtvers=1", "nick=romeo"),
			Host: "montague.example.org.", Port: 5298,
			Addrs: []netip.AddrPort{
				netip.MustParseAddrPort("192.0.2.7:5298"), netip.MustParseAddrPort("[2001:db8::7]:5298"),
			},
			Seen: time.Now(), Expires: time.Now().Add(5 * time.Minute),
		}}}
		if diff := cmp.Diff(want, b.Peers(), cmp.Comparer(func(x, y netip.AddrPort) bool { return x == y })); diff != "" {
			t.Errorf("peers (-want +got):\n%s", diff)
		}
		// Nothing but the questions: no search domain, no enumeration.
		asked := []string{
			"PTR _presence._tcp.example.org.",
			`SRV romeo\@montague._presence._tcp.example.org.`, `TXT romeo\@montague._presence._tcp.example.org.`,
			"A montague.example.org.", "AAAA montague.example.org.",
		}
		if diff := cmp.Diff(asked, z.questions()); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		if b.Domain() != "example.org" || b.Err() != nil {
			t.Errorf("domain %q, err %v", b.Domain(), b.Err())
		}
	})
}

// A change and a leaving are seen when the records run out, not sooner than
// 10 s and not later than 5 min.
func TestBrowse_Follows(t *testing.T) {
	for _, tt := range []struct {
		ttl    int
		within time.Duration
		least  time.Duration
	}{
		{0, 10 * time.Second, 9 * time.Second},
		{60, 60 * time.Second, 50 * time.Second},
		{86400, 5 * time.Minute, 4 * time.Minute},
	} {
		t.Run(fmt.Sprint(tt.ttl), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZone(t)
				z.person("romeo", "montague", "192.0.2.7", tt.ttl)
				b := browse(t, z.network())
				defer b.Close()
				wantEvents(t, b, "joined romeo@montague")
				z.remove(func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeTXT })
				z.add(`romeo\@montague._presence._tcp.example.org. 60 IN TXT "txtvers=1" "status=away"`)
				time.Sleep(tt.least)
				wantEvents(t, b)
				time.Sleep(tt.within - tt.least)
				wantEvents(t, b, "changed romeo@montague")
				if s, _ := b.Peers()[0].Text.Get("status"); s != "away" {
					t.Errorf("status %q", s)
				}
				z.remove(func(r dns.RR) bool { return r.Header().Rrtype == dns.TypePTR })
				time.Sleep(tt.within)
				wantEvents(t, b, "left romeo@montague goodbye")
				if p := b.Peers(); len(p) != 0 {
					t.Errorf("still there: %v", p)
				}
			})
		})
	}
}

// Refresh asks at once, but never twice within 10 s.
func TestBrowse_Refresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.person("romeo", "montague", "192.0.2.7", 3600)
		b := browse(t, z.network())
		defer b.Close()
		wantEvents(t, b, "joined romeo@montague")
		z.person("juliet", "capulet", "192.0.2.8", 3600)
		time.Sleep(time.Minute)
		b.Refresh("romeo@montague", "nobody")
		wantEvents(t, b, "joined juliet@capulet")
		z.questions()
		for range 50 {
			b.Refresh("romeo@montague")
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if q := z.questions(); len(q) != 0 {
			t.Errorf("asked again: %v", q)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if q := z.questions(); len(q) == 0 {
			t.Error("not asked at all")
		}
	})
}

// 174-4.2: our own instance is left out, in whatever case the server keeps it.
func TestBrowse_LeavesUsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.person("Romeo", "Montague", "192.0.2.7", 300)
		z.person("juliet", "capulet", "192.0.2.8", 300)
		b := browse(t, z.network(), func(c *Config) { c.Ours = func(k string) bool { return k == "romeo@montague" } })
		defer b.Close()
		wantEvents(t, b, "joined juliet@capulet")
		if _, err := b.Resolve(t.Context(), "romeo@montague"); !errors.Is(err, ErrUnknown) {
			t.Errorf("resolve: %v", err)
		}
	})
}

// When the server fails, what is known stays for 10 min, marked, and is asked
// for with back-off; then it goes. Afterwards all is as before.
func TestBrowse_ServesStale(t *testing.T) {
	for name, fail := range map[string]func(*fakeZone){
		"mute": func(z *fakeZone) { z.mute = true }, "servfail": func(z *fakeZone) { z.code = dns.RcodeServerFailure },
		"malformed": func(z *fakeZone) { z.raw = func(r []byte) []byte { return r[:min(len(r), 30)] } },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZone(t)
				z.person("romeo", "montague", "192.0.2.7", 60)
				b := browse(t, z.network())
				defer b.Close()
				wantEvents(t, b, "joined romeo@montague")
				if b.Peers()[0].Stale {
					t.Error("stale from the start")
				}
				z.set(func() { fail(z) })
				time.Sleep(2 * time.Minute)
				wantEvents(t, b, "trouble")
				if p := b.Peers(); len(p) != 1 || !p[0].Stale {
					t.Errorf("peers: %+v", p)
				}
				time.Sleep(8 * time.Minute)
				wantEvents(t, b)
				z.questions()
				time.Sleep(90 * time.Second) // 60 s TTL and 10 min are over
				wantEvents(t, b, "left romeo@montague unanswered")
				time.Sleep(time.Hour)
				synctest.Wait()
				if n := len(z.questions()); n > 40 {
					t.Errorf("%d questions in an hour to a server that fails", n)
				}
				z.set(func() { z.mute, z.code, z.raw = false, 0, nil })
				time.Sleep(5 * time.Minute)
				wantEvents(t, b, "recovered", "joined romeo@montague")
				if p := b.Peers(); len(p) != 1 || p[0].Stale {
					t.Errorf("peers: %+v", p)
				}
			})
		})
	}
}

// One record set that cannot be had does not hide the others, and the claim
// about its instance goes when it is too old.
func TestBrowse_OneInstanceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.person("romeo", "montague", "192.0.2.7", 60)
		z.person("juliet", "capulet", "192.0.2.8", 60)
		b := browse(t, z.network())
		defer b.Close()
		wantEvents(t, b, "joined romeo@montague", "joined juliet@capulet")
		z.set(func() {
			z.alter = func(m *dns.Msg) {
				if strings.HasPrefix(m.Question[0].Name, "montague") {
					m.Rcode, m.Answer = dns.RcodeServerFailure, nil
				}
			}
		})
		time.Sleep(5 * time.Minute)
		wantEvents(t, b)
		stale := map[string]bool{}
		for _, p := range b.Peers() {
			stale[p.Key] = p.Stale
		}
		if diff := cmp.Diff(map[string]bool{"romeo@montague": true, "juliet@capulet": false}, stale); diff != "" {
			t.Errorf("stale (-want +got):\n%s", diff)
		}
		time.Sleep(10 * time.Minute)
		wantEvents(t, b, "left romeo@montague unanswered")
	})
}

// The second server is asked when the first does not help, and stays the
// first to be asked as long as it does.
func TestBrowse_NextServer(t *testing.T) {
	second := netip.MustParseAddrPort("192.0.2.54:53")
	for name, first := range map[string]func(t *testing.T) serve{
		"mute": func(t *testing.T) serve { return func(string, []byte) [][]byte { return nil } },
		"refused": func(t *testing.T) serve {
			z := newZone(t)
			z.code = dns.RcodeRefused
			return z.serve
		},
		"lame": func(t *testing.T) serve {
			z := newZone(t)
			z.alter = func(m *dns.Msg) { m.Authoritative, m.Rcode, m.Answer = false, dns.RcodeSuccess, nil }
			return z.serve
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZone(t)
				z.person("romeo", "montague", "192.0.2.7", 60)
				m := memory{theServer: first(t), second: z.serve}
				b := browse(t, m, func(c *Config) { c.Servers = []netip.AddrPort{theServer, second} })
				defer b.Close()
				time.Sleep(5 * time.Second)
				wantEvents(t, b, "joined romeo@montague")
			})
		})
	}
}

// An error says which server, which question, and what to do.
func TestBrowse_TroubleSaysWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		name, text, hint string
		fault            func(*fakeZone)
	}{
		{
			"mute", "dnssd: ask 192.0.2.53:53 for PTR _presence._tcp.example.org: no answer", "firewall",
			func(z *fakeZone) { z.mute = true },
		},
		{
			"servfail", "dnssd: ask 192.0.2.53:53 for PTR _presence._tcp.example.org: the server failed (SERVFAIL)", "log",
			func(z *fakeZone) { z.code = dns.RcodeServerFailure },
		},
		{
			"refused", "dnssd: ask 192.0.2.53:53 for PTR _presence._tcp.example.org: refused (REFUSED)", "use another",
			func(z *fakeZone) { z.code = dns.RcodeRefused },
		},
		{
			"malformed", "dnssd: ask 192.0.2.53:53 for PTR _presence._tcp.example.org: the answer is malformed", "name server",
			func(z *fakeZone) { z.raw = func(r []byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") } },
		},
		{
			"lame", "dnssd: ask 192.0.2.53:53 for PTR _presence._tcp.example.org: " + errLame.Error(), "holds the domain",
			func(z *fakeZone) { z.alter = func(m *dns.Msg) { m.Authoritative, m.Rcode = false, 0 } },
		},
		{
			"notimp", "dnssd: ask 192.0.2.53:53 for PTR _presence._tcp.example.org: the server cannot do that (NOTIMP)", "",
			func(z *fakeZone) { z.code = dns.RcodeNotImplemented },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := newZone(t)
				tt.fault(z)
				b := browse(t, z.network())
				defer b.Close()
				time.Sleep(5 * time.Second)
				wantEvents(t, b, "trouble")
				var e *Error
				err := b.Err()
				if !errors.As(err, &e) {
					t.Fatalf("err: %v", err)
				}
				if e.Error() != tt.text || !strings.Contains(e.Hint, tt.hint) {
					t.Errorf("got %q, hint %q", e, e.Hint)
				}
			})
		})
	}
}

// A server that is not there at all, on real sockets.
func TestBrowse_ConnectionRefused(t *testing.T) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := c.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = c.Close()
	b, err := Open(t.Context(), Config{Domain: "example.org", Servers: []netip.AddrPort{at}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ev := <-b.Events()
	var e *Error
	if ev.Kind != Trouble || !errors.As(ev.Err, &e) || !strings.Contains(e.Hint, "nothing listens there") {
		t.Errorf("event %+v, hint %q", ev, e.Hint)
	}
}

func TestOpen_Refuses(t *testing.T) {
	for _, tt := range []struct{ domain, text, hint string }{
		{"", "there is no domain", "example.org"},
		{".", "there is no domain", "example.org"},
		{"local", "multicast DNS", "by itself"},
		{"Local.", "multicast DNS", "by itself"},
		{"office.local", "multicast DNS", "by itself"},
		{"a..b", "between the dots", "example.org"},
		{"bücher.example", "'ü' cannot stand", "xn--"},
		{"a b.example", "' ' cannot stand", ""},
		{strings.Repeat("a", 64) + ".example", "too long", ""},
		{strings.Repeat("a.", 120) + "a", "too long", ""},
	} {
		t.Run(tt.domain, func(t *testing.T) {
			_, err := Open(t.Context(), Config{Domain: tt.domain})
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.text) || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("got %v, want %q with hint %q", err, tt.text, tt.hint)
			}
		})
	}
}

// XEP-0174 11.1, 174-11.2: addresses are fresh when somebody is to be dialled.
func TestResolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.person("romeo", "montague", "192.0.2.7", 3600)
		b := browse(t, z.network())
		defer b.Close()
		wantEvents(t, b, "joined romeo@montague")
		z.remove(func(r dns.RR) bool { return r.Header().Name == "montague.example.org." })
		z.add("montague.example.org. 60 IN A 198.51.100.9")
		p, err := b.Resolve(t.Context(), "romeo@montague")
		if err != nil || len(p.Addrs) != 1 || p.Addrs[0].String() != "198.51.100.9:5298" {
			t.Errorf("got %v, %v", p, err)
		}
		wantEvents(t, b, "changed romeo@montague")
		z.set(func() { z.mute = true })
		p, err = b.Resolve(t.Context(), "romeo@montague")
		if err == nil || len(p.Addrs) != 1 || !p.Stale {
			t.Errorf("mute server: got %+v, %v", p, err)
		}
		z.set(func() { z.mute = false })
		z.remove(func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeSRV })
		if _, err = b.Resolve(t.Context(), "romeo@montague"); !errors.Is(err, ErrUnknown) {
			t.Errorf("service gone: %v", err)
		}
		wantEvents(t, b, "left romeo@montague expired")
		if _, err := b.Resolve(t.Context(), "nobody"); !errors.Is(err, ErrUnknown) {
			t.Errorf("nobody: %v", err)
		}
		_ = b.Close()
		if _, err := b.Resolve(t.Context(), "romeo@montague"); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if err := b.Err(); !errors.Is(err, ErrClosed) {
			t.Errorf("Err after Close: %v", err)
		}
		b.Refresh()
		if got := drain(b); !slices.Equal(got, []string{"closed"}) {
			t.Errorf("after Close: %v", got)
		}
	})
}

// A reader that is far behind is told so once and never blocks the browser.
func TestEvents_Resync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		for i := range 20 {
			z.person(fmt.Sprintf("p%d", i), "host", "192.0.2.7", 60)
		}
		b := browse(t, z.network(), func(c *Config) { c.Limits.Events = 4 })
		defer b.Close()
		synctest.Wait()
		if n := len(b.Peers()); n != 20 {
			t.Errorf("%d peers", n)
		}
		wantEvents(t, b, "resync")
		z.person("late", "host", "192.0.2.7", 60)
		time.Sleep(time.Minute)
		wantEvents(t, b, "joined late@host")
	})
}

// The events in the words of package mdns.
func TestEvent_MDNS(t *testing.T) {
	for _, tt := range []struct {
		kind Kind
		want mdns.Kind
		ok   bool
	}{
		{Joined, mdns.Joined, true},
		{Changed, mdns.Changed, true},
		{Left, mdns.Left, true},
		{Resync, mdns.Resync, true},
		{Overload, mdns.Overload, true},
		{Trouble, 0, false},
		{Recovered, 0, false},
	} {
		ev, ok := Event{Kind: tt.kind, Cause: "c", Shed: 3}.MDNS()
		if ok != tt.ok || ok && (ev.Kind != tt.want || ev.Cause != "c" || ev.Shed != 3) {
			t.Errorf("%v: got %+v, %v", tt.kind, ev, ok)
		}
	}
}
