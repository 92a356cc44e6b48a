package avahi

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"llchat/internal/mdns"
	"llchat/internal/mdns/wire"
)

func TestName(t *testing.T) {
	tests := []struct {
		user, machine string
		want          bool
	}{
		{"alice", "plume-abcd", true},
		{"ålice 日", "plume", true},
		{"", "plume", false},
		{"alice", "", false},
		{"alice", "plume.local", false},
		{"alice", "plüme", false},
		{"al\x1bice", "plume", false},
		{"al\xffice", "plume", false},
		{"alice", strings.Repeat("m", 41), false},
	}
	for _, tt := range tests {
		var o names
		if got := o.name(tt.user, tt.machine); got != tt.want {
			t.Errorf("name(%q, %q) = %v", tt.user, tt.machine, got)
		}
	}
}

// 174-3.8, 174-3.9, 174-12.2: -1, -2 ... and never more than 63 octets of UTF-8.
func TestNext(t *testing.T) {
	var o names
	o.name(strings.Repeat("é", 31), "plume-abcd")
	seen := map[string]bool{}
	for i := range 12 {
		o.next(part(i%2), uint32(i)*2654435761)
		if len(o.label) > wire.MaxLabel || !utf8.ValidString(o.label) || seen[o.label] {
			t.Errorf("label %d is %q", i, o.label)
		}
		seen[o.label] = true
	}
	o = names{}
	o.name("a", "m")
	o.next(machinePart, 0)
	o.next(machinePart, 0)
	o.next(userPart, 0)
	if o.label != "a-1@m-2" || o.host != "m-2" {
		t.Errorf("label is %q", o.label)
	}
}

func TestPresentation(t *testing.T) {
	tests := []struct {
		in   []string
		want string
	}{
		{[]string{"plume-abcd", "local"}, "plume-abcd.local"},
		{[]string{"a@b", "_presence"}, `a\064b._presence`},
		{[]string{"a.b\\c"}, `a\046b\092c`},
		{[]string{"\x00\xff é"}, `\000\255\032\195\169`},
	}
	for _, tt := range tests {
		if got := presentation(tt.in...); got != tt.want {
			t.Errorf("presentation(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestReadSRV(t *testing.T) {
	host, port, err := readSRV([]byte("\x00\x00\x00\x00\x14\xb3\x05plume\x05local\x00"))
	if err != nil || port != 5299 || host.String() != "plume.local." {
		t.Errorf("%v %d %v", host, port, err)
	}
	for _, bad := range []string{"", "\x00\x00\x00\x00\x14\xb3", "\x00\x00\x00\x00\x14\xb3\x05plu", "\x00\x00\x00\x00\x14\xb3\xc0\x0c", "\x00\x00\x00\x00\x14\xb3\x00\x00"} {
		if _, _, err := readSRV([]byte(bad)); !errors.Is(err, errData) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// L-21, 174-3.13: what cannot be published is an error, never cut silently.
func TestEncode(t *testing.T) {
	got, err := encode(mdns.PresenceText("Alice", "avail", ""))
	if err != nil || strings.Join(texts(got), ",") != "txtvers=1,nick=Alice,status=avail" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := encode(nil); err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []mdns.Text{{{Key: "a"}, {Key: "A"}}, {{Key: ""}}, {{Key: "a=b"}}} {
		if _, err := encode(bad); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

// FuzzRecords: data of any record from anybody. What is read as an instance
// label encodes to a name that reads the same.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x05bob@t\x09_presence\x04_tcp\x05local\x00"))
	f.Add([]byte("\x00\x00\x00\x00\x14\xb3\x05plume\x05local\x00"))
	f.Add([]byte("\x09txtvers=1"))
	f.Add([]byte("\xc0\x0c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if label, err := readPTR(data); err == nil {
			n, err := service.Child(label)
			if err != nil {
				t.Fatalf("label %q: %v", label, err)
			}
			again, err := readPTR(n.AppendWire(nil))
			if err != nil || again != label {
				t.Errorf("%q reads again as %q, %v", label, again, err)
			}
			for _, c := range []byte(presentation(label)) {
				if c < 0x20 || c > 0x7e {
					t.Errorf("presentation of %q holds %#x", label, c)
				}
			}
		}
		_, _, _ = readSRV(data)
		for _, e := range decode(data) {
			if len(e.Key) > wire.MaxKey || e.Key == "" {
				t.Errorf("key %q", e.Key)
			}
		}
	})
}
