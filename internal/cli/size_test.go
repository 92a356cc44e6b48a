package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A template of cobra's links text/template, which calls methods by name: the
// linker then keeps every exported method of the program, 3 MB of them.
func TestNoTemplates(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal("no sources", err)
	}
	template := regexp.MustCompile(`Set(Version|Usage|Help)Template|AddTemplateFunc|"(text|html)/template"`)
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := template.Find(data); found != nil {
			t.Errorf("%s has %s", name, found)
		}
	}
}
