package mdns

import (
	"crypto/rand"
	"io"
	"strings"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// maxUser is the longest user part llchat generates; user and machine together
// stay below 58 octets so that "-NNN" and the "@" fit one label (README 3).
const maxUser = 40

// InstanceName is the service instance label of XEP-0174: user@machine.
func InstanceName(user, machine string) string {
	return user + "@" + machine
}

// SplitInstance splits an instance label at its last "@". Without one the whole
// label is the user part (README 3).
func SplitInstance(s string) (user, machine string) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i+1:]
}

// UserPart makes the user part of an instance name from a nick: NFC, lower
// case, the characters that RFC 7622 keeps out of a localpart, spaces and
// controls turned to "-", runs merged, trimmed, cut at a rune to 40 octets. It
// is "" when nothing is left; then use Word.
func UserPart(nick string) string {
	nick = norm.NFC.String(strings.ToLower(strings.ToValidUTF8(nick, "-")))
	var b strings.Builder
	dash := true // leading ones are dropped
	for _, r := range nick {
		if !inUserPart(r) {
			r = '-'
		}
		if r == '-' && dash {
			continue
		}
		dash = r == '-'
		b.WriteRune(r)
	}
	return strings.TrimRight(cutRunes(b.String(), maxUser), "-")
}

// identifier is the IdentifierClass of RFC 8264 4.2: letters, digits and marks
// that are not mere forms of another character, and printable ASCII.
var identifier = precis.NewIdentifier()

// inUserPart says whether r may stand in a generated user part: what RFC 7622
// 3.3 allows in a localpart, whatever its neighbours are.
func inUserPart(r rune) bool {
	if strings.ContainsRune("\"&'/:<>@", r) {
		return false
	}
	_, err := identifier.String("a" + string(r))
	return err == nil
}

// Word returns a word from the list in words.go, chosen with r (nil:
// crypto/rand). It names people and machines that shall say nothing about
// themselves.
func Word(r io.Reader) string {
	return words[draw(r, 1)[0]]
}

// Machine returns a host label that says nothing about the machine: a word,
// "-", four base32 characters (README 3).
func Machine(r io.Reader) string {
	const base32 = "abcdefghijklmnopqrstuvwxyz234567" // RFC 4648 6, lower case
	b := []byte(Word(r) + "-")
	for _, c := range draw(r, 4) {
		b = append(b, base32[c&31])
	}
	return string(b)
}

// draw reads n octets. A source that fails is replaced by crypto/rand, which
// cannot fail.
func draw(r io.Reader, n int) []byte {
	b := make([]byte, n)
	if r != nil {
		if _, err := io.ReadFull(r, b); err == nil {
			return b
		}
	}
	rand.Read(b)
	return b
}
