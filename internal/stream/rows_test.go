package stream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/xmlstream"
)

// Rows of README 5.8 and 5.9, and of chapter 4, that no other test is about.

// A handshake that stops gets no word either, on both sides (L-04): what was
// said before it is all that there is.
func Test5_8_L04_TLSNotDoneInTime(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  func(m *mallory)
	}{
		{"after the header", func(m *mallory) { m.say(clearHeader); m.until(offerStartTLS) }},
		{"after proceed", func(m *mallory) { m.prelude() }},
		{"within the handshake", func(m *mallory) { m.prelude(); m.say("\x16\x03\x01\x02\x00\x01") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bob := newSide(t, bobID(), "bob@reef", nil)
				start := time.Now()
				m := knock(t, bob)
				tt.say(m)
				if got, _ := m.rest(); got != "" {
					t.Errorf("got %q", got)
				}
				if took := time.Since(start); took != 10*time.Second {
					t.Errorf("it took %v", took)
				}
				wantQuiet(t, bob.recorder)
			})
		})
	}
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		var said string
		start := time.Now()
		_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
			m.answerPrelude()
			said, _ = m.rest()
		}), bobAt, nil, "bob@reef")
		wantReason(t, err, ReasonTimeout)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("the dialler took %v", took)
		}
		synctest.Wait()
		if !strings.HasPrefix(said, "\x16\x03") || strings.Contains(said, "</stream") {
			t.Errorf("the dialler said %q", said)
		}
	})
}

// C-5: after a handshake that failed nothing is said in clear, by neither side.
func TestC5_NothingInClearAfterAFailure(t *testing.T) {
	const garbage = "HTTP/1.1 400 Bad Request\r\n\r\n"
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := knock(t, bob)
		m.prelude()
		m.say(garbage)
		if got, _ := m.rest(); strings.Contains(got, "<") {
			t.Errorf("the listener said %q", got)
		}
		wantQuiet(t, bob.recorder)
	})
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", nil)
		var said string
		_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
			m.answerPrelude()
			said = m.until("\x16\x03\x01") // else it would stand behind <proceed/>
			m.say(garbage)
			rest, _ := m.rest()
			said += rest
		}), bobAt, nil, "bob@reef")
		wantReason(t, err, ReasonTLS)
		synctest.Wait()
		if strings.Contains(said, "<stream") || strings.Contains(said, "</stream") {
			t.Errorf("the dialler said %q", said)
		}
	})
}

// C-6: names and ids from before TLS count for nothing inside it.
func TestC6_NothingFromBeforeTLSCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := knock(t, bob)
		m.say("<stream:stream " + streamNS + " from='eve@elm' to='carol@cape' id='x' version='1.0'>")
		before := m.until(offerStartTLS)
		m.say(startTLS)
		m.until(proceedTLS)
		s, err := m.handshake(clientConfig(malloryID()))
		if err != nil {
			t.Fatal(err)
		}
		s.say("<stream:stream " + streamNS + " version='1.0'>")
		after := s.until("</stream:features>")
		synctest.Wait()
		if own, peer := bob.last(t).Names(); own != "bob@reef" || peer != "" {
			t.Errorf("the names are %q and %q", own, peer)
		}
		if id := idOf(before); id == "" || strings.Contains(after, id) {
			t.Errorf("the id %q is used again", id)
		}
		if strings.Contains(after, "eve") || strings.Contains(after, "carol") {
			t.Errorf("got %q", after)
		}
	})
}

// idOf returns the id of a stream header.
func idOf(s string) string {
	_, rest, _ := strings.Cut(s, " id='")
	id, _, _ := strings.Cut(rest, "'")
	return id
}

// What a listener does wrong in clear, behind a proper header, it is told by the
// dialler (C-13). The dialler's own header is out by then.
func Test5_8_DiallerTellsInClear(t *testing.T) {
	for _, tt := range []struct{ name, answer, condition string }{
		{"stanza for features", "<message/>", xmlstream.NotAuthorized},
		{"comment", "<!-- x -->", xmlstream.RestrictedXML},
		{"not well-formed", "<a></b>", xmlstream.NotWellFormed},
		{"message for proceed", offerStartTLS + "<message/>", xmlstream.NotAuthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				alice := newSide(t, aliceID(), "alice@kite", nil)
				var said string
				_, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
					m.until("'1.0'>")
					m.say(fakeAnswer + tt.answer)
					said, _ = m.rest()
				}), bobAt, nil, "bob@reef")
				wantReason(t, err, ReasonCannotEncrypt)
				synctest.Wait()
				if !strings.HasSuffix(stripText(said), errorElement(tt.condition, "")) {
					t.Errorf("the dialler said %q, want %s", said, tt.condition)
				}
				wantQuiet(t, alice.recorder)
			})
		})
	}
}

