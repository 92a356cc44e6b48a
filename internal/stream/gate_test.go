package stream

import (
	"bytes"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"testing"

	"llchat/internal/stanza"
)

// TestRecords: however octets arrive, TLS gets no octet of a record behind the
// one that it is reading.
func TestRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var all []byte
	ends := map[int]bool{0: true}
	for range 200 {
		n := rng.IntN(700)
		all = append(all, 23, 3, 3, byte(n>>8), byte(n))
		all = append(all, make([]byte, n)...)
		ends[len(all)] = true
	}
	for range 50 {
		r := records{on: true}
		for at := 0; at < len(all); {
			arrived := all[at:min(len(all), at+1+rng.IntN(2000))]
			for len(arrived) > 0 {
				n := r.most(arrived)
				if n < 1 {
					t.Fatalf("%d octets at %d", n, at)
				}
				for i := at + 1; i < at+n; i++ {
					if ends[i] {
						t.Fatalf("%d octets at %d go beyond a record that ends at %d", n, at, i)
					}
				}
				r.pass(arrived[:n])
				at += n
				arrived = arrived[n:]
			}
		}
		if r.left != 0 || r.n != 0 {
			t.Errorf("at the end %d octets are due", r.left)
		}
	}
}

// Whatever records one packet brings, and wherever it cuts them: all that is
// whole is read at once, without another packet.
func TestLoopbackManyRecordsInOnePacket(t *testing.T) {
	got := make(chan string, 10)
	h := &recorder{onStanza: func(_ *Conn, s stanza.Stanza) { got <- s.(stanza.Message).Body }}
	_, at := realSide(t, bobID(), "bob@reef", h, nil)
	raw := dialLoopback(t, at.String())
	held := &held{Conn: raw}
	m := openOver(t, held)
	for cut := range 40 {
		held.on = true
		m.say("<message><body>one</body></message>")
		m.say("<message><body>two</body></message>  <mess")
		m.say("age><body>three</body></message>")
		whole := held.buf.Len()
		m.say("<message><body>four</body></message>")
		held.on = false
		packet := bytes.Clone(held.buf.Bytes())
		held.buf.Reset()
		for _, part := range [][]byte{packet[:whole+cut], packet[whole+cut:]} {
			if _, err := raw.Write(part); err != nil {
				t.Fatal(err)
			}
			want := []string{"one", "two", "three"}
			if len(part) < whole {
				want = []string{"four"}
			}
			for _, w := range want {
				if s := <-got; s != w {
					t.Fatalf("cut at %d: got %q, want %q", cut, s, w)
				}
			}
		}
	}
	_ = m.Conn.(*tls.Conn).CloseWrite()
}

// held keeps what is written while it is on.
type held struct {
	net.Conn
	buf bytes.Buffer
	on  bool
}

func (h *held) Write(p []byte) (int, error) {
	if h.on {
		return h.buf.Write(p)
	}
	return h.Conn.Write(p)
}
