package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/lantest/pipe"
	"llchat/internal/stanza"
	"llchat/internal/xmlstream"
)

// README 5.8 inside TLS, C-13, C-16 to C-20, L-08, L-09, T-19, T-20: what a
// peer can do wrong and what it is told.
func TestC13_ErrorsInsideTLS(t *testing.T) {
	deep := strings.Repeat("<a>", 40)
	tests := []struct {
		name, input    string
		standing       Standing
		condition, app string
	}{
		{"C-20 unknown element", "<x xmlns='urn:x'/>", Accepted, "unsupported-stanza-type", ""},
		{"C-20 unknown of ours", "<msg/>", Accepted, "unsupported-stanza-type", ""},
		{"C-8 starttls again", startTLS, Accepted, "unsupported-stanza-type", ""},
		{"features with content", "<stream:features><x xmlns='urn:x'/></stream:features>", Accepted, "unsupported-stanza-type", ""},
		{"jabber:server", "<message xmlns='jabber:server'/>", Accepted, "unsupported-stanza-type", ""},
		{"C-17 not well-formed", "<message></presence>", Accepted, "not-well-formed", ""},
		{"C-17 duplicate attribute", "<message a='1' a='2'/>", Accepted, "not-well-formed", ""},
		{"C-17 unbound prefix", "<x:message/>", Accepted, "not-well-formed", ""},
		{"text between stanzas", "hello", Accepted, "not-well-formed", ""},
		{"C-16 comment", "<!-- x -->", Accepted, "restricted-xml", ""},
		{"C-16 PI", "<?x y?>", Accepted, "restricted-xml", ""},
		{"C-16 DOCTYPE", "<!DOCTYPE x [<!ENTITY l 'lol'>]>", Accepted, "restricted-xml", ""},
		{"C-18 not UTF-8", "<message><body>\xff\xfe</body></message>", Accepted, "not-well-formed", ""},
		{"L-08 accepted", "<message><body>" + strings.Repeat("x", 66000), Accepted, "policy-violation", "stanza-too-big"},
		{"L-08 stranger", "<message><body>" + strings.Repeat("x", 10001), Stranger, "policy-violation", "stanza-too-big"},
		{"L-09 depth", "<message>" + deep, Accepted, "policy-violation", ""},
		{"L-12 body", "<message><body>" + strings.Repeat("x", 33<<10) + "</body></message>", Accepted, "policy-violation", ""},
		{"white space", strings.Repeat(" ", 6000), Accepted, "policy-violation", ""},
		{"174-7.2 from", "<message from='bob@reef'/>", Accepted, "invalid-from", ""},
		{"174-7.2 to", "<message to='carol@cape'/>", Accepted, "host-unknown", ""},
		{"presence from", "<presence from='x'/>", Accepted, "invalid-from", ""},
		{"iq from", "<iq from='x' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", Accepted, "invalid-from", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Admit = func(Peer) Standing { return tt.standing } })
				m := inside(t, bob, malloryID())
				m.say(tt.input)
				got, err := m.rest()
				if err != nil {
					t.Errorf("ended with %v", err)
				}
				if want := errorElement(tt.condition, tt.app); !strings.HasSuffix(stripText(got), want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
				_ = m.Close()
				synctest.Wait()
				v, ok := asViolation(onlyEnd(t, bob))
				if !ok || v.Condition != tt.condition {
					t.Errorf("the handler got %v", bob.ends())
				}
				if _, n, _, _ := bob.counts(); n != 0 {
					t.Errorf("%d stanzas were handed over", n)
				}
			})
		})
	}
}

func onlyEnd(t *testing.T, s *side) error {
	t.Helper()
	e := s.ends()
	if len(e) != 1 {
		t.Fatalf("got %d ends: %v", len(e), e)
	}
	return e[0]
}

