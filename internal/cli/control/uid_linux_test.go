package control

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is the second user of the test.
const nobody = 65534

// TestMain is also the program that the second user runs: it asks for the
// status and prints the answer.
func TestMain(m *testing.M) {
	path := os.Getenv("CONTROL_TEST_SOCKET")
	if path == "" {
		os.Exit(m.Run())
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(0)
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, _ = c.Write([]byte(`{"jsonrpc":"2.0","id":1,"method":"status"}` + "\n"))
	line, err := bufio.NewReader(c).ReadString('\n')
	fmt.Printf("%d %q %v\n", os.Getuid(), line, err)
}

// asUser runs the above under another uid, which root may.
func asUser(t *testing.T, uid uint32, path string) string {
	t.Helper()
	self := filepath.Join(filepath.Dir(path), "test")
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(self, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = []string{"CONTROL_TEST_SOCKET=" + path}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// G-7: a second user is not served, even where the modes of folder and socket
// would let it in, and does not get that far where they are right.
func TestSecondUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root can become another user: the decision alone is tested (TestAllow)")
		return
	}
	path, _ := serve(t, &fake{})
	dir := filepath.Dir(path)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if got := asUser(t, nobody, path); !strings.Contains(got, "refused") {
		t.Errorf("with a socket of 0600: %s", got)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := asUser(t, nobody, path); got != "65534 \"\" EOF\n" && !strings.Contains(got, "reset") && !strings.Contains(got, "broken pipe") {
		t.Errorf("with a socket of 0666: %s", got)
	}
	if got := asUser(t, 0, path); !strings.Contains(got, "41873") {
		t.Errorf("the owner: %s", got)
	}
}

func TestAllow(t *testing.T) {
	for _, c := range []struct {
		name         string
		theirs, ours int
		ok           bool
	}{
		{"the owner", 1000, 1000, true},
		{"root", 0, 1000, true},
		{"somebody else", 1001, 1000, false},
		{"somebody, root's node", 1000, 0, false},
	} {
		if err := allow(c.theirs, c.ours); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
