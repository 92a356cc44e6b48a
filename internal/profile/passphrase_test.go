package profile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// cheap keeps the tests from taking half a second and 64 MiB a guess.
var cheap = &cost{1, 64}

var (
	first  = []byte("the first passphrase")
	second = []byte("another one")
)

const (
	identityText = "llchat-identity 1 PRIVATE KEY canary-of-the-identity"
	trustText    = `{"petname": "canary-of-a-contact"}`
)

// held opens a profile with its lock.
func held(t *testing.T, dir string) *Profile {
	t.Helper()
	p, err := Open(dir)
	if err == nil {
		err = p.Lock()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.testCost = cheap
	t.Cleanup(func() { p.Close() })
	return p
}

// inhabited makes a profile with something in every file.
func inhabited(t *testing.T) (p *Profile, key [32]byte) {
	t.Helper()
	p = held(t, filepath.Join(t.TempDir(), "p"))
	key, err := p.StoreKey()
	for _, write := range []error{
		err, p.Create("identity", []byte(identityText)),
		p.Write("trust", []byte("before "+trustText)), p.Write("trust", []byte(trustText)), p.Write("config", []byte("{}")),
	} {
		if write != nil {
			t.Fatal(write)
		}
	}
	return p, key
}

// whole checks that everything can be read.
func whole(t *testing.T, p *Profile, key [32]byte) {
	t.Helper()
	if got, err := p.StoreKey(); err != nil || got != key {
		t.Errorf("the key is lost: %v", err)
	}
	for name, want := range map[string]string{"identity": identityText, "trust": trustText, "trust.1": "before " + trustText, "config": "{}"} {
		if got, err := p.Read(name, 1000); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v", name, got, err)
		}
	}
}

// canaries finds what must not be readable in any file of the folder.
func canaries(t *testing.T, p *Profile, key [32]byte) (found []string) {
	t.Helper()
	for _, name := range list(t, p) {
		data, err := os.ReadFile(p.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"canary", hex.EncodeToString(key[:]), string(key[:]), string(first), string(second)} {
			if strings.Contains(string(data), secret) {
				found = append(found, name)
			}
		}
	}
	return found
}

// P-20, R-2: with a passphrase neither key nor contact is on disk in clear;
// all of it can be read with the passphrase alone; without it as before.
func TestR2_Passphrase(t *testing.T) {
	p, key := inhabited(t)
	if on, err := p.Protected(); on || err != nil {
		t.Errorf("Protected = %v, %v", on, err)
	}
	if len(canaries(t, p, key)) == 0 {
		t.Fatal("the test would find nothing")
	}
	if err := p.SetPassphrase(first); err != nil {
		t.Fatal(err)
	}
	whole(t, p, key)
	if found := canaries(t, p, key); found != nil {
		t.Errorf("in clear: %v", found)
	}
	// What is written from now on is sealed, too.
	for _, err := range []error{p.Write("trust", []byte("before "+trustText)), p.Write("trust", []byte(trustText))} {
		if err != nil {
			t.Error(err)
		}
	}
	if found := canaries(t, p, key); found != nil {
		t.Errorf("in clear after a write: %v", found)
	}
	p.Close()

	p = held(t, p.Dir())
	if on, err := p.Protected(); !on || err != nil {
		t.Errorf("Protected = %v, %v", on, err)
	}
	shut(t, p)
	if err := p.Unlock(second); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	shut(t, p)
	if err := p.Unlock(first); err != nil {
		t.Fatal(err)
	}
	whole(t, p, key)
	p.ForgetKey()
	shut(t, p)

	if err := p.ChangePassphrase(second, first); !errors.Is(err, ErrPassphrase) {
		t.Errorf("change with a wrong one: %v", err)
	}
	if err := p.ChangePassphrase(first, second); err != nil {
		t.Fatal(err)
	}
	if err := p.Unlock(first); !errors.Is(err, ErrPassphrase) {
		t.Errorf("the old one: %v", err)
	}
	if err := p.Unlock(second); err != nil {
		t.Fatal(err)
	}
	whole(t, p, key)
	if err := p.SetPassphrase(first); !errors.Is(err, ErrProtected) {
		t.Errorf("set twice: %v", err)
	}

	if err := p.RemovePassphrase(second); err != nil {
		t.Fatal(err)
	}
	whole(t, held2(t, p), key)
	if err := p.RemovePassphrase(second); !errors.Is(err, ErrUnprotected) {
		t.Errorf("removed twice: %v", err)
	}
}

