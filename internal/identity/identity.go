package identity

import (
	"crypto/tls"
	"errors"
)

// Identity is our own keys and certificates.
type Identity struct{}

// Generate makes a new person with one device.
func Generate() (*Identity, error) { return nil, errors.ErrUnsupported }

// Parse reads what Marshal wrote.
func Parse(text []byte) (*Identity, error) { return nil, errors.ErrUnsupported }

// Marshal returns the content of the file "identity".
func (id *Identity) Marshal() []byte { return nil }

// Pin returns what others remember us by.
func (id *Identity) Pin() Pin { return Pin{} }

// Device returns the name of this device.
func (id *Identity) Device() DeviceID { return DeviceID{} }

// Certificate returns the chain [device, identity] for TLS.
func (id *Identity) Certificate() tls.Certificate { return tls.Certificate{} }

// Store is the part of a profile that Load needs.
type Store interface {
	Read(name string, max int) ([]byte, error)
	Create(name string, data []byte) error
}

// Load reads the identity of a profile, and makes one when the file does not exist.
func Load(s Store) (id *Identity, created bool, err error) { return nil, false, errors.ErrUnsupported }
