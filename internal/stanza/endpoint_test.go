package stanza

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/xmlstream"
)

func card() Card {
	return Card{
		Time: 1_795_000_000_123, Port: 41873, Addrs: []string{"10.77.0.2", "2001:db8::2"},
		Certs: [][]byte{bytes.Repeat([]byte{1}, 449), bytes.Repeat([]byte{2}, 316)},
		Sig:   bytes.Repeat([]byte{3}, 64),
	}
}

func TestCardRoundTrip(t *testing.T) {
	got, ok := ParseCard(card().Element())
	if !ok {
		t.Fatal("a card does not parse")
	}
	if diff := cmp.Diff(card(), got); diff != "" {
		t.Errorf("card (-want +got):\n%s", diff)
	}
	if n := len(Append(nil, IQ{ID: "1", Type: "result", Payload: card().Element()})); n > 2000 {
		t.Errorf("a card takes %d octets, want it far below a stranger's stanza", n)
	}
}

func TestAskRoundTrip(t *testing.T) {
	who := [16]byte{1, 2, 3}
	for _, word := range []string{"find", "may"} {
		gotWord, gotWho, ok := Asked(Ask(word, who))
		if !ok || gotWord != word || gotWho != who {
			t.Errorf("%s: %q %v %v", word, gotWord, gotWho, ok)
		}
	}
	for name, e := range map[string]*xmlstream.Element{
		"nothing":           nil,
		"another word":      Ask("tell", who),
		"another namespace": {Name: xmlstream.Name{Space: "x", Local: "find"}},
		"no tag":            {Name: xmlstream.Name{Space: NSEndpoints, Local: "find"}},
		"a short tag":       withAttr(Ask("find", who), "who", "AAAA"),
		"a long tag":        withAttr(Ask("find", who), "who", strings.Repeat("A", 24)),
	} {
		if _, _, ok := Asked(e); ok {
			t.Errorf("%s was taken", name)
		}
	}
}

func withAttr(e *xmlstream.Element, name, value string) *xmlstream.Element {
	e.Attrs = slices.Clone(e.Attrs)
	for i := range e.Attrs {
		if e.Attrs[i].Name.Local == name {
			e.Attrs[i].Value = value
		}
	}
	return e
}

func TestBadCards(t *testing.T) {
	many := card()
	many.Addrs = slices.Repeat([]string{"10.0.0.1"}, 9)
	chain := card()
	chain.Certs = append(chain.Certs, []byte{1})
	large := card()
	large.Certs[0] = bytes.Repeat([]byte{1}, 1025)
	long := card()
	long.Addrs[0] = strings.Repeat("1", 46)
	for name, e := range map[string]*xmlstream.Element{
		"nothing":               nil,
		"no time":               withAttr(card().Element(), "time", "soon"),
		"a port of another day": withAttr(card().Element(), "port", "65536"),
		"a signature too long":  withAttr(card().Element(), "sig", strings.Repeat("A", 100)),
		"nine addresses":        many.Element(),
		"a long address":        long.Element(),
		"three certificates":    chain.Element(),
		"a large certificate":   large.Element(),
	} {
		if _, ok := ParseCard(e); ok {
			t.Errorf("%s was taken", name)
		}
	}
}

// C-30: base64 as RFC 6120 section 13.9.1 wants it.
func TestC30_StrictBase64(t *testing.T) {
	for in, want := range map[string]bool{
		"":         true,
		"AAAA":     true,
		"AA==":     true,
		"AAA=":     true,
		"AA=":      false,
		"A===":     false,
		"AAAA====": false,
		"AB==":     false, // bits left over
		"AA==AA==": false,
		"AA A":     false,
		"AAAA\n":   false,
		"AA\r\nAA": false,
		"AA-_":     false,
	} {
		if _, ok := strictBase64(in, 64); ok != want {
			t.Errorf("%q: %v, want %v", in, ok, want)
		}
	}
}

func FuzzParseCard(f *testing.F) {
	f.Add(string(xmlstream.AppendElement(nil, card().Element())))
	f.Add(`<card xmlns='urn:x-llchat:endpoints:0' time='1' port='2' sig=''/>`)
	f.Fuzz(func(t *testing.T, in string) {
		r := xmlstream.NewReader(strings.NewReader("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"+in), xmlstream.Accepted)
		if _, err := r.Header(); err != nil {
			return
		}
		e, err := r.Next()
		if err != nil {
			return
		}
		c, ok := ParseCard(e)
		if !ok {
			return
		}
		again, ok := ParseCard(c.Element())
		if !ok {
			t.Fatal("what was taken is not taken again")
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("back and forth (-want +got):\n%s", diff)
		}
	})
}