// held2 opens the folder of p anew, without its lock.
func held2(t *testing.T, p *Profile) *Profile {
	t.Helper()
	again, err := Open(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

// shut checks that nothing secret can be read or written.
func shut(t *testing.T, p *Profile) {
	t.Helper()
	_, keyErr := p.StoreKey()
	_, idErr := p.Read("identity", 1000)
	for what, err := range map[string]error{
		"key": keyErr, "identity": idErr, "write": p.Write("trust", []byte("x")), "create": p.Create("trust", []byte("x")),
	} {
		if !errors.Is(err, ErrSealed) {
			t.Errorf("%s while shut: %v", what, err)
		}
	}
	if got, err := p.Read("config", 10); err != nil || string(got) != "{}" {
		t.Errorf("config = %q, %v", got, err)
	}
}

type crash struct{}

// passphraseChanges are what rewrites the key file.
var passphraseChanges = []struct {
	name     string
	old, new []byte // nil for none
	do       func(*Profile) error
}{
	{"set", nil, first, func(p *Profile) error { return p.SetPassphrase(first) }},
	{"change", first, second, func(p *Profile) error { return p.ChangePassphrase(first, second) }},
	{"remove", first, nil, func(p *Profile) error { return p.RemovePassphrase(first) }},
}

// After a failure or a crash at any step of any change the profile opens with
// the passphrase from before or with the new one, everything is there, and no
// copy of a key is left behind in the clear.
func TestPassphraseStepFails(t *testing.T) {
	for _, c := range passphraseChanges {
		for _, how := range []string{"error", "crash"} {
			t.Run(c.name+" "+how, func(t *testing.T) {
				steps := 0
				for broke := true; broke; steps++ {
					broke = breakChange(t, c.old, c.new, c.do, how == "crash", steps)
				}
				if steps < 8 {
					t.Errorf("only %d steps", steps)
				}
			})
		}
	}
}

// breakChange stops a change at one step, and reports whether it had as many.
func breakChange(t *testing.T, before, after []byte, do func(*Profile) error, crashes bool, at int) (broke bool) {
	t.Helper()
	p, key := inhabited(t)
	if before != nil {
		if err := p.SetPassphrase(before); err != nil {
			t.Fatal(err)
		}
	}
	step := 0
	p.before = func(name string) error {
		if step++; step <= at {
			return nil
		}
		broke = true
		if crashes {
			panic(crash{})
		}
		return fmt.Errorf("step %d, %s: %w", step, name, fs.ErrInvalid)
	}
	err := survive(p, do)
	p.before = nil
	p.Close()
	if broke && err == nil {
		t.Errorf("step %d: no error", at)
	}

	p = held(t, p.Dir())
	on, err := p.Protected()
	if err != nil {
		t.Fatalf("step %d: %v", at, err)
	}
	opened := errors.Join(p.Unlock(orNone(before)), p.unlockedForTest(on))
	if opened != nil {
		opened = errors.Join(p.Unlock(orNone(after)), p.unlockedForTest(on))
	}
	if opened != nil {
		t.Fatalf("step %d: neither opens: %v", at, opened)
	}
	whole(t, p, key)
	if found := canaries(t, p, key); on && found != nil {
		t.Errorf("step %d: protected, and in clear: %v", at, found)
	}
	if names := list(t, p); slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") }) {
		t.Errorf("step %d: left behind: %v", at, names)
	}
	if !broke && on != (after != nil) {
		t.Errorf("done, and protected is %v", on)
	}
	return broke
}

// survive turns a crash into an error.
func survive(p *Profile, do func(*Profile) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crash); !ok {
				panic(r)
			}
			err = errors.New("crash")
		}
	}()
	return do(p)
}

