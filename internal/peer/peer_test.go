package peer

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/identity"
	"llchat/internal/mdns"
	"llchat/internal/safetext"
	"llchat/internal/trust"
)

var (
	noon   = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	addr   = netip.MustParseAddrPort("10.77.0.2:41873")
	bobPin = identity.Pin{0xb0}
	eviPin = identity.Pin{0xe1}
)

func claim(instance string, entries ...string) Claim {
	t := mdns.Text{{Key: "txtvers", Value: []byte("1"), HasValue: true}}
	for i := 0; i < len(entries); i += 2 {
		t = append(t, mdns.TextEntry{Key: entries[i], Value: []byte(entries[i+1]), HasValue: true})
	}
	return NewClaim(mdns.Peer{
		Key: Fold(instance), Instance: instance, Text: t,
		Port: addr.Port(), Addrs: []netip.AddrPort{addr}, Seen: noon,
	})
}

func proven(c Claim) Claim {
	c.Pin = bobPin
	return c
}

func TestBuild(t *testing.T) {
	yes, no := true, false
	bob := trust.Contact{Pin: bobPin, Petname: "Bobby", State: trust.Pinned, Names: []string{"bob@nuc", "bob"}}
	mute := claim("romeo@forza")
	mute.Encrypts, mute.Note = &no, "its client cannot encrypt"
	said := Card{Announced: true}
	tests := []struct {
		name string
		know Known
		want Row
	}{
		{
			"a claim alone has no trust and no fingerprint",
			Known{Claims: []Claim{claim("Ann@Kite", "nick", "Ann")}, Trust: trust.Pinned},
			Row{Card: said, Key: "~ann@kite", Name: "Ann", Nick: "Ann", Instance: "Ann@Kite", Presence: "avail", Addresses: []netip.AddrPort{addr}, LastSeen: noon},
		},
		{
			"no nick: the user part",
			Known{Claims: []Claim{claim("x@y@kite")}},
			Row{Card: said, Key: "~x@y@kite", Name: "x@y", Instance: "x@y@kite", Presence: "avail", Addresses: []netip.AddrPort{addr}, LastSeen: noon},
		},
		{
			"status and message of the claim",
			Known{Claims: []Claim{claim("a@b", "status", "dnd", "msg", "busy")}},
			Row{Card: said, Key: "~a@b", Name: "a", Instance: "a@b", Presence: "dnd", Message: "busy", Addresses: []netip.AddrPort{addr}, LastSeen: noon},
		},
		{
			"an unknown status is available",
			Known{Claims: []Claim{claim("a@b", "status", "party")}},
			Row{Card: said, Key: "~a@b", Name: "a", Instance: "a@b", Presence: "avail", Addresses: []netip.AddrPort{addr}, LastSeen: noon},
		},
		{
			"a peer that cannot encrypt keeps the reason",
			Known{Claims: []Claim{mute}},
			Row{Card: said, Key: "~romeo@forza", Name: "romeo", Instance: "romeo@forza", Presence: "avail", Addresses: []netip.AddrPort{addr}, LastSeen: noon, Encrypts: &no, Note: "its client cannot encrypt"},
		},
		{
			"a contact that is away: offline, last instance",
			Known{Pin: bobPin, Trust: trust.Pinned, Contact: bob},
			Row{Key: bobPin.String(), Pin: bobPin, Name: "Bobby", Instance: "bob@nuc", Trust: trust.Pinned},
		},
		{"a claim that proved nothing does not speak for a contact", Known{
			Pin: bobPin, Trust: trust.Pinned, Contact: bob,
			Claims: []Claim{claim("bob@nuc", "nick", "BOSS", "status", "away", "msg", "write to my new key")},
		}, Row{Key: bobPin.String(), Pin: bobPin, Name: "Bobby", Instance: "bob@nuc", Trust: trust.Pinned, Presence: "away", Addresses: []netip.AddrPort{addr}, LastSeen: noon}},
		{
			"the petname beats the nick",
			Known{Pin: bobPin, Trust: trust.Pinned, Contact: bob, Claims: []Claim{proven(claim("bob@nuc", "nick", "BOSS"))}},
			Row{Card: said, Key: bobPin.String(), Pin: bobPin, Name: "Bobby", Nick: "BOSS", Instance: "bob@nuc", Trust: trust.Pinned, Presence: "avail", Addresses: []netip.AddrPort{addr}, LastSeen: noon},
		},
		{"a stream beats the claim", Known{
			Pin: bobPin, Trust: trust.Pinned, Contact: bob, Claims: []Claim{claim("bob@nuc", "status", "dnd", "msg", "claimed")},
			Stream: &Stream{Name: "bob@nuc-1", Show: "xa", Status: "proven", Present: true},
		}, Row{
			Key: bobPin.String(), Pin: bobPin, Name: "Bobby", Instance: "bob@nuc-1", Trust: trust.Pinned, Presence: "away",
			Message: "proven", Stream: true, Encrypts: &yes, Addresses: []netip.AddrPort{addr}, LastSeen: noon,
		}},
		{"a stream without presence is online and waits", Known{
			Pin: bobPin, Trust: trust.Pinned, Contact: bob, Stream: &Stream{Name: "bob@nuc", Addr: addr, Waiting: true},
		}, Row{
			Key: bobPin.String(), Pin: bobPin, Name: "Bobby", Instance: "bob@nuc", Trust: trust.Pinned, Presence: "avail",
			Stream: true, Encrypts: &yes, Waiting: true, Addresses: []netip.AddrPort{addr},
		}},
		{"a key in conflict is named by what it claims", Known{
			Pin: eviPin, Trust: trust.Conflict, Of: bobPin, Stream: &Stream{Name: "bob@nuc", Addr: addr},
		}, Row{
			Key: eviPin.String(), Pin: eviPin, Name: "bob", Instance: "bob@nuc", Trust: trust.Conflict, Of: bobPin,
			Presence: "avail", Stream: true, Encrypts: &yes, Addresses: []netip.AddrPort{addr},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Build(tt.know), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Errorf("row (-want +got):\n%s", diff)
			}
		})
	}
}

