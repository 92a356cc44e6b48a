package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestUnitOf(t *testing.T) {
	for in, want := range map[string]string{
		"0::/system.slice/avahi-daemon.service\n":               "avahi-daemon.service",
		"12:pids:/x\n0::/system.slice/systemd-resolved.service": "systemd-resolved.service",
		"0::/user.slice/user-1000.slice/session-3.scope":        "",
		"0::/system.slice/docker-77.scope":                      "",
		"0::/system.slice/a b;reboot.service":                   "",
		"0::/system.slice/system-foo.slice/foo@1.service":       "",
		"": "",
	} {
		if got := unitOf(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestInodesOf(t *testing.T) {
	table := filepath.Join(t.TempDir(), "udp")
	text := `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  361: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   108        0 20456 2 0000000000000000 0
  362: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   108        0 20457 2 0000000000000000 0
  363: short
`
	if err := os.WriteFile(table, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := inodesOf(table); !slices.Equal(got, []string{"socket:[20456]"}) {
		t.Errorf("%q", got)
	}
	if got := inodesOf(table + "gone"); got != nil {
		t.Errorf("without a table: %q", got)
	}
}

func TestTool(t *testing.T) {
	if tool("sh") == "" || tool("no-such-program-at-all") != "" {
		t.Errorf("sh at %q", tool("sh"))
	}
}