func orNone(passphrase []byte) []byte {
	if passphrase == nil {
		return []byte("none")
	}
	return passphrase
}

// unlockedForTest is an error while the key is not there.
func (p *Profile) unlockedForTest(protected bool) error {
	if !protected {
		return nil
	}
	_, err := p.unlocked()
	return err
}

// The old key file is overwritten on disk, not only unlinked: another name
// that somebody gave it shows what has become of it.
func TestOldKeyIsOverwritten(t *testing.T) {
	p, key := inhabited(t)
	// In another folder, so that the profile cannot know that name.
	other := filepath.Join(filepath.Dir(p.Dir()), "other name")
	if err := os.Link(p.Path("key"), other); err != nil {
		t.Fatal(err)
	}
	if err := p.SetPassphrase(first); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(other)
	if err != nil || len(data) == 0 || strings.Contains(string(data), hex.EncodeToString(key[:])) || !bytes.Equal(data, make([]byte, len(data))) {
		t.Errorf("the old key file holds %q, %v", data, err)
	}
}

// A temporary name of a file in use, as a crash between link and remove leaves
// it, is removed without touching the file.
func TestSweepSparesFilesInUse(t *testing.T) {
	p, key := inhabited(t)
	for _, prefix := range []string{tempPrefix, wipePrefix} {
		for _, name := range []string{"key", "identity", "trust"} {
			if err := os.Link(p.Path(name), p.Path(prefix+name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.Close()
	p = held(t, p.Dir())
	whole(t, p, key)
	if names := list(t, p); len(names) != 6 {
		t.Errorf("files %v", names)
	}
}

// Nobody who lacks the passphrase changes the pins or the identity unnoticed
// (security.md 6.3, P-26).
func TestP26_SealedFilesRefused(t *testing.T) {
	tests := []struct {
		what, words string
		spoil       func([]byte) []byte
	}{
		{"put there in clear", "is not sealed", func([]byte) []byte { return []byte(trustText) }},
		{"one octet changed", "is damaged", func(d []byte) []byte { d[len(d)-1] ^= 1; return d }},
		{"cut short", "is damaged", func(d []byte) []byte { return d[:len(d)-1] }},
		{"head only", "is damaged", func([]byte) []byte { return []byte(sealHead) }},
		{"other algorithm", "is damaged", func(d []byte) []byte { return bytes.Replace(d, []byte("xchacha"), []byte("ychacha"), 1) }},
		{"newer", "newer llchat", func(d []byte) []byte { return bytes.Replace(d, []byte("sealed 1"), []byte("sealed 7"), 1) }},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			p, _ := inhabited(t)
			if err := p.SetPassphrase(first); err != nil {
				t.Fatal(err)
			}
			data, _ := os.ReadFile(p.Path("trust"))
			spoilt := tt.spoil(data)
			if err := os.WriteFile(p.Path("trust"), spoilt, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := p.Read("trust", 1000)
			wantProblem(t, err, p.Path("trust"), tt.words)
			wantProblem(t, p.Write("trust", []byte("new")), p.Path("trust"), tt.words)
			if now, _ := os.ReadFile(p.Path("trust")); !bytes.Equal(now, spoilt) {
				t.Error("it was replaced")
			}
		})
	}
	// One sealed file in the place of another.
	p, _ := inhabited(t)
	if err := p.SetPassphrase(first); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(p.Path("trust"))
	os.WriteFile(p.Path("identity"), data, 0o600)
	_, err := p.Read("identity", 1000)
	wantProblem(t, err, p.Path("identity"), "is damaged")
	// The previous version in the place of the present one is a restore.
	data, _ = os.ReadFile(p.Path("trust.1"))
	os.WriteFile(p.Path("trust"), data, 0o600)
	if got, err := p.Read("trust", 1000); err != nil || string(got) != "before "+trustText {
		t.Errorf("restored %q, %v", got, err)
	}
}

// A key that is gone is not replaced by a new one that opens nothing.
func TestSealedWithoutKey(t *testing.T) {
	p, _ := inhabited(t)
	if err := p.SetPassphrase(first); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.Path("key")); err != nil {
		t.Fatal(err)
	}
	p.Close()
	_, err := held(t, p.Dir()).StoreKey()
	wantProblem(t, err, p.Path("key"), "is missing")
}

// A damaged key file is told from a wrong passphrase, and one that would cost
// too much is not tried (security.md 4.1).
func TestWrappedKeyRefused(t *testing.T) {
	p, _ := inhabited(t)
	if err := p.SetPassphrase(first); err != nil {
		t.Fatal(err)
	}
	good, _ := os.ReadFile(p.Path("key"))
	k, err := p.readKey()
	if err != nil {
		t.Fatal(err)
	}
	costly := func(c cost) []byte { k := k; k.cost = c; return k.text() }
	for what, text := range map[string][]byte{
		"one digit":   bytes.Replace(good, []byte("salt="), []byte("salt=0"), 1),
		"cut short":   good[:len(good)-30],
		"257 MiB":     costly(cost{3, 257 << 10}),
		"11 rounds":   costly(cost{11, 64 << 10}),
		"no rounds":   costly(cost{0, 64}),
		"no memory":   costly(cost{1, 0}),
		"no sum line": good[:bytes.Index(good, []byte("sum "))],
	} {
		os.WriteFile(p.Path("key"), text, 0o600)
		wantProblem(t, p.Unlock(first), p.Path("key"), "is damaged")
		if t.Failed() {
			t.Fatal(what)
		}
	}
	// Sound, but bound to what it says: the state of the files cannot be turned.
	k.files = filesMoving
	os.WriteFile(p.Path("key"), k.text(), 0o600)
	if err := p.Unlock(first); !errors.Is(err, ErrPassphrase) {
		t.Errorf("turned back to moving: %v", err)
	}
}

func TestGuessesHaveToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, key := inhabited(t)
		if err := p.SetPassphrase(first); err != nil {
			t.Fatal(err)
		}
		p.ForgetKey()
		for range freeGuesses {
			if err := p.Unlock(second); !errors.Is(err, ErrPassphrase) {
				t.Fatal(err)
			}
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			want *= time.Second
			var wait *WaitError
			for _, err := range []error{p.Unlock(first), p.ChangePassphrase(first, second), p.RemovePassphrase(first)} {
				if !errors.As(err, &wait) || wait.For != want {
					t.Fatalf("%v, want a wait of %v", err, want)
				}
			}
			time.Sleep(want)
			if err := p.Unlock(second); !errors.Is(err, ErrPassphrase) {
				t.Fatal(err)
			}
		}
		time.Sleep(longestWait)
		if err := p.Unlock(first); err != nil {
			t.Fatal(err)
		}
		whole(t, p, key)
		if err := p.Unlock(second); !errors.Is(err, ErrPassphrase) {
			t.Errorf("the count goes on after a right one: %v", err)
		}
	})
}

