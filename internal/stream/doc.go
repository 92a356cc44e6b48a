// Package stream makes XML streams over mutual TLS 1.3 between two people:
// XEP-0174 streams that upgrade with STARTTLS, and nothing else. There is no
// plaintext path: before TLS only the constants of the prelude are sent.
//
// Make one Node for a profile. Serve accepts, Dial dials; both give a Conn to
// the Handler once the stream is negotiated. A Conn carries stanzas both ways
// until somebody ends it.
//
//	      listener                        dialler
//	header? features,           header, wait for features,
//	starttls? proceed           starttls, wait for proceed
//	          \                      /
//	           TLS 1.3, both chains checked
//	          /                      \
//	header? budget, Admit,      header, wait for header and
//	header and features         features (P-08); SASL EXTERNAL
//	          \                      /
//	           Handler.Opened, stanzas
//	                     |
//	</stream:stream> both ways, close_notify both ways, Handler.Closed
//
// # Promises
//
// A key exists only after the handshake has returned (security.md 4.3): what
// is checked inside the handshake changes nothing but its outcome.
//
// An open Conn has one goroutine: a reader, which owns it, calls the Handler
// and tears down. Who sends writes, as far as the kernel takes it at once; what
// is left, and bursts, are written by a goroutine that ends when nothing waits.
// No lock is held while the Handler runs. The outbox is bounded in octets: Send
// waits when it is full, never for the peer. A slow Handler slows the peer.
//
// Everything that a peer sends is bounded by security.md 9.1, L-01 to L-10.
package stream
