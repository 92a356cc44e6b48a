package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func endpoint() Endpoint {
	return Endpoint{
		Time: time.UnixMilli(1_795_000_000_123), Port: 41873,
		Addrs: []netip.Addr{netip.MustParseAddr("10.77.0.2"), netip.MustParseAddr("2001:db8::2")},
	}
}

// The octets of docs/design/endpoints.md.
func TestEndpointFormat(t *testing.T) {
	got := endpoint().signed(Pin{0: 0xaa, 31: 0xbb})
	want := "6c6c6368617420656e64706f696e7420763000" + "aa" + "000000000000000000000000000000000000000000000000000000000000" + "bb" +
		"000001a1ee565e7b" + "a391" + "02" + "04" + "0a4d0002" + "10" + "20010db8000000000000000000000002"
	if hex.EncodeToString(got) != want {
		t.Errorf("signed octets\n got %x\nwant %s", got, want)
	}
}

func TestEndpointProvesItself(t *testing.T) {
	id, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	other, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	e := endpoint()
	sig, err := id.SignEndpoint(e)
	if err != nil {
		t.Fatal(err)
	}
	certs := id.Certificate().Certificate
	chain, err := VerifyEndpoint(certs, e, sig)
	if err != nil || chain.Pin != id.Pin() {
		t.Fatalf("a good card: %v, %v", chain.Pin, err)
	}
	later, moved := e, e
	later.Time = e.Time.Add(time.Hour)
	moved.Addrs = []netip.Addr{netip.MustParseAddr("10.66.6.6"), e.Addrs[1]}
	port := e
	port.Port++
	tests := []struct {
		name  string
		certs [][]byte
		e     Endpoint
		sig   []byte
	}{
		{"another time", certs, later, sig},
		{"other addresses", certs, moved, sig},
		{"another port", certs, port, sig},
		{"another person's chain", other.Certificate().Certificate, e, sig},
		{"own device under the victim's identity (T-11)", [][]byte{other.Certificate().Certificate[0], certs[1]}, e, sig},
		{"no signature", certs, e, nil},
		{"a flipped octet", certs, e, append([]byte{sig[0] ^ 1}, sig[1:]...)},
		{"one certificate", certs[:1], e, sig},
		{"three certificates", append(slices.Clone(certs), certs[0]), e, sig},
		{"a hundred certificates", slices.Repeat(certs, 50), e, sig},
		{"no certificate", [][]byte{{1}, {2}}, e, sig},
		{"a large certificate", [][]byte{bytes.Repeat([]byte{0x30}, 5000), certs[1]}, e, sig},
	}
	for _, tt := range tests {
		if _, err := VerifyEndpoint(tt.certs, tt.e, tt.sig); !errors.Is(err, ErrEndpoint) {
			t.Errorf("%s: %v, want ErrEndpoint", tt.name, err)
		}
	}
}

// L-26 and the rules of the card: addresses that lead nowhere are neither
// signed nor believed.
func TestEndpointAddresses(t *testing.T) {
	id, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.251", "ff02::fb", "255.255.255.255",
		"169.254.1.1", "fe80::1", "::ffff:10.0.0.1",
	} {
		e := endpoint()
		e.Addrs = append(e.Addrs, netip.MustParseAddr(bad))
		if _, err := id.SignEndpoint(e); !errors.Is(err, ErrEndpoint) {
			t.Errorf("%s was signed", bad)
		}
		sig := ed25519.Sign(id.device.reveal(), e.signed(id.Pin()))
		if _, err := VerifyEndpoint(id.Certificate().Certificate, e, sig); !errors.Is(err, ErrEndpoint) {
			t.Errorf("%s was believed", bad)
		}
	}
	for name, e := range map[string]Endpoint{
		"no address":     {Port: 5000},
		"port below":     {Port: 22, Addrs: endpoint().Addrs},
		"nine addresses": {Port: 5000, Addrs: slices.Repeat(endpoint().Addrs[:1], 9)},
	} {
		if err := e.Check(); !errors.Is(err, ErrEndpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
