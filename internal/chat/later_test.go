package chat_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
	"llchat/internal/stanza"
	"llchat/internal/stream"
	"llchat/internal/xmlstream"
)

// offer is the payload of a request for something that llchat does not have.
type offer struct {
	name string
	make func(i int) *xmlstream.Element
}

func element(space, local string, attrs ...string) *xmlstream.Element {
	e := &xmlstream.Element{Name: xmlstream.Name{Space: space, Local: local}}
	for i := 0; i < len(attrs); i += 2 {
		e.Attrs = append(e.Attrs, xmlstream.Attr{Name: xmlstream.Name{Local: attrs[i]}, Value: attrs[i+1]})
	}
	return e
}

func with(e *xmlstream.Element, children ...*xmlstream.Element) *xmlstream.Element {
	e.Children = append(e.Children, children...)
	return e
}

// What offers files today, in the ways of chapter 7 and in older ones.
var fileOffers = []offer{
	{"jingle", func(i int) *xmlstream.Element {
		const file = "urn:xmpp:jingle:apps:file-transfer:5"
		name := element(file, "name")
		name.Text = "../../.ssh/authorized_keys"
		return with(element("urn:xmpp:jingle:1", "jingle", "action", "session-initiate", "sid", fmt.Sprint(i)),
			with(element("urn:xmpp:jingle:1", "content", "creator", "initiator", "name", "a", "senders", "initiator"),
				with(element(file, "description"), with(element(file, "file"), name)),
				element("urn:xmpp:jingle:transports:ibb:1", "transport", "block-size", "65535", "sid", fmt.Sprint(i))))
	}},
	{"in-band octets", func(i int) *xmlstream.Element {
		return element("http://jabber.org/protocol/ibb", "open", "block-size", "65535", "sid", fmt.Sprint(i), "stanza", "iq")
	}},
	{"stream initiation", func(i int) *xmlstream.Element {
		return with(element("http://jabber.org/protocol/si", "si", "id", fmt.Sprint(i)),
			element("http://jabber.org/protocol/si/profile/file-transfer", "file", "name", "a", "size", "99999999999"))
	}},
	{"a page to fetch", func(int) *xmlstream.Element {
		url := element("jabber:iq:oob", "url")
		url.Text = "http://10.0.0.1/a"
		return with(element("jabber:iq:oob", "query"), url)
	}},
	{"a bare side channel", func(i int) *xmlstream.Element {
		return element("http://jabber.org/protocol/bytestreams", "query", "sid", fmt.Sprint(i), "mode", "tcp")
	}},
}

// What begins a comparison of codes, or a step out of its order.
var verifyOffers = []offer{
	{"start", func(int) *xmlstream.Element {
		commit := element("urn:x-llchat:verify:0", "commit")
		commit.Text = strings.Repeat("A", 43) + "="
		return with(element("urn:x-llchat:verify:0", "start"), commit)
	}},
	{"reveal", func(int) *xmlstream.Element { return element("urn:x-llchat:verify:0", "reveal") }},
	{"confirm", func(int) *xmlstream.Element { return element("urn:x-llchat:verify:0", "confirm") }},
}

// L-16: files cannot be sent yet. Whoever offers some is told so, and that is
// all that happens.
func TestL16_OffersLeadNowhere(t *testing.T) { offersLeadNowhere(t, fileOffers) }

// L-17: so for comparing codes; nobody becomes verified by it.
func TestL17_OffersLeadNowhere(t *testing.T) { offersLeadNowhere(t, verifyOffers) }

func offersLeadNowhere(t *testing.T, offers []offer) {
	for _, tt := range []struct {
		name    string
		contact bool
		n       int
	}{{"contact", true, 4000}, {"stranger", false, 120}} {
		t.Run(tt.name, func(t *testing.T) {
			inLAN(t, func(t *testing.T, c *couple) {
				m := c.lan.Host().Mallory("carol@h")
				m.OnIQ(func(*stream.Conn, stanza.IQ) {})
				var conn *stream.Conn
				if tt.contact {
					conn = contactDials(t, c.hostA, c.alice, m, "carol")
				} else {
					conn = dialNode(t, c.hostA, c.alice, m)
				}
				conn.SetStanding(stream.Accepted) // mallory takes in all the answers
				time.Sleep(time.Second)
				swamp(t, conn, offers, tt.n/4) // what is kept once for each stream is there now
				before := stateOf(t, c)
				w := watch(t, c.alice)
				swamp(t, conn, offers, tt.n)
				time.Sleep(time.Minute)
				answered := answers(t, m)
				if want := tt.n + tt.n/4; len(answered) != want {
					t.Errorf("%d offers have an answer, want %d", len(answered), want)
				}
				for id, n := range answered {
					if n != 1 {
						t.Errorf("offer %s has %d answers", id, n)
					}
				}
				for _, e := range w.stop() {
					switch e.Body.(type) {
					case chat.Peer, chat.HealthNotice:
					default:
						t.Errorf("the user is told: %T %+v", e.Body, e.Body)
					}
				}
				m.Empty()
				if after := stateOf(t, c); after.files != before.files || after.pins != before.pins {
					t.Errorf("on disk: %s\n->\n%s", before.files, after.files)
				} else if after.heap > before.heap+1<<19 {
					t.Errorf("the heap grew from %d to %d octets", before.heap, after.heap)
				}
				rows, err := c.alice.Peers(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range rows {
					if p.Trust == chat.Verified {
						t.Errorf("verified: %+v", p)
					}
				}
				noRequests(t, c.alice)
				closeMallory(t, m)
			})
		})
	}
}

// swamp sends n offers, one kind after the other.
func swamp(t *testing.T, conn *stream.Conn, offers []offer, n int) {
	t.Helper()
	for i := range n {
		typ := "set"
		err := conn.Send(t.Context(), stanza.IQ{ID: stanza.NewID(), Type: typ, Payload: offers[i%len(offers)].make(i)})
		if err != nil {
			t.Fatalf("offer %d: %v", i, err)
		}
	}
	time.Sleep(10 * time.Second)
}

// answers counts those to each request, which have to be service-unavailable.
func answers(t *testing.T, m *lantest.Mallory) map[string]int {
	t.Helper()
	got := map[string]int{}
	for _, s := range m.Got() {
		q, ok := s.(stanza.IQ)
		if !ok || q.Type != "result" && q.Type != "error" {
			continue
		}
		if condition(q) != "service-unavailable" {
			t.Fatalf("an answer: %+v", q)
		}
		got[q.ID]++
	}
	return got
}

// kept is what could grow.
type kept struct {
	files, pins string
	heap        uint64
}

func stateOf(t *testing.T, c *couple) (k kept) {
	t.Helper()
	synctest.Wait()
	err := fs.WalkDir(os.DirFS(filepath.Dir(c.folderA)), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			k.files += fmt.Sprintf("%s %d\n", name, info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	k.pins = pins(t, c.folderA)
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	k.heap = s.HeapAlloc
	return k
}