// The dialler tells a listener as well.
func TestDiallerObjects(t *testing.T) {
	head := "<stream:stream " + streamNS + " id='1' from='bob@reef' version='1.0'>"
	features := "<stream:features/>"
	tests := []struct {
		name, answer string
		condition    string // "" for none
		reason       Reason
	}{
		{"host-unknown", "<stream:stream " + streamNS + " id='1' to='eve@elm' version='1.0'>", "host-unknown", ReasonBadStream},
		{"name too long", "<stream:stream " + streamNS + " id='1' from='" + strings.Repeat("x", 64) + "' version='1.0'>", "improper-addressing", ReasonBadStream},
		{"no version", "<stream:stream " + streamNS + " id='1'>", "unsupported-version", ReasonBadStream},
		{"C-9 stanza before features", head + "<message/>", "not-authorized", ReasonBadStream},
		{"C-8 starttls", head + offerStartTLS, "unsupported-feature", ReasonBadStream},
		{"mandatory feature", head + "<stream:features><x xmlns='urn:x'><required/></x></stream:features>", "unsupported-feature", ReasonBadStream},
		{"bind", head + "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>", "unsupported-feature", ReasonBadStream},
		{"other mechanism", head + "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>", "unsupported-feature", ReasonBadStream},
		{"comment", head + "<!-- -->", "restricted-xml", ReasonBadStream},
		{"error", head + errorElement("host-unknown", ""), "", ReasonRefused},
		{"closing tag", head + "</stream:stream>", "", ReasonRefused},
		{"fine", head + features, "", ""},
		{"voluntary", head + "<stream:features><x xmlns='urn:x'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				alice := newSide(t, aliceID(), "alice@kite", nil)
				var said string
				c, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
					s, err := m.serveTLS(serverConfig(bobID()))
					if err != nil {
						t.Errorf("serve: %v", err)
						return
					}
					s.until("xml:lang='en'>")
					s.say(tt.answer)
					said, _ = s.rest()
					_ = s.Close()
				}), bobAt, nil, "bob@reef")
				if tt.reason == "" {
					if err != nil {
						t.Fatal(err)
					}
					c.cut(ErrEnded)
					<-c.Done()
					return
				}
				d := wantReason(t, err, tt.reason)
				if d.Pin != bobID().Pin() {
					t.Error("the proven pin is missing")
				}
				synctest.Wait()
				if tt.condition != "" && !strings.HasSuffix(stripText(said), errorElement(tt.condition, "")) {
					t.Errorf("said %q", said)
				}
				wantQuiet(t, alice.recorder)
			})
		})
	}
}

func TestHeaderInsideTLS(t *testing.T) { // README 5.4, C-6, C-10, C-11, 174-6.5
	tests := []struct {
		name, header    string
		from, to, error string
	}{
		{"both names", "from='m@moor' to='bob@reef'", "bob@reef", "m@moor", ""},
		{"to may be missing", "from='m@moor'", "bob@reef", "m@moor", ""},
		{"an old name of ours", "from='m@moor' to='bob@old'", "bob@old", "m@moor", ""},
		{"another case", "from='m@moor' to='BOB@Reef'", "BOB@Reef", "m@moor", ""},
		{"no from", "to='bob@reef'", "bob@reef", "", ""},
		{"not ours", "from='m@moor' to='eve@elm'", "bob@reef", "m@moor", "host-unknown"},
		{"not ASCII folding", "to='bob@ree\u017f'", "bob@reef", "", "host-unknown"},
		{"a name that is no JID", "from='Juliet &quot;C&quot; / x (2)@Pronto Mac'", "bob@reef", "Juliet &quot;C&quot; / x (2)@Pronto Mac", ""},
		{"too long", "from='" + strings.Repeat("x", 64) + "'", "", "", "improper-addressing"},
		{"control character", "from='a&#9;b'", "", "", "improper-addressing"},
		{"an id is ignored", "id='mine' from='m@moor'", "bob@reef", "m@moor", ""},
	}
	names := func() (string, func(string) bool) {
		return "bob@reef", func(s string) bool { return sameName(s, "bob@reef") || sameName(s, "bob@old") }
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				bob := newSide(t, bobID(), "", func(c *Config) { c.Names = names })
				m, err := knock(t, bob).secure(clientConfig(malloryID()))
				if err != nil {
					t.Fatal(err)
				}
				m.say("<stream:stream " + streamNS + " " + tt.header + " version='1.0'>")
				got := m.until("version='1.0' xml:lang='en'>")
				if !strings.HasPrefix(got, "<?xml version='1.0'?><stream:stream "+streamNS+" id='") {
					t.Errorf("got %q", got)
				}
				if tt.from != "" && !strings.Contains(got, " from='"+tt.from+"'") {
					t.Errorf("got %q, want from %q", got, tt.from)
				}
				if strings.Contains(got, " to='") != (tt.to != "") || !strings.Contains(got, tt.to) {
					t.Errorf("got %q, want to %q", got, tt.to)
				}
				if tt.error == "" {
					m.until("</stream:features>")
					return
				}
				rest, _ := m.rest()
				if !strings.HasSuffix(stripText(rest), errorElement(tt.error, "")) {
					t.Errorf("got %q, want %s", rest, tt.error)
				}
				_ = m.Close()
				synctest.Wait()
				wantQuiet(t, bob.recorder)
			})
		})
	}
}