// Another encoding is refused by name where a header has its answer: inside TLS
// (C-18). Before TLS it is no valid header, and there is only silence.
func Test5_8_C18_OtherEncodings(t *testing.T) {
	for _, encoding := range []string{"ISO-8859-1", "UTF-16", "utf-7"} {
		header := "<?xml version='1.0' encoding='" + encoding + "'?><stream:stream " + streamNS + " version='1.0'>"
		bubble(t, func(t *testing.T) {
			bob := newSide(t, bobID(), "bob@reef", nil)
			m, err := knock(t, bob).secure(clientConfig(malloryID()))
			if err != nil {
				t.Fatal(err)
			}
			m.say(header)
			got, _ := m.rest()
			if !strings.HasPrefix(got, "<?xml") || !strings.HasSuffix(stripText(got), errorElement(xmlstream.UnsupportedEncoding, "")) {
				t.Errorf("%s inside TLS: got %q", encoding, got)
			}
			wantQuiet(t, bob.recorder)
		})
		bubble(t, func(t *testing.T) {
			bob := newSide(t, bobID(), "bob@reef", nil)
			m := knock(t, bob)
			m.say(header)
			if got, _ := m.rest(); got != "" {
				t.Errorf("%s in clear: got %q", encoding, got)
			}
			wantQuiet(t, bob.recorder)
		})
	}
}

// A program that ends closes its streams; one that is forced to says why.
func Test5_8_ProgramEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, _ := pair(t, nil)
		if err := bob.Node.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if a, b := onlyEnd(t, alice), onlyEnd(t, bob); a != nil || b != nil {
			t.Errorf("ended with %v and %v", a, b)
		}
	})
	h := &receipts{got: make(chan string, 1), ends: make(chan error, 1)}
	_, at := realSide(t, bobID(), "bob@reef", h, nil)
	alice, _ := realSide(t, aliceID(), "alice@kite", &recorder{}, nil)
	pin := bobID().Pin()
	c, err := alice.Dial(t.Context(), nil, at, &pin, "bob@reef")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := alice.Close(now); err != nil {
		t.Error(err)
	}
	end := <-h.ends
	if pe, ok := errors.AsType[*PeerError](end); !ok || pe.Err.Condition != xmlstream.SystemShutdown {
		t.Errorf("a forced end: the peer got %v", end)
	}
}

// Text beside a condition is for people: it decides nothing, and no error of
// ours repeats it (RFC 6120 4.9.2).
func Test5_8_TextDecidesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		m.say("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" +
			"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>strangers-refused \x1b[2J</text></stream:error></stream:stream>")
		_, _ = m.rest()
		_ = m.Close()
		synctest.Wait()
		if v, ok := asViolation(onlyEnd(t, bob)); !ok || v.Condition != xmlstream.NotWellFormed {
			t.Errorf("with a control character: got %v", bob.ends())
		}
	})
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		m.say("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" +
			"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>strangers-refused</text></stream:error></stream:stream>")
		_, _ = m.rest()
		_ = m.Close()
		synctest.Wait()
		pe, ok := errors.AsType[*PeerError](onlyEnd(t, bob))
		if !ok || pe.Err.Condition != xmlstream.Reset || strings.Contains(pe.Error(), "strangers") {
			t.Errorf("got %v", bob.ends())
		}
	})
}

// K3: with the setting for strict software the headers in clear bear names;
// without it they never do, whatever the other side says.
func TestK3_FullPrelude(t *testing.T) {
	const called = " from='alice@kite' to='bob@reef'"
	for _, full := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			set := func(c *Config) { c.FullPrelude = func() bool { return full } }
			alice, bob := newSide(t, aliceID(), "alice@kite", set), newSide(t, bobID(), "bob@reef", set)
			m := knock(t, bob)
			m.say("<stream:stream " + streamNS + called + " version='1.0'>")
			answer := m.until(offerStartTLS)
			_ = m.Close()
			time.Sleep(time.Minute) // the penalty
			c, up, down := tappedDial(t, alice, bob)
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if got := strings.Contains(answer, " from='bob@reef' to='alice@kite'"); got != full {
				t.Errorf("full %v: the listener said %q", full, answer)
			}
			clear, _, _ := strings.Cut(string(up.all()), startTLS)
			if got := strings.Contains(clear, called); got != full {
				t.Errorf("full %v: the dialler said %q", full, clear)
			}
			clear, _, _ = strings.Cut(string(down.all()), proceedTLS)
			if got := strings.Contains(clear, "bob@reef"); got != full {
				t.Errorf("full %v: the listener said %q", full, clear)
			}
		})
	}
}
