package identity

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
)

// Identity is our own keys and certificates: one person, one device.
type Identity struct {
	person, device         signer
	personCert, deviceCert *x509.Certificate
	chain                  Chain
	head                   []byte // comment lines of the file, as read
}

// Generate makes a new person with one device. Nothing is stored; see Load.
func Generate() (*Identity, error) {
	// A nil reader is the system's randomness; nothing else may be given.
	_, person, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("generate identity key: %w", err)
	}
	_, device, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("generate device key: %w", err)
	}
	return certify(person, device)
}

// certify makes both certificates and owns the keys from then on.
func certify(person, device ed25519.PrivateKey) (*Identity, error) {
	raw, err := personCertificate(person)
	if err != nil {
		return nil, fmt.Errorf("certify identity key: %w", err)
	}
	personCert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("certify identity key: %w", err)
	}
	raw, err = deviceCertificate(device.Public().(ed25519.PublicKey), person, personCert)
	if err != nil {
		return nil, fmt.Errorf("certify device key: %w", err)
	}
	deviceCert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("certify device key: %w", err)
	}
	id, err := assemble(person, device, personCert, deviceCert)
	if err != nil {
		return nil, err
	}
	id.head = defaultHead(id.Pin())
	return id, nil
}

// assemble is the one place that makes an Identity: what others would refuse
// never becomes one.
func assemble(person, device ed25519.PrivateKey, personCert, deviceCert *x509.Certificate) (*Identity, error) {
	chain, err := CheckChain([]*x509.Certificate{deviceCert, personCert})
	if err != nil {
		return nil, err
	}
	if !person.Public().(ed25519.PublicKey).Equal(personCert.PublicKey) ||
		!device.Public().(ed25519.PublicKey).Equal(deviceCert.PublicKey) {
		return nil, fmt.Errorf("%w: certificates of other keys", ErrChain)
	}
	return &Identity{
		person: newSigner(person), device: newSigner(device),
		personCert: personCert, deviceCert: deviceCert,
		chain: chain,
	}, nil
}

// Pin returns what others remember us by.
func (id *Identity) Pin() Pin { return id.chain.Pin }

// Device returns the name of this device.
func (id *Identity) Device() DeviceID { return id.chain.Device }

// Chain returns what CheckChain says of our own chain.
func (id *Identity) Chain() Chain {
	c := id.chain
	c.IdentitySPKI = slices.Clone(c.IdentitySPKI)
	c.DeviceSPKI = slices.Clone(c.DeviceSPKI)
	return c
}

// Certificate returns the chain [device, identity] for TLS, with the device
// key as an opaque crypto.Signer.
func (id *Identity) Certificate() tls.Certificate {
	return tls.Certificate{
		Certificate: [][]byte{slices.Clone(id.deviceCert.Raw), slices.Clone(id.personCert.Raw)},
		PrivateKey:  id.device,
		Leaf:        id.deviceCert,

		SupportedSignatureAlgorithms: []tls.SignatureScheme{tls.Ed25519},
	}
}

// Erase overwrites both private keys. No handshake may be running; later ones
// fail. Copies that the Go runtime or library made are out of reach.
func (id *Identity) Erase() {
	id.person.erase()
	id.device.erase()
}
