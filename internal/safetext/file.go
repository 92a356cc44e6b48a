package safetext

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

const (
	maxFileOctets = 120 // security.md F-2
	// maxExtension bounds what of a long name is taken for its extension.
	maxExtension = 16
)

// File makes a Text of a file name as F-2 of security.md wants it, for display
// and as the name to save under: the last part of a path, without characters
// that mean something to a shell or a file system, never empty.
func File(raw string) Text {
	raw = raw[strings.LastIndexAny(raw, `/\`)+1:]
	return Text{settle(raw, fileStep)}
}

func fileStep(s string) string {
	s = clean(s, rules{form: norm.NFC, controls: '_', name: true})
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"|?*/\`, r) {
			return '_'
		}
		return r
	}, capClusters(s, ""))
	s = strings.TrimLeft(squeeze(s), ".- ")
	s = strings.TrimRight(s, ". ")
	if deviceName(s) {
		s = "_" + s
	}
	if s = cutFile(s); s == "" {
		return "file"
	}
	return s
}

// cutFile cuts s to maxFileOctets and keeps its extension.
func cutFile(s string) string {
	if len(s) <= maxFileOctets {
		return s
	}
	ext := ""
	if dot := strings.LastIndexByte(s, '.'); dot > 0 && len(s)-dot <= maxExtension {
		s, ext = s[:dot], s[dot:]
	}
	return strings.TrimRight(cutOctets(s, maxFileOctets-len(ext)), ". ") + ext
}

// deviceName reports whether Windows would open a device in place of a file
// called s: the extension does not matter to it, nor the case.
func deviceName(s string) bool {
	stem, _, _ := strings.Cut(s, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	number, ok := strings.CutPrefix(stem, "COM")
	if !ok {
		number, ok = strings.CutPrefix(stem, "LPT")
	}
	return ok && len([]rune(number)) == 1 && strings.ContainsAny(number, "0123456789¹²³")
}
