package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "llchat"

// room says what the code of a folder, and of the folders below it that have
// no entry of their own, may import beyond the standard library. Patterns are
// those of path.Match, or end in "/..." for everything below.
type room struct {
	uses    []string // rooms of ours, without internal/
	modules []string // what others wrote, tests aside
}

// faces may not touch what lies below the engine: whatever they need comes
// through chat, as safetext where a peer wrote it. Identity is there for its
// Pin type alone.
var faces = []string{"chat", "safetext", "health", "identity"}

// middle is what the rooms of the middle storey may use. They do not know one
// another.
var middle = []string{"identity", "stanza", "xmlstream", "safetext", "profile", "netmon", "health"}

var rooms = map[string]room{
	"cmd/llchat":         {uses: []string{"cli", "tui", "chat"}},
	"internal/cli":       {uses: append(faces, "cli/..."), modules: []string{"charm.land/fang/v2", "github.com/spf13/...", "golang.org/x/..."}},
	"internal/tui":       {uses: append(faces, "tui/..."), modules: []string{"charm.land/...", "github.com/charmbracelet/...", "github.com/clipperhouse/...", "github.com/lucasb-eyer/go-colorful", "golang.org/x/..."}},
	"internal/chat":      {uses: append(middle, "peer", "stream", "mdns", "mdns/...", "trust", "history", "doctor", "dnssd")},
	"internal/peer":      {uses: []string{"mdns", "trust", "identity", "safetext"}},
	"internal/stream":    {uses: middle},
	"internal/mdns":      {uses: append(middle, "mdns/..."), modules: []string{"golang.org/x/...", "github.com/godbus/dbus/v5"}},
	"internal/trust":     {uses: middle},
	"internal/history":   {uses: middle, modules: []string{"github.com/ncruces/go-sqlite3", "github.com/ncruces/go-sqlite3/...", "golang.org/x/sys/unix", "golang.org/x/text/unicode/norm"}},
	"internal/doctor":    {uses: append(middle, "mdns", "mdns/..."), modules: []string{"golang.org/x/...", "github.com/grandcat/zeroconf"}},
	"internal/dnssd":     {uses: append(middle, "mdns", "mdns/wire"), modules: []string{"github.com/miekg/dns"}},
	"internal/identity":  {modules: []string{"golang.org/x/..."}},
	"internal/profile":   {modules: []string{"golang.org/x/..."}},
	"internal/netmon":    {modules: []string{"golang.org/x/..."}},
	"internal/health":    {},
	"internal/safetext":  {modules: []string{"golang.org/x/text/...", "github.com/clipperhouse/..."}},
	"internal/xmlstream": {},
	"internal/stanza":    {uses: []string{"xmlstream"}},
	"internal/lantest":   {uses: []string{"..."}, modules: []string{"golang.org/x/sys/unix"}},
	"internal/arch":      {},
	"internal/docscheck": {},
	"test/lab":           {},
}

// testsOnly may be imported by tests and by what is for tests.
var testsOnly = []string{"internal/lantest", "internal/lantest/pipe", "internal/lantest/pty", "internal/arch", "internal/docscheck", "test/lab"}

// noDice are the rooms where a guess at the next random number would cost
// somebody a secret: only crypto/rand there.
var noDice = []string{"internal/identity", "internal/profile", "internal/stream", "internal/trust", "internal/history", "internal/stanza", "internal/chat"}

// pkg is what go list tells.
type pkg struct {
	ImportPath string
	Imports    []string
}

// list asks go about one system: files of other systems have imports too.
func list(t *testing.T, system string) []pkg {
	t.Helper()
	c := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...")
	c.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for in := json.NewDecoder(out); ; {
		var p pkg
		err := in.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("go list for %s: %v", system, err)
	}
	return all
}

// TestImportsGoDownwards: the rooms use only what stands below them.
func TestImportsGoDownwards(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			for _, p := range list(t, system) {
				for _, complaint := range check(p) {
					t.Error(complaint)
				}
			}
		})
	}
}

