package chat

import (
	"errors"
	"strings"
	"testing"
)

var goodAddresses = map[string]string{
	"192.0.2.7":               "192.0.2.7:5298",
	" 192.0.2.7:41873 ":       "192.0.2.7:41873",
	"2001:db8::7":             "[2001:db8::7]:5298",
	"[2001:db8::7]":           "[2001:db8::7]:5298",
	"[2001:db8::7]:41873":     "[2001:db8::7]:41873",
	"fe80::7%wlan0":           "[fe80::7%wlan0]:5298",
	"[fe80::7%wlan0]:41873":   "[fe80::7%wlan0]:41873",
	"::ffff:192.0.2.7":        "192.0.2.7:5298",
	"[::ffff:192.0.2.7]:2000": "192.0.2.7:2000",
	"127.0.0.1:2000":          "127.0.0.1:2000",
	"nuc":                     "nuc:5298",
	"Nuc.Example.org.:2000":   "nuc.example.org:2000",
	"my_nuc.lan":              "my_nuc.lan:5298",
	"llChAt":                  "llchat:5298", // found by fuzzing: read again it was taken for a ticket
}

var badAddresses = []string{
	"", " ", ":", ":5298", "192.0.2.7:", "192.0.2.7:80", "192.0.2.7:65536", "192.0.2.7:+2000", "192.0.2.7:x",
	"192.0.2", "192.0.2.300", "[192.0.2.7]:2000", "[2001:db8::7", "2001:db8::7]:1", "[nuc]:2000", "[]:2000",
	"0.0.0.0", "::", "224.0.0.251", "ff02::fb%eth0", "255.255.255.255", "fe80::7", "[fe80::7]:2000", "fe80::7%",
	"a b", "a..b", "-\x1b[2J", "bücher.example", "http://nuc", "bob@nuc", "nuc:2000:3", "nuc.local", "NUC.local.:2000", strings.Repeat("a.", 140) + "b",
	"[fe80::7%" + strings.Repeat("z", 40) + "]:2000", "llchat:abcdef", strings.Repeat("k", 80),
}

// llchat add: every form of an address, and what is none.
func TestParseTarget(t *testing.T) {
	for in, want := range goodAddresses {
		got, err := parseTarget(in)
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range badAddresses {
		got, err := parseTarget(in)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != CodeUsage || e.Hint == "" || strings.ContainsAny(e.Text, "\x1b\n") {
			t.Errorf("%q: %v, %v; want wrong usage with a hint", in, got, err)
		}
	}
	for _, ticket := range badAddresses[len(badAddresses)-2:] {
		if _, err := parseTarget(ticket); !strings.Contains(err.Error(), "ticket") {
			t.Errorf("%q: %v, want a word about tickets", ticket, err)
		}
	}
}

// FuzzParseTarget: what is read is read again as the same, and is a place that
// may be dialled.
func FuzzParseTarget(f *testing.F) {
	for in := range goodAddresses {
		f.Add(in)
	}
	for _, in := range badAddresses {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := parseTarget(in)
		if err != nil {
			return
		}
		again, err := parseTarget(got.String())
		if err != nil || again != got {
			t.Fatalf("%q became %s, which became %v, %v", in, got, again, err)
		}
		if got.port < minPort || (got.host == "") == !got.ip.IsValid() {
			t.Fatalf("%q became %+v", in, got)
		}
	})
}
