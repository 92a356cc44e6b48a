package identity

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// endpointContext begins everything that is signed for an Endpoint, so that
// no signature can mean anything else (README 6).
const endpointContext = "llchat endpoint v0\x00"

// MaxEndpointAddrs bounds the addresses of an Endpoint (L-25).
const MaxEndpointAddrs = 8

// Endpoint is where a device says that it can be dialled
// (docs/design/endpoints.md).
type Endpoint struct {
	Time  time.Time // by the signer's clock: orders its own cards, nothing else
	Port  uint16
	Addrs []netip.Addr
}

// ErrEndpoint is the error for a card that does not hold.
var ErrEndpoint = errors.New("identity: endpoint")

// Check reports an endpoint that nobody off the link could dial.
func (e Endpoint) Check() error {
	if e.Port < 1024 || len(e.Addrs) == 0 || len(e.Addrs) > MaxEndpointAddrs {
		return fmt.Errorf("%w: port %d, %d addresses", ErrEndpoint, e.Port, len(e.Addrs))
	}
	for _, a := range e.Addrs {
		if !Routable(a) {
			return fmt.Errorf("%w: %s is the address of no other host", ErrEndpoint, a)
		}
	}
	return nil
}

// Routable reports whether an address can be told to somebody on another
// link: one host, no zone.
func Routable(a netip.Addr) bool {
	return a.IsValid() && a.Zone() == "" && !a.Is4In6() && !a.IsUnspecified() && !a.IsLoopback() &&
		!a.IsMulticast() && !a.IsLinkLocalUnicast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// signed is what the device key signs.
func (e Endpoint) signed(pin Pin) []byte {
	b := cryptobyte.NewBuilder([]byte(endpointContext))
	b.AddBytes(pin[:])
	b.AddUint64(uint64(e.Time.UnixMilli()))
	b.AddUint16(e.Port)
	b.AddUint8(uint8(len(e.Addrs)))
	for _, a := range e.Addrs {
		b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(a.AsSlice()) })
	}
	return b.BytesOrPanic() // all lengths are bounded by Check
}

// SignEndpoint signs e with our device key.
func (id *Identity) SignEndpoint(e Endpoint) ([]byte, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	return id.device.Sign(nil, e.signed(id.Pin()), &ed25519.Options{})
}

// VerifyEndpoint checks that the device of this chain, two certificates in
// DER, signed e. It says whose endpoint that is; whether anybody wants to know
// is for the caller.
func VerifyEndpoint(certs [][]byte, e Endpoint, sig []byte) (Chain, error) {
	if err := e.Check(); err != nil {
		return Chain{}, err
	}
	var parsed []*x509.Certificate
	for _, raw := range certs {
		if len(raw) > maxCertificate || len(parsed) > 2 {
			return Chain{}, fmt.Errorf("%w: %w", ErrEndpoint, ErrChain)
		}
		c, err := x509.ParseCertificate(raw)
		if err != nil {
			return Chain{}, fmt.Errorf("%w: %w", ErrEndpoint, err)
		}
		parsed = append(parsed, c)
	}
	chain, err := CheckChain(parsed)
	if err != nil {
		return Chain{}, fmt.Errorf("%w: %w", ErrEndpoint, err)
	}
	key, ok := parsed[0].PublicKey.(ed25519.PublicKey)
	if !ok || !ed25519.Verify(key, e.signed(chain.Pin), sig) {
		return Chain{}, fmt.Errorf("%w: wrong signature", ErrEndpoint)
	}
	return chain, nil
}
