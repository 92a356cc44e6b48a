package stream

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/xmlstream"
)

func TestSameName(t *testing.T) { // C-32
	tests := []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"bob@reef", "BOB@Reef", true},
		{"bob@reef", "bob@ree", false},
		{"bob [1]", "bob {1}", false}, // differ by 0x20, but are no letters
		{"bob@", "bob`", false},
		{"\u00e9", "\u00c9", false},      // only ASCII folds
		{"e\u0301", "\u00e9", false},     // nothing is normalised
		{"kelvin", "\u212aelvin", false}, // a fold of Unicode
	}
	for _, tt := range tests {
		if got := sameName(tt.a, tt.b); got != tt.want {
			t.Errorf("sameName(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}

func TestFitName(t *testing.T) { // C-31
	for name, want := range map[string]bool{
		"": true, "a b (2)@Pronto Mac": true, strings.Repeat("x", 63): true, strings.Repeat("x", 64): false,
		"a\x00b": false, "a\nb": false, "a\x7fb": false, "a\u0085b": true, // C1 is safetext's to remove
	} {
		if got := fitName(name); got != want {
			t.Errorf("fitName(%q) = %v", name, got)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	e := &PeerError{Err: xmlstream.Error{Condition: "conflict", Text: "\x1b]0;owned\a"}}
	if got := e.Error(); strings.ContainsAny(got, "\x1b\a") || !strings.Contains(got, "conflict") {
		t.Errorf("got %q", got)
	}
	d := &DialError{Addr: bobAt, Reason: ReasonWrongKey}
	if got := d.Error(); got != "dial 192.0.2.2:5298: wrong-key" {
		t.Errorf("got %q", got)
	}
	if got := (&DialError{Err: io.EOF}).Unwrap(); !errors.Is(got, io.EOF) {
		t.Errorf("got %v", got)
	}
	for s, want := range map[Standing]string{Stranger: "stranger", Accepted: "accepted", Refused: "refused", 9: "invalid"} {
		if got := s.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestVerdictsBelowXML(t *testing.T) {
	remote := &net.OpError{Op: "remote error", Err: errors.New("alert")}
	tests := []struct {
		err  error
		want Reason
	}{
		{os.ErrDeadlineExceeded, ReasonTimeout},
		{remote, ReasonRefused},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, ReasonClosed},
		{io.ErrUnexpectedEOF, ReasonClosed},
		{errors.New("other"), ReasonBadStream},
	}
	for _, tt := range tests {
		if got := reasonOf(tt.err); got != tt.want {
			t.Errorf("reasonOf(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestDefaultLimits(t *testing.T) { // security.md 9.1
	got := Limits{PerSource: 7}.withDefaults()
	want := Limits{
		PerSource: 7, Pending: 64, Reserve: 16, Burst: 10, Every: time.Second, Penalty: 5 * time.Second, Sources: 4096,
		PerDevice: 2, Streams: 512, FirstOctet: 5 * time.Second, Handshake: 10 * time.Second, Header: 10 * time.Second,
		DialAnswer: 3 * time.Second, CloseWait: 5 * time.Second, Outbox: 128 << 10, WriteStall: time.Minute,
		IdleKeepalive: 5 * time.Minute, IdleEnd: 15 * time.Minute,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// putIn is fill with octets.
func putIn(o *outbox, s string, bound int) (lead bool, room <-chan struct{}, err error) {
	return o.fill(bound, false, func(o *outbox) error {
		o.buf = append(o.buf, s...)
		return nil
	})
}

func TestOutbox(t *testing.T) {
	o := newOutbox()
	put := func(s string, bound int, wantLead bool) bool {
		lead, room, err := putIn(&o, s, bound)
		if err != nil || lead != wantLead {
			t.Fatalf("got %v, %v", lead, err)
		}
		return room == nil
	}
	if !put("more than the bound", 4, true) {
		t.Error("an empty outbox must take anything")
	}
	if put("x", 4, false) {
		t.Error("a full outbox took more")
	}
	_, room, _ := putIn(&o, "x", 4)
	if b, tail := o.take(); string(b) != "more than the bound" || tail != "" {
		t.Errorf("got %q, %q", b, tail)
	}
	select {
	case <-room:
	default:
		t.Error("nobody is told that there is room")
	}
	if o.yield() {
		t.Error("an idle stream keeps its writer")
	}
	put("queued", 100, true)
	if first, _ := o.end(nil, "</s>", false); !first {
		t.Error("not the first end")
	}
	if first, lead := o.end(nil, "</s>", false); first || lead {
		t.Error("end is not idempotent")
	}
	if _, _, err := putIn(&o, "x", 100); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v", err)
	}
	if b, tail := o.take(); string(b) != "queued" || tail != "</s>" {
		t.Errorf("got %q, %q", b, tail)
	}
	if b, tail := o.take(); len(b) > 0 || tail != "" {
		t.Errorf("the end was written twice: %q, %q", b, tail)
	}
	if first, lead := o.end([]byte("<error/>"), "</s>", true); first || lead {
		t.Error("an error after the closing tag")
	}
	if o.yield() {
		t.Error("more after the end")
	}
	<-o.gone
}

func TestOutboxErrorOvertakesAPoliteEnd(t *testing.T) {
	o := newOutbox()
	_, _, _ = putIn(&o, "queued", 100)
	for i, want := range []bool{true, true, false} {
		last := [][]byte{nil, []byte("<error/>"), []byte("<other/>")}[i]
		if first, lead := o.end(last, "</s>", i > 0); first != want || lead {
			t.Error("the first error must win over a polite end, and nothing over it")
		}
	}
	if b, tail := o.take(); string(b) != "<error/>" || tail != "</s>" {
		t.Errorf("got %q, %q", b, tail)
	}
}

// One writer at a time, nothing is forgotten when it leaves, and a cut ends it.
func TestOutboxHasOneWriter(t *testing.T) {
	o := newOutbox()
	if lead, _, _ := putIn(&o, "a", 9); !lead {
		t.Fatal("nobody writes")
	}
	o.take()
	if lead, _, _ := putIn(&o, "b", 9); lead {
		t.Error("two writers")
	}
	if !o.yield() {
		t.Error("what came meanwhile is forgotten")
	}
	o.take()
	if o.yield() {
		t.Error("there is nothing more")
	}
	lead, _, _ := o.fill(9, true, func(o *outbox) error { o.buf = append(o.buf, "held"...); return nil })
	if lead || !o.claim() || o.claim() {
		t.Error("what is held is written by one who claims it")
	}
	o.stop()
	select {
	case <-o.gone:
		t.Error("gone while somebody writes")
	default:
	}
	if o.yield() {
		t.Error("more after a cut")
	}
	<-o.gone
	if _, _, err := putIn(&o, "x", 9); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v", err)
	}
}

// What does not become a whole stanza leaves nothing behind.
func TestOutboxUndoesAFailure(t *testing.T) {
	o := newOutbox()
	lead, room, err := o.fill(9, false, func(o *outbox) error {
		o.buf = append(o.buf, "half"...)
		return ErrTooBig
	})
	if lead || room != nil || !errors.Is(err, ErrTooBig) || o.waits() > 0 {
		t.Errorf("got %v, %v, %v, %d octets", lead, room, err, o.waits())
	}
}

// deadlines remembers the last write deadline.
type deadlines struct {
	net.Conn
	mu   sync.Mutex
	last time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.mu.Lock()
	d.last = at
	d.mu.Unlock()
	return d.Conn.SetWriteDeadline(at)
}

func (d *deadlines) SetDeadline(at time.Time) error {
	_ = d.SetWriteDeadline(at)
	return d.Conn.SetReadDeadline(at)
}

// No deadline outlives a write: TLS answers a key update from the reader, maybe
// hours later.
func TestNoWriteDeadlineIsLeftBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob := newSide(t, aliceID(), "alice@kite", nil), newSide(t, bobID(), "bob@reef", nil)
		near, err := bob.l.Dial(t.Context(), aliceAt)
		if err != nil {
			t.Fatal(err)
		}
		d := &deadlines{Conn: near}
		c, err := alice.Dial(t.Context(), over(d), bobAt, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			synctest.Wait()
			d.mu.Lock()
			if !d.last.IsZero() {
				t.Errorf("a write deadline is left: %v", d.last)
			}
			d.mu.Unlock()
			if err := c.Send(t.Context(), message("x")); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A stranger's other stanzas are never answered by the stream (P-19).
func TestP19_NothingIsAnsweredToAStranger(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Admit = nil })
		m := inside(t, bob, malloryID())
		m.say("<message id='1'><body>x</body><request xmlns='urn:xmpp:receipts'/></message><presence/>" +
			"<presence type='subscribe'/><iq type='result' id='2'/>")
		synctest.Wait()
		_ = m.SetReadDeadline(time.Now().Add(time.Minute))
		got := make([]byte, 1)
		if n, err := m.Read(got); n > 0 && got[0] != ' ' || err == nil && got[0] != ' ' {
			t.Errorf("got %q, %v", got[:n], err)
		}
		rest, _ := m.rest()
		if strings.TrimSpace(rest) != "" {
			t.Errorf("got %q", rest)
		}
		if bob.last(t).Standing() != Stranger {
			t.Errorf("without Admit everybody is a %v", bob.last(t).Standing())
		}
		if n := len(bob.stanzas); n != 4 {
			t.Errorf("%d stanzas were handed over", n)
		}
	})
}