// C-14: header and error in one write also inside TLS.
func TestC14_HeaderErrorInOneRecord(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m, err := knock(t, bob).secure(clientConfig(malloryID()))
		if err != nil {
			t.Fatal(err)
		}
		m.say("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
		b := make([]byte, 16384)
		n, err := m.Read(b)
		if got := string(b[:n]); err != nil || !strings.HasSuffix(stripText(got), errorElement("invalid-namespace", "")) || !strings.HasPrefix(got, "<?xml") {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestFeatures(t *testing.T) { // README 5.4, 5.5, C-8, C-21
	tests := []struct {
		standing Standing
		want     []string
	}{
		{Accepted, []string{"<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>65536</max-bytes><idle-seconds>900</idle-seconds></limits>"}},
		{Stranger, []string{"<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes></limits>", "<waiting xmlns='urn:x-llchat:request:0'/>"}},
	}
	for _, tt := range tests {
		bubble(t, func(t *testing.T) {
			bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Admit = func(Peer) Standing { return tt.standing } })
			m, err := knock(t, bob).secure(clientConfig(malloryID()))
			if err != nil {
				t.Fatal(err)
			}
			m.say("<stream:stream " + streamNS + " version='1.0'>")
			m.until("xml:lang='en'>")
			got := m.until("</stream:features>")
			got = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(got), "<stream:features>"), "</stream:features>")
			for _, w := range tt.want {
				if !strings.Contains(got, w) {
					t.Errorf("%v: got %q, want %q", tt.standing, got, w)
				}
				got = strings.Replace(got, w, "", 1)
			}
			if got != "" {
				t.Errorf("%v: besides %q", tt.standing, got)
			}
		})
	}
}

func TestC20_EmptyFeaturesFromTheDiallerAreTolerated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		m.say("<stream:features/><message><body>x</body></message>")
		synctest.Wait()
		if got := bob.bodies(); len(got) != 1 {
			t.Errorf("got %v", got)
		}
	})
}

func Test174_7_2_NamesOfStanzas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		m.say("<message from='MALLORY@moor' to='Bob@REEF'><body>a</body></message><message><body>b</body></message>")
		synctest.Wait()
		if len(bob.stanzas) != 2 {
			t.Fatalf("got %v", bob.stanzas)
		}
		for i, want := range [][2]string{{"MALLORY@moor", "Bob@REEF"}, {"mallory@moor", "bob@reef"}} {
			got := bob.stanzas[i].(stanza.Message)
			if got.From != want[0] || got.To != want[1] {
				t.Errorf("got %q to %q, want %q", got.From, got.To, want)
			}
		}
	})
}

