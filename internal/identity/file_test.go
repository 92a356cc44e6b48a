package identity

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The form of the file is a contract with later versions.
func TestGoldenFile(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 174)
	id := generate(t)
	path := filepath.Join("testdata", "identity-1.golden")
	if *update {
		if err := os.WriteFile(path, id.Marshal(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(id.Marshal())); diff != "" {
		t.Error(diff)
	}
	if _, err := Parse(want); err != nil {
		t.Error(err)
	}
}

func TestMarshalParse(t *testing.T) {
	id := generate(t)
	text := id.Marshal()
	again, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Marshal(), text) || again.Pin() != id.Pin() || again.Device() != id.Device() {
		t.Error("not the same identity")
	}
	block, _ := pem.Decode(text)
	want, err := x509.MarshalPKCS8PrivateKey(id.person.reveal())
	if err != nil || !bytes.Equal(block.Bytes, want) {
		t.Errorf("the key is not PKCS #8: %v", err)
	}
}

// Comments belong to the user and survive.
func TestParseKeepsComments(t *testing.T) {
	_, body, err := splitHead(generate(t).Marshal())
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{"", "# mein Schlüssel\n", "#\n\n# a\tb\n"} {
		text := head + string(body)
		id, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		if string(id.Marshal()) != text {
			t.Errorf("%q is lost", head)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good, other := string(generate(t).Marshal()), string(generate(t).Marshal())
	ours, theirs := blocks(good), blocks(other)
	join := func(b ...string) string { return "llchat-identity 1\n" + strings.Join(b, "") }
	version := func(s string) string { return strings.Replace(good, "llchat-identity 1\n", s, 1) }
	ec := "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n"
	tests := []struct{ name, text, hint string }{
		{"empty", "", hintCorrupt},
		{"comments only", "# a\n", hintCorrupt},
		{"newer version", version("llchat-identity 2\n"), hintNewer},
		{"much newer version", version("llchat-identity 120\n"), hintNewer},
		{"no version", version(""), hintCorrupt},
		{"strange version", version("llchat-identity 01\n"), hintCorrupt},
		{"negative version", version("llchat-identity -1\n"), hintCorrupt},
		{"long version", version("llchat-identity 11111\n"), hintCorrupt},
		{"version with a space", version("llchat-identity 1 \n"), hintCorrupt},
		{"CRLF", strings.ReplaceAll(good, "\n", "\r\n"), hintCorrupt},
		{"CRLF below the head", "llchat-identity 1\n" + strings.ReplaceAll(strings.Join(ours, ""), "\n", "\r\n"), hintCorrupt},
		{"escape in a comment", "# \x1b[2J\n" + good, hintCorrupt},
		{"bad UTF-8 in a comment", "# \xff\n" + good, hintCorrupt},
		{"cut", good[:len(good)-1], hintCorrupt},
		{"half", good[:len(good)/2], hintCorrupt},
		{"more at the end", good + "\n", hintCorrupt},
		{"comment at the end", good + "# x\n", hintCorrupt},
		{"text between", join(ours[0], "x\n", ours[1], ours[2], ours[3]), hintCorrupt},
		{"PEM header", join(strings.Replace(ours[0], "-----\n", "-----\nA: b\n\n", 1), ours[1], ours[2], ours[3]), hintCorrupt},
		{"block missing", join(ours[0], ours[1], ours[2]), hintCorrupt},
		{"five blocks", join(ours[0], ours[1], ours[2], ours[3], ours[3]), hintCorrupt},
		{"swapped", join(ours[2], ours[3], ours[0], ours[1]), hintCorrupt},
		{"certificate first", join(ours[1], ours[0], ours[2], ours[3]), hintCorrupt},
		{"other identity key", join(theirs[0], ours[1], ours[2], ours[3]), hintCorrupt},
		{"other identity certificate", join(ours[0], theirs[1], ours[2], ours[3]), hintCorrupt},
		{"other device key", join(ours[0], ours[1], theirs[2], ours[3]), hintCorrupt},
		{"other device certificate", join(ours[0], ours[1], ours[2], theirs[3]), hintCorrupt},
		{"other device", join(ours[0], ours[1], theirs[2], theirs[3]), hintCorrupt},
		{"ECDSA key", join(ec, ours[1], ours[2], ours[3]), hintCorrupt},
		{"not a certificate", join(ours[0], strings.Replace(ours[0], "PRIVATE KEY", "CERTIFICATE", 2), ours[2], ours[3]), hintCorrupt},
		{"too long", good + strings.Repeat("#", maxFile), hintCorrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, err := Parse([]byte(tt.text))
			var e *Error
			if id != nil || !errors.As(err, &e) {
				t.Fatalf("got %v, %v", id, err)
			}
			if e.Hint != tt.hint || e.Problem == "" {
				t.Errorf("problem %q, hint %q", e.Problem, e.Hint)
			}
			if strings.Contains(err.Error(), strings.Split(ours[0], "\n")[1]) {
				t.Error("the error quotes the key")
			}
			if e.Err != nil && !errors.Is(err, e.Err) {
				t.Error("the cause is lost")
			}
		})
	}
}

// blocks returns the four PEM blocks of a file.
func blocks(text string) []string {
	_, text, _ = strings.Cut(text, "llchat-identity 1\n")
	all := strings.SplitAfter(text, "-----END ")
	var out []string
	rest := ""
	for _, part := range all {
		if end, next, ok := strings.Cut(part, "-----\n"); ok && rest != "" {
			out = append(out, rest+end+"-----\n")
			part = next
		}
		rest = part
	}
	return out
}

// Each octet below the comments counts.
func TestParseEveryOctetCounts(t *testing.T) {
	text := generate(t).Marshal()
	_, body, _ := splitHead(text)
	for i := len(text) - len(body); i < len(text); i++ {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		if _, err := Parse(changed); err == nil {
			t.Fatalf("octet %d %q is not looked at", i, text[i])
		}
	}
}

func FuzzParse(f *testing.F) {
	good := generate(f).Marshal()
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")))
	f.Add([]byte("llchat-identity 2\n"))
	f.Add([]byte("# x\n\nllchat-identity 1\n-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		id, err := Parse(text)
		if err != nil {
			return
		}
		if !bytes.Equal(id.Marshal(), text) {
			t.Error("Marshal gives other octets")
		}
	})
}

// files is a Store in memory.
type files struct {
	content             map[string][]byte
	readErr, createErr  error
	reads, creates      int
	lastName, askedName string
}

func (f *files) Read(name string, max int) ([]byte, error) {
	f.reads++
	f.askedName = name
	data, ok := f.content[name]
	switch {
	case f.readErr != nil:
		return nil, f.readErr
	case !ok:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case len(data) > max:
		return nil, errors.New("too long")
	}
	return bytes.Clone(data), nil
}

func (f *files) Create(name string, data []byte) error {
	f.creates++
	f.lastName = name
	if f.createErr != nil {
		return f.createErr
	}
	if _, ok := f.content[name]; ok {
		return fs.ErrExist
	}
	f.content[name] = bytes.Clone(data)
	return nil
}

func TestLoad(t *testing.T) {
	f := &files{content: map[string][]byte{}}
	first, created, err := Load(f)
	if err != nil || !created || f.lastName != "identity" {
		t.Fatalf("first start: created %v, %v", created, err)
	}
	stored := bytes.Clone(f.content["identity"])
	second, created, err := Load(f)
	if err != nil || created || second.Pin() != first.Pin() {
		t.Fatalf("second start: created %v, %v", created, err)
	}
	if !bytes.Equal(stored, f.content["identity"]) || f.creates != 1 {
		t.Error("the second start wrote")
	}
}

// P-26 and issue 2: never a silent new identity.
func TestLoadReplacesNothing(t *testing.T) {
	good := generate(t).Marshal()
	tests := []struct {
		name string
		f    files
	}{
		{"unreadable", files{readErr: fs.ErrPermission}},
		{"other trouble", files{readErr: errors.New("wrong owner")}},
		{"empty", files{content: map[string][]byte{"identity": {}}}},
		{"cut", files{content: map[string][]byte{"identity": good[:len(good)-9]}}},
		{"newer", files{content: map[string][]byte{"identity": []byte("llchat-identity 9\n")}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, created, err := Load(&tt.f)
			if id != nil || created || err == nil || tt.f.creates != 0 {
				t.Errorf("created %v, %v, %d writes", created, err, tt.f.creates)
			}
			if tt.f.readErr != nil && !errors.Is(err, tt.f.readErr) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}
}

// The file is gone and the rest of the profile is there: no new identity, which
// every contact would take for a stranger (P-26).
func TestLoadWithLostIdentity(t *testing.T) {
	there := []byte("x")
	tests := []struct {
		name    string
		content map[string][]byte
		refused string
	}{
		{"pins", map[string][]byte{"trust": there}, "trust"},
		{"empty pins", map[string][]byte{"trust": {}}, "trust"},
		{"older pins", map[string][]byte{"trust.1": there}, "trust.1"},
		{"history", map[string][]byte{"history.db": there}, "history.db"},
		{"key of a profile that ran", map[string][]byte{"key": there, "config": there}, "key"},
		{"passphrase before the first start", map[string][]byte{"key": there}, ""},
		{"settings before the first start", map[string][]byte{"config": there}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &files{content: tt.content}
			id, created, err := Load(f)
			if tt.refused == "" {
				if err != nil || !created {
					t.Errorf("created %v, %v", created, err)
				}
				return
			}
			e, ok := errors.AsType[*Error](err)
			if id != nil || created || f.creates != 0 || !ok || e.Hint == "" || !strings.Contains(e.Problem, tt.refused) {
				t.Errorf("created %v, %d writes, %v", created, f.creates, err)
			}
		})
	}
}

// What could not be stored must not be used: others would pin it in vain.
func TestLoadNeedsTheDisk(t *testing.T) {
	f := &files{content: map[string][]byte{}, createErr: errors.New("disk full")}
	id, created, err := Load(f)
	if id != nil || created || !errors.Is(err, f.createErr) {
		t.Errorf("created %v, %v", created, err)
	}
}
