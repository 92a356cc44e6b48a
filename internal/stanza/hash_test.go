package stanza

import (
	"crypto/sha256"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHash(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	want := Hash{Algo: "sha-256", Sum: sum[:]}
	got, ok := ParseHash(want.Element())
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v -want +got:\n%s", ok, diff)
	}
	b64 := want.Element().Text
	for name, xml := range map[string]string{
		"SHA-1 (XEP-0414)":   `<hash xmlns='urn:xmpp:hashes:2' algo='sha-1'>2jmj7l5rSw0yVb/vlWAYkK/YBwk=</hash>`,
		"MD5":                `<hash xmlns='urn:xmpp:hashes:2' algo='md5'>1B2M2Y8AsgTpgAmY7PhCfg==</hash>`,
		"no name":            `<hash xmlns='urn:xmpp:hashes:2'>` + b64 + `</hash>`,
		"the wrong size":     `<hash xmlns='urn:xmpp:hashes:2' algo='sha-512'>` + b64 + `</hash>`,
		"white space":        `<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>` + b64[:8] + "\n" + b64[8:] + `</hash>`,
		"an older namespace": `<hash xmlns='urn:xmpp:hashes:1' algo='sha-256'>` + b64 + `</hash>`,
		"more than fits":     `<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>` + b64 + b64 + `</hash>`,
	} {
		if h, ok := ParseHash(element(t, xml)); ok {
			t.Errorf("%s: taken as %+v", name, h)
		}
	}
}