// The names of the headers hold for the life of the stream.
func TestNamesOutliveARename(t *testing.T) {
	bubble(t, func(t *testing.T) {
		name := "bob@reef"
		_, bob, c := pair(t, func(_, b *Config) {
			b.Names = func() (string, func(string) bool) {
				return name, func(s string) bool { return s == "bob@reef" || s == name }
			}
		})
		name = "bob-1@reef"
		if err := c.Send(t.Context(), message("to the old name")); err != nil {
			t.Fatal(err)
		}
		if err := bob.last(t).Send(t.Context(), message("from the old name")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if m := bob.stanzas[0].(stanza.Message); m.To != "bob@reef" {
			t.Errorf("got to %q", m.To)
		}
		if c.ctx.Err() != nil {
			t.Error("the stream ended")
		}
	})
}

// README 5.4, C-7: a foreign listener may want SASL EXTERNAL.
func TestC7_SASLExternal(t *testing.T) {
	mechanisms := "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" +
		"<mechanism>SCRAM-SHA-1</mechanism><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>"
	head := func(id int) string {
		return fmt.Sprintf("<?xml version='1.0'?><stream:stream %s id='%d' from='bob@reef' version='1.0'>", streamNS, id)
	}
	tests := []struct {
		name, answer, second string
		reason               Reason
	}{
		{"success", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", head(2) + "<stream:features/>", ""},
		{"failure", "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>", "", ReasonRefused},
		{"challenge", "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "", ReasonBadStream},
		{"octets behind success", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><message/>", "", ReasonBadStream},
		{"SASL twice", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", head(2) + mechanisms, ReasonBadStream},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				alice := newSide(t, aliceID(), "alice@kite", nil)
				var auth, again string
				c, err := alice.Dial(t.Context(), fakeListener(t, func(m *mallory) {
					s, err := m.serveTLS(serverConfig(bobID()))
					if err != nil {
						return
					}
					s.until("xml:lang='en'>")
					s.say(head(1) + mechanisms)
					auth = strings.TrimLeft(s.until("</auth>"), " ")
					s.say(tt.answer)
					if tt.second != "" {
						again = s.until("xml:lang='en'>")
						s.say(tt.second)
					}
					_, _ = s.rest()
					_ = s.Close()
				}), bobAt, nil, "bob@reef")
				if want := "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>"; auth != want {
					t.Errorf("got %q", auth)
				}
				if tt.second != "" && !strings.HasPrefix(again, "<?xml version='1.0'?><stream:stream ") {
					t.Errorf("the restart is %q", again)
				}
				if tt.reason != "" {
					wantReason(t, err, tt.reason)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				c.cut(ErrEnded)
				<-c.Done()
			})
		})
	}
}

// 174-8.1 to 8.4, C-15, README 5.9.
func Test174_8_CleanClose(t *testing.T) {
	for _, closer := range []string{"alice", "bob"} {
		bubble(t, func(t *testing.T) {
			alice, bob, c := pair(t, nil)
			back := bob.last(t)
			first, second := c, back
			if closer == "bob" {
				first, second = back, c
			}
			if err := second.Send(t.Context(), message("last words")); err != nil {
				t.Fatal(err)
			}
			if err := first.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-second.Done()
			synctest.Wait()
			for _, s := range []*side{alice, bob} {
				if e := onlyEnd(t, s); e != nil {
					t.Errorf("%s closes: got %v", closer, e)
				}
			}
			if n := len(alice.bodies()) + len(bob.bodies()); n != 1 { // 174-8.4
				t.Errorf("%d messages were shown", n)
			}
			if err := first.Close(t.Context()); err != nil {
				t.Errorf("second close: %v", err)
			}
			if err := first.Send(t.Context(), message("x")); !errors.Is(err, ErrEnded) {
				t.Errorf("send after the end: %v", err)
			}
			if err := first.Ping(t.Context()); !errors.Is(err, ErrEnded) {
				t.Errorf("ping after the end: %v", err)
			}
		})
	}
}

// Stanzas that come after our closing tag are still shown; the order on the
// wire is tag, tag, close_notify, and the closer ends TCP.
func Test174_8_4_StanzasAfterOurTag(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		bob.last(t).End()
		m.until(xmlstream.CloseTag)
		m.say("<message><body>late</body></message>")
		synctest.Wait()
		if got := bob.bodies(); len(got) != 1 || got[0] != "late" {
			t.Errorf("got %v", got)
		}
		m.say(xmlstream.CloseTag)
		_ = m.Conn.(*tls.Conn).CloseWrite()
		if got, err := m.rest(); got != "" || err != nil {
			t.Errorf("got %q, %v, want close_notify", got, err)
		}
		synctest.Wait()
		if e := onlyEnd(t, bob); e != nil {
			t.Errorf("got %v", e)
		}
	})
}

