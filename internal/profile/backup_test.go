package profile

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sealed makes a backup of some text, cheaply.
func sealedText(t testing.TB, plain string) []byte {
	t.Helper()
	data, err := sealBackup([]byte("horse"), []byte(plain), *cheap)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const someFiles = `{"version":1,"files":{"identity":"YWJj","config":"e30="}}`

// what goes in comes out, and only with the passphrase.
func TestR9_Backup(t *testing.T) {
	p := opened(t, filepath.Join(t.TempDir(), "p"))
	p.testCost = cheap
	if _, err := p.Backup([]byte("horse")); !missing(err) {
		t.Errorf("backup without an identity: %v", err)
	}
	want := map[string][]byte{"identity": []byte("who"), "trust": []byte("whom"), "added": []byte("where")}
	for name, data := range want {
		if err := p.Create(name, data); err != nil {
			t.Fatal(err)
		}
	}
	sealed, err := p.Backup([]byte("horse"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"who", "d2hv", "identity"} {
		if bytes.Contains(sealed, []byte(secret)) {
			t.Errorf("%q is in clear", secret)
		}
	}
	if !bytes.HasPrefix(sealed, []byte("llchat-backup 1\nargon2id t=1 m=64 p=1 salt=")) {
		t.Errorf("it begins with %.60q", sealed)
	}
	got, err := OpenBackup(sealed, []byte("horse"))
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %s", err, cmp.Diff(want, got))
	}
	if _, err := OpenBackup(sealed, []byte("donkey")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if _, err := p.Backup(nil); !errors.Is(err, ErrUnfit) {
		t.Errorf("no passphrase: %v", err)
	}
}

// what was changed, is newer, or costs too much is refused.
func TestR9_BackupIsRefused(t *testing.T) {
	good := string(sealedText(t, someFiles))
	if _, err := OpenBackup([]byte(good), []byte("horse")); err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string]string{
		"nothing":             "",
		"no backup":           "llchat-store-key 1\n",
		"version 0":           strings.Replace(good, "llchat-backup 1", "llchat-backup 0", 1),
		"cut":                 good[:100],
		"too dear in memory":  strings.Replace(good, "m=64", "m=262145", 1),
		"too dear in time":    strings.Replace(good, "t=1", "t=11", 1),
		"another algorithm":   strings.Replace(good, "xchacha20poly1305", "xchacha20poly1306", 1),
		"written differently": strings.Replace(good, "t=1", "t=01", 1),
		"other content":       string(sealedText(t, `{"version":1,"files":{"identity":"YWJj","history.db":""}}`)),
		"no identity":         string(sealedText(t, `{"version":1,"files":{}}`)),
		"no content":          string(sealedText(t, "")),
		"more fields":         string(sealedText(t, `{"version":1,"files":{"identity":"YWJj"},"more":1}`)),
	} {
		if _, err := OpenBackup([]byte(data), []byte("horse")); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v, want ErrBackup", what, err)
		}
	}
	for what, data := range map[string]string{
		"the file":    strings.Replace(good, "llchat-backup 1", "llchat-backup 2", 1),
		"its content": string(sealedText(t, `{"version":2,"rooms":{}}`)),
	} {
		if e, ok := errors.AsType[*NewerBackup](func() error { _, err := OpenBackup([]byte(data), []byte("horse")); return err }()); !ok || e.Version != 2 {
			t.Errorf("%s of version 2: %v", what, e)
		}
	}
	for i := range len(good) {
		changed := []byte(good)
		changed[i] ^= 1
		if _, err := OpenBackup(changed, []byte("horse")); err == nil {
			t.Fatalf("octet %d changed, and opened", i)
		}
	}
}

// What a profile has of its own stays.
func TestTakeIn(t *testing.T) {
	p := opened(t, filepath.Join(t.TempDir(), "p"))
	files := map[string][]byte{"config": []byte(`{"version":1,"nick":"old"}`), "added": []byte(`{"version":1,"added":[]}`)}
	for _, bad := range []map[string][]byte{{"config": []byte("x")}, {"config": files["config"], "added": []byte(`{"version":9}`)}} {
		if err := p.TakeIn(bad); err == nil {
			t.Error("damaged settings were taken in")
		}
	}
	if s, err := p.Settings(); err != nil || s.Nick != "" {
		t.Errorf("settings %+v, %v after a refusal", s, err)
	}
	if err := p.TakeIn(files); err != nil {
		t.Fatal(err)
	}
	if err := p.SaveSettings(Settings{Nick: "new"}); err != nil {
		t.Fatal(err)
	}
	if err := p.TakeIn(files); err != nil {
		t.Fatal(err)
	}
	if s, err := p.Settings(); err != nil || s.Nick != "new" {
		t.Errorf("settings %+v, %v; want those that are there", s, err)
	}
}

func opened(t *testing.T, dir string) *Profile {
	t.Helper()
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// FuzzBackup: whatever the file, taking it apart ends in a refusal or in
// something that is written in the same way again.
func FuzzBackup(f *testing.F) {
	f.Add(sealedText(f, someFiles))
	f.Add([]byte("llchat-backup 1\nargon2id t=3 m=65536 p=1 salt=00\nxchacha20poly1305 \n"))
	f.Add([]byte("llchat-backup 2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parseBackup(data)
		if err == nil {
			if again := append([]byte(b.head()), b.box...); !bytes.Equal(again, data) {
				t.Errorf("%q is written as %q", data, again)
			}
			if b.cost.memory > maxKDFMemory || b.cost.time > maxKDFTime {
				t.Errorf("cost %+v", b.cost)
			}
		}
		if files, err := parseContent(data); err == nil && files["identity"] == nil {
			t.Error("content without an identity")
		}
	})
}