// check returns what is wrong with a package's imports.
func check(p pkg) []string {
	var bad []string
	complain := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	name := strings.TrimPrefix(p.ImportPath, module+"/")
	home, r, ok := find(name)
	if !ok {
		complain("%s has no entry in the table of rooms", name)
		return bad
	}
	for _, i := range p.Imports {
		ours, isOurs := strings.CutPrefix(i, module+"/")
		switch {
		case isOurs && slices.Contains(testsOnly, ours) && !slices.Contains(testsOnly, home):
			complain("%s uses %s, which is for tests", name, ours)
		case isOurs && ours != home && !matches(r.uses, strings.TrimPrefix(ours, "internal/")):
			complain("%s may not use %s", name, ours)
		case !isOurs && isForeign(i) && !matches(r.modules, i):
			complain("%s may not use %s: it wants a decision page and a line in the table", name, i)
		case strings.HasPrefix(i, "math/rand") && slices.Contains(noDice, home):
			complain("%s uses %s: crypto/rand only", name, i)
		case i == "C" || i == "unsafe" && !matches(mayBeUnsafe, name):
			complain("%s imports %s", name, i)
		}
	}
	return bad
}

// isForeign: only the standard library has no dot before the first slash.
func isForeign(i string) bool {
	first, _, _ := strings.Cut(i, "/")
	return strings.Contains(first, ".")
}

// mayBeUnsafe is empty: whoever needs it says why here.
var mayBeUnsafe []string

// find returns the entry of a package: its own, or that of a folder above.
func find(name string) (home string, r room, ok bool) {
	for home = name; home != "."; home = path.Dir(home) {
		if r, ok = rooms[home]; ok {
			return home, r, true
		}
	}
	return "", room{}, false
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if p == "..." {
			return true
		}
		above, all := strings.CutSuffix(p, "/...")
		return p == name || all && strings.HasPrefix(name, above+"/")
	})
}

// TestCheckFindsEveryKind: a guard that never barks is no guard.
func TestCheckFindsEveryKind(t *testing.T) {
	for name, p := range map[string]pkg{
		"a face below the engine":   {"llchat/internal/tui", []string{"llchat/internal/stream"}},
		"the identity of a stream":  {"llchat/internal/cli/control", []string{"llchat/internal/trust"}},
		"siblings":                  {"llchat/internal/stream", []string{"llchat/internal/mdns"}},
		"upwards":                   {"llchat/internal/health", []string{"llchat/internal/chat"}},
		"a LAN of tests":            {"llchat/internal/chat", []string{"llchat/internal/lantest/pipe"}},
		"a codec of others":         {"llchat/internal/mdns/wire", []string{"github.com/miekg/dns"}},
		"the responder of others":   {"llchat/internal/mdns", []string{"github.com/grandcat/zeroconf"}},
		"dice":                      {"llchat/internal/stream", []string{"math/rand/v2"}},
		"C":                         {"llchat/internal/netmon", []string{"C"}},
		"unsafe":                    {"llchat/internal/netmon", []string{"unsafe"}},
		"a room that nobody listed": {"llchat/internal/attic", nil},
	} {
		if bad := check(p); len(bad) != 1 {
			t.Errorf("%s: complaints are %q, want one", name, bad)
		}
	}
	good := pkg{"llchat/internal/chat", []string{"context", "encoding/json", "llchat/internal/stream", "llchat/internal/mdns/link"}}
	if bad := check(good); len(bad) != 0 {
		t.Errorf("complaints about good imports: %q", bad)
	}
}

// TestRoomsExist: the table has no entry that nothing stands behind.
func TestRoomsExist(t *testing.T) {
	have := map[string]bool{}
	for _, p := range list(t, "linux") {
		home, _, _ := find(strings.TrimPrefix(p.ImportPath, module+"/"))
		have[home] = true
	}
	for _, name := range slices.Sorted(maps.Keys(rooms)) {
		if !have[name] {
			t.Errorf("%s is in the table, but not in the tree", name)
		}
	}
}