func TestUnfitPassphrases(t *testing.T) {
	p, _ := inhabited(t)
	for _, bad := range [][]byte{nil, {}, make([]byte, maxPassphrase+1)} {
		if err := p.SetPassphrase(bad); !errors.Is(err, ErrUnfit) {
			t.Errorf("%d octets: %v", len(bad), err)
		}
	}
	// One passphrase, whichever way a keyboard composes it; and it stays as
	// the caller has it.
	composed, apart := []byte("gr\u00fcn"), []byte("gru\u0308n")
	if err := p.SetPassphrase(composed); err != nil {
		t.Fatal(err)
	}
	p.ForgetKey()
	if err := p.Unlock(apart); err != nil {
		t.Error(err)
	}
	if string(composed) != "gr\u00fcn" {
		t.Error("the passphrase of the caller was changed")
	}
	if err := held2(t, p).ChangePassphrase(composed, apart); err == nil {
		t.Error("changed without the lock")
	}
}

// The standard costs are those of security.md 4.1, and they are written down.
func TestCostOfPassphrases(t *testing.T) {
	p := &Profile{}
	if got := p.cost(); got != standardCost && got != smallCost {
		t.Errorf("cost %+v", got)
	}
	k := keyFile{wrapped: true, cost: standardCost, files: filesSealed, box: make([]byte, 48)}
	if !strings.Contains(string(k.text()), "argon2id t=3 m=65536 p=1 salt=") {
		t.Errorf("key file\n%s", k.text())
	}
}

