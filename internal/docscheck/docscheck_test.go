// Package docscheck keeps docs/conformance.md, docs/mdns-checklist.md and docs/threat-model.md true:
// every row of the specifications is in them exactly once, and every test
// that a row names is in the tree. Tests only.
//
// A row is a line of a table: id, what it asks for, state, proof. The state is
// one of the words below; the proof names tests as `room.TestName`, with a
// sub-test behind a slash.
package docscheck

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// states are what a row may be: done needs tests, and so does partly; partly
// and open say in brackets which issue closes them.
var states = regexp.MustCompile(`^(done|unused|(partly|open) \((3|4|later)\))$`)

var proofs = regexp.MustCompile("`([a-z]+)\\.((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]*)(?:/([^`]+))?`")

// row is one line of a document.
type row struct {
	id, what, state, proof string
	line                   int
}

// rows reads every table row of a document that begins with an id.
func rows(t *testing.T, doc string) []row {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docs", doc))
	if err != nil {
		t.Fatal(err)
	}
	var found []row
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 3 || !slices.Contains(prefixes, prefixOf(strings.TrimSpace(cells[1]))) {
			continue
		}
		if len(cells) < 6 {
			t.Errorf("%s:%d: a row has an id, what it asks for, a state and a proof", doc, n)
			continue
		}
		c := cells[len(cells)-3 : len(cells)-1] // threats have a column more
		found = append(found, row{
			id: strings.TrimSpace(cells[1]), what: strings.TrimSpace(cells[2]),
			state: strings.TrimSpace(c[0]), proof: strings.TrimSpace(c[1]), line: n,
		})
	}
	return found
}

// prefixes are the families of rows; prefixOf is what an id begins with.
var prefixes = []string{"174-", "C-", "K", "L-", "X-", "DN-", "DQ-", "DR-", "MN-", "MQ-", "MR-", "MB-", "T-", "P-", "5.6-", "5.7-", "5.8-", "5.9-"}

func prefixOf(id string) string {
	if strings.HasPrefix(id, "174-") {
		return "174-"
	}
	return strings.TrimRight(id, "0123456789")
}

func numbered(prefix string, width, first, last int) []string {
	var ids []string
	for i := first; i <= last; i++ {
		ids = append(ids, fmt.Sprintf("%s%0*d", prefix, width, i))
	}
	return ids
}

// conformance lists the rows of the handbook (174, C, K; those of its 5.8 and
// 5.9 have no ids there and are counted), of the payloads (X), the limits (L)
// and of the checklist for RFC 6762 and 6763: names and transport (DN),
// querier (DQ), responder (DR).
func conformance() []string {
	ids := slices.Concat(numbered("C-", 1, 1, 35), numbered("K", 1, 1, 18),
		numbered("5.6-", 2, 1, 4), numbered("5.7-", 2, 1, 10), numbered("5.8-", 2, 1, 22), numbered("5.9-", 2, 1, 3), numbered("L-", 2, 1, 18), numbered("L-", 2, 20, 30),
		numbered("DN-", 2, 1, 12), numbered("DQ-", 2, 1, 23), numbered("DR-", 2, 1, 28))
	// Payloads, by the number of their XEP.
	for _, n := range []int{
		30, 47, 66, 80, 85, 115, 166, 172, 184, 191, 198, 199, 203, 234, 245, 300, 308, 333, 359, 380, 382, 392, 393, 424, 428, 444, 446, 461, 478,
	} {
		ids = append(ids, fmt.Sprintf("X-%04d", n))
	}
	// XEP-0174: rows in each section.
	for _, s := range []struct{ section, rows int }{
		{3, 17}, {4, 6}, {5, 3}, {6, 8}, {7, 4}, {8, 4}, {9, 2}, {10, 5}, {11, 14}, {12, 3}, {13, 7}, {15, 3},
	} {
		ids = append(ids, numbered(fmt.Sprintf("174-%d.", s.section), 1, 1, s.rows)...)
	}
	return ids
}

// threats lists the attacks (T) and the promises (P).
func threats() []string {
	return slices.Concat(numbered("T-", 2, 1, 40), numbered("P-", 2, 1, 27))
}

// checklist lists the rows for multicast DNS, one for each rule: names,
// transport and header (MN), querier (MQ), responder (MR), Apple's test (MB).
func checklist() []string {
	return slices.Concat(numbered("MN-", 2, 1, 25), numbered("MQ-", 2, 1, 41), numbered("MR-", 2, 1, 63), numbered("MB-", 2, 1, 20))
}

func TestMDNSChecklist(t *testing.T) { checkDocument(t, "mdns-checklist.md", checklist()) }

func TestConformance(t *testing.T) { checkDocument(t, "conformance.md", conformance()) }

func TestThreatModel(t *testing.T) { checkDocument(t, "threat-model.md", threats()) }

func checkDocument(t *testing.T, doc string, want []string) {
	t.Helper()
	tree := readTests(t)
	seen := map[string]int{}
	for _, r := range rows(t, doc) {
		seen[r.id]++
		if !slices.Contains(want, r.id) {
			t.Errorf("%s:%d: there is no row %s in the specification", doc, r.line, r.id)
		}
		for _, problem := range tree.check(r) {
			t.Errorf("%s:%d: %s: %s", doc, r.line, r.id, problem)
		}
	}
	for _, id := range want {
		if seen[id] != 1 {
			t.Errorf("%s: %d rows %s, want 1", doc, seen[id], id)
		}
	}
}

