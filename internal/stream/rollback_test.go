package stream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"testing/synctest"

	"llchat/internal/lantest/pipe"
)

// rollback sits on the wire and puts something weaker into what passes.
type rollback struct {
	*pipe.Conn
	old, new []byte
	hits     int
}

func (r *rollback) Write(p []byte) (int, error) {
	r.hits += bytes.Count(p, r.old)
	if _, err := r.Conn.Write(bytes.ReplaceAll(p, r.old, r.new)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// T-32: who sits between two nodes and takes the better version or group out of
// what they offer gets no stream at all, never a weaker one.
func TestT32_RollbackProxy(t *testing.T) {
	const (
		offersHybrid   = "\x11\xec\x00\x1d"             // supported_groups
		sharesHybrid   = "\x11\xec\x04\xc0"             // key_share of a ClientHello: 1 216 octets
		answersHybrid  = "\x11\xec\x04\x60"             // that of a ServerHello: 1 120 octets
		offersVersion  = "\x00\x2b\x00\x03\x02\x03\x04" // supported_versions
		answersVersion = "\x00\x2b\x00\x02\x03\x04"
	)
	tests := []struct {
		name     string
		down     bool // what the listener says
		old, new string
		same     bool // STARTTLS is tried all the same (C-2): a stream as strong as ever
	}{
		{"no hybrid among the groups", false, offersHybrid, "\x7a\x7a\x00\x1d", false},
		{"no hybrid share", false, sharesHybrid, "\x7a\x7a\x04\xc0", false},
		{"TLS 1.2 alone", false, offersVersion, "\x00\x2b\x00\x03\x02\x03\x03", false},
		{"an extension that nobody knows for the versions", false, offersVersion, "\xfa\xfa\x00\x03\x02\x03\x04", false},
		{"another group in the answer", true, answersHybrid, "\x00\x1d\x04\x60", false},
		{"TLS 1.2 in the answer", true, answersVersion, "\x00\x2b\x00\x02\x03\x03", false},
		{"XMPP 0.9 from the dialler", false, "version='1.0'", "version='0.9'", false},
		{"no version from the dialler", false, " version='1.0'", "              ", false},
		{"no version from the listener", true, "' version='1.0'", "'              ", false},
		{"no STARTTLS", true, "<starttls ", "<startxxx ", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				alice := newSide(t, aliceID(), "alice@kite", nil)
				bob := newSide(t, bobID(), "bob@reef", nil)
				near, far := pipe.New()
				up, down := &rollback{Conn: near.(*pipe.Conn)}, &rollback{Conn: far.(*pipe.Conn)}
				proxy := up
				if tt.down {
					proxy = down
				}
				proxy.old, proxy.new = []byte(tt.old), []byte(tt.new)
				ctx, cancel := context.WithCancel(t.Context())
				served := make(chan error, 1)
				go func() { served <- bob.Serve(ctx, &oneListener{conn: down, done: make(chan struct{})}) }()
				pin := bob.id.Pin()
				c, err := alice.Dial(t.Context(), over(up), bobAt, &pin, "bob@reef")
				synctest.Wait()
				switch {
				case proxy.hits == 0:
					t.Fatal("the proxy found nothing to change")
				case err == nil && !tt.same:
					t.Error("there is a stream")
				case err == nil:
					if s := c.TLS(); s.Version != tls.VersionTLS13 || s.CurveID != tls.X25519MLKEM768 {
						t.Errorf("a stream with version %x, group %v", s.Version, s.CurveID)
					}
				default:
					if _, ok := errors.AsType[*DialError](err); !ok {
						t.Errorf("got %v", err)
					}
					wantQuiet(t, alice.recorder)
					wantQuiet(t, bob.recorder)
				}
				cancel()
				<-served
			})
		})
	}
}
