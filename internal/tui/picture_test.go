package tui

import (
	"strings"
	"testing"

	"llchat/internal/chat"
)

// aGIF is the head of a picture of one by one pixel.
const aGIF = "GIF89a\x01\x00\x01\x00\x00\x00\x00"

// The page of a contact says that there is a picture, as a claim, and draws
// none; what kind it is only when it is one.
func TestPictureIsAFact(t *testing.T) {
	const hash = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	for _, tt := range []struct {
		name, hash, data string
		has, hasNot      []string
	}{
		{"one", hash, aGIF, []string{"picture", "GIF, 13 octets, SHA-1", hash, "a claim like the name"}, nil},
		{"not here yet", hash, "", []string{"picture", "SHA-1 " + hash}, []string{"octets"}},
		{"none that is known", hash, "\x1b]52;c;AAAA\x07", []string{"SHA-1 " + hash}, []string{"octets", "AAAA"}},
		{"none", "", aGIF, nil, []string{"picture", "octets"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := newFake()
			bob := peerOf("bob", chat.Pinned, chat.Online)
			bob.Avatar = tt.hash
			api.peers = []chat.Peer{bob}
			if tt.data != "" {
				api.pictures = map[string][]byte{bobKey: []byte(tt.data)}
			}
			inWindow(t, api, 100, 30, func(d *driver) {
				d.keys("alt+1", "alt+i")
				d.has(tt.has...)
				d.hasNot(tt.hasNot...)
			})
			inLines(t, api, func(t *testing.T, l *lineMode) {
				l.take()
				got := l.say("/info bob")
				for _, want := range tt.has {
					if !strings.Contains(got, want) {
						t.Errorf("%q is not in the lines: %s", want, got)
					}
				}
			})
		})
	}
}