// R-8, P-21: keys first, overwritten and on the disk, before anything else
// goes; nothing of llchat is left, and nothing else is touched.
func TestP21_Destroy(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		p, key := inhabited(t)
		for _, name := range []string{"history.db", "history.db-wal", "history.db.v1", "history.db.damaged-1", "log", "log.1", "added", tempPrefix + "x"} {
			os.WriteFile(p.Path(name), []byte("canary"), 0o600)
		}
		if foreign {
			os.WriteFile(p.Path("thesis.tex"), nil, 0o600)
		}
		outside := filepath.Join(filepath.Dir(p.Dir()), "second name")
		os.Link(p.Path("key"), outside)
		os.Link(p.Path("identity"), outside+"2")
		overwritten := 0
		p.before = func(step string) error {
			if step == "overwrite" {
				overwritten++
				if _, err := os.Lstat(p.Path("history.db")); err != nil {
					t.Error("the history went before the keys")
				}
			}
			return nil
		}
		left, err := p.Destroy()
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{false: 0, true: 1}[foreign]; len(left) != want {
			t.Errorf("left %v", left)
		}
		if _, err := os.Stat(p.Dir()); errors.Is(err, fs.ErrNotExist) == foreign {
			t.Errorf("the folder: %v", err)
		}
		for _, name := range []string{outside, outside + "2"} {
			data, err := os.ReadFile(name)
			if err != nil || bytes.Contains(data, []byte("canary")) || bytes.Contains(data, []byte(hex.EncodeToString(key[:]))) {
				t.Errorf("%s holds %q, %v", name, data, err)
			}
		}
		if overwritten != 3 {
			t.Errorf("%d files were overwritten, want key, identity and the temporary one", overwritten)
		}
	}
}

// Whatever fails, the rest goes.
func TestDestroyGoesOn(t *testing.T) {
	p, _ := inhabited(t)
	p.before = func(step string) error {
		if step == "overwrite" {
			return fs.ErrInvalid
		}
		return nil
	}
	if _, err := p.Destroy(); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(p.Path("key")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a key that cannot be overwritten is left")
	}
}

// G-3: printing a profile shows no key.
func TestG3_KeyDoesNotPrint(t *testing.T) {
	p, key := inhabited(t)
	if err := p.SetPassphrase(first); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"%v", "%+v", "%#v"} {
		text := fmt.Sprintf(form, p)
		if strings.Contains(text, fmt.Sprintf("%d %d %d", key[0], key[1], key[2])) || strings.Contains(text, fmt.Sprintf("%#x, %#x, %#x", key[0], key[1], key[2])) {
			t.Errorf("%s shows the key", form)
		}
	}
}

func FuzzUnseal(f *testing.F) {
	key := [keySize]byte{1}
	box, err := sealer(key)
	if err != nil {
		f.Fatal(err)
	}
	// Not by seal, which draws a nonce: each process that fuzzes has to know
	// the same seal for the good one.
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	good := box.Seal(append([]byte(sealHead), nonce...), nonce, []byte(trustText), []byte(sealHead+"trust"))
	if got, err := unseal(key, "/p/trust", "trust", good); err != nil || string(got) != trustText {
		f.Fatalf("got %q, %v", got, err)
	}
	f.Add(good)
	f.Add([]byte(sealHead))
	f.Add([]byte("llchat-sealed 99999999999999999999\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := unseal(key, "/p/trust", "trust", data)
		if err == nil && (string(got) != trustText || !bytes.Equal(data, good)) {
			t.Errorf("forged: %q", data)
		}
	})
}

func BenchmarkUnlock(b *testing.B) {
	k := keyFile{wrapped: true, cost: standardCost}
	for b.Loop() {
		if _, err := k.wrappingKey(first); err != nil {
			b.Fatal(err)
		}
	}
}
