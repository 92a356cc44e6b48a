package stream

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/xmlstream"
)

// tap records what goes over a connection, one entry a write.
type tap struct {
	net.Conn
	mu     sync.Mutex
	writes [][]byte
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes = append(c.writes, append([]byte(nil), p...))
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *tap) all() (all []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.writes {
		all = append(all, w...)
	}
	return all
}

func (c *tap) CloseWrite() error { return c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

func TestC3_PreludeOctetsOfTheDialler(t *testing.T) { // README 5.3, K3, C-3, C-10, C-18
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		var got string
		_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
			got = m.until("'1.0'>")
			m.say(fakeAnswer + offerStartTLS)
			got += m.until("/>")
			m.say("</stream:stream>")
			_ = m.Close()
		}), bobAt, nil, "bob@reef")
		wantReason(t, err, ReasonCannotEncrypt)
		want := "<?xml version='1.0'?><stream:stream xmlns='jabber:client'" +
			" xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>" +
			"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestC1_PreludeOctetsOfTheListener(t *testing.T) { // also C-3, C-10, C-11
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		ids := map[string]bool{}
		for range 3 {
			m := knock(t, bob)
			m.say(clearHeader)
			got := m.until("</stream:features>")
			_, rest, _ := strings.Cut(got, " id='")
			id, _, _ := strings.Cut(rest, "'")
			if len(id) != 32 || ids[id] {
				t.Errorf("id %q is not a fresh one of 128 bits", id)
			}
			ids[id] = true
			want := "<?xml version='1.0'?><stream:stream xmlns='jabber:client'" +
				" xmlns:stream='http://etherx.jabber.org/streams' id='" + id + "' version='1.0' xml:lang='en'>" +
				"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
			if got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			m.say(startTLS)
			if got := m.until("/>"); got != "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" {
				t.Errorf("got %q", got)
			}
			_ = m.Close()
			time.Sleep(time.Minute) // the penalty of a broken-off connection
		}
	})
}

// README 5.1: what comes first decides. Nothing but a stream header of version
// 1.0 or higher gets an octet.
func Test5_8_SilenceBeforeAHeader(t *testing.T) {
	header := func(s string) string { return "<?xml version='1.0'?><stream:stream " + s + ">" }
	tests := []struct {
		name, input string
		refused     string        // name in the Refusal, "-" for none
		after       time.Duration // when the connection ends
	}{
		{"silence", "", "-", 5 * time.Second},
		{"TLS record", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "-", 0},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "-", 0},
		{"SSH", "SSH-2.0-x\r\n", "-", 0},
		{"zeros", strings.Repeat("\x00", 100), "-", 0},
		{"UTF-16", "\xff\xfe<\x00?\x00", "-", 0},
		{"10 MiB without a line", strings.Repeat("A", 10<<20), "-", 0},
		{"10 MiB in a tag", "<" + strings.Repeat("A", 10<<20), "-", 0},
		{"10 MiB of white space", strings.Repeat(" ", 10<<20), "-", 0},
		{"DOCTYPE", "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]>", "-", 0},
		{"comment", "<!-- x -->", "-", 0},
		{"half a header", clearHeader[:60], "-", 10 * time.Second},
		{"another root", "<html version='1.0'>", "-", 0},
		{"no version", header(streamNS + " from='romeo@forza'"), "romeo@forza", 0},
		{"libpurple", "<?xml version='1.0' encoding='UTF-8' ?>\n" +
			`<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" from="bob@h2" to="alice@h1">`, "bob@h2", 0},
		{"version 0.9", header(streamNS + " version='0.9' from='a@b'"), "a@b", 0},
		{"version is a word", header(streamNS + " version='one'"), "-", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bob := newSide(t, bobID(), "bob@reef", nil)
				m := knock(t, bob)
				start := time.Now()
				go func() { _, _ = io.WriteString(m.Conn, tt.input) }()
				got, err := m.rest()
				if got != "" {
					t.Errorf("it said %q", got)
				}
				if took := time.Since(start); took != tt.after {
					t.Errorf("it took %v, want %v", took, tt.after)
				}
				if tt.refused != "-" && err != nil {
					t.Errorf("ended with %v, want a FIN", err)
				}
				_ = m.Close()
				time.Sleep(2 * time.Second)
				wantQuiet(t, bob.recorder)
				wantRefusal(t, bob.recorder, tt.refused)
			})
		})
	}
}

