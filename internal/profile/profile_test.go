package profile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The test binary is also the other process: helperEnv says what to do.
const helperEnv = "LLCHAT_PROFILE_HELPER"

func TestMain(m *testing.M) {
	switch do, dir, _ := strings.Cut(os.Getenv(helperEnv), " "); do {
	case "hold":
		helperHold(dir)
	case "write":
		helperWrite(dir)
	default:
		os.Exit(m.Run())
	}
}

// helperHold locks the profile, says so, and keeps the lock until its input
// ends.
func helperHold(dir string) {
	p, err := Open(dir)
	if err == nil {
		err = p.Lock()
	}
	fmt.Println("lock:", err)
	io.Copy(io.Discard, os.Stdin)
}

// helperWrite writes a file over and over, and a line for each time.
func helperWrite(dir string) {
	p, err := Open(dir)
	for i := 0; err == nil; i++ {
		err = p.Write("trust", content(byte(i)))
		fmt.Println(err)
	}
}

// content is a file of 64 KiB that is only whole when all octets are equal.
func content(b byte) []byte { return bytes.Repeat([]byte{'a' + b%26}, 64<<10) }

// helper starts the other process.
func helper(t *testing.T, do, dir string) (out *bufio.Scanner, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+do+" "+dir)
	_, err := cmd.StdinPipe() // open until the process is killed
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	kill = func() {
		if !done {
			done = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(kill)
	return bufio.NewScanner(stdout), kill
}

func open(t *testing.T) *Profile {
	t.Helper()
	p, err := Open(filepath.Join(t.TempDir(), "bob"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// wantProblem checks that err is an *Error about path whose problem holds the
// words, with a hint.
func wantProblem(t *testing.T, err error, path, words string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an *Error with %q", err, words)
	}
	if e.Path != path || !strings.Contains(e.Problem, words) || e.Hint == "" {
		t.Errorf("got %+v, want path %s, problem %q and a hint", e, path, words)
	}
}

// TestR1_Private: everything that is made is ours alone.
func TestR1_Private(t *testing.T) {
	p := open(t)
	if err := p.Lock(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.StoreKey(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.SaveSettings(Settings{Nick: fmt.Sprint("bob", len(list(t, p)))}); err != nil {
			t.Fatal(err)
		}
	}
	os.WriteFile(p.Path("by others"), nil, 0o666) // as a library would
	err := filepath.WalkDir(p.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && modesMatter && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestR1_FolderRefused: P-23, a profile that others can use is not used.
func TestR1_FolderRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o755, 0o750, 0o701, 0o770, 0o777} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir)
		wantProblem(t, err, dir, "is open to other users")
	}
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	_, err := Open(file)
	wantProblem(t, err, file, "is not a folder")
	if os.Geteuid() != 0 {
		return // owners are tested without root in TestOwner
	}
	dir := filepath.Join(t.TempDir(), "carol")
	os.Mkdir(dir, 0o700)
	if err := os.Chown(dir, 4711, -1); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir)
	wantProblem(t, err, dir, "belongs to another user (uid 4711)")
}

// TestR1_FileRefused: P-26, and nothing of it is changed by the refusal.
func TestR1_FileRefused(t *testing.T) {
	tests := []struct {
		what, words string
		root        bool // can only be made by root
		spoil       func(path string) error
	}{
		{"readable by the group", "is open to other users (mode 0640)", false, func(f string) error { return os.Chmod(f, 0o640) }},
		{"readable by all", "is open to other users (mode 0604)", false, func(f string) error { return os.Chmod(f, 0o604) }},
		{"writable by all", "is open to other users (mode 0602)", false, func(f string) error { return os.Chmod(f, 0o602) }},
		{"another owner", "belongs to another user (uid 4711)", true, func(f string) error { return os.Chown(f, 4711, -1) }},
		{"a link", "is not a regular file", false, func(f string) error {
			return errors.Join(os.Rename(f, f+".real"), os.Symlink(filepath.Base(f)+".real", f))
		}},
		{"a link that leads out", "is not a regular file", false, func(f string) error {
			return errors.Join(os.Remove(f), os.Symlink("/etc/passwd", f))
		}},
		{"a folder", "is not a regular file", false, func(f string) error {
			return errors.Join(os.Remove(f), os.Mkdir(f, 0o700))
		}},
		{"too large", "more than 9 octets", false, func(f string) error { return os.WriteFile(f, make([]byte, 10), 0o600) }},
	}
	for _, tt := range tests {
		if tt.root && os.Geteuid() != 0 {
			continue
		}
		p := open(t)
		if err := p.Create("trust", []byte("old")); err != nil {
			t.Fatal(err)
		}
		if err := tt.spoil(p.Path("trust")); err != nil {
			t.Fatal(err)
		}
		before, _ := os.Lstat(p.Path("trust"))
		t.Run(tt.what, func(t *testing.T) {
			_, err := p.Read("trust", 9)
			wantProblem(t, err, p.Path("trust"), tt.words)
			if tt.what != "too large" {
				wantProblem(t, p.Write("trust", []byte("new")), p.Path("trust"), tt.words)
			}
			if err := p.Create("trust", []byte("new")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("Create = %v", err)
			}
			after, err := os.Lstat(p.Path("trust"))
			if err != nil || !os.SameFile(before, after) {
				t.Errorf("the refused file was replaced")
			}
		})
	}
}

func TestReadWriteCreate(t *testing.T) {
	p := open(t)
	if _, err := p.Read("trust", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of nothing = %v", err)
	}
	for _, s := range []string{"one", "two", "two", "three"} {
		if err := p.Write("trust", []byte(s)); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Read("trust", 10); string(got) != s || err != nil {
			t.Errorf("Read = %q, %v, want %q", got, err, s)
		}
	}
	if got, err := p.Read("trust.1", 10); string(got) != "two" || err != nil {
		t.Errorf("previous version = %q, %v", got, err)
	}
	if err := p.Create("identity", []byte("id")); err != nil {
		t.Fatal(err)
	}
	if err := p.Create("identity", []byte("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Create = %v", err)
	}
	if got, _ := p.Read("identity", 2); string(got) != "id" {
		t.Errorf("identity = %q", got)
	}
	if got, want := fmt.Sprint(list(t, p)), "[identity trust trust.1]"; got != want {
		t.Errorf("files %v, want %v", got, want)
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, "a\x00b", "/etc/passwd"} {
		_, err := p.Read(name, 10)
		if err == nil || p.Write(name, nil) == nil || p.Create(name, nil) == nil {
			t.Errorf("file name %q is accepted", name)
		}
	}
}

// list returns the names in the profile.
func list(t *testing.T, p *Profile) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

var errStep = errors.New("disk full")

// TestWriteStepFails: whichever step fails, the file is old or new and whole,
// the error is told, and nothing is left over.
func TestWriteStepFails(t *testing.T) {
	for fail := 0; ; fail++ {
		p := open(t)
		p.Write("trust", []byte("older"))
		p.Write("trust", []byte("old"))
		n, failed := 0, ""
		p.before = func(step string) error {
			if n++; n == fail+1 {
				failed = step
				return errStep
			}
			return nil
		}
		err := p.Write("trust", []byte("new"))
		if failed == "" { // there are no more steps
			if err != nil || fail != 10 { // open, write, sync, rename, sync folder; for both files
				t.Errorf("after %d steps: %v", fail, err)
			}
			return
		}
		if !errors.Is(err, errStep) {
			t.Errorf("step %d (%s): %v", fail, failed, err)
		}
		got, err := p.Read("trust", 10)
		want := "old"
		if fail == 9 { // renamed already, but perhaps not on disk
			want = "new"
		}
		if string(got) != want || err != nil {
			t.Errorf("step %d (%s): trust = %q, %v", fail, failed, got, err)
		}
		if got, want := fmt.Sprint(list(t, p)), "[trust trust.1]"; got != want {
			t.Errorf("step %d (%s): files %v, want %v", fail, failed, got, want)
		}
		p.before = nil
		if err := p.Write("trust", []byte("new")); err != nil {
			t.Errorf("step %d (%s): second try: %v", fail, failed, err)
		}
	}
}

// TestCreateStepFails: the file is there whole or not at all. Where links
// fail, it is made directly.
func TestCreateStepFails(t *testing.T) {
	for _, tt := range []struct {
		step string
		ok   bool
		want string
	}{{"open", false, "[]"}, {"write", false, "[]"}, {"sync", false, "[]"}, {"link", true, "[identity]"}, {"sync folder", false, "[identity]"}} {
		p := open(t)
		p.before = func(step string) error {
			if step == tt.step {
				return errStep
			}
			return nil
		}
		if err := p.Create("identity", []byte("id")); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.step, err)
		}
		if got := fmt.Sprint(list(t, p)); got != tt.want {
			t.Errorf("%s: files %v, want %v", tt.step, got, tt.want)
		}
	}
}

