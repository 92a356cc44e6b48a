package chat

import "encoding/binary"

// maxAvatarSide is how wide and high an avatar may be (L-18, T-25).
const maxAvatarSide = 256

// AvatarForm reads the first octets of a picture and says what it is: png,
// jpeg, gif or webp; empty for anything else, and for more than 256 by 256
// pixels (L-18). Nothing is decoded: what is behind the header may be anything.
func AvatarForm(data []byte) string {
	for _, f := range []struct {
		form string
		size func([]byte) (width, height int)
	}{{"png", pngSize}, {"gif", gifSize}, {"webp", webpSize}, {"jpeg", jpegSize}} {
		w, h := f.size(data)
		if w > 0 && h > 0 && w <= maxAvatarSide && h <= maxAvatarSide {
			return f.form
		}
	}
	return ""
}

// startsWith says whether data have at least n octets and begin with one of
// the magics.
func startsWith(data []byte, n int, magics ...string) bool {
	for _, m := range magics {
		if len(data) >= max(n, len(m)) && string(data[:len(m)]) == m {
			return true
		}
	}
	return false
}

// pngSize reads the header chunk, which is the first (PNG 11.2.1).
func pngSize(d []byte) (w, h int) {
	if !startsWith(d, 24, "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR") {
		return 0, 0
	}
	return int(binary.BigEndian.Uint32(d[16:])), int(binary.BigEndian.Uint32(d[20:]))
}

// gifSize reads the logical screen (GIF89a 18).
func gifSize(d []byte) (w, h int) {
	if !startsWith(d, 10, "GIF87a", "GIF89a") {
		return 0, 0
	}
	return int(binary.LittleEndian.Uint16(d[6:])), int(binary.LittleEndian.Uint16(d[8:]))
}

// webpSize reads the first chunk of a WebP file (RFC 9649 2.5 to 2.7).
func webpSize(d []byte) (w, h int) {
	if !startsWith(d, 30, "RIFF") || string(d[8:12]) != "WEBP" {
		return 0, 0
	}
	uint24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	switch string(d[12:16]) {
	case "VP8X":
		return uint24(d[24:]) + 1, uint24(d[27:]) + 1
	case "VP8 ":
		if string(d[23:26]) != "\x9d\x01\x2a" { // RFC 6386 9.1
			return 0, 0
		}
		return int(binary.LittleEndian.Uint16(d[26:]) & 0x3fff), int(binary.LittleEndian.Uint16(d[28:]) & 0x3fff)
	case "VP8L":
		if d[20] != 0x2f {
			return 0, 0
		}
		bits := binary.LittleEndian.Uint32(d[21:])
		return int(bits&0x3fff) + 1, int(bits>>14&0x3fff) + 1
	}
	return 0, 0
}

// jpegSize looks for the first start of a frame (ITU-T T.81 B.2.2) behind the
// segments that come before it.
func jpegSize(d []byte) (w, h int) {
	if !startsWith(d, 4, "\xff\xd8\xff") {
		return 0, 0
	}
	for at := 2; at+4 <= len(d) && d[at] == 0xff; {
		kind := d[at+1]
		if kind == 0xff { // filling
			at++
			continue
		}
		segment := d[at+2:]
		n := int(binary.BigEndian.Uint16(segment))
		switch {
		case n < 2:
			return 0, 0
		case isFrame(kind):
			if len(segment) < 7 {
				return 0, 0
			}
			return int(binary.BigEndian.Uint16(segment[5:])), int(binary.BigEndian.Uint16(segment[3:]))
		}
		at += 2 + n
	}
	return 0, 0
}

// isFrame says whether a JPEG marker begins a frame: C0 to CF, but for the
// tables C4 and CC and the reserved C8.
func isFrame(kind byte) bool {
	return 0xc0 <= kind && kind <= 0xcf && kind != 0xc4 && kind != 0xc8 && kind != 0xcc
}
