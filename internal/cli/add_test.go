package cli

import (
	"testing"

	"llchat/internal/chat"
)

// `llchat add` shows whose key answered, and fails with the code of cli.md.
func TestAdd(t *testing.T) {
	api := &stub{}
	o := try(t, api, "add", "10.80.0.3")
	want := "added carol (unknown)  c4a01b55 c4a01b55 c4a01b55 c4a01b55 c4a01b55 c4a01b55 c4a01b55 c4a01b55\n" +
		"pinned by your first message to it: compare the fingerprint before that\n"
	if o.code != 0 || o.out != want {
		t.Errorf("code %d, output %q, want %q", o.code, o.out, want)
	}
	if len(api.texts) != 1 || api.texts[0] != "add 10.80.0.3" || len(o.needs) != 1 || o.needs[0] != network {
		t.Errorf("asked %q with %v", api.texts, o.needs)
	}
	for _, code := range []int{chat.CodeError, chat.CodeUsage, chat.CodeRefused} {
		o := try(t, &stub{err: &chat.Error{Code: code, Text: "no"}}, "add", "10.80.0.3")
		if o.code != code || o.out != "" || o.err != "llchat: error: no\n" {
			t.Errorf("code %d, %q, %q; want %d", o.code, o.out, o.err, code)
		}
	}
	if o := try(t, api, "add"); o.code != chat.CodeUsage {
		t.Errorf("without an address: code %d", o.code)
	}
}
