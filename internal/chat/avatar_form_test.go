package chat

import (
	"encoding/binary"
	"strings"
	"testing"
)

// forms are the beginnings of pictures of 16 by 32 pixels.
var forms = map[string]string{
	"png":       "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x10\x00\x00\x00\x20\x08\x06",
	"gif":       "GIF89a\x10\x00\x20\x00\x00",
	"gif old":   "GIF87a\x10\x00\x20\x00\x00",
	"webp":      "RIFF\x00\x00\x00\x00WEBPVP8 \x00\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\x10\x00\x20\x00",
	"webp big":  "RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x0f\x00\x00\x1f\x00\x00",
	"webp fine": "RIFF\x00\x00\x00\x00WEBPVP8L\x00\x00\x00\x00\x2f\x0f\xc0\x07\x00\x00\x00\x00\x00\x00",
	"jpeg":      "\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc4\x00\x03a\xff\xc2\x00\x08\x08\x00\x20\x00\x10\x03",
}

// L-18, T-25: the form and the size are read off the header, and anything that
// is not surely small is nothing.
func TestL18_AvatarForm(t *testing.T) {
	for name, data := range forms {
		want := strings.Fields(name)[0]
		if got := AvatarForm([]byte(data)); got != want {
			t.Errorf("%s: %q", name, got)
		}
		short := len(data)
		if name == "jpeg" {
			short--
		}
		for n := range short - 8 {
			if got := AvatarForm([]byte(data[:n])); got != "" && n < 10 {
				t.Errorf("%d octets of %s are a %s", n, name, got)
			}
		}
	}
	wide := func(w uint32) []byte {
		d := []byte(forms["png"])
		binary.BigEndian.PutUint32(d[16:], w)
		return d
	}
	for name, data := range map[string][]byte{
		"256":          wide(256),
		"257":          wide(257),
		"0":            wide(0),
		"a bomb":       wide(1 << 31),
		"text":         []byte("hello"),
		"svg":          []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"),
		"jpeg, no end": []byte("\xff\xd8\xff\xe0\x00\x00\xff\xc0"),
		"jpeg, short":  []byte("\xff\xd8\xff\xc0\x00\x08\x08\x00"),
		"jpeg, tables": []byte("\xff\xd8\xff\xc4\x00\x08\x08\x00\x20\x00\x10\x03"),
	} {
		want := ""
		if name == "256" {
			want = "png"
		}
		if got := AvatarForm(data); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// FuzzAvatarForm: whatever a stranger sends, it is one of four forms or none.
func FuzzAvatarForm(f *testing.F) {
	for _, data := range forms {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		switch got := AvatarForm(data); got {
		case "", "png", "gif", "webp", "jpeg":
		default:
			t.Errorf("%q", got)
		}
	})
}