func wantRefusal(t *testing.T, r *recorder, name string) {
	t.Helper()
	switch {
	case name == "-" && len(r.refusals) > 0:
		t.Errorf("got refusals %v", r.refusals)
	case name == "-":
	case len(r.refusals) != 1:
		t.Errorf("got %d refusals, want 1", len(r.refusals))
	case r.refusals[0] != Refusal{Addr: aliceAt, Name: name, Reason: ReasonCannotEncrypt}:
		t.Errorf("got %+v", r.refusals[0])
	}
}

// A 0.9 client goes on writing what its user said. It must see a FIN and not a
// reset, and the text must not come back to anybody.
func Test5_8_RefusalIsAFIN(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := knock(t, bob)
		m.say("<stream:stream " + streamNS + " from='a@b'>")
		synctest.Wait()
		m.say("<message><body>secret</body></message>")
		if got, err := m.rest(); got != "" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// After a valid header errors are told: README 5.8, C-13, C-14.
func TestC14_ErrorsInClear(t *testing.T) {
	offer := "</stream:features>"
	tests := []struct {
		name, input string
		want        string // after our header, and features if they were due
		offered     bool
	}{
		{"wrong stream namespace", "<stream:stream xmlns='jabber:client' xmlns:stream='urn:x' version='1.0'>", errorElement("invalid-namespace", ""), false},
		{"wrong content namespace", "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>", errorElement("invalid-namespace", ""), false},
		{"wrong prefix", "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' version='1.0'>", errorElement("bad-namespace-prefix", ""), false},
		{"message", clearHeader + "<message><body>x</body></message>", errorElement("not-authorized", ""), true},
		{"presence", clearHeader + "<presence/>", errorElement("not-authorized", ""), true},
		{"iq", clearHeader + "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", errorElement("not-authorized", ""), true},
		{"SASL", clearHeader + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>", errorElement("not-authorized", ""), true},
		{"starttls with text", clearHeader + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>x</starttls>", failTLS + "</stream:stream>", true},
		{"starttls of another namespace", clearHeader + "<starttls/>", failTLS + "</stream:stream>", true},
		{"starttls with a child", clearHeader + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><x/></starttls>", failTLS + "</stream:stream>", true},
		{"closing tag", clearHeader + "</stream:stream>", "</stream:stream>", true},
		{"text", clearHeader + "hello", "<stream:error><not-well-formed", true},
		{"comment", clearHeader + "<!-- x -->", "<stream:error><restricted-xml", true},
		{"DOCTYPE", clearHeader + "<!DOCTYPE x>", "<stream:error><restricted-xml", true},
		{"too much", clearHeader + "<starttls a='" + strings.Repeat("A", 2000) + "'/>", "<stream:error><policy-violation", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bob := newSide(t, bobID(), "bob@reef", nil)
				near, far := pipePair()
				taps := &tap{Conn: far}
				go func() { _ = serveOne(bob, taps) }()
				_, _ = io.WriteString(near, tt.input)
				synctest.Wait()
				got := string(taps.all())
				if !strings.HasPrefix(got, "<?xml version='1.0'?><stream:stream ") {
					t.Fatalf("no header: %q", got)
				}
				if strings.Contains(got, offer) != tt.offered {
					t.Errorf("features: %q", got)
				}
				if tt.offered {
					_, got, _ = strings.Cut(got, offer)
				} else {
					if len(taps.writes) != 1 {
						t.Errorf("%d writes, want one", len(taps.writes))
					}
					_, got, _ = strings.Cut(got, "xml:lang='en'>")
				}
				if !strings.HasPrefix(stripText(got), tt.want) && !strings.HasPrefix(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if !strings.HasSuffix(got, xmlstream.CloseTag) {
					t.Errorf("no closing tag: %q", got)
				}
				_ = near.Close()
				time.Sleep(2 * time.Second)
				wantQuiet(t, bob.recorder)
			})
		})
	}
}

// stripText takes the padding and the human part out of a stream error.
func stripText(s string) string {
	s = strings.ReplaceAll(s, "  ", "")
	s = strings.ReplaceAll(s, "> <", "><")
	before, rest, ok := strings.Cut(s, "<text ")
	if !ok {
		return s
	}
	_, after, _ := strings.Cut(rest, "</text>")
	return before + after
}

func TestC12_HigherVersionIsAnsweredWithOurs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		for _, version := range []string{"1.0", "1.1", "01.0", "2.0", "10.0"} {
			m := knock(t, bob)
			m.say("<stream:stream " + streamNS + " version='" + version + "'>")
			if got := m.until("</stream:features>"); !strings.Contains(got, " version='1.0' ") {
				t.Errorf("%s: got %q", version, got)
			}
			_ = m.Close()
			synctest.Wait()
			time.Sleep(time.Minute) // the penalty of a broken-off connection
		}
	})
}