// TestWriteOrder: the temporary file is on disk before it is renamed, and the
// folder after that.
func TestWriteOrder(t *testing.T) {
	p := open(t)
	var got []string
	p.before = func(step string) error {
		got = append(got, step)
		return nil
	}
	if err := p.Write("trust", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if want := "[open write sync rename sync folder]"; fmt.Sprint(got) != want {
		t.Errorf("steps %v, want %v", got, want)
	}
}

// TestKilledWhileWriting: kill -9 at some moment of a write.
func TestKilledWhileWriting(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bob")
	for round := range 10 {
		out, kill := helper(t, "write", dir)
		for range 3 + round {
			if !out.Scan() || out.Text() != "<nil>" {
				t.Fatalf("helper: %q, %v", out.Text(), out.Err())
			}
		}
		kill()
		p, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"trust", "trust.1"} {
			got, err := p.Read(name, 1<<20)
			if err != nil || len(got) == 0 || !bytes.Equal(got, content(got[0]-'a')) {
				t.Fatalf("round %d: %s is torn: %d octets, %v", round, name, len(got), err)
			}
		}
		if err := p.Lock(); err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(list(t, p)), "[lock trust trust.1]"; got != want {
			t.Errorf("round %d: files %v, want %v", round, got, want)
		}
		p.Close()
	}
}

