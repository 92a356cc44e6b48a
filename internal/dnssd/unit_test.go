package dnssd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// Ten seconds' worth may go at once, then one a gap; who gives up waits no
// longer.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(5)
		begin := time.Now()
		for i := range 60 {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := max(0, i+1-50) * 200
			if took := time.Since(begin); took != time.Duration(want)*time.Millisecond {
				t.Fatalf("question %d after %v", i, took)
			}
		}
		time.Sleep(time.Hour)
		begin = time.Now()
		for range 50 {
			_ = p.wait(t.Context())
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("after an hour of rest: %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := p.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// Whatever is put, moved and removed, what is due first comes first, once.
func TestQueue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Unix(1000, 0)
	var q queue
	all := make([]*instance, 500)
	for i := range all {
		all[i] = &instance{named: named{key: fmt.Sprint(i)}, place: -1}
	}
	in := map[*instance]bool{}
	for range 5000 {
		one := all[r.IntN(len(all))]
		if r.IntN(4) == 0 {
			q.remove(one)
			delete(in, one)
			continue
		}
		q.put(one, start.Add(time.Duration(r.IntN(1000))*time.Second))
		in[one] = true
	}
	if got := q.take(start.Add(-time.Second)); got != nil {
		t.Errorf("took %v before it was due", got)
	}
	last, n := start, 0
	for one := q.take(start.Add(time.Hour)); one != nil; one = q.take(start.Add(time.Hour)) {
		if !in[one] || one.due.Before(last) || one.place != -1 {
			t.Fatalf("took %v, due %v after %v", one.key, one.due, last)
		}
		delete(in, one)
		last = one.due
		n++
	}
	if len(in) != 0 || n == 0 {
		t.Errorf("%d left, %d taken", len(in), n)
	}
}

// Back-off doubles from 10 s to 5 min, and ends in time to drop what is stale.
func TestBackOff(t *testing.T) {
	b := &Browser{cfg: Config{Limits: Limits{}.withDefaults()}}
	now := time.Unix(10_000, 0)
	for _, tt := range []struct {
		failures int
		expires  time.Time
		most     time.Duration
	}{
		{1, time.Time{}, 10 * time.Second},
		{2, now, 20 * time.Second},
		{5, now, 160 * time.Second},
		{6, now, 5 * time.Minute},
		{1000, now, 5 * time.Minute},
		{1000, now.Add(-9 * time.Minute), time.Minute},
		{1000, now.Add(-11 * time.Minute), 5 * time.Minute},
	} {
		for range 50 {
			d := b.backOff(now, tt.failures, tt.expires).Sub(now)
			if d > tt.most || d < tt.most*9/10 {
				t.Errorf("%d failures, expires %v: %v, want about %v", tt.failures, tt.expires, d, tt.most)
			}
		}
	}
}

// TTLs: the shortest counts, within bounds; what is not there does not make us
// ask sooner (RFC 2308, RFC 2181 8).
func TestTTLs(t *testing.T) {
	b := &Browser{cfg: Config{Limits: Limits{}.withDefaults()}}
	for in, want := range map[time.Duration]time.Duration{
		0: 10 * time.Second, time.Minute: time.Minute, time.Hour: 5 * time.Minute, endless: 5 * time.Minute,
	} {
		if got := b.hold(in); got != want {
			t.Errorf("hold %v: got %v, want %v", in, got, want)
		}
	}
	for in, want := range map[uint32]time.Duration{0: 0, 60: time.Minute, 1 << 31: 0, 1<<32 - 1: 0} {
		if got := seconds(in); got != want {
			t.Errorf("seconds %d: got %v, want %v", in, got, want)
		}
	}
	a := &answer{negative: time.Minute}
	if _, d := a.text("x."); d != endless {
		t.Errorf("no text: %v", d)
	}
	if _, d := a.addresses(nil, "x.", dns.TypeA); d != endless {
		t.Errorf("no address: %v", d)
	}
	if _, d, ok := a.service("x."); d != time.Minute || ok {
		t.Errorf("no service: %v", d)
	}
	if _, d := a.instances("x."); d != time.Minute {
		t.Errorf("no instances: %v", d)
	}
}

// The servers of the system are read anew each time, and a missing file is an
// error with a hint.
func TestAsker_SystemServers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	read := func() (string, error) {
		s, err := systemServers(path)
		return fmt.Sprint(s), err
	}
	for _, tt := range []struct{ file, want string }{
		{"nameserver 192.0.2.1\n", "[192.0.2.1:53]"}, {"nameserver 192.0.2.2\n", "[192.0.2.2:53]"},
	} {
		if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := read(); got != tt.want || err != nil {
			t.Errorf("got %s, %v", got, err)
		}
	}
	if err := os.WriteFile(path, []byte("search example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := read()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, errNoServers) || e.Hint == "" {
		t.Errorf("got %v", err)
	}
	a := newAsker(nil, nil, newPace(10))
	a.servers = func() ([]netip.AddrPort, error) { return systemServers(path) }
	if _, err := a.ask(t.Context(), "example.org.", dns.TypeSOA); !errors.Is(err, errNoServers) {
		t.Errorf("ask: %v", err)
	}
}

// Errors say one thing once.
func TestError_Text(t *testing.T) {
	at := netip.MustParseAddrPort("192.0.2.1:53")
	refused := &net.OpError{Op: "read", Net: "udp", Err: os.NewSyscallError("read", syscall.ECONNREFUSED)}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{questionError(at, "a.example.", dns.TypeSRV, refused), "dnssd: ask 192.0.2.1:53 for SRV a.example: read: connection refused"},
		{questionError(at, "a.example.", dns.TypeSRV, noAnswer{}), "dnssd: ask 192.0.2.1:53 for SRV a.example: no answer"},
		{questionError(at, "a.example.", dns.TypeSRV, io.EOF), "dnssd: ask 192.0.2.1:53 for SRV a.example: EOF"},
		{&Error{Op: "register", What: "example.org", Err: errNoZone}, "dnssd: register example.org: no zone holds it"},
		{&Error{Op: "update", Server: at, What: "example.org", Err: rcodeError(dns.RcodeYXDomain)}, "dnssd: update 192.0.2.1:53 example.org: response code YXDOMAIN"},
		{&Error{Op: "ask", Err: rcodeError(4000)}, "dnssd: ask: response code 4000"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// Every code that a server may give has words, and those a user can act on
// have a hint.
func TestRcodes(t *testing.T) {
	var hinted []string
	for code := range dns.RcodeToString {
		if rcodeError(code).Error() == "" {
			t.Errorf("code %d has no words", code)
		}
		if hint("update", fmt.Errorf("x: %w", rcodeError(code))) != "" {
			hinted = append(hinted, dns.RcodeToString[code])
		}
	}
	slices.Sort(hinted)
	want := []string{"BADKEY", "BADSIG", "BADTIME", "NOTAUTH", "NOTIMP", "NOTZONE", "REFUSED", "SERVFAIL"}
	if diff := cmp.Diff(want, hinted); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
}

// 174-11.12, 1,000 people on loopback: all are listed, by a server that sends
// what it can by UDP and the list by TCP.
func BenchmarkBrowse1000(b *testing.B) {
	z := newZone(b)
	for i := range 1000 {
		name := fmt.Sprintf(`p%d\@host.%s%s`, i, service, theDomain)
		z.rrs = append(z.rrs, &dns.PTR{Hdr: header(service+theDomain, dns.TypePTR, 60), Ptr: name})
	}
	z.quick = func(q dns.Question) []dns.RR {
		switch q.Qtype {
		case dns.TypeSRV:
			return []dns.RR{&dns.SRV{Hdr: header(q.Name, dns.TypeSRV, 60), Port: 5298, Target: "host.example.org."}}
		case dns.TypeTXT:
			return []dns.RR{&dns.TXT{Hdr: header(q.Name, dns.TypeTXT, 60), Txt: []string{"txtvers=1"}}}
		case dns.TypeA:
			return []dns.RR{&dns.A{Hdr: header(q.Name, dns.TypeA, 60), A: net.IPv4(203, 0, 113, 5)}}
		case dns.TypeAAAA:
			return []dns.RR{&dns.AAAA{Hdr: header(q.Name, dns.TypeAAAA, 60), AAAA: net.ParseIP("2001:db8::5")}}
		}
		return nil
	}
	at := onLoopback(b, z.serve)
	for b.Loop() {
		br, err := Open(b.Context(), Config{
			Domain: "example.org", Servers: []netip.AddrPort{at}, Limits: Limits{PerSecond: 1_000_000, Events: 4096},
		})
		if err != nil {
			b.Fatal(err)
		}
		for range 1000 {
			if ev := <-br.Events(); ev.Kind != Joined {
				b.Fatalf("event %+v", ev)
			}
		}
		_ = br.Close()
	}
}