// What a dialler makes of what it finds (README 5.1, C-2).
func TestDialFindsNoEncryption(t *testing.T) {
	plain := "<?xml version='1.0'?><stream:stream " + streamNS + " id='1' from='b@c'>"
	tests := []struct {
		name   string
		serve  func(m *mallory)
		reason Reason
		after  time.Duration
	}{
		{"hangs up", func(m *mallory) { _ = m.Close() }, ReasonClosed, 0},
		{"silent", func(m *mallory) { _, _ = m.rest() }, ReasonCannotEncrypt, 3 * time.Second},
		{"header, then silent", func(m *mallory) { m.until("'1.0'>"); m.say(fakeAnswer); _, _ = m.rest() }, ReasonCannotEncrypt, 3 * time.Second},
		{"no version", func(m *mallory) { m.until("'1.0'>"); m.say(plain); _, _ = m.rest() }, ReasonCannotEncrypt, 0},
		{"garbage", func(m *mallory) { m.say("220 mail ESMTP\r\n") }, ReasonCannotEncrypt, 0},
		{"another namespace", func(m *mallory) { m.say("<stream:stream xmlns='jabber:server' xmlns:stream='urn:x' version='1.0'>") }, ReasonCannotEncrypt, 0},
		{"stanza for features", func(m *mallory) { m.say(fakeAnswer + "<message/>") }, ReasonCannotEncrypt, 0},
		{"failure", func(m *mallory) {
			m.until("'1.0'>")
			m.say(fakeAnswer + offerStartTLS)
			m.until(startTLS)
			m.say(failTLS)
		}, ReasonCannotEncrypt, 0},
		{"message for proceed", func(m *mallory) { m.say(fakeAnswer + offerStartTLS + "<message/>") }, ReasonCannotEncrypt, 0},
		{"stream error", func(m *mallory) { m.say(fakeAnswer + errorElement("resource-constraint", "")) }, ReasonRefused, 0},
		{"see-other-host", func(m *mallory) {
			m.say(fakeAnswer + "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>evil</see-other-host></stream:error>")
		}, ReasonRefused, 0},
		{"10 MiB", func(m *mallory) { _, _ = io.WriteString(m, "<"+strings.Repeat("A", 10<<20)) }, ReasonCannotEncrypt, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				alice := newSide(t, aliceID(), "alice@kite", nil)
				start := time.Now()
				_, err := alice.Dial(t.Context(), fakeListener(t, tt.serve), bobAt, nil, "bob@reef")
				wantReason(t, err, tt.reason)
				if took := time.Since(start); took != tt.after {
					t.Errorf("it took %v, want %v", took, tt.after)
				}
				wantQuiet(t, alice.recorder)
			})
		})
	}
}

func Test5_8_SeeOtherHostIsNeverFollowed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, nil)
		back := bob.last(t)
		back.Abort(xmlstream.Error{Condition: xmlstream.SeeOtherHost})
		<-c.Done()
		<-back.Done()
		synctest.Wait()
		if o, _, _, _ := bob.counts(); o != 1 {
			t.Errorf("%d streams were opened", o)
		}
	})
}