// What an announcement says of a person (174-15.2) is on the row of a claim, and
// on a contact's if the contact's key answered there: nobody else speaks for it.
func Test174_15_2_Card(t *testing.T) {
	said := claim("bob@nuc", "1st", "Bob", "LAST", "Hope", "email", "a@x b@x", "jid", "j@x k@x", "phsh", "AB", "1st", "second")
	want := Card{Announced: true, First: "Bob", Last: "Hope", Email: "a@x b@x", JID: "j@x k@x", Avatar: "AB"}
	if got := Build(Known{Claims: []Claim{said}}).Card; got != want {
		t.Errorf("claim: %+v", got)
	}
	known := Known{Pin: bobPin, Trust: trust.Pinned, Claims: []Claim{said}}
	if got := Build(known).Card; got != (Card{}) {
		t.Errorf("a claim that proved nothing speaks for a contact: %+v", got)
	}
	known.Claims = []Claim{proven(said)}
	if got := Build(known).Card; got != want {
		t.Errorf("contact: %+v", got)
	}
}

// A claim leads to a contact's row only by the instance it bore last, and only
// while nobody else bore it; a key that answered beats every name.
func TestOwner(t *testing.T) {
	bob := trust.Contact{Pin: bobPin, State: trust.Pinned, Names: []string{"bob@nuc", "bob@old"}}
	other := claim("bob@nuc")
	other.Pin = eviPin
	long := strings.Repeat("long", 9) + "@nuc"
	tests := []struct {
		name     string
		claim    Claim
		contacts []trust.Contact
		want     identity.Pin
	}{
		{"last instance", claim("bob@nuc"), []trust.Contact{bob}, bobPin},
		{"case of ASCII letters does not count", claim("BOB@nuc"), []trust.Contact{bob}, bobPin},
		{"an instance borne before", claim("bob@old"), []trust.Contact{bob}, identity.Pin{}},
		{"somebody else", claim("ann@kite"), []trust.Contact{bob}, identity.Pin{}},
		{"another key answered there", other, []trust.Contact{bob}, eviPin},
		{"a name longer than is shown", claim(long), []trust.Contact{{Pin: bobPin, State: trust.Pinned, Names: []string{safetext.Name(long).String()}}}, bobPin},
		{"a name of nothing", claim("\x1b\x07"), []trust.Contact{{Pin: bobPin, State: trust.Pinned}}, identity.Pin{}},
		{"two contacts bore it", claim("bob@nuc"), []trust.Contact{bob, {Pin: eviPin, State: trust.Pinned, Names: []string{"bob@nuc"}}}, identity.Pin{}},
		{"a retired key", claim("bob@nuc"), []trust.Contact{{Pin: bobPin, State: trust.Retired, Names: []string{"bob@nuc"}}}, identity.Pin{}},
	}
	for _, tt := range tests {
		if got := BearersOf(tt.contacts).Owner(tt.claim); got != tt.want {
			t.Errorf("%s: owner %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestClaimKey(t *testing.T) {
	tests := map[string]string{
		"bob@nuc":    "~bob@nuc",
		"":           "~",
		"~a":         "~%7Ea",
		"\x1b[2Jx":   "~%1B%5B2%4Ax",
		"é":          "~%C3%A9",
		"a%41":       "~a%2541",
		"\xff\x00@.": "~%FF%00@.",
	}
	seen := map[string]string{}
	for in, want := range tests {
		got := ClaimKey(in)
		if got != want {
			t.Errorf("ClaimKey(%q) = %q, want %q", in, got, want)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q share the key %q", in, other, got)
		}
		seen[got] = in
	}
}

// FuzzBuild: whatever a link and a peer say, a row of a contact stays that of
// the contact, and the key of a row is printable.
func FuzzBuild(f *testing.F) {
	f.Add("bob@nuc", "nick", "status", "from", true)
	f.Add("\x1b]0;x\x07", "", "dnd", "", false)
	f.Fuzz(func(t *testing.T, instance, nick, status, from string, live bool) {
		k := Known{Claims: []Claim{claim(instance, "nick", nick, "status", status)}}
		row := Build(k)
		if row.Trust != "" || !row.Pin.IsZero() {
			t.Fatalf("a claim got trust %q, key %v", row.Trust, row.Pin)
		}
		for _, c := range []byte(row.Key) {
			if c < 0x21 || c > 0x7e {
				t.Fatalf("key %q has octet %#x", row.Key, c)
			}
		}
		k.Pin, k.Trust, k.Contact = bobPin, trust.Pinned, trust.Contact{Pin: bobPin, Petname: "Bobby"}
		if live {
			k.Stream = &Stream{Name: from, Nick: nick, Show: status, Present: true}
		}
		if row = Build(k); row.Name != "Bobby" || row.Key != bobPin.String() || row.Trust != trust.Pinned {
			t.Fatalf("the row of a contact became %+v", row)
		}
	})
}