// check says what is wrong with a row.
func (tree tests) check(r row) []string {
	var wrong []string
	if r.what == "" {
		wrong = append(wrong, "it asks for nothing")
	}
	if !states.MatchString(r.state) {
		wrong = append(wrong, fmt.Sprintf("state %q", r.state))
	}
	named := proofs.FindAllStringSubmatch(r.proof, -1)
	if quoted := strings.Count(r.proof, "Test") + strings.Count(r.proof, "Fuzz") + strings.Count(r.proof, "Benchmark"); quoted > 0 && len(named) == 0 {
		wrong = append(wrong, "a test is named as `room.TestName`")
	}
	word, _, _ := strings.Cut(r.state, " ")
	if len(named) == 0 && (word == "done" || word == "partly") {
		wrong = append(wrong, word+" without a test")
	}
	for _, p := range named {
		if problem := tree.find(p[1], p[2], p[3]); problem != "" {
			wrong = append(wrong, problem)
		}
	}
	return wrong
}

// tests are the test functions of the tree: by room (the name of the folder)
// and name, the source that they stand in.
type tests map[string]map[string]string

var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]*)\(`)

func readTests(t *testing.T) tests {
	t.Helper()
	tree := tests{}
	eachSource(t, func(name string, data []byte) {
		if !strings.HasSuffix(name, "_test.go") {
			return
		}
		room := path.Base(path.Dir(name))
		if tree[room] == nil {
			tree[room] = map[string]string{}
		}
		for _, m := range testFunc.FindAllSubmatch(data, -1) {
			tree[room][string(m[1])] = string(data)
		}
	})
	return tree
}

// find says why there is no such test, or nothing.
func (tree tests) find(room, name, sub string) string {
	source, ok := tree[room][name]
	switch {
	case !ok:
		return fmt.Sprintf("there is no test %s.%s", room, name)
	case sub != "" && !strings.Contains(source, strconv.Quote(sub)):
		return fmt.Sprintf("%s.%s has no case %q", room, name, sub)
	}
	return ""
}

// eachSource calls f for every Go file of this module but those of tools.
func eachSource(t *testing.T, f func(name string, data []byte)) {
	t.Helper()
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || name == "tools"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		if err == nil {
			f(name, data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCheck: what the check itself finds.
func TestCheck(t *testing.T) {
	tree := tests{"chat": {"TestEcho": `{"a case", 1}`}}
	for _, tt := range []struct {
		name string
		row  row
		want int
	}{
		{"done", row{what: "x", state: "done", proof: "`chat.TestEcho`"}, 0},
		{"a case", row{what: "x", state: "partly (3)", proof: "`chat.TestEcho/a case`"}, 0},
		{"no such case", row{what: "x", state: "done", proof: "`chat.TestEcho/b`"}, 1},
		{"no such test", row{what: "x", state: "done", proof: "`chat.TestGone`"}, 1},
		{"other room", row{what: "x", state: "done", proof: "`tui.TestEcho`"}, 1},
		{"one of two is gone", row{what: "x", state: "done", proof: "`chat.TestEcho`, `chat.TestGone`"}, 1},
		{"done without proof", row{what: "x", state: "done", proof: "surely"}, 1},
		{"partly without proof", row{what: "x", state: "partly (4)"}, 1},
		{"open", row{what: "x", state: "open (later)"}, 0},
		{"unused", row{what: "x", state: "unused", proof: "nobody needs it"}, 0},
		{"open for ever", row{what: "x", state: "open"}, 1},
		{"issue of nobody", row{what: "x", state: "open (99)"}, 1},
		{"no room", row{what: "x", state: "open (3)", proof: "TestEcho"}, 1},
		{"nothing asked", row{state: "open (3)"}, 1},
	} {
		if got := tree.check(tt.row); len(got) != tt.want {
			t.Errorf("%s: %q, want %d", tt.name, got, tt.want)
		}
	}
}

// TestP12_NothingIsOpened: the program has no means to run, fetch or decode
// what it received (P-12, T-25), and no randomness that can be guessed.
func TestP12_NothingIsOpened(t *testing.T) {
	banned := map[string]string{
		"os/exec": "runs programs", "plugin": "loads code", "net/http": "fetches", "net/smtp": "sends mail",
		"image": "decodes images", "image/png": "decodes images", "image/jpeg": "decodes images", "image/gif": "decodes images",
		"archive/zip": "unpacks", "archive/tar": "unpacks", "html/template": "renders", "math/rand": "can be guessed",
	}
	// Delays of discovery only: the engine takes a source that tests can replay,
	// and dnssd spreads its refreshes.
	delays := []string{"internal/mdns/", "internal/dnssd/browser.go"}
	// The user's own `llchat doctor` lists firewall rules, with constant arguments.
	const doctor = "internal/doctor/system_linux.go"
	files := 0
	eachSource(t, func(name string, data []byte) {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "internal/lantest/") || strings.HasPrefix(name, "test/") {
			return
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), name, data, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			why, bad := banned[p]
			bad = bad && (name != doctor || p != "os/exec")
			if p == "math/rand/v2" && !slices.ContainsFunc(delays, func(d string) bool { return strings.HasPrefix(name, d) }) {
				why, bad = "can be guessed", true
			}
			if bad {
				t.Errorf("%s imports %s, which %s", name, p, why)
			}
		}
	})
	if files < 100 {
		t.Errorf("looked at %d files only", files)
	}
}
