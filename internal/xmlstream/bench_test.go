package xmlstream

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// message332 is the yardstick of foundations.md 5, S3: an ordinary chat message of
// 332 octets.
const message332 = `<message from='ada@kite' to='bo@reef' type='chat' id='0123456789abcdef0123456789abcdef'>` +
	`<body>Shall we meet at the harbour at noon? I bring charts and the sandwiches, you bring the boat, the dog and some good weather please.</body>` +
	`<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`

func TestMessage332(t *testing.T) {
	if len(message332) != 332 {
		t.Errorf("it has %d octets", len(message332))
	}
}

// loop gives a header once and then one message for ever.
type loop struct{ rest string }

func (l *loop) Read(b []byte) (int, error) {
	if l.rest == "" {
		l.rest = message332
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func BenchmarkReaderNext(b *testing.B) {
	r := NewReader(&loop{rest: open10}, Accepted)
	b.SetBytes(int64(len(message332)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodingXMLToken is the baseline: the tokens alone, without a tree.
func BenchmarkEncodingXMLToken(b *testing.B) {
	d := xml.NewDecoder(&loop{rest: open10})
	if _, err := d.Token(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(message332)))
	b.ReportAllocs()
	for b.Loop() {
		for depth := 0; ; {
			t, err := d.Token()
			if err != nil {
				b.Fatal(err)
			}
			if _, ok := t.(xml.StartElement); ok {
				depth++
			}
			if _, ok := t.(xml.EndElement); ok {
				if depth--; depth == 0 {
					break
				}
			}
		}
	}
}

func BenchmarkReaderBigStanza(b *testing.B) {
	in := sized(65536)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(io.MultiReader(strings.NewReader(open10), strings.NewReader(in)), Accepted)
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendElement(b *testing.B) {
	e := mustParse(b, message332)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendElement(buf[:0], e)
	}
}
