package chat

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"llchat/internal/mdns"
	"llchat/internal/peer"
	"llchat/internal/profile"
	"llchat/internal/safetext"
)

// The keys of XEP-0174 15 by which somebody says who they are. None is
// published unless it was set, and only in the open profile (K5, K7).
const (
	maxCardName  = 63  // as names are shown (L-27)
	maxCardAddrs = 240 // one string of a TXT record with its key (RFC 6763 6.1)
)

// cardKeys are the settings of the card that are text, and their TXT keys.
var cardKeys = []struct {
	setting, key string
	most         int
	value        func(*profile.Settings) *string
}{
	{"first", "1st", maxCardName, func(s *profile.Settings) *string { return &s.First }},
	{"last", "last", maxCardName, func(s *profile.Settings) *string { return &s.Last }},
	{"email", "email", maxCardAddrs, func(s *profile.Settings) *string { return &s.Email }},
	{"jid", "jid", maxCardAddrs, func(s *profile.Settings) *string { return &s.JID }},
}

// settingAvatar is the setting that takes the path of a picture and keeps the
// picture.
const settingAvatar = "avatar"

// setCard applies one setting of the card; empty takes it back. It reports
// whether there is such a setting.
func setCard(s *profile.Settings, setting, value string) bool {
	if setting == settingAvatar {
		s.Avatar = []byte(value)
		return true
	}
	for _, k := range cardKeys {
		if k.setting == setting {
			*k.value(s) = strings.Join(strings.Fields(value), " ")
			return true
		}
	}
	return false
}

// checkCard says in words what of the card cannot be published.
func checkCard(s profile.Settings) error {
	for _, k := range cardKeys {
		v := *k.value(&s)
		if len(v) > k.most || !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl) {
			return usage(fmt.Sprintf("%s is longer than %d octets or has signs that cannot be shown", k.setting, k.most), "")
		}
	}
	for addr := range strings.FieldsSeq(s.Email) { // 174-15.2: several, apart by spaces
		if at := strings.LastIndexByte(addr, '@'); at < 1 || at == len(addr)-1 {
			return usage(fmt.Sprintf("%q is no e-mail address", addr), "several stand apart by spaces: llchat set email 'a@example.org b@example.org'")
		}
	}
	return checkAvatar(s.Avatar)
}

func checkAvatar(img []byte) error {
	switch {
	case len(img) == 0:
		return nil
	case len(img) > maxAvatar:
		return usage(fmt.Sprintf("the picture has more than %d octets", maxAvatar), "make it smaller: 1,200 octets go out in one packet")
	case AvatarForm(img) == "":
		return usage(fmt.Sprintf("this is no picture that others take: PNG, JPEG, GIF or WebP of at most %d by %d pixels",
			maxAvatarSide, maxAvatarSide), "")
	}
	return nil
}

// readSetting turns what the user typed into what is kept: the path of a
// picture into the picture.
func readSetting(setting, value string) (string, error) {
	if setting != settingAvatar || value == "" {
		return value, nil
	}
	img, err := readSmall(value, maxAvatar+1)
	if err != nil {
		return "", usage(fmt.Sprintf("the picture cannot be read: %v", err), "llchat set avatar FILE")
	}
	return string(img), nil
}

// readSmall reads at most max octets of a regular file. Anything else, a pipe
// for one, could make us wait.
func readSmall(path string, max int64) ([]byte, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(before, now) {
		return nil, fmt.Errorf("%s was exchanged while it was opened", path)
	}
	return io.ReadAll(io.LimitReader(f, max))
}

// withCard adds what the user has set of the card to the TXT record of the open
// profile. The hash of the picture is its place on the links: there the NULL
// record is, and it is there only while the hash is (174-11.8).
func withCard(t mdns.Text, s profile.Settings) mdns.Text {
	add := func(key, value string) {
		if value != "" {
			t = append(t, mdns.TextEntry{Key: key, Value: []byte(value), HasValue: true})
		}
	}
	for _, k := range cardKeys {
		add(k.key, *k.value(&s))
	}
	if len(s.Avatar) > 0 {
		add("phsh", mdns.AvatarHash(s.Avatar))
	}
	return t
}

// withoutAvatar is a TXT record for where there is no NULL record.
func withoutAvatar(t mdns.Text) mdns.Text {
	out := make(mdns.Text, 0, len(t))
	for _, e := range t {
		if e.Key != "phsh" {
			out = append(out, e)
		}
	}
	return out
}

// faceCard makes what an announcement says of a person safe to draw.
func faceCard(c peer.Card) Card {
	return Card{
		First: safetext.Name(c.First), Last: safetext.Name(c.Last),
		Email: safetext.Line(c.Email), JID: safetext.Line(c.JID),
	}
}
