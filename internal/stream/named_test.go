package stream

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
)

// T-02: the capture of a default pair shows the hybrid group, offered first and
// taken.
func TestT02_CaptureShowsTheHybrid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		bob := newSide(t, bobID(), "bob@reef", nil)
		c, up, down := tappedDial(t, alice, bob)
		const (
			offered = "\x00\x0a\x00\x06\x00\x04\x11\xec\x00\x1d" // supported_groups: it and X25519
			taken   = "\x00\x33\x04\x64\x11\xec\x04\x60"         // key_share of the ServerHello
		)
		if !bytes.Contains(up.all(), []byte(offered)) {
			t.Error("the dialler does not offer it first")
		}
		if !bytes.Contains(down.all(), []byte(taken)) {
			t.Error("the listener does not take it")
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// T-20: what parsers read differently ends the stream on either side of it, and
// nobody hears of a stanza, neither of that one nor of what comes behind it.
func TestT20_ParserDifferences(t *testing.T) {
	const behind = "<message><body>behind</body></message>"
	tests := []struct{ name, say, want string }{
		{"attribute twice", "<message from='mallory@moor' from='alice@kite'><body>x</body></message>", "not-well-formed"},
		{"attribute twice by namespace", "<message xmlns:a='u' xmlns:b='u' a:x='1' b:x='2'><body>x</body></message>", "not-well-formed"},
		{"prefix of nobody", "<message><q:body>x</q:body></message>", "not-well-formed"},
		{"attribute prefix of nobody", "<message q:from='alice@kite'><body>x</body></message>", "not-well-formed"},
		{"name that ends with a colon", "<message:><body>x</body></message:>", "not-well-formed"},
		{"name that begins with a colon", "<:message><body>x</body></:message>", "not-well-formed"},
		{"xml bound anew", "<message xmlns:xml='jabber:client'><body>x</body></message>", "not-well-formed"},
		{"prefix unbound", "<message xmlns:q=''><body>x</body></message>", "not-well-formed"},
		{"mark of byte order", "\ufeff<message><body>x</body></message>", ""},
		{"end tag of another case", "<message><body>x</Body></message>", "not-well-formed"},
		{"entity of nobody", "<message><body>&nbsp;</body></message>", "restricted-xml"},
		{"comment inside a text", "<message><body>a<!-- -->b</body></message>", "restricted-xml"},
		{"second declaration", "<?xml version='1.0'?><message><body>x</body></message>", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bob := newSide(t, bobID(), "bob@reef", nil)
				m := inside(t, bob, malloryID())
				m.say(tt.say + behind)
				answer, _ := m.rest()
				if !strings.Contains(answer, "<stream:error>") || !strings.Contains(answer, "<"+tt.want) {
					t.Errorf("the listener says %q, want %s", answer, tt.want)
				}
				synctest.Wait()
				if got := bob.bodies(); len(got) != 0 {
					t.Errorf("the listener heard %q", got)
				}
			})
			bubble(t, func(t *testing.T) {
				alice := newSide(t, aliceID(), "alice@kite", nil)
				var answer string
				c, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
					s, err := m.serveTLS(serverConfig(bobID()))
					if err != nil {
						t.Errorf("serve: %v", err)
						return
					}
					s.say(fakeAnswer + "<stream:features/>" + tt.say + behind)
					answer, _ = s.rest()
					_ = s.Close()
				}), bobAt, nil, "")
				if err == nil {
					<-c.Done()
				}
				synctest.Wait()
				if !strings.Contains(answer, "<stream:error>") || !strings.Contains(answer, "<"+tt.want) {
					t.Errorf("the dialler says %q, want %s", answer, tt.want)
				}
				if got := alice.bodies(); len(got) != 0 {
					t.Errorf("the dialler heard %q", got)
				}
			})
		})
	}
}