// 174-8.3: the side that answers waits for the other to end TCP.
func Test174_8_3_TheCloserEndsTCP(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		m.say(xmlstream.CloseTag)
		_ = m.Conn.(*tls.Conn).CloseWrite()
		if got, err := m.rest(); !strings.HasSuffix(got, xmlstream.CloseTag) || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		time.Sleep(time.Second)
		if _, _, closed, _ := bob.counts(); closed != 0 {
			t.Error("bob ended TCP first")
		}
		_ = m.Conn.(*tls.Conn).NetConn().Close()
		synctest.Wait()
		if e := onlyEnd(t, bob); e != nil {
			t.Errorf("got %v", e)
		}
	})
}

// C-15: the wait for the other closing tag is bounded, and then TLS still
// says close_notify.
func TestC15_BoundedWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		start := time.Now()
		if err := bob.last(t).Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		if got, err := m.rest(); !strings.HasSuffix(got, xmlstream.CloseTag) || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if e := onlyEnd(t, bob); !errors.Is(e, errCloseTimeout) {
			t.Errorf("got %v", e)
		}
	})
}

func TestCloseIsBoundByItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		_ = inside(t, bob, malloryID())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := bob.last(t).Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
		<-bob.last(t).Done()
	})
}

// The reader must not cancel the writer's closing tag: what is queued when the
// peer closes still goes out, then our tag.
func TestQueuedStanzasGoOutBeforeTheAnsweringTag(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		bob.onStanza = func(c *Conn, _ stanza.Stanza) {
			for i := range 50 {
				_ = c.Send(context.Background(), message(fmt.Sprint("answer ", i)))
			}
		}
		m := inside(t, bob, malloryID())
		m.say("<message><body>x</body></message>" + xmlstream.CloseTag)
		got := m.until(xmlstream.CloseTag)
		if n := strings.Count(got, "<message"); n != 50 {
			t.Errorf("%d answers arrived", n)
		}
	})
}

func TestAbort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		bob.last(t).Abort(xmlstream.Error{Condition: xmlstream.Conflict})
		<-c.Done()
		<-bob.last(t).Done()
		synctest.Wait()
		pe, ok := errors.AsType[*PeerError](onlyEnd(t, alice))
		if !ok || pe.Err.Condition != xmlstream.Conflict {
			t.Errorf("alice got %v", alice.ends())
		}
		if v, ok := asViolation(onlyEnd(t, bob)); !ok || v.Condition != xmlstream.Conflict {
			t.Errorf("bob got %v", bob.ends())
		}
	})
}

