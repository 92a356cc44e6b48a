package dnssd

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseServers(t *testing.T) {
	tests := []struct {
		text, want string // addresses, or the word in the error
		fails      bool
	}{
		{"", "", false},
		{" 192.0.2.53 ", "192.0.2.53:53", false},
		{"192.0.2.53:5353,2001:db8::53 [2001:db8::1]:54", "192.0.2.53:5353 [2001:db8::53]:53 [2001:db8::1]:54", false},
		{"ns.example.org", "no address", true},
		{"192.0.2.53:port", "no address", true},
		{"192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4", "too many", true},
	}
	for _, tt := range tests {
		got, err := ParseServers(tt.text)
		if tt.fails {
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) || e.Hint == "" {
				t.Errorf("%q: %v", tt.text, err)
			}
			continue
		}
		var want []netip.AddrPort
		for word := range strings.FieldsSeq(tt.want) {
			want = append(want, netip.MustParseAddrPort(word))
		}
		if d := cmp.Diff(want, got, cmp.Comparer(func(x, y netip.AddrPort) bool { return x == y })); d != "" || err != nil {
			t.Errorf("%q: %v (-want +got)\n%s", tt.text, err, d)
		}
	}
}

func TestCheckDomain(t *testing.T) {
	for domain, ok := range map[string]bool{"example.org": true, "Example.Org.": true, "": false, "local": false, "ex ample": false, "a..b": false} {
		if err := CheckDomain(domain); (err == nil) != ok {
			t.Errorf("%q: %v", domain, err)
		}
	}
}

// Newcomers are asked for more often than what is known: one question.
func TestNewEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := newZone(t)
		z.person("romeo", "montague", "192.0.2.7", 3600)
		b := browse(t, z.network(), func(c *Config) { c.Limits.NewEvery = 30 * time.Second })
		defer b.Close()
		wantEvents(t, b, "joined romeo@montague")
		_ = z.questions()
		z.person("juliet", "capulet", "192.0.2.8", 3600)
		time.Sleep(30 * time.Second)
		wantEvents(t, b, "joined juliet@capulet")
		lists := 0
		time.Sleep(3 * time.Minute)
		for _, q := range z.questions() {
			if strings.HasPrefix(q, "PTR ") {
				lists++
			}
		}
		if lists < 6 || lists > 9 {
			t.Errorf("the list was asked for %d times in 3.5 minutes", lists)
		}
	})
}
