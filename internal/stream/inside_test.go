package stream

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

func TestC11_HeaderInsideTLS(t *testing.T) { // README 5.4, C-6, C-10, C-11, 174-6.5
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
		{"C-10 an id is ignored", "id='mine' from='m@moor'", "bob@reef", "m@moor", ""},
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
		{Accepted, []string{"<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>65536</max-bytes><idle-seconds>900</idle-seconds></limits>", "<sm xmlns='urn:xmpp:sm:3'/>"}},
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

// Test174_10_4_InfoForAcceptedPeersOnly: what we can do stands in the features
// inside TLS, as it is when a peer dials, and only for whom the user has accepted.
func Test174_10_4_InfoForAcceptedPeersOnly(t *testing.T) {
	for _, tt := range []struct {
		standing Standing
		want     []string
	}{
		{Accepted, []string{"urn:x:1", "urn:x:2"}},
		{Stranger, []string{"", ""}},
		{Refused, []string{"", ""}},
	} {
		t.Run(tt.standing.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) { infoFor(t, tt.standing, tt.want) })
		})
	}
}

func infoFor(t *testing.T, standing Standing, want []string) {
	asked := 0
	bob := newSide(t, bobID(), "bob@reef", func(c *Config) {
		c.Admit = func(Peer) Standing { return standing }
		c.Features = func() []*xmlstream.Element {
			asked++
			name := xmlstream.Name{Space: fmt.Sprint("urn:x:", asked), Local: "query"}
			return []*xmlstream.Element{{Name: name}}
		}
	})
	for _, space := range want {
		m, err := knock(t, bob).secure(clientConfig(malloryID()))
		if err != nil {
			t.Fatal(err)
		}
		m.say("<stream:stream " + streamNS + " version='1.0'>")
		m.until("xml:lang='en'>")
		_ = m.SetReadDeadline(time.Now().Add(time.Second))
		got, _ := m.rest()
		if found := strings.Contains(got, "<query xmlns='"+space+"'"); found != (space != "") || strings.Contains(got, "urn:x:") != found {
			t.Errorf("%v: got %q, want %q", standing, got, space)
		}
	}
	if standing != Accepted && asked > 0 {
		t.Errorf("%v: asked %d times", standing, asked)
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
