package profile

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRoot(t *testing.T) {
	home := t.TempDir()
	tests := []struct{ what, llchat, xdg, want string }{
		{"LLCHAT_HOME wins", "/srv/ll", "/srv/data", "/srv/ll"},
		{"XDG_DATA_HOME", "", "/srv/data", "/srv/data/llchat"},
		{"a relative XDG_DATA_HOME is ignored", "", "data", ""},
		{"the system's", "", "", ""},
	}
	for _, tt := range tests {
		t.Setenv("HOME", home)
		t.Setenv("LLCHAT_HOME", tt.llchat)
		t.Setenv("XDG_DATA_HOME", tt.xdg)
		got, err := Root()
		if err != nil {
			t.Fatal(err)
		}
		if tt.want != "" && got != tt.want {
			t.Errorf("%s: Root() = %s, want %s", tt.what, got, tt.want)
		}
		if tt.want == "" && (!strings.HasPrefix(got, home) || filepath.Base(got) != "llchat") {
			t.Errorf("%s: Root() = %s", tt.what, got)
		}
	}
}

func TestDir(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("LLCHAT_HOME", home)
	t.Chdir(home)
	if err := os.MkdirAll("real/bob", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", "link"); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"":                 "default",
		"bob":              "bob",
		"bob smith":        "bob smith",
		"./bob":            "bob",
		"a/b/../c":         "a/c",
		home + "/x":        "x",
		"./link/bob":       "real/bob",
		"./link/new/carol": "real/new/carol",
	} {
		if got, err := Dir(in); err != nil || got != filepath.Join(home, want) {
			t.Errorf("Dir(%q) = %q, %v, want %s below home", in, got, err, want)
		}
	}
	for _, in := range []string{".", "..", ".hidden", "a\nb", `a\b`, "C:"} {
		if got, err := Dir(in); err == nil && !strings.ContainsRune(in, filepath.Separator) {
			t.Errorf("Dir(%q) = %q, want an error", in, got)
		}
	}
}

// runtimeDir makes a short private folder, as XDG_RUNTIME_DIR is one.
func runtimeDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestSocket(t *testing.T) {
	p := open(t)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(p.Dir())))[:16]
	inProfile := p.Path("control.sock")

	t.Setenv("XDG_RUNTIME_DIR", "")
	if got := p.Socket(); got != inProfile || SocketPath(p.Dir()) != got {
		t.Errorf("without a runtime folder: %s", got)
	}

	dir := runtimeDir(t)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	want := filepath.Join(dir, "llchat", sum, "control.sock")
	if got := SocketPath(p.Dir()); got != want {
		t.Errorf("SocketPath = %s, want %s", got, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "llchat")); err == nil {
		t.Error("SocketPath made a folder")
	}
	if got := p.Socket(); got != want {
		t.Errorf("Socket = %s, want %s", got, want)
	}
	for _, f := range []string{filepath.Dir(want), filepath.Join(dir, "llchat")} {
		if info, err := os.Stat(f); err != nil || modesMatter && info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
}

// TestT36_SocketFolder: where others could put their own socket, ours is not.
func TestT36_SocketFolder(t *testing.T) {
	tests := []struct {
		what  string
		spoil func(dir string) error
	}{
		{"runtime folder writable by all", func(dir string) error { return os.Chmod(dir, 0o777) }},
		{"our folder open to others", func(dir string) error {
			os.Mkdir(filepath.Join(dir, "llchat"), 0o700)
			return os.Chmod(filepath.Join(dir, "llchat"), 0o755)
		}},
		{"a link in place of our folder", func(dir string) error {
			return os.Symlink(t.TempDir(), filepath.Join(dir, "llchat"))
		}},
		{"a file in place of our folder", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "llchat"), nil, 0o600)
		}},
		{"gone", os.Remove},
	}
	for _, tt := range tests {
		p := open(t)
		dir := runtimeDir(t)
		t.Setenv("XDG_RUNTIME_DIR", dir)
		if err := tt.spoil(dir); err != nil {
			t.Fatal(err)
		}
		if got, want := p.Socket(), p.Path("control.sock"); got != want || SocketPath(p.Dir()) != want {
			t.Errorf("%s: Socket = %s, want %s", tt.what, got, want)
		}
	}
	long := filepath.Join(runtimeDir(t), strings.Repeat("x", 100))
	os.Mkdir(long, 0o700)
	t.Setenv("XDG_RUNTIME_DIR", long)
	p := open(t)
	if got, want := p.Socket(), p.Path("control.sock"); got != want {
		t.Errorf("too long: Socket = %s, want %s", got, want)
	}
}
