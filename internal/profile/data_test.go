package profile

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStoreKey(t *testing.T) {
	p := open(t)
	key, err := p.StoreKey()
	if err != nil || key == [32]byte{} {
		t.Fatalf("StoreKey = %v", err)
	}
	again, err := p.StoreKey()
	if err != nil || again != key {
		t.Errorf("second StoreKey differs: %v", err)
	}
	other, err := open(t).StoreKey()
	if err != nil || other == key {
		t.Errorf("two profiles share a key: %v", err)
	}
	text, _ := os.ReadFile(p.Path("key"))
	if !strings.HasPrefix(string(text), "# ") {
		t.Errorf("no comment in the key file")
	}
}

// TestR10_KeyRefused: P-26, a key that cannot be read is never replaced, and
// no error shows it.
func TestR10_KeyRefused(t *testing.T) {
	secret := strings.Repeat("5e", 32)
	tests := []struct{ what, text, words string }{
		{"empty", "", "is damaged"},
		{"comment only", "# x\n", "is damaged"},
		{"no magic", secret + "\n", "is damaged"},
		{"short", "llchat-store-key 1\n" + secret[2:] + "\n", "is damaged"},
		{"long", "llchat-store-key 1\n" + secret + "00\n", "is damaged"},
		{"no hex", "llchat-store-key 1\nzz" + secret[2:] + "\n", "is damaged"},
		{"two keys", "llchat-store-key 1\n" + secret + "\n" + secret + "\n", "is damaged"},
		{"no version", "llchat-store-key x\n" + secret + "\n", "is damaged"},
		{"version 0", "llchat-store-key 0\n" + secret + "\n", "is damaged"},
		{"newer", "llchat-store-key 3\n" + secret + "\n", "newer llchat (version 3)"},
		{"wrapped, cut off", "llchat-store-key 2\n" + secret + "\n", "not whole"},
		{"too large", strings.Repeat("#\n", maxKeyFile), "is damaged"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			p := open(t)
			if err := p.Create("key", []byte(tt.text)); err != nil {
				t.Fatal(err)
			}
			key, err := p.StoreKey()
			wantProblem(t, err, p.Path("key"), tt.words)
			if key != [32]byte{} || strings.Contains(err.Error(), "5e5e") {
				t.Errorf("the key shows: %v", err)
			}
			if text, _ := os.ReadFile(p.Path("key")); string(text) != tt.text {
				t.Error("the key file was changed")
			}
		})
	}
}

func TestSettings(t *testing.T) {
	p := open(t)
	got, err := p.Settings()
	if diff := cmp.Diff(Settings{}, got); diff != "" || err != nil {
		t.Errorf("without a file: %v\n%s", err, diff)
	}
	want := Settings{
		Nick: `Bob "<&>" Ö`, Status: "away", Message: "back\nsoon", Strangers: "ask", Visibility: "open",
		User: "bob", Machine: "olive-k3fd", Port: 41873,
		First: "Bob", Last: "Hope", Email: "a@example.org b@example.org", JID: "bob@example.org", Avatar: []byte{0x89, 0, 0xff},
		Extra: map[string]json.RawMessage{"color": json.RawMessage(`"red"`), "a b": json.RawMessage(`[1]`)},
	}
	if err := p.SaveSettings(want); err != nil {
		t.Fatal(err)
	}
	got, err = p.Settings()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Extra["color"], got.Extra["color"]); diff != "" {
		t.Error(diff)
	}
	want.Extra, got.Extra = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestSettingsFile: what a person finds in the file, and that a later
