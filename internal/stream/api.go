package stream

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"

	"llchat/internal/identity"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// Config says who we are and who decides. Identity, Names and Handler must be
// there.
type Config struct {
	Identity *identity.Identity

	// Names returns the instance name that we bear now ("" in ghost) and a
	// function that knows every name that we bore since start. That function
	// compares with ASCII case folding (C-32); it may be called later and
	// from any goroutine.
	Names func() (current string, all func(name string) bool)

	// Admit decides what a dialling key may do. It is called on the
	// listener's side, after the handshake has returned and before features
	// are sent. Nil admits everybody as Stranger.
	Admit func(Peer) Standing

	Handler Handler

	// Known reports whether an address is the last one of a pinned contact:
	// for these a reserve of connections is kept (L-02). May be nil.
	Known func(netip.Addr) bool

	// Serves reports whether IQ requests with a payload of this namespace go
	// to the Handler, which then owes the answer. All others, and all of
	// strangers, are answered here. May be nil.
	Serves func(namespace string) bool

	// Features makes what stands in the features of the stream besides its own
	// (README 5.4): disco#info of XEP-0030. It is asked for each peer that
	// dialled and is Accepted; nobody else is told (174-10.4, 5.5). All of it
	// has to be voluntary (C-9). May be nil.
	Features func() []*xmlstream.Element

	// Acked is told the ids of the messages that a peer has acknowledged
	// (XEP-0198): its Handler has returned for them. In the order in which they
	// were sent, each once, by the reader of the stream, as Handler.Stanza. May
	// be nil, as AckLate, which is told, once, the ids of messages that have
	// waited for that for 5 s (README 5.7).
	Acked, AckLate func(c *Conn, ids []string)

	// Field is the field profile: X25519 alone and no padding (security.md
	// 4.1, 6.4), for links where every octet counts.
	Field bool

	// FullPrelude puts both names into the headers before TLS as well, where
	// everybody on the link can read them: for foreign software that insists
	// (RFC 6120 4.7.2, K3). Off unless the user asks for it. It is asked anew
	// for each stream, by any goroutine, and may be nil.
	FullPrelude func() bool

	// Wire gets every stream element in both directions, with the text and
	// the names taken out. May be nil.
	Wire io.Writer

	Log    *slog.Logger // nil: nothing is logged
	Limits Limits       // zero fields take the values of security.md 9.1
}

// Standing is what a peer may do.
type Standing int32

// Standings. The zero value is the careful one.
const (
	Stranger Standing = iota // may leave a request (README 5.5)
	Accepted                 // the user has accepted this key
	Refused                  // gets policy-violation with strangers-refused
)

// String is for logs.
func (s Standing) String() string {
	switch s {
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	case Stranger:
		return "stranger"
	}
	return "invalid"
}

// Peer is the other side of a stream. The keys are proven.
type Peer struct {
	Pin     identity.Pin
	Device  identity.DeviceID
	Name    string // from of its stream header, raw: a claim
	Addr    netip.AddrPort
	Dialled bool // by us
}

// Handler is told what happens on streams. Its methods are called without any
// lock and may call Send, End, Abort and SetStanding, but must not wait for
// the end of the stream they are called for.
type Handler interface {
	// Opened is called once negotiation is complete and before the first
	// stanza; for a dialled stream, before Dial returns.
	Opened(*Conn)

	// Stanza is called for each stanza in order, by the reader of the stream.
	// While it runs nothing more is read. From and To are those of the stream
	// where the peer left them out.
	Stanza(*Conn, stanza.Stanza)

	// Closed is called exactly once after Opened. Nil is a clean end (README
	// 5.9): both closing tags and both close_notify.
	Closed(*Conn, error)

	// Refused is called when a peer that cannot encrypt tried to open a
	// stream.
	Refused(Refusal)
}

// Refusal is a peer that was turned away because it cannot encrypt.
type Refusal struct {
	Addr   netip.AddrPort
	Name   string // from of its header, raw and unproven
	Reason Reason
}

// DialFunc makes the connection below a stream.
type DialFunc func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
