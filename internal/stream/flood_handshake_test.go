package stream

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// recordedHello is the ClientHello of a dialler, made once: whoever floods sends
// it again and again, and pays nothing for what the listener computes upon it.
func recordedHello(t testing.TB) []byte {
	t.Helper()
	s := &script{in: bytes.NewReader(nil)}
	n := Node{cfg: Config{Identity: malloryID()}}
	_ = tls.Client(s, n.tlsConfig(nil)).Handshake() // ends with the answer that never comes
	if s.out.Len() < 1000 {
		t.Fatalf("a ClientHello of %d octets", s.out.Len())
	}
	return []byte(s.out.String())
}

// flooder makes a listener begin handshakes and drops them.
type flooder struct {
	hello   []byte
	prelude bool // STARTTLS stands before TLS
	rate    int  // a second; 0: as fast as it goes
}

// once is one connection; it reports whether the listener answered the
// ClientHello, and so has done its work.
func (f *flooder) once(c net.Conn) (answered bool) {
	defer func() { _ = c.Close() }()
	if f.prelude {
		for _, step := range [...]struct{ say, until string }{
			{clearHeader, "</stream:features>"},
			{startTLS, "/>"},
		} {
			if _, err := io.WriteString(c, step.say); err != nil || !skipPast(c, step.until) {
				return false
			}
		}
	}
	if _, err := c.Write(f.hello); err != nil {
		return false
	}
	_, err := io.ReadFull(c, make([]byte, 1000)) // its key share is in here
	return err == nil
}

// skipPast reads until the octets so far end with what.
func skipPast(c net.Conn, what string) bool {
	var got []byte
	for b := make([]byte, 1024); !bytes.HasSuffix(got, []byte(what)); {
		n, err := c.Read(b)
		if err != nil {
			return false
		}
		got = append(got, b[:n]...)
	}
	return true
}

// T-17: however often a source tries, no more handshakes are begun for it than
// its penalties leave, and a contact gets its stream meanwhile.
func TestT17_FloodOfHandshakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		f := &flooder{hello: recordedHello(t), prelude: true}
		const sources, minute = 5, 600
		begun := [sources]int{}
		for range minute { // ten times a second each
			for i := range sources {
				c, err := bob.l.Dial(t.Context(), netip.AddrPortFrom(sourceNumber(i).Addr(), 40000))
				if err != nil {
					t.Fatal(err)
				}
				if f.once(c) {
					begun[i]++
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		for i, n := range begun {
			if n < 1 || n > 13 { // one now, then one after each penalty of 5 s
				t.Errorf("source %d: %d handshakes were begun in a minute", i, n)
			}
		}
		alice := newSide(t, aliceID(), "alice@kite", nil)
		pin := bob.id.Pin()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := alice.Dial(ctx, to(bob), bobAt, &pin, "bob@reef"); err != nil {
			t.Errorf("under the flood: %v", err)
		}
	})
}
