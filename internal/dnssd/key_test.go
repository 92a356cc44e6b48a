package dnssd

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const secret64 = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0" // "secret secret secret secret"

func TestParseKey(t *testing.T) {
	type want struct{ Name, Algorithm, Err string }
	for _, tt := range []struct {
		name, file string
		want       want
	}{
		{"one line", "llchat:hmac-sha256:" + secret64, want{Name: "llchat", Algorithm: HMACSHA256}},
		{"one line, sha512, dots and case", "LLchat.Example.:HMAC-SHA512.:" + secret64 + "\n", want{Name: "llchat.example", Algorithm: HMACSHA512}},
		{
			"as tsig-keygen writes it", "key \"llchat\" {\n\talgorithm hmac-sha256;\n\tsecret \"" + secret64 + "\";\n};\n",
			want{Name: "llchat", Algorithm: HMACSHA256},
		},
		{
			"comments, no quotes, other order",
			"# one\n// two\n/* three\n */ key llchat{secret " + secret64 + ";algorithm hmac-sha512;}",
			want{Name: "llchat", Algorithm: HMACSHA512},
		},
		{"empty", "", want{Err: errKeySyntax.Error()}},
		{"only a comment", "# nothing", want{Err: errKeySyntax.Error()}},
		{"md5", "k:hmac-md5:" + secret64, want{Err: "algorithm must be"}},
		{"sha1", "k:hmac-sha1:" + secret64, want{Err: "algorithm must be"}},
		{"no algorithm", `key k { secret "` + secret64 + `"; };`, want{Err: "algorithm must be"}},
		{"short secret", "k:hmac-sha256:c2VjcmV0", want{Err: "has 6 octets"}},
		{"long secret", "k:hmac-sha256:" + strings.Repeat("QUJD", 400), want{Err: "has 1200 octets"}},
		{"not base64", "k:hmac-sha256:!!!!", want{Err: "not base64"}},
		{"no name", ":hmac-sha256:" + secret64, want{Err: "no usable name"}},
		{"name of another kind", "a/b:hmac-sha256:" + secret64, want{Err: "no usable name"}},
		{"two keys", `key a { algorithm hmac-sha256; secret ` + secret64 + `; }; key b { };`, want{Err: "more than one key"}},
		{"secret twice", `key a { secret x; secret y; };`, want{Err: errKeySyntax.Error()}},
		{"cut", `key a { algorithm hmac-sha256; secret`, want{Err: errKeySyntax.Error()}},
		{"open quote", `key "a { algorithm`, want{Err: "quote"}},
		{"open comment", `/* key`, want{Err: "comment"}},
		{"huge", strings.Repeat(" ", maxKeyFile+1), want{Err: "too long"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := ParseKey([]byte(tt.file))
			if tt.want.Err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want.Err) {
					t.Errorf("got %v, want %q", err, tt.want.Err)
				}
				if err != nil && strings.Contains(err.Error(), secret64) {
					t.Errorf("the secret is in the error: %v", err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, want{Name: k.Name, Algorithm: k.Algorithm}); err != nil || diff != "" {
				t.Fatalf("%v (-want +got):\n%s", err, diff)
			}
			if got := base64.StdEncoding.EncodeToString(k.Secret.reveal()); got != secret64 {
				t.Error("another secret")
			}
		})
	}
}

// The file is ours alone, or it is not read.
func TestReadKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	write := func(mode os.FileMode) {
		t.Helper()
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte("llchat:hmac-sha256:"+secret64), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(0o600)
	if k, err := ReadKey(path); err != nil || k.Name != "llchat" {
		t.Errorf("got %v, %v", k, err)
	}
	check := func(path, text, hint string) {
		t.Helper()
		_, err := ReadKey(path)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), text) || !strings.Contains(e.Hint, hint) {
			t.Errorf("got %v, want %q with hint %q", err, text, hint)
		}
	}
	check(filepath.Join(t.TempDir(), "none"), "no such file", "tsig-keygen")
	check(t.TempDir(), "not a regular file", "0600")
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
			write(mode)
			check(path, fmt.Sprintf("%04o", mode), "chmod 600")
		}
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o600)
	check(path, errKeySyntax.Error(), "")
}

// G-3: however a key is printed, the secret is not in it.
func TestG3_KeyPrintsNoSecret(t *testing.T) {
	k, err := ParseKey([]byte("llchat:hmac-sha256:" + secret64))
	if err != nil {
		t.Fatal(err)
	}
	js, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("Key", "key", k, "secret", k.Secret)
	raw := string(k.Secret.reveal())
	for _, v := range []any{k, &k, k.Secret, &k.Secret, []Key{k}, signer{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			logged.WriteString(fmt.Sprintf(verb, v) + "\n")
		}
	}
	all := string(js) + logged.String()
	for _, leak := range []string{raw, secret64, fmt.Sprintf("%x", raw), fmt.Sprint([]byte(raw))} {
		if strings.Contains(all, leak) {
			t.Errorf("%q is in\n%s", leak, all)
		}
	}
	if !strings.Contains(string(js), secretText) {
		t.Errorf("json: %s", js)
	}
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{
		"llchat:hmac-sha256:" + secret64, "key \"a\" { algorithm hmac-sha512; secret \"" + secret64 + "\"; };",
		"/*", "\"", "key a {", "// x\nkey a { };", "#", ";;;;", "key k { algorithm a; secret",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParseKey(data)
		if err == nil && k.check() != nil {
			t.Errorf("took a key that cannot sign: %q", data)
		}
	})
}