// T-03, 6.4, P-18: two texts of different length, one record length.
func TestT03_P18_EqualRecords(t *testing.T) {
	record := func(t *testing.T, body string) (lengths []int) {
		bubble(t, func(t *testing.T) {
			alice := newSide(t, aliceID(), "alice@kite", nil)
			bob := newSide(t, bobID(), "bob@reef", nil)
			c, up, _ := tappedDial(t, alice, bob)
			before := len(up.writes)
			if err := c.Send(t.Context(), message(body)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for _, w := range up.writes[before:] {
				lengths = append(lengths, len(w))
			}
			if len(bob.bodies()) != 1 {
				t.Error("the message did not arrive")
			}
		})
		return lengths
	}
	const overhead = 22 // 5 header, 1 content type, 16 tag (measured: security.md T-03)
	for _, tt := range []struct {
		bodies []int
		want   int
	}{
		{[]int{1, 20, 80}, 256}, {[]int{200, 300}, 512}, {[]int{3900, 300 + 3600, 2200}, 4096}, {[]int{4097, 7000, 8000}, 8192},
	} {
		for _, n := range tt.bodies {
			got := record(t, strings.Repeat("x", n))
			if len(got) != 1 || got[0] != tt.want+overhead {
				t.Errorf("a body of %d: got records %v, want one of %d", n, got, tt.want+overhead)
			}
		}
	}
}

func TestPadded(t *testing.T) {
	for n, want := range map[int]int{0: 256, 1: 256, 256: 256, 257: 512, 513: 1024, 1025: 2048, 2049: 4096, 4096: 4096, 4097: 8192, 8193: 12288} {
		if got := padded(n); got != want {
			t.Errorf("padded(%d) = %d, want %d", n, got, want)
		}
	}
	n := &Node{}
	b := n.appendPadded([]byte("<a/>"), "</b>")
	if len(b) != 256 || !strings.HasPrefix(string(b), "<a/>  ") || !strings.HasSuffix(string(b), "  </b>") {
		t.Errorf("got %q", b)
	}
	n.cfg.Field = true
	if b := n.appendPadded([]byte("<a/>"), "</b>"); string(b) != "<a/></b>" {
		t.Errorf("field profile: got %q", b)
	}
}

// A slow handler slows the peer, and nothing else grows.
func TestSlowHandlerSlowsThePeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		_, bob, c := pair(t, func(a, _ *Config) { a.Limits.WriteStall = time.Hour })
		bob.onStanza = func(*Conn, stanza.Stanza) { <-release }
		body := strings.Repeat("x", 30000)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		sent := 0
		for c.Send(ctx, message(body)) == nil {
			sent++
		}
		// Outbox, flush under way, pipe buffer and parser hold less than 1 MiB.
		if octets := sent * len(body); octets > 1<<20 {
			t.Errorf("%d octets were taken before the peer was slowed", octets)
		}
		close(release)
		synctest.Wait()
		if got := len(bob.bodies()); got != sent {
			t.Errorf("%d of %d messages arrived", got, sent)
		}
	})
}

// Two nodes that answer each other's floods from the handler do not lock up.
func TestAnswersDoNotDeadlock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		answer := func(c *Conn, s stanza.Stanza) {
			if m := s.(stanza.Message); m.Received == "" {
				_ = c.Send(context.Background(), stanza.Message{ID: stanza.NewID(), Received: m.ID})
			}
		}
		alice.onStanza, bob.onStanza = answer, answer
		const n = 3000
		flood := func(c *Conn, done chan<- error) {
			for range n {
				if err := c.Send(t.Context(), message(strings.Repeat("x", 1000))); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}
		done := make(chan error, 2)
		go flood(c, done)
		go flood(bob.last(t), done)
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		for _, s := range []*side{alice, bob} {
			if _, got, _, _ := s.counts(); got != 2*n {
				t.Errorf("got %d stanzas, want %d", got, 2*n)
			}
		}
	})
}

// A peer that does not read is given up.
func TestWriteStall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		c := bob.last(t)
		go func() {
			for c.Send(context.Background(), message(strings.Repeat("x", 30000))) == nil {
			}
		}()
		start := time.Now()
		<-c.Done()
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		_ = m.Close()
	})
}

