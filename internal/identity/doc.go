// Package identity holds who we are and how others prove who they are.
//
// A person is an Ed25519 identity key. It signs the key of each device, and a
// device shows both in TLS as the chain [device, identity]. The Pin, SHA-256
// of the identity key's SubjectPublicKeyInfo, is what others remember.
//
// Call Load at start: it reads the identity of a profile and makes one when
// there is none. Identity.Certificate goes into a tls.Config, CheckChain into
// its VerifyConnection and again after the handshake (security.md 4.3).
//
// # The file
//
// The file "identity" is text: comment lines that begin with "#" and belong to
// the user, the line "llchat-identity 1", then four PEM blocks in this order:
// PRIVATE KEY (PKCS #8) and CERTIFICATE of the identity, PRIVATE KEY and
// CERTIFICATE of the device. There is one way to write each value; what
// differs in one octet below the comments is refused.
//
// # Promises
//
// Everything is synchronous: no goroutines, no locks, no state of the package.
// An Identity does not change after it was made and may be shared, until
// Erase. Private keys print as [secret] in every form. CheckChain has no side
// effects, reads no clock and allocates nothing that a peer can make grow.
package identity
