package stream

import (
	"cmp"
	"time"
)

// Limits are the numbers of security.md 9.1 that concern connections. A zero
// field takes the value given there.
type Limits struct {
	PerSource     int           // L-01: unauthenticated connections of one source, 4
	Pending       int           // L-02: unauthenticated connections in all, 64
	Reserve       int           // L-02: more of these for known addresses, 16
	Burst         int           // L-05: new connections of one source at once, 10
	Every         time.Duration // L-05: then one in this time, 1 s
	Penalty       time.Duration // L-05: for each failed handshake, 5 s
	Sources       int           // L-05: sources remembered, 4 096
	PerDevice     int           // L-06: streams of one device, 2
	Streams       int           // L-06: streams in all, 512
	FirstOctet    time.Duration // L-04: 5 s
	Handshake     time.Duration // L-04: from the start to the end of TLS, 10 s
	Header        time.Duration // L-04: from TLS to the stream header, 10 s
	DialAnswer    time.Duration // README 5.1: header and features for a dialler, 3 s
	CloseWait     time.Duration // README 5.9: for the other closing tag, 5 s
	Outbox        int           // octets that wait to be written, 128 KiB
	WriteStall    time.Duration // one flush may take so long, 60 s
	IdleKeepalive time.Duration // README 5.7: ping by the arbiter, 5 min
	IdleEnd       time.Duration // README 5.7: silence that ends a stream, 15 min
}

// Fixed numbers.
const (
	maxBeforeTLS = 8 << 10 // L-03: octets before TLS is finished

	maxPenalty = 10 * time.Minute // L-05

	// maxName is the length of an instance name: one DNS label (C-31).
	maxName = 63

	// outboxReply is how far answers may go beyond the outbox's bound while
	// the Handler runs. Two nodes that both wait for room before they read on
	// would wait for ever; the octets under way in two kernels fit this.
	outboxReply = 8 << 20

	// L-10, and how long an unaccepted peer is slowed before it is closed.
	strangerBurst, strangerRate    = 100, 20
	acceptedBurst, acceptedRate    = 10_000, 2_000
	acceptedOctets, acceptedPerSec = 5 << 20, 1 << 20
	strangerPatience               = 10 * time.Second
	maxDrain                       = 1 << 20 // octets thrown away while a stream ends
	refusalLinger                  = time.Second
	advertisedIdle                 = 900            // seconds, README 5.4
	maxAge                         = 24 * time.Hour // README 5.7: then an idle stream is restarted
	strangerStanza, acceptedStanza = 10_000, 65_536
)

// withDefaults fills what is zero.
func (l Limits) withDefaults() Limits {
	return Limits{
		PerSource:     cmp.Or(l.PerSource, 4),
		Pending:       cmp.Or(l.Pending, 64),
		Reserve:       cmp.Or(l.Reserve, 16),
		Burst:         cmp.Or(l.Burst, 10),
		Every:         cmp.Or(l.Every, time.Second),
		Penalty:       cmp.Or(l.Penalty, 5*time.Second),
		Sources:       cmp.Or(l.Sources, 4096),
		PerDevice:     cmp.Or(l.PerDevice, 2),
		Streams:       cmp.Or(l.Streams, 512),
		FirstOctet:    cmp.Or(l.FirstOctet, 5*time.Second),
		Handshake:     cmp.Or(l.Handshake, 10*time.Second),
		Header:        cmp.Or(l.Header, 10*time.Second),
		DialAnswer:    cmp.Or(l.DialAnswer, 3*time.Second),
		CloseWait:     cmp.Or(l.CloseWait, 5*time.Second),
		Outbox:        cmp.Or(l.Outbox, 128<<10),
		WriteStall:    cmp.Or(l.WriteStall, time.Minute),
		IdleKeepalive: cmp.Or(l.IdleKeepalive, 5*time.Minute),
		IdleEnd:       cmp.Or(l.IdleEnd, 15*time.Minute),
	}
}
