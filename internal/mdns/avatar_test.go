package mdns

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/mdns/link"
)

// naming is the TXT record that names a picture.
func naming(img []byte) Text {
	return append(PresenceText("Bob", "avail", ""), TextEntry{Key: "phsh", Value: []byte(AvatarHash(img)), HasValue: true})
}

// 174-11.3, 174-11.6, 174-11.8: a picture goes from one node to another, and
// the next one as soon as its hash is heard.
func TestAvatar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		a := newNode(t, bus.Attach(netip.MustParsePrefix("10.0.0.1/24")), "alice", "pronto", 5298)
		b := newNode(t, bus.Attach(netip.MustParsePrefix("10.0.0.2/24")), "bob", "forza", 5299)
		one, two := bytes.Repeat([]byte{1}, MaxAvatar), bytes.Repeat([]byte{2}, 400)
		if err := b.SetAvatar(one); err != nil {
			t.Fatal(err)
		}
		publish(t, b, naming(one))
		wait(t, a, Joined)
		results := make(chan []byte, 3)
		for range cap(results) {
			go func() {
				got, err := a.Avatar(t.Context(), "bob@forza")
				if err != nil {
					t.Error(err)
				}
				results <- got
			}()
		}
		for range cap(results) {
			if got := <-results; !bytes.Equal(got, one) {
				t.Errorf("%d octets, want %d", len(got), len(one))
			}
		}
		time.Sleep(time.Minute)
		if err := errors.Join(b.SetAvatar(two), b.SetText(naming(two))); err != nil {
			t.Fatal(err)
		}
		wait(t, a, Changed)
		if got, err := a.Avatar(t.Context(), "bob@forza"); err != nil || !bytes.Equal(got, two) {
			t.Errorf("%d octets, %v; want %d", len(got), err, len(two))
		}
	})
}

// What Avatar and SetAvatar may fail with.
func TestAvatarErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := link.NewBus()
		a := newNode(t, bus.Attach(netip.MustParsePrefix("10.0.0.1/24")), "alice", "pronto", 5298)
		b := newNode(t, bus.Attach(netip.MustParsePrefix("10.0.0.2/24")), "bob", "forza", 5299)
		if err := b.SetAvatar(make([]byte, MaxAvatar+1)); !errors.Is(err, ErrAvatarSize) {
			t.Errorf("too large: %v", err)
		}
		publish(t, b, PresenceText("Bob", "avail", ""))
		wait(t, a, Joined)
		for _, key := range []string{"bob@forza", "nobody@forza"} {
			if _, err := a.Avatar(t.Context(), key); !errors.Is(err, ErrNoAvatar) {
				t.Errorf("%s: %v", key, err)
			}
		}
		if err := b.SetText(naming([]byte("one that is not there"))); err != nil {
			t.Fatal(err)
		}
		wait(t, a, Changed)
		begin := time.Now()
		if _, err := a.Avatar(t.Context(), "bob@forza"); !errors.Is(err, ErrUnanswered) || time.Since(begin) != 15*time.Second {
			t.Errorf("nobody answers: %v after %v", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.Avatar(ctx, "bob@forza"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("out of patience: %v", err)
		}
		go func() { _ = a.Close() }()
		if _, err := a.Avatar(t.Context(), "bob@forza"); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}