// TestLockOtherProcess: one node a profile, and a killed one holds nothing.
func TestLockOtherProcess(t *testing.T) {
	p := open(t)
	out, kill := helper(t, "hold", p.Dir())
	if !out.Scan() || out.Text() != "lock: <nil>" {
		t.Fatalf("helper: %q", out.Text())
	}
	if err := p.Lock(); !errors.Is(err, ErrLocked) {
		t.Errorf("Lock = %v, want ErrLocked", err)
	}
	if _, err := p.Settings(); err != nil {
		t.Errorf("reading beside the holder: %v", err)
	}
	kill()
	if err := p.Lock(); err != nil {
		t.Errorf("Lock after the holder was killed: %v", err)
	}
}

func TestLockSameProcess(t *testing.T) {
	p := open(t)
	for range 2 {
		if err := p.Lock(); err != nil {
			t.Fatal(err)
		}
	}
	q, err := Open(p.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if err := q.Lock(); !errors.Is(err, ErrLocked) {
		t.Errorf("Lock = %v, want ErrLocked", err)
	}
	pid, _ := os.ReadFile(p.Path("lock"))
	if got, want := string(pid), fmt.Sprintln(os.Getpid()); got != want {
		t.Errorf("lock file says %q, want %q", got, want)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	if err := q.Lock(); err != nil {
		t.Errorf("Lock after Close: %v", err)
	}
}

// TestLockFileReplaced: a lock on a file that is no longer there is none.
func TestLockFileReplaced(t *testing.T) {
	p := open(t)
	if err := p.Lock(); err != nil {
		t.Fatal(err)
	}
	os.Remove(p.Path("lock"))
	current, err := p.lockFile(p.lock)
	if current || err != nil {
		t.Errorf("removed: %v, %v", current, err)
	}
	q := open(t)
	os.WriteFile(q.Path("other"), nil, 0o600)
	if err := os.Symlink("other", q.Path("lock")); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, q.Lock(), q.Path("lock"), "is not a regular file")
}

func TestTemporary(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("XDG_RUNTIME_DIR", runtimeDir(t))
	p, err := Temporary()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write("trust", []byte("x")); err != nil {
		t.Fatal(err)
	}
	socket := p.Socket()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{p.Dir(), filepath.Dir(socket)} {
		if _, err := os.Stat(f); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", f, err)
		}
	}
}
