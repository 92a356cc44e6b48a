package chat

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"llchat/internal/identity"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

var bobsAddr = netip.MustParseAddr("10.77.0.2")

// parseElement reads an element as the stream of a contact does.
func parseElement(data []byte) (*xmlstream.Element, error) {
	header := []byte("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
	r := xmlstream.NewReader(bytes.NewReader(append(header, data...)), xmlstream.Accepted)
	if _, err := r.Header(); err != nil {
		return nil, err
	}
	return r.Next()
}

// FuzzReadCard: a card that is taken is signed, within limits, and means the
// same when it is handed on.
func FuzzReadCard(f *testing.F) {
	id, err := identity.Generate()
	if err != nil {
		f.Fatal(err)
	}
	at := identity.Endpoint{Time: time.UnixMilli(1_700_000_000_000), Port: 41873}
	at.Addrs = append(at.Addrs, bobsAddr)
	sig, err := id.SignEndpoint(at)
	if err != nil {
		f.Fatal(err)
	}
	c := stanza.Card{
		Time: at.Time.UnixMilli(), Port: at.Port, Addrs: []string{bobsAddr.String()}, Sig: sig, Certs: id.Certificate().Certificate,
	}
	good := xmlstream.AppendElement(nil, c.Element())
	if e, err := parseElement(good); err != nil {
		f.Fatal(err)
	} else if _, ok := readCard(e); !ok {
		f.Fatal("our own card is not taken")
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte("10.77.0.2"), []byte("10.77.0.3"), 1))
	f.Add(bytes.Replace(good, []byte("41873"), []byte("80"), 1))
	f.Add([]byte(`<card xmlns='urn:x-llchat:endpoints:0' time='0' port='5298' sig=''><addr>fe80::1%x</addr></card>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parseElement(data)
		if err != nil {
			return
		}
		got, ok := readCard(e)
		if !ok {
			return
		}
		if got.at.Check() != nil || got.chain.Pin.IsZero() || len(got.at.Addrs) != len(got.Addrs) {
			t.Fatalf("taken: %+v", got)
		}
		sent := got.Element()
		again, err := parseElement(xmlstream.AppendElement(nil, sent))
		if err != nil {
			t.Fatal(err)
		}
		if handed, ok := readCard(again); !ok || handed.chain.Pin != got.chain.Pin || handed.at.Port != got.at.Port {
			t.Fatalf("handed on: %+v, %v", handed, ok)
		}
	})
}
