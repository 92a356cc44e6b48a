package history

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/identity"
)

// A picture is kept under its owner and its hash over restarts, replaced, and
// gone with whoever is forgotten.
func TestAvatars(t *testing.T) {
	path := dbPath(t)
	s := open(t, path)
	if _, err := s.Avatar(bob); !errors.Is(err, ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	for _, a := range []struct {
		who  identity.Pin
		hash string
		data string
	}{{bob, "h1", "one"}, {bob, "h2", "two"}, {carol, "h2", "two"}} {
		if err := s.SetAvatar(a.who, a.hash, []byte(a.data), epoch); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	s = open(t, path)
	want := map[identity.Pin]string{bob: "h2", carol: "h2"}
	if d := cmp.Diff(want, must[map[identity.Pin]string](t)(s.Avatars())); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if got := must[[]byte](t)(s.Avatar(bob)); string(got) != "two" {
		t.Errorf("bob's is %q", got)
	}
	if got := must[[]byte](t)(s.AvatarByHash("h2")); string(got) != "two" {
		t.Errorf("h2 is %q", got)
	}
	if _, err := s.AvatarByHash("h1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("replaced: %v", err)
	}
	if err := errors.Join(s.DropAvatar(carol), s.Forget(bob)); err != nil {
		t.Fatal(err)
	}
	if got := must[map[identity.Pin]string](t)(s.Avatars()); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// L-18: no larger one, no more than there is room for, none for ever.
func TestL18_AvatarsAreBounded(t *testing.T) {
	s := open(t, dbPath(t))
	if err := s.SetAvatar(bob, "h", make([]byte, MaxAvatar+1), epoch); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	big := bytes.Repeat([]byte{0xff}, MaxAvatar)
	for i := range maxAvatars + 5 {
		if err := s.SetAvatar(pin(i), fmt.Sprint(i), big, epoch.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	all := must[map[identity.Pin]string](t)(s.Avatars())
	if len(all) != maxAvatars || all[pin(4)] != "" || all[pin(5)] == "" {
		t.Errorf("%d kept, 4 is %q, 5 is %q", len(all), all[pin(4)], all[pin(5)])
	}
	if err := s.ExpireAvatars(epoch.Add(200 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if all = must[map[identity.Pin]string](t)(s.Avatars()); len(all) != maxAvatars+5-200 || all[pin(199)] != "" {
		t.Errorf("%d left", len(all))
	}
}