// L-10: a stranger's flood is slowed, then ended.
func TestL10_StrangerFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Admit = func(Peer) Standing { return Stranger } })
		m := inside(t, bob, malloryID())
		go func() {
			for {
				if _, err := io.WriteString(m.Conn, "<message><body>x</body></message>"); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		got, _ := m.rest()
		if !strings.Contains(got, "policy-violation") {
			t.Errorf("got %q", got)
		}
		synctest.Wait()
		_, n, _, _ := bob.counts()
		took := time.Since(start)
		if most := 100 + int(20*took.Seconds()) + 1; n > most || took < 9*time.Second || took > 20*time.Second {
			t.Errorf("%d stanzas in %v, at most %d wanted", n, took, most)
		}
	})
}

// L-10: an accepted peer is only slowed.
func TestL10_AcceptedFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, nil)
		start := time.Now()
		const n = 14_000
		for range n {
			if err := c.Send(t.Context(), stanza.Presence{}); err != nil {
				t.Fatal(err)
			}
		}
		for {
			synctest.Wait()
			if _, got, _, _ := bob.counts(); got == n {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(start); took < 1900*time.Millisecond || took > 3*time.Second {
			t.Errorf("it took %v, want about 2 s", took)
		}
		if c.ctx.Err() != nil {
			t.Error("the stream ended")
		}
	})
}

// L-06: two streams of one device.
func TestL06_StreamsPerDevice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		first := inside(t, bob, malloryID())
		_ = inside(t, bob, malloryID())
		m, err := knock(t, bob).secure(clientConfig(malloryID()))
		if err != nil {
			t.Fatal(err)
		}
		m.say("<stream:stream " + streamNS + " version='1.0'>")
		if got, _ := m.rest(); !strings.HasSuffix(stripText(got), errorElement("resource-constraint", "")) {
			t.Errorf("got %q", got)
		}
		_ = m.Close()
		_ = first.Close()
		synctest.Wait()
		_ = inside(t, bob, malloryID()) // a place is free again
	})
}

// L-06: when all places are taken, idle strangers make room; nobody else does.
func TestL06_StreamsInAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		standing := map[string]Standing{"a@a": Accepted, "b@b": Stranger, "c@c": Stranger, "d@d": Accepted}
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) {
			c.Limits.Streams = 2
			c.Admit = func(p Peer) Standing { return standing[p.Name] }
		})
		open := func(i int, name string) string {
			m, err := knock(t, bob).secure(clientConfig(identities()[i]))
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, m.Conn); _ = m.Close() }()
			m.say("<stream:stream " + streamNS + " from='" + name + "' version='1.0'>")
			time.Sleep(10 * time.Second)
			bob.Node.mu.Lock()
			defer bob.Node.mu.Unlock()
			var names []string
			for _, n := range []string{"a@a", "b@b", "c@c", "d@d"} {
				for c := range bob.conns {
					if c.peer.Name == n {
						names = append(names, n)
					}
				}
			}
			return strings.Join(names, " ")
		}
		for _, tt := range []struct {
			id   int
			name string
			want string
		}{{0, "a@a", "a@a"}, {2, "b@b", "a@a b@b"}, {3, "d@d", "a@a d@d"}, {2, "c@c", "a@a d@d"}} {
			if got := open(tt.id, tt.name); got != tt.want {
				t.Errorf("after %s: got %q, want %q", tt.name, got, tt.want)
			}
		}
	})
}

// README 5.7: the arbiter pings after five minutes of silence, so an idle pair
// stays; a dead peer is found out after fifteen.
func TestIdlePairStays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		alice, bob, c := pair(t, nil)
		time.Sleep(24 * time.Hour)
		if c.ctx.Err() != nil || bob.last(t).ctx.Err() != nil {
			t.Fatal("the stream ended")
		}
		if idle := c.Idle(); idle > 5*time.Minute {
			t.Errorf("idle for %v", idle)
		}
		if _, a, _, _ := alice.counts(); a != 0 {
			t.Error("a keepalive reached the handler")
		}
	})
}

