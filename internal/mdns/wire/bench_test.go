package wire

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Both decoders in one run, on the same packets: an announcement, and a
// hostile packet full of long names.
func BenchmarkParse(b *testing.B) {
	for _, c := range []struct {
		name string
		data []byte
	}{{"announcement", encode(b, announcement())}, {"hostile", hostile()}} {
		b.Run(c.name+"/llchat", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.data); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/miekg", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := new(dns.Msg).Unpack(c.data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	m := announcement()
	data := encode(b, m)
	b.Run("llchat", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, MaxPacket)
		for b.Loop() {
			m.Append(buf, 0)
		}
	})
	b.Run("miekg", func(b *testing.B) {
		var d dns.Msg
		if err := d.Unpack(data); err != nil {
			b.Fatal(err)
		}
		d.Compress = true
		b.ReportAllocs()
		buf := make([]byte, MaxPacket)
		for b.Loop() {
			if _, err := d.PackBuffer(buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// hostile is 9,000 octets of questions that point into one long name.
func hostile() []byte {
	long := strings.Repeat("\x01x", 126) + "\x00"
	body := []string{long + "\x00\xff\x00\x01"}
	n := 1
	for size := headerLen + len(body[0]); size+6 <= MaxPacket; size += 6 {
		body = append(body, "\xc0\x0c\x00\xff\x00\x01")
		n++
	}
	return raw([4]int{n}, body...)
}
