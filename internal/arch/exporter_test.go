package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayExport are the files that may derive keys from a TLS connection. Whoever
// comes in here has to show a test that both keys go into what is derived, as
// the exporter does not cover the client's certificate (C-27, RFC 8446 7.1).
var mayExport = []string{
	"internal/chat/endpoints.go", // chat.TestC27_TagsHoldBothKeys
}

// bindingLabel serves one authentication mechanism and nothing else (C-28, RFC
// 9266 4.1).
const bindingLabel = "EXPORTER-Channel-Binding"

// TestC27_WhoDerivesFromTLS: nobody else asks the exporter.
func TestC27_WhoDerivesFromTLS(t *testing.T) {
	var found []string
	everyFile(t, func(name string, f *ast.File) {
		if uses(f) {
			found = append(found, name)
		}
	})
	if !slices.Equal(found, mayExport) {
		t.Errorf("%q ask for ExportKeyingMaterial, %q may", found, mayExport)
	}
}

// TestC28_BindingLabelIsLeftAlone: the label of channel binding is no label of
// ours.
func TestC28_BindingLabelIsLeftAlone(t *testing.T) {
	everyFile(t, func(name string, f *ast.File) {
		if binds(f) {
			t.Errorf("%s uses the label of channel binding", name)
		}
	})
}

// uses reports whether a file names the exporter, as a method or as a method
// value.
func uses(f *ast.File) bool {
	return holds(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "ExportKeyingMaterial"
	})
}

// binds reports whether a string of a file holds the label, in any case of
// letters.
func binds(f *ast.File) bool {
	return holds(f, func(n ast.Node) bool {
		l, ok := n.(*ast.BasicLit)
		if !ok || l.Kind != token.STRING {
			return false
		}
		s, err := strconv.Unquote(l.Value)
		return err == nil && strings.Contains(strings.ToLower(s), strings.ToLower(bindingLabel))
	})
}

func holds(f *ast.File, is func(ast.Node) bool) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		found = found || is(n)
		return !found
	})
	return found
}

// everyFile shows all code but tests, of all systems, with names from the top
// of the tree.
func everyFile(t *testing.T, show func(name string, f *ast.File)) {
	t.Helper()
	tree, shown := os.DirFS(filepath.Join("..", "..")), 0
	for _, top := range []string{"cmd", "internal"} {
		err := fs.WalkDir(tree, top, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := fs.ReadFile(tree, name)
			if err != nil {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
			if err != nil {
				return err
			}
			show(name, f)
			shown++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if shown < 100 {
		t.Errorf("only %d files were looked at", shown)
	}
}

// TestC27_TheGuardBarks: on a use of the exporter, on a use of the label, and
// on nothing else.
func TestC27_TheGuardBarks(t *testing.T) {
	tests := []struct {
		name, code           string
		wantUses, wantsLabel bool
	}{
		{"a call", `func f(s tls.ConnectionState) { s.ExportKeyingMaterial("EXPORTER-llchat-sas-v1", nil, 32) }`, true, false},
		{"a method value", `var f = new(tls.ConnectionState).ExportKeyingMaterial`, true, false},
		{"the label", `const l = "EXPORTER-Channel-Binding"`, false, true},
		{"the label in small letters, among others", "var l = `x exporter-channel-binding`", false, true},
		{"the label with escapes", `var l = "EXPORTER\x2dChannel-Binding"`, false, true},
		{"a comment", "// ExportKeyingMaterial and EXPORTER-Channel-Binding\nvar x int", false, false},
		{"a label of ours", `const l = "EXPORTER-llchat-sas-v1"`, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\n"+tt.code, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if got := uses(f); got != tt.wantUses {
				t.Errorf("uses: got %v", got)
			}
			if got := binds(f); got != tt.wantsLabel {
				t.Errorf("binds: got %v", got)
			}
		})
	}
}
