//go:build unix

package cli

import (
	"bytes"
	"strings"
	"testing"

	"llchat/internal/chat"
)

// Without a node and without a terminal the hint is the one that helps: llchat
// unlock needs a node that runs.
func TestLockedWithoutANode(t *testing.T) {
	dir := home(t)
	protect(t, dir, horse)
	for _, args := range []string{"daemon", "passphrase change", "passphrase remove", "history bob", "send bob x", "whoami"} {
		var out, errs bytes.Buffer
		code := newApp(program(dir, &out, &errs)).run(t.Context(), strings.Fields(args))
		if got := errs.String(); code != chat.CodeRefused || strings.Contains(got, "unlock") || !strings.Contains(got, "--passphrase-file") {
			t.Errorf("%s: exit %d, %s", args, code, got)
		}
	}
}