// program's keys survive.
func TestSettingsFile(t *testing.T) {
	p := open(t)
	before := `{"version":1,"nick":"bob","later":{"x":[1,2]},"port":5298}`
	if err := p.Create("config", []byte(before)); err != nil {
		t.Fatal(err)
	}
	s, err := p.Settings()
	if err != nil {
		t.Fatal(err)
	}
	s.Nick = "rob"
	s.Extra["nick"] = json.RawMessage(`"mallory"`) // a known key is not extra
	if err := p.SaveSettings(s); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(p.Path("config"))
	want := `{
  "version": 1,
  "nick": "rob",
  "port": 5298,
  "later": {
    "x": [
      1,
      2
    ]
  }
}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if got, _ := os.ReadFile(p.Path("config.1")); string(got) != before {
		t.Errorf("previous settings: %s", got)
	}
}

// TestP26_SettingsRefused: damaged and newer settings are told, not replaced.
func TestP26_SettingsRefused(t *testing.T) {
	tests := []struct{ what, text, words string }{
		{"empty", "", "not a JSON object"},
		{"null", "null", "not a JSON object"},
		{"list", "[]", "not a JSON object"},
		{"cut off", `{"version":1,"nick":"b`, "not a JSON object"},
		{"two objects", `{"version":1}{}`, "not a JSON object"},
		{"no version", `{"nick":"bob"}`, "no version"},
		{"version of the wrong type", `{"version":"1"}`, "no version"},
		{"newer", `{"version":2}`, "newer llchat (version 2)"},
		{"nick of the wrong type", `{"version":1,"nick":7}`, "nick has the wrong form"},
		{"port out of range", `{"version":1,"port":65536}`, "port has the wrong form"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			p := open(t)
			if err := p.Create("config", []byte(tt.text)); err != nil {
				t.Fatal(err)
			}
			_, err := p.Settings()
			wantProblem(t, err, p.Path("config"), tt.words)
			wantProblem(t, p.SaveSettings(Settings{Nick: "rob"}), p.Path("config"), tt.words)
			if text, _ := os.ReadFile(p.Path("config")); string(text) != tt.text {
				t.Error("the settings were replaced")
			}
		})
	}
}

func FuzzSettings(f *testing.F) {
	for _, seed := range []string{`{"version":1}`, `{"version":1,"nick":"b","port":1,"x":{}}`, `{"version":2}`, `{"version":1,"Nick":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSettings("config", data)
		if err != nil {
			return
		}
		out, err := formatSettings(s)
		if err != nil {
			t.Fatalf("%q parses but does not format: %v", data, err)
		}
		again, err := parseSettings("config", out)
		if err != nil {
			t.Fatalf("%q came out as %q: %v", data, out, err)
		}
		if third, err := formatSettings(again); err != nil || string(third) != string(out) {
			t.Fatalf("%q, then %q: %v", out, third, err)
		}
	})
}

func FuzzKey(f *testing.F) {
	p := &Profile{dir: "/p"}
	f.Add("# x\nllchat-store-key 1\n" + strings.Repeat("0a", 32) + "\n")
	f.Add("llchat-store-key 2\n")
	f.Add(string((&keyFile{wrapped: true, cost: standardCost, files: filesSealed, box: make([]byte, 48)}).text()))
	f.Fuzz(func(t *testing.T, text string) {
		k, err := p.parseKey(text)
		if err != nil {
			if !cmp.Equal(k, keyFile{}, cmp.AllowUnexported(keyFile{}, cost{})) {
				t.Fatalf("%q: a key and an error", text)
			}
			return
		}
		again, err := p.parseKey(string(k.text()))
		if diff := cmp.Diff(k, again, cmp.AllowUnexported(keyFile{}, cost{})); err != nil || diff != "" {
			t.Fatalf("%q: written and read again: %v\n%s", text, err, diff)
		}
	})
}

// Of a damaged file that a backup has, the hint names llchat restore and what to
// move away; of others it does not.
func TestHintsOfDamagedFiles(t *testing.T) {
	for name, want := range map[string]string{
		"identity": "identity.1", "trust": "trust.1", "trust.1": "trust.1", configName: "", keyName: "",
	} {
		e, ok := errors.AsType[*Error](damaged("/p/"+name, "noise"))
		if !ok || !strings.Contains(e.Hint, want) || strings.Contains(e.Hint, "llchat restore") != (want != "") {
			t.Errorf("%s: %+v, want %q and llchat restore in the hint", name, e, want)
		}
	}
}

// A history without its key is not given another one.
func TestR10_NoKeyBesideAHistory(t *testing.T) {
	p := open(t)
	if err := p.Create(historyName, []byte("x")); err != nil {
		t.Fatal(err)
	}
	_, err := p.StoreKey()
	wantProblem(t, err, p.Path(keyName), "is missing")
	if _, err := os.Lstat(p.Path(keyName)); !missing(err) {
		t.Errorf("key: %v, want none made", err)
	}
}
