//go:build lab && linux

package lab

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// capture is a tcpdump of every frame on the switch.
type capture struct {
	t    testing.TB
	file string
	p    *process
}

func (l *lan) capture(t testing.TB) *capture {
	t.Helper()
	c := &capture{t: t, file: filepath.Join(l.sw.dir, "wire.pcap")}
	c.p = l.sw.background(t, nil, "tcpdump", "-i", "br0", "-s", "0", "-U", "-Z", "root", "-w", c.file)
	eventually(t, readyTime, "tcpdump listens", func() bool { return strings.Contains(c.p.errors(), "listening on") })
	return c
}

// stop ends the capture, after everything sent so far has been written: a
// last frame of our own is waited for.
func (c *capture) stop(l *lan) []byte {
	c.t.Helper()
	mark := fmt.Sprintf("end of capture %d", time.Now().UnixNano())
	l.hosts[0].sendUDP(c.t, l.hosts[0].broadcast()+":9", mark)
	eventually(c.t, readyTime, "the last frame is captured", func() bool {
		return bytes.Contains(c.read(), []byte(mark))
	})
	c.p.stop()
	return c.read()
}

func (c *capture) read() []byte {
	c.t.Helper()
	b, err := os.ReadFile(c.file)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// finding is a place where a word stands on the wire.
type finding struct{ word, encoding, where string }

func (f finding) String() string { return fmt.Sprintf("%q as %s in %s", f.word, f.encoding, f.where) }

// scan looks for words in everything that a capture holds: in the file as it
// is, in each datagram, and in each TCP direction put together again, in every
// usual encoding and in any case.
func scan(pcap []byte, words ...string) []finding {
	places := map[string][]byte{"the capture": pcap}
	for name, data := range flows(pcap) {
		places[name] = data
	}
	var found []finding
	for where, data := range places {
		lower := bytes.ToLower(data)
		for _, word := range words {
			for encoding, forms := range encodings(word) {
				for _, form := range forms {
					if bytes.Contains(lower, bytes.ToLower(form)) {
						found = append(found, finding{word, encoding, where})
						break
					}
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b finding) int { return cmp.Compare(a.String(), b.String()) })
	return found
}

// encodings are the forms of a word that a reader of the wire would try.
func encodings(word string) map[string][][]byte {
	w := []byte(word)
	forms := map[string][][]byte{
		"utf-8": {w},
		"hex":   {[]byte(hex.EncodeToString(w))},
	}
	little, big := []byte{}, []byte{}
	for _, u := range utf16.Encode([]rune(word)) {
		little = binary.LittleEndian.AppendUint16(little, u)
		big = binary.BigEndian.AppendUint16(big, u)
	}
	forms["utf-16"] = [][]byte{little, big}
	var backwards []byte
	for _, b := range slices.Backward(w) {
		backwards = append(backwards, b)
	}
	forms["reversed"] = [][]byte{backwards}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms["base64"] = append(forms["base64"], base64Forms(e, w)...)
	}
	return forms
}

// base64Forms are the digits that a word gives inside a longer text, at each
// of the three ways it can fall on groups of three octets. Digits that depend
// on what stands around are left out.
func base64Forms(e *base64.Encoding, w []byte) [][]byte {
	var forms [][]byte
	for shift := range 3 {
		digits := e.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, shift), w...))
		first := (shift*8 + 5) / 6
		last := (shift + len(w)) * 8 / 6
		forms = append(forms, []byte(digits[first:last]))
	}
	return forms
}

// flows takes a capture apart: UDP payloads joined per direction with a gap,
// TCP payloads put in the order of their sequence numbers.
func flows(pcap []byte) map[string][]byte {
	type segment struct {
		seq  uint32
		data []byte
	}
	udp := map[string][]byte{}
	tcp := map[string][]segment{}
	for _, frame := range frames(pcap) {
		p, ok := parseFrame(frame)
		switch {
		case !ok || len(p.data) == 0:
		case p.proto == 17:
			udp[p.name()] = append(append(udp[p.name()], p.data...), 0)
		default:
			tcp[p.name()] = append(tcp[p.name()], segment{p.seq, p.data})
		}
	}
	out := udp
	for name, segments := range tcp {
		base := segments[0].seq
		slices.SortStableFunc(segments, func(a, b segment) int {
			return cmp.Compare(int32(a.seq-base), int32(b.seq-base))
		})
		var data []byte
		next := segments[0].seq
		for _, s := range segments {
			if old := int32(next - s.seq); old > 0 { // sent again
				s.data = s.data[min(int(old), len(s.data)):]
				s.seq += uint32(min(int(old), len(s.data)))
			}
			data = append(data, s.data...)
			next = max(next, s.seq+uint32(len(s.data)))
		}
		out[name] = data
	}
	return out
}

// frames are the Ethernet frames of a pcap file of this machine's byte order.
func frames(pcap []byte) [][]byte {
	var out [][]byte
	for b := pcap[min(24, len(pcap)):]; len(b) >= 16; {
		n := int(binary.NativeEndian.Uint32(b[8:]))
		if len(b) < 16+n {
			break
		}
		out = append(out, b[16:16+n])
		b = b[16+n:]
	}
	return out
}

type packet struct {
	proto    byte
	src, dst netip.AddrPort
	seq      uint32
	data     []byte
}

func (p packet) name() string {
	kind := "tcp"
	if p.proto == 17 {
		kind = "udp"
	}
	return fmt.Sprintf("%s %v > %v", kind, p.src, p.dst)
}

// parseFrame finds the TCP or UDP payload of a frame.
func parseFrame(f []byte) (p packet, ok bool) {
	if len(f) < 14 {
		return p, false
	}
	var src, dst netip.Addr
	body := f[14:]
	switch kind := binary.BigEndian.Uint16(f[12:]); {
	case kind == 0x0800 && len(body) >= 20:
		head := int(body[0]&15) * 4
		length := int(binary.BigEndian.Uint16(body[2:]))
		if head > length || length > len(body) {
			return p, false
		}
		p.proto = body[9]
		src, dst = netip.AddrFrom4([4]byte(body[12:16])), netip.AddrFrom4([4]byte(body[16:20]))
		body = body[head:length]
	case kind == 0x86dd && len(body) >= 40:
		p.proto = body[6]
		src, dst = netip.AddrFrom16([16]byte(body[8:24])), netip.AddrFrom16([16]byte(body[24:40]))
		body = body[40:]
	default:
		return p, false
	}
	head := 8
	if p.proto == 6 && len(body) >= 20 {
		head = int(body[12]>>4) * 4
		p.seq = binary.BigEndian.Uint32(body[4:])
	} else if p.proto != 17 {
		return p, false
	}
	if len(body) < head {
		return p, false
	}
	p.src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(body))
	p.dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(body[2:]))
	p.data = body[head:]
	return p, true
}
