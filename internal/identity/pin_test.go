package identity

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

const someHex = "00112233445566778899aabbccddeefffedcba98765432100123456789abcdef"

func mustPin(t testing.TB, s string) Pin {
	t.Helper()
	p, err := ParsePin(s)
	if err != nil {
		t.Fatalf("ParsePin(%q): %v", s, err)
	}
	return p
}

func TestParsePin(t *testing.T) {
	groups := "00112233 44556677 8899aabb ccddeeff fedcba98 76543210 01234567 89abcdef"
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"plain", someHex, true},
		{"upper case", strings.ToUpper(someHex), true},
		{"groups of 8", groups, true},
		{"two spaces", strings.ReplaceAll(groups, " ", "  "), true},
		{"colons", strings.ReplaceAll(groups, " ", ":"), true},
		{"space around", "  " + groups + "\n", true},
		{"empty", "", false},
		{"63 digits", someHex[1:], false},
		{"65 digits", someHex + "0", false},
		{"66 digits", someHex + "00", false},
		{"not hex", "g" + someHex[1:], false},
		{"separator inside an octet", someHex[:1] + " " + someHex[1:], false},
		{"leading colon", ":" + someHex, false},
		{"line break inside", someHex[:8] + "\n" + someHex[8:], false},
		{"dash", someHex[:8] + "-" + someHex[8:], false},
		{"wide digit", "\uff10" + someHex[1:], false},
		{"other octets", "\xff" + someHex[1:], false},
		{"all zero", strings.Repeat("0", 64), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParsePin(tt.in)
			if tt.ok != (err == nil) {
				t.Fatalf("ParsePin: %v", err)
			}
			if tt.ok && got.String() != someHex {
				t.Errorf("got %v", got)
			}
			if !tt.ok && (!errors.Is(err, ErrFingerprint) || !got.IsZero()) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestPinForms(t *testing.T) {
	p := mustPin(t, someHex)
	if got := strings.Join(p.Groups(), ""); got != someHex || len(p.Groups()) != 8 {
		t.Errorf("Groups = %v", p.Groups())
	}
	if got := p.Label(); got != someHex[:8] {
		t.Errorf("Label = %q", got)
	}
	q := p
	q[31] ^= 1
	if !p.Equal(p) || p.Equal(q) || p.IsZero() || !(Pin{}).IsZero() {
		t.Error("Equal or IsZero is wrong")
	}
}

func TestTextOfHashes(t *testing.T) {
	type record struct {
		Pin    Pin      `json:"pin"`
		Device DeviceID `json:"device"`
		Of     Pin      `json:"of,omitzero"`
	}
	in := record{Pin: mustPin(t, someHex)}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"pin":"` + someHex + `","device":""}`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	out := record{Device: DeviceID{1}}
	if err := json.Unmarshal(text, &out); err != nil || out != in {
		t.Errorf("got %v, %v", out, err)
	}
	for _, bad := range []string{strings.ToUpper(someHex), someHex + "00", " " + someHex, "x", strings.Repeat("0", 64)} {
		p, d := Pin{7}, DeviceID{7}
		if p.UnmarshalText([]byte(bad)) == nil || d.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q was taken", bad)
		}
		if p != (Pin{7}) || d != (DeviceID{7}) {
			t.Errorf("%q changed the value", bad)
		}
	}
}

// G-1: whole pins stay out of logs.
func TestG1_LogsHoldNoWholePin(t *testing.T) {
	p := mustPin(t, someHex)
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("Peer", "peer", p, "device", DeviceID(p))
	if strings.Contains(b.String(), someHex) || strings.Count(b.String(), p.Label()) != 2 {
		t.Errorf("log: %s", b.String())
	}
}

func TestDeviceOrder(t *testing.T) {
	small, big := DeviceID{0, 9}, DeviceID{1}
	if small.Compare(big) >= 0 || big.Compare(small) <= 0 || small.Compare(small) != 0 {
		t.Error("README 5.6: the smaller octets come first")
	}
	if !small.Equal(small) || small.Equal(big) || small.IsZero() || !(DeviceID{}).IsZero() {
		t.Error("Equal or IsZero is wrong")
	}
}

func FuzzParsePin(f *testing.F) {
	f.Add(someHex)
	f.Add("00112233 44556677 8899aabb ccddeeff fedcba98 76543210 01234567 89abcdef")
	f.Add("0:0")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePin(s)
		if err != nil {
			return
		}
		if q, err := ParsePin(p.String()); err != nil || q != p {
			t.Errorf("%q: %v, %v", s, q, err)
		}
	})
}