func TestC23_DeadPeer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", nil)
		m := inside(t, bob, malloryID())
		start := time.Now()
		go func() { _, _ = io.Copy(io.Discard, m.Conn) }()
		<-bob.last(t).Done()
		if took := time.Since(start); took != 15*time.Minute+5*time.Second {
			t.Errorf("it took %v", took)
		}
		if v, ok := asViolation(onlyEnd(t, bob)); !ok || v.Condition != xmlstream.ConnectionTimeout {
			t.Errorf("got %v", bob.ends())
		}
	})
}

// README 5.7: the idle stream of a stranger ends politely after 15 minutes;
// white space does not keep it.
func TestIdleStrangerEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, func(_, b *Config) { b.Admit = func(Peer) Standing { return Stranger } })
		start := time.Now()
		<-c.Done()
		synctest.Wait()
		if took := time.Since(start); took != 15*time.Minute {
			t.Errorf("it took %v", took)
		}
		if e := onlyEnd(t, bob); e != nil {
			t.Errorf("got %v", e)
		}
	})
}

// L-29: at most four goroutines a stream. There are two.
func TestL29_Goroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	bubble(t, func(t *testing.T) {
		alice := newSide(t, aliceID(), "alice@kite", func(c *Config) { c.Limits.PerDevice = 100 })
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Limits.PerDevice, c.Limits.Burst = 100, 100 })
		synctest.Wait()
		idle := runtime.NumGoroutine()
		const n = 20
		for range n {
			if _, err := alice.Dial(t.Context(), to(bob), bobAt, nil, ""); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if per := float64(runtime.NumGoroutine()-idle) / (2 * n); per > 2 {
			t.Errorf("%.1f goroutines a stream", per)
		}
	})
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

// T-39: a panic ends one stream, not the program.
func TestT39_PanicEndsOneStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, nil)
		bob.onStanza = func(_ *Conn, s stanza.Stanza) {
			if s.(stanza.Message).Body == "boom" {
				panic("boom")
			}
		}
		m := inside(t, bob, malloryID())
		if err := c.Send(t.Context(), message("boom")); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		m.say("<message><body>fine</body></message>")
		synctest.Wait()
		if got := bob.bodies(); len(got) != 2 || got[1] != "fine" {
			t.Errorf("got %v", got)
		}
	})
}

// The file of --debug-wire holds no text and no name (G-1).
func TestWireLog(t *testing.T) {
	var log strings.Builder
	bubble(t, func(t *testing.T) {
		_, bob, c := pair(t, func(a, _ *Config) { a.Wire = &log })
		if err := c.Send(t.Context(), message("a <secret> & more")); err != nil {
			t.Fatal(err)
		}
		if err := bob.last(t).Send(t.Context(), message("a secret answer")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	for _, bad := range []string{"secret", "alice", "kite", "bob", "reef", "more"} {
		if strings.Contains(log.String(), bad) {
			t.Errorf("it holds %q:\n%s", bad, log.String())
		}
	}
	for _, good := range []string{"peer-1 -> ", "peer-1 <- ", "<body>[", "type='chat'", "from='[name]'", "<max-bytes>[5]</max-bytes>"} {
		if !strings.Contains(log.String(), good) {
			t.Errorf("it lacks %q:\n%s", good, log.String())
		}
	}
}

func TestSendWaitsForRoomAndContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bob := newSide(t, bobID(), "bob@reef", func(c *Config) { c.Limits.Outbox = 1000; c.Limits.WriteStall = time.Hour })
		m := inside(t, bob, malloryID())
		c := bob.last(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var err error
		for err == nil {
			err = c.Send(ctx, message(strings.Repeat("x", 30000)))
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		waits := make(chan error)
		go func() { waits <- c.Send(context.Background(), message("x")) }()
		synctest.Wait()
		_ = m.Conn.(*tls.Conn).NetConn().(*pipe.Conn).Close()
		if err := <-waits; !errors.Is(err, ErrEnded) {
			t.Errorf("a Send that waited when the stream broke: got %v", err)
		}
	})
}
