package dnssd

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// A raw label survives the way into a message and out again, and is written as
// the codec writes it, so that equal names are equal strings.
func FuzzLabel(f *testing.F) {
	for _, s := range []string{"a", "a.b@c", `\`, `\065`, "\x00", "\xff", `"`, "zoë@x", strings.Repeat("x", 63), " ", "(2)", "喵"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if raw == "" || len(raw) > maxLabel {
			return
		}
		name := escapeLabel(raw) + "." + service + theDomain
		buf := make([]byte, 512)
		n, err := dns.PackDomainName(name, buf, 0, nil, false)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if got := string(buf[1 : 1+buf[0]]); got != raw {
			t.Errorf("on the wire %q, want %q", got, raw)
		}
		back, _, err := dns.UnpackDomainName(buf[:n], 0)
		if err != nil || back != name {
			t.Errorf("came back as %q, want %q (%v)", back, name, err)
		}
		if label, rest := firstLabel(back); label != raw || rest != service+theDomain {
			t.Errorf("split into %q and %q", label, rest)
		}
	})
}

func TestFirstLabel(t *testing.T) {
	for _, tt := range []struct{ name, raw, rest string }{
		{".", "", "."}, {"a.", "a", "."}, {`a\.b.c.`, "a.b", "c."}, {`a\@b.c.d.`, "a@b", "c.d."}, {`\255.c.`, "\xff", "c."},
	} {
		if raw, rest := firstLabel(tt.name); raw != tt.raw || rest != tt.rest {
			t.Errorf("%s: got %q, %q", tt.name, raw, rest)
		}
	}
}

// RFC 4343: A-Z alone fold.
func TestFold(t *testing.T) {
	for in, want := range map[string]string{"Romeo@X": "romeo@x", "ZOË": "zoË", "\xc9": "\xc9", "": ""} {
		if got := fold(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestParseResolvConf(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		{"empty", "", nil},
		{"usual", "# made by\nsearch example.org lan\nnameserver 192.0.2.1\noptions edns0\n", []string{"192.0.2.1:53"}},
		{
			"three at most", "nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver fe80::1%eth0\nnameserver 192.0.2.4\n",
			[]string{"192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%eth0]:53"},
		},
		{"rubbish", "nameserver\nnameserver x\n;nameserver 192.0.2.1\n nameserver\t192.0.2.2 # two", []string{"192.0.2.2:53"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, a := range parseResolvConf(strings.NewReader(tt.file)) {
				got = append(got, a.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := systemServers(t.TempDir() + "/none"); err == nil {
		t.Error("no file is no error")
	}
}

func TestUsable(t *testing.T) {
	for s, want := range map[string]bool{
		"192.0.2.1": true, "10.1.2.3": true, "2001:db8::1": true, "fd00::1": true, "::ffff:10.1.2.3": true,
		"127.0.0.1": false, "127.9.9.9": false, "0.0.0.0": false, "0.1.2.3": false, "255.255.255.255": false,
		"224.0.0.251": false, "239.1.1.1": false, "240.0.0.1": false, "169.254.3.4": false,
		"::": false, "::1": false, "::7f00:1": false, "fe80::1": false, "fe80::1%eth0": false, "ff02::fb": false,
		"::ffff:127.0.0.1": false, "::ffff:224.0.0.1": false, "64:ff9b::7f00:1": false,
	} {
		if got := usable(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: got %v", s, got)
		}
	}
	if usable(netip.Addr{}) {
		t.Error("the zero address is usable")
	}
}
