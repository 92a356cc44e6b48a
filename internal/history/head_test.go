package history

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The first page is damaged: this is no wrong key, and everything else that can
// be read is carried over: messages, who they are with, what was said about
// them, drafts, requests, the outbox.
func TestSalvageFirstPage(t *testing.T) {
	t.Parallel()
	path, all := lived(t, 300)
	noise(t, path, 100)
	s, err := Open(path, testKey)
	if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "key") {
		closeStore(t, s)
		t.Fatalf("Open: %v", err)
	}
	s, got := salvaged(t, path, all)
	if n := len(everything(t, s)); n != len(all) || got.Gaps == 0 {
		t.Errorf("%d of %d messages, %+v", n, len(all), got)
	}
	if diff := cmp.Diff(all[id(1)], everything(t, s)[id(1)]); diff != "" {
		t.Errorf("the corrected message (-want +got)\n%s", diff)
	}
	if text, err := s.Draft("bob"); text != "half" || err != nil {
		t.Errorf("draft %q, %v", text, err)
	}
	r, ok, err := s.Request(pin(50))
	if err != nil || !ok || r.Nick != "eve" || len(r.Messages) != 1 || r.Messages[0].Body != "let me in" {
		t.Errorf("request %+v, %v, %v", r, ok, err)
	}
	// What was said about a message waits in the outbox as a message does.
	if box := must[[]Message](t)(s.Outbox(bob)); len(box) != 1 || box[0].Body != "still waits" {
		t.Errorf("outbox %+v", box)
	}
	if hits := must[[]Message](t)(s.Search("waits", nil, 0, 9)); len(hits) != 1 {
		t.Errorf("%d hits", len(hits))
	}
}

// The same of a file that an older llchat began: its tables are elsewhere.
func TestSalvageFirstPageOfSchema1(t *testing.T) {
	path := released(t, "schema1.db")
	all := everything(t, open(t, released(t, "schema1.db")))
	noise(t, path, 100)
	s, _ := salvaged(t, path, all)
	if n := len(everything(t, s)); n != len(all) {
		t.Errorf("%d of %d messages", n, len(all))
	}
}

// The first page is damaged, and the log has a newer one.
func TestSalvageFirstPageWithLog(t *testing.T) {
	live, want := five(t)
	if err := live.SetDraft("bob", "half"); err != nil {
		t.Fatal(err)
	}
	path := killed(t, live)
	noise(t, path, 100)
	if _, err := Salvage(t.Context(), path, testKey); err != nil {
		t.Fatal(err)
	}
	if got := bodies(must[[]Message](t)(open(t, path).Page(bob, 0, maxPage))); !cmp.Equal(got, want) {
		t.Errorf("%d of %d messages", len(got), len(want))
	}
}

// A wrong key stays one, whatever else is wrong with the file.
func TestFirstPageAndWrongKey(t *testing.T) {
	path, _ := lived(t, 50)
	noise(t, path, 100)
	wrong := testKey
	wrong[7] ^= 1
	if e := refused(t, path, wrong); !strings.Contains(e.Problem, "this key") || errors.Is(e, ErrDamaged) {
		t.Errorf("%v", e)
	}
	if _, err := Salvage(t.Context(), path, wrong); err == nil {
		t.Error("salvaged with the wrong key")
	}
	if err := os.WriteFile(path, make([]byte, 64*pageSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := refused(t, path, testKey); errors.Is(e, ErrDamaged) {
		t.Errorf("a file of zeros: %v", e)
	}
}
