package avahi

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"llchat/internal/mdns"
	"llchat/internal/mdns/wire"
)

// naming is the TXT record that names a picture.
func naming(img []byte) mdns.Text {
	return append(mdns.PresenceText("", "avail", ""),
		mdns.TextEntry{Key: "phsh", Value: []byte(mdns.AvatarHash(img)), HasValue: true})
}

// avatars are the NULL records that were added, by their data.
func (d *daemon) avatars(img []byte) int {
	return d.count(fmt.Sprintf("AddRecord 3 %s 1 10 4500 %q", `alice\064plume-abcd._presence._tcp.local`, img))
}

// 174-11.3, 174-11.8: the picture is a NULL record of our name, and only while
// the text names it; the service is not disturbed by a change of it.
func Test174_11_3_AvatarOverAvahi(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		one, two := []byte("picture one"), []byte("picture two")
		if err := r.SetAvatar(make([]byte, mdns.MaxAvatar+1)); !errors.Is(err, mdns.ErrAvatarSize) {
			t.Errorf("too large: %v", err)
		}
		if err := r.SetAvatar(one); err != nil {
			t.Fatal(err)
		}
		r.publish("avail")
		r.wait(time.Minute)
		if n := r.d.count("AddRecord"); n != 0 {
			t.Errorf("%d records without a hash in the text: %q", n, r.d.log)
		}
		if err := r.SetText(naming(one)); err != nil {
			t.Fatal(err)
		}
		r.wait(time.Minute)
		if r.d.avatars(one) != 1 || r.d.count("AddRecord") != 1 {
			t.Errorf("want one record: %q", r.d.log)
		}
		if err := errors.Join(r.SetAvatar(two), r.SetText(naming(two))); err != nil {
			t.Fatal(err)
		}
		r.wait(time.Minute)
		if r.d.avatars(two) != 1 || r.d.count("Free") != 1 {
			t.Errorf("want the other one in its place: %q", r.d.log)
		}
		if err := r.SetText(mdns.PresenceText("", "avail", "")); err != nil {
			t.Fatal(err)
		}
		r.wait(time.Minute)
		if r.d.count("Free") != 2 || r.d.count("AddRecord") != 2 || r.d.count("AddService") != 1 {
			t.Errorf("want no record any more, and the same service: %q", r.d.log)
		}
	})
}

// K5: what ends the service ends the picture, and another daemon gets it anew.
func TestAvatarEndsWithTheService(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		img := []byte("picture")
		if err := r.SetAvatar(img); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Publish(r.Context(), naming(img)); err != nil {
			t.Fatal(err)
		}
		r.wait(time.Second)
		r.d.stop()
		r.wait(time.Second)
		r.d.begin(":1.2")
		r.wait(5 * time.Second)
		if r.d.avatars(img) != 2 {
			t.Errorf("want it in both daemons: %q", r.d.log)
		}
		if err := r.Withdraw(r.Context()); err != nil {
			t.Fatal(err)
		}
		r.wait(5 * time.Second)
		r.d.mu.Lock()
		defer r.d.mu.Unlock()
		if len(r.d.groups) != 0 {
			t.Errorf("%d groups are left", len(r.d.groups))
		}
	})
}

// 174-11.6, 174-11.7, 174-9.2: the picture of the right hash, whatever else
// comes, and no browser stays open for it.
func Test174_11_6_FetchOverAvahi(t *testing.T) {
	img := bytes.Repeat([]byte{9}, mdns.MaxAvatar)
	ptr, rest := someone("bob@forza", "forza", "10.77.0.2", "txtvers=1", "phsh="+mdns.AvatarHash(img))
	record := func(data []byte) heard { return heard{2, 0, rest[0].name, wire.TypeNULL, string(data), 0} }
	browsers := func(d *daemon) (n int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, k := range d.seekers {
			if k.kind == wire.TypeNULL {
				n++
			}
		}
		return n
	}
	for _, tt := range []struct {
		name  string
		after func(r *rig)
		want  error
	}{
		{"others first", func(r *rig) {
			r.d.hear(record([]byte("forged")), record(append(bytes.Clone(img), 0)), record(bytes.Repeat([]byte{9}, 60000)), record(img))
		}, nil},
		{"nobody", func(*rig) {}, mdns.ErrUnanswered},
		{"gone meanwhile", func(r *rig) { r.d.forget(ptr...) }, mdns.ErrUnanswered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				r.d.hear(append(ptr, rest...)...)
				r.wait(5 * time.Second)
				time.AfterFunc(time.Second, func() { tt.after(r) })
				got, err := r.Avatar(r.Context(), "bob@forza")
				if !errors.Is(err, tt.want) || err == nil && !bytes.Equal(got, img) {
					t.Errorf("%d octets, %v; want %v", len(got), err, tt.want)
				}
				r.wait(time.Second)
				if n := browsers(r.d); n != 0 {
					t.Errorf("%d browsers are left", n)
				}
				if _, err := r.Avatar(r.Context(), "nobody@forza"); !errors.Is(err, mdns.ErrNoAvatar) {
					t.Errorf("nobody: %v", err)
				}
			})
		})
	}
}
