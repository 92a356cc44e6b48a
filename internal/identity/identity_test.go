package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func generate(t testing.TB) *Identity {
	t.Helper()
	id, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// security.md 4.1 and README 6, field by field.
func TestCertificateProfile(t *testing.T) {
	id := generate(t)
	device, person := id.deviceCert, id.personCert
	epoch, end := time.Unix(0, 0).UTC(), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []*x509.Certificate{device, person} {
		switch {
		case c.Version != 3:
			t.Errorf("version %d", c.Version)
		case !c.NotBefore.Equal(epoch) || c.NotAfter.Truncate(24*time.Hour) != end:
			t.Errorf("dates %v to %v", c.NotBefore, c.NotAfter)
		case c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() != 127:
			t.Errorf("serial %v", c.SerialNumber)
		case c.Subject.String() == "":
			t.Error("no subject")
		case !c.BasicConstraintsValid:
			t.Error("no basic constraints")
		}
	}
	if device.SerialNumber.Cmp(person.SerialNumber) == 0 {
		t.Error("one serial for both")
	}
	if !person.IsCA || person.MaxPathLen != 0 || !person.MaxPathLenZero ||
		person.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature || len(person.ExtKeyUsage) != 0 {
		t.Error("identity certificate")
	}
	if device.IsCA || device.KeyUsage != x509.KeyUsageDigitalSignature || len(device.ExtKeyUsage) != 2 {
		t.Error("device certificate")
	}
	if !bytes.Equal(device.RawIssuer, person.RawSubject) || !bytes.Equal(device.AuthorityKeyId, person.SubjectKeyId) {
		t.Error("device does not name its issuer")
	}
	if err := device.CheckSignatureFrom(person); err != nil {
		t.Error(err)
	}
}

// README 6: XmppAddr of the identity key in the device certificate.
func TestXmppAddr(t *testing.T) {
	id := generate(t)
	want := "00" + hex.EncodeToString(id.person.public()) + "@id.internal"
	if got := xmppAddr(t, id.deviceCert); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, e := range id.personCert.Extensions {
		if e.Id.Equal(oidSubjectAltName) {
			t.Error("identity certificate has a name")
		}
	}
}

func xmppAddr(t *testing.T, c *x509.Certificate) string {
	t.Helper()
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidSubjectAltName) {
			continue
		}
		if e.Critical {
			t.Error("name is critical although there is a subject")
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 || len(names) != 1 {
			t.Fatalf("%v, %d names", err, len(names))
		}
		var name struct {
			Type  asn1.ObjectIdentifier
			Value struct{ Inner asn1.RawValue } `asn1:"tag:0"` // explicit, by hand
		}
		if rest, err := asn1.UnmarshalWithParams(names[0].FullBytes, &name, "tag:0"); err != nil || len(rest) > 0 {
			t.Fatal(err)
		}
		if name.Type.String() != "1.3.6.1.5.5.7.8.5" || name.Value.Inner.Tag != asn1.TagUTF8String {
			t.Errorf("type %v, tag %d", name.Type, name.Value.Inner.Tag)
		}
		return string(name.Value.Inner.Bytes)
	}
	t.Fatal("no SubjectAltName")
	return ""
}

// The example of XEP-0516 section 4.
func TestXEP0516_4_Address(t *testing.T) {
	seed, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	want := "0003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8@id.internal"
	if got := address(public); got != want {
		t.Errorf("got %q", got)
	}
}

// Measured: 105 octets of the device's are the XmppAddr.
const (
	wantDeviceSize = 449
	wantPersonSize = 316
)

// All identities have certificates of one size, or size would tell people
// apart (L-07: 2 KiB in all).
func TestCertificateSize(t *testing.T) {
	for range 50 {
		id := generate(t)
		if d, p := len(id.deviceCert.Raw), len(id.personCert.Raw); d != wantDeviceSize || p != wantPersonSize {
			t.Fatalf("sizes %d + %d, want %d + %d", d, p, wantDeviceSize, wantPersonSize)
		}
	}
}

func TestGenerateMakesDifferentPeople(t *testing.T) {
	a, b := generate(t), generate(t)
	if a.Pin() == b.Pin() || a.Device() == b.Device() || a.Pin().IsZero() || Pin(a.Device()) == a.Pin() {
		t.Error("keys repeat")
	}
}

func TestChainIsACopy(t *testing.T) {
	id := generate(t)
	clear(id.Chain().IdentitySPKI)
	clear(id.Chain().DeviceSPKI)
	c := id.Certificate()
	clear(c.Certificate[0])
	clear(c.Certificate[1])
	chain := []*x509.Certificate{id.deviceCert, id.personCert}
	if _, err := CheckChain(chain); err != nil || allZero(id.deviceCert.Raw) || allZero(id.Chain().IdentitySPKI) {
		t.Error("a caller can change an Identity")
	}
}

// G-3: no way of printing shows a key.
func TestG3_SecretsPrintAsSecret(t *testing.T) {
	id := generate(t)
	type holder struct {
		ID     *Identity
		Value  Identity
		hidden *Identity
		deep   Identity
	}
	h := holder{id, *id, id, *id}
	cert := id.Certificate()
	var out strings.Builder
	for _, v := range []any{id, *id, h, &h, []*Identity{id}, map[string]Identity{"a": *id}, cert, &cert, cert.PrivateKey, id.person, &id.person, struct{ s *signer }{&id.person}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		fmt.Fprintln(&out, string(text), err)
		slog.New(slog.NewTextHandler(&out, nil)).Info("Test", "value", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("Test", "value", v)
	}
	for _, key := range []ed25519.PrivateKey{id.person.reveal(), id.device.reveal()} {
		wantNoSecret(t, out.String(), key.Seed())
	}
	for _, s := range []string{fmt.Sprint(id), fmt.Sprintf("%x", *id), id.String(), id.GoString(), fmt.Sprintf("%#v", id.device), id.person.String(), id.person.GoString()} {
		if s != "[secret]" {
			t.Errorf("prints %q", s)
		}
	}
	if text, err := json.Marshal(map[string]any{"id": id, "key": id.person}); err != nil || string(text) != `{"id":"[secret]","key":"[secret]"}` {
		t.Errorf("JSON %s, %v", text, err)
	}
}

// wantNoSecret looks for 8 octets of the seed in the forms that fmt has.
func wantNoSecret(t *testing.T, out string, seed []byte) {
	t.Helper()
	part := seed[8:16]
	dec := strings.Trim(fmt.Sprint(part), "[]")
	forms := []string{
		string(part), dec, strings.ReplaceAll(dec, " ", ","), hex.EncodeToString(part),
		fmt.Sprintf("%X", part), fmt.Sprintf("% x", part), strings.Trim(fmt.Sprintf("%o", part), "[]"),
		strings.Trim(fmt.Sprintf("%b", part), "[]"), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", part), "[]byte{"), "}"),
	}
	for _, form := range forms {
		if strings.Contains(out, form) {
			t.Errorf("a key is printed as %q", form)
		}
	}
}

func TestErase(t *testing.T) {
	id := generate(t)
	pin := id.Pin()
	key := id.Certificate().PrivateKey.(signer)
	id.Erase()
	if !allZero(id.person.seed()) || !allZero(id.device.seed()) {
		t.Error("a seed is still there")
	}
	if _, err := key.Sign(nil, []byte("x"), &ed25519.Options{}); err == nil {
		t.Error("an erased key signs")
	}
	if id.Pin() != pin {
		t.Error("the pin is gone")
	}
}