// C-2 and T-07: features without starttls or without required change nothing:
// STARTTLS is tried once, and only TLS comes after it.
func TestC2_T07_StrippedFeaturesStillEncrypt(t *testing.T) {
	for _, features := range []string{
		"<stream:features/>",
		"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
		"<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
	} {
		bubble(t, func(t *testing.T) {
			alice := newSide(t, aliceID(), "alice@kite", nil)
			bob := newSide(t, bobID(), "bob@reef", nil)
			pin := bob.id.Pin()
			strip := fakeListener(t, func(m *mallory) { relay(t, m, bob, features) })
			c, err := alice.Dial(t.Context(), strip, bobAt, &pin, "bob@reef")
			if err != nil {
				t.Fatalf("%s: %v", features, err)
			}
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// relay stands between a dialler and bob and replaces bob's clear features.
func relay(t *testing.T, m *mallory, bob *side, features string) {
	up := knock(t, bob)
	up.say(m.until("'1.0'>"))
	head := up.until("</stream:features>")
	head, _, _ = strings.Cut(head, "<stream:features>")
	m.say(head + features)
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(up.Conn, m.Conn); _ = up.Close() })
	both.Go(func() { _, _ = io.Copy(m.Conn, up.Conn); _ = m.Close() })
	both.Wait()
}

// T-07 on the listener's side: a relay that keeps <starttls/> from it gets
// nowhere with anything else, and one that garbles it neither.
func TestT07_ListenerTakesNothingBesideStartTLS(t *testing.T) {
	for _, instead := range []string{
		"<presence/>", "<message><body>x</body></message>",
		"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls2'/>", "<stream:features/>",
		"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
	} {
		bubble(t, func(t *testing.T) {
			bob := newSide(t, bobID(), "bob@reef", nil)
			m := knock(t, bob)
			m.say(clearHeader)
			m.until(offerStartTLS)
			m.say(instead)
			got, err := m.rest()
			if err != nil || !strings.HasSuffix(got, xmlstream.CloseTag) || strings.Contains(got, "proceed") {
				t.Errorf("%s: got %q, %v", instead, got, err)
			}
			wantQuiet(t, bob.recorder)
		})
	}
}

// T-08, C-4: octets behind the switch to TLS are an injection.
func TestC4_T08_InjectionBehindStartTLS(t *testing.T) {
	for _, extra := range []string{"<message><body>x</body></message>", " ", "\n", "\x16\x03\x01"} {
		bubble(t, func(t *testing.T) {
			bob := newSide(t, bobID(), "bob@reef", nil)
			m := knock(t, bob)
			m.say(clearHeader)
			m.until(offerStartTLS)
			m.say(startTLS + extra)
			if got, _ := m.rest(); got != "" {
				t.Errorf("%q: got %q", extra, got)
			}
			wantQuiet(t, bob.recorder)
		})
	}
}

// The same in two segments: then it is TLS that stumbles over it.
func TestC4_T08_InjectionInASecondSegment(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := knock(t, bob)
		m.prelude()
		m.say("<message><body>x</body></message>")
		if got, _ := m.rest(); strings.Contains(got, "<") {
			t.Errorf("got %q", got)
		}
		wantQuiet(t, bob.recorder)
	})
}

func TestC4_T08_InjectionBehindProceed(t *testing.T) {
	for _, extra := range []string{"<message><body>x</body></message>", " ", "</stream:stream>"} {
		bubble(t, func(t *testing.T) {
			alice := newSide(t, aliceID(), "alice@kite", nil)
			var after string
			_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
				m.until("'1.0'>")
				m.say(fakeAnswer + offerStartTLS)
				m.until(startTLS)
				m.say(proceedTLS + extra)
				after, _ = m.rest()
			}), bobAt, nil, "")
			d := wantReason(t, err, ReasonBadStream)
			if !errors.Is(d, errInjected) {
				t.Errorf("got %v", d)
			}
			synctest.Wait()
			if after != "" {
				t.Errorf("%q: the dialler said %d octets more", extra, len(after))
			}
			wantQuiet(t, alice.recorder)
		})
	}
}

// L-03: not more than 8 KiB before TLS is finished, 1 KiB of these in clear.
func TestL03_OctetsBeforeTLS(t *testing.T) {
	bubble(t, func(t *testing.T) {
		near, far := pipePair()
		g := newGate(far)
		_, _ = near.Write(make([]byte, 20000))
		n, err := io.ReadAll(g)
		if len(n) != 8192 || !errors.Is(err, errTooMany) {
			t.Errorf("got %d octets, %v", len(n), err)
		}
	})
}

// L-04: an attacker that trickles is gone after 10 s.
func TestL04_Trickle(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := knock(t, bob)
		start := time.Now()
		var trickle sync.WaitGroup
		defer trickle.Wait()
		trickle.Go(func() {
			for _, c := range clearHeader {
				if _, err := m.Write([]byte{byte(c)}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		if got, _ := m.rest(); got != "" {
			t.Errorf("got %q", got)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// L-04: the stream header has 10 s after TLS.
func TestL04_NoHeaderInsideTLS(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m, err := knock(t, bob).secure(clientConfig(malloryID()))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if got, _ := m.rest(); got != "" {
			t.Errorf("got %q", got)
		}
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
		wantQuiet(t, bob.recorder)
	})
}
