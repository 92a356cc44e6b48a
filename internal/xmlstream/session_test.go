package xmlstream

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	nsTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
	nsLimits  = "urn:xmpp:stream-limits:0"
	nsWaiting = "urn:x-llchat:request:0"
)

// README 5.3: both sides of the prelude, within 1 KiB, ending in step: nothing is
// left in the buffer when TLS begins (C-4).
func TestPreludeSession(t *testing.T) {
	listener := string(AppendHeader(nil, Header{ID: "q7", Lang: "en"})) +
		`<stream:features><starttls xmlns='` + nsTLS + `'><required/></starttls></stream:features>` +
		`<proceed xmlns='` + nsTLS + `'/>`
	r := NewReader(strings.NewReader(listener), Prelude)
	h, err := r.Header()
	if err != nil || h.ID != "q7" || h.Lang != "en" || !h.HasVersion {
		t.Fatalf("header %+v, %v", h, err)
	}
	want := []*Element{
		el(NSStreams, "features", "", el(nsTLS, "starttls", "", el(nsTLS, "required", ""))),
		el(nsTLS, "proceed", ""),
	}
	for _, w := range want {
		got, err := r.Next()
		if diff := cmp.Diff(w, got); diff != "" || err != nil {
			t.Fatalf("%v -want +got:\n%s", err, diff)
		}
	}
	if r.Buffered() != 0 {
		t.Errorf("%d octets behind <proceed/>", r.Buffered())
	}
}

// README 5.4 and 5.5: inside TLS with padding after each flush (security.md 6.4).
func TestStrangerSession(t *testing.T) {
	pad := strings.Repeat(" ", 700)
	in := string(AppendHeader(nil, Header{ID: "x", From: "bo@reef", To: "ada@kite", Lang: "en"})) +
		`<stream:features><limits xmlns='` + nsLimits + `'><max-bytes>10000</max-bytes></limits>` +
		`<waiting xmlns='` + nsWaiting + `'/></stream:features>` + pad +
		`<presence from='bo@reef' to='ada@kite'/>` + pad +
		`<message id='1' type='chat'><received xmlns='urn:xmpp:receipts' id='0'/></message>` + pad + CloseTag + pad
	want := []*Element{
		el(NSStreams, "features", "", el(nsLimits, "limits", "", el(nsLimits, "max-bytes", "10000")), el(nsWaiting, "waiting", "")),
		{Name: Name{NSClient, "presence"}, Attrs: []Attr{{Name{"", "from"}, "bo@reef"}, {Name{"", "to"}, "ada@kite"}}},
		{
			Name: Name{NSClient, "message"}, Attrs: []Attr{{Name{"", "id"}, "1"}, {Name{"", "type"}, "chat"}},
			Children: []*Element{{Name: Name{"urn:xmpp:receipts", "received"}, Attrs: []Attr{{Name{"", "id"}, "0"}}}},
		},
	}
	out := readAll(strings.NewReader(in), Stranger)
	if diff := cmp.Diff(want, out.Elements); diff != "" || !errors.Is(out.Err, ErrClosed) {
		t.Errorf("%v -want +got:\n%s", out.Err, diff)
	}
}

// A thousand stanzas of all sizes, in pieces of random length, come out in order.
func TestRandomPieces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var in strings.Builder
	in.WriteString(open10)
	for i := range 1000 {
		fmt.Fprintf(&in, "<message id='%d'><body>%s</body></message>%s", i,
			strings.Repeat("x", rnd.IntN(1<<rnd.IntN(14))), strings.Repeat(" ", rnd.IntN(100)))
	}
	r := NewReader(&pieces{in.String(), rnd}, Accepted)
	for i := range 1000 {
		e, err := r.Next()
		if err != nil || e.Attr("id") != fmt.Sprint(i) {
			t.Fatalf("stanza %d: %v", i, err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("at the end: %v", err)
	}
}

type pieces struct {
	rest string
	rnd  *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.rest == "" {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(len(p.rest), 1+p.rnd.IntN(5000))])
	p.rest = p.rest[n:]
	return n, nil
}

// What was returned stays as it is while the Reader goes on.
func TestElementsAreIndependent(t *testing.T) {
	const one = `<a b='1'><c xmlns='u'>x &amp; y</c><d/></a>`
	r := NewReader(strings.NewReader(open10+strings.Repeat(one, 500)), Accepted)
	first, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	want := mustParse(t, one)
	for range 499 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// One Reader after another bad peer: no scratch of one stanza shows in the next, even
// when the first ends in the middle of everything.
func TestScratchIsClean(t *testing.T) {
	var p parser
	bad := []string{`<a xmlns:p='u'><b>x<c/>y</d></a>`, `<p:a xmlns:p='u' b='1' b='2'/>`, `<a>&x;</a>`}
	for _, s := range bad {
		f := newFramer()
		f.scan([]byte(s), &Accepted)
		if _, err := p.element(s, &f, &Accepted); err == nil {
			t.Fatalf("%s was accepted", s)
		}
		f = newFramer()
		f.scan([]byte(`<p:a/>`), &Accepted)
		if _, err := p.element(`<p:a/>`, &f, &Accepted); err == nil {
			t.Errorf("after %s the prefix p is still bound", s)
		}
	}
	f := newFramer()
	f.scan([]byte(`<a>1<b/>2</a>`), &Accepted)
	e, err := p.element(`<a>1<b/>2</a>`, &f, &Accepted)
	if diff := cmp.Diff(el(NSClient, "a", "12", el(NSClient, "b", "")), e); diff != "" || err != nil {
		t.Errorf("%v -want +got:\n%s", err, diff)
	}
}

// Recorded headers and a stanza of other XEP-0174 clients: libpurple 2.14 is known as
// a peer of 0.9 by its header, Salut says 1.0, and what they write is readable.
func TestRecordedClients(t *testing.T) {
	const ns = `xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams"`
	tests := []struct {
		name, in string
		want     Header
	}{
		{
			"libpurple", `<?xml version="1.0" encoding="UTF-8" ?>` + "\n" + `<stream:stream ` + ns + ` from="alice@h1" to="bob@h2">`,
			Header{From: "alice@h1", To: "bob@h2", Minor: 9},
		},
		{
			"salut", `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to="bob@h2" from="sally@h3" version="1.0">`,
			Header{From: "sally@h3", To: "bob@h2", Version: "1.0", HasVersion: true, Major: 1},
		},
	}
	const message = `<message to='bob@h2' from='alice@h1' type='chat'><body>Hello Bob &amp; friends &lt;3 ` + "\n" +
		`</body><html xmlns='http://www.w3.org/1999/xhtml'><body><font>Hello</font></body></html><x xmlns='jabber:x:event'><composing/></x></message>`
	for _, tt := range tests {
		r := NewReader(strings.NewReader(tt.in+message), Stranger) // its depth is above the prelude's
		got, err := r.Header()
		if got != tt.want || err != nil {
			t.Errorf("%s: got %+v, %v", tt.name, got, err)
		}
		e, err := r.Next()
		if err != nil || e.Child(NSClient, "body").Text != "Hello Bob & friends <3 \n" || len(e.Children) != 3 {
			t.Errorf("%s: got %+v, %v", tt.name, e, err)
		}
	}
}
