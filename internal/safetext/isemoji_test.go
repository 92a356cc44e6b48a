package safetext

import (
	"strings"
	"testing"
)

// What may be given as a reaction (XEP-0444): one emoji, and no text.
func TestIsEmoji(t *testing.T) {
	for s, want := range map[string]bool{
		"👍": true, "👍🏽": true, "❤️": true, "❤": true, "🇩🇪": true, "1️⃣": true, "#⃣": true,
		"👩‍👩‍👧": true, "🏴‍☠️": true, "©": true,
		"": false, "hello": false, "a": false, "1": false, "1️": false, "🇩": false, "👍👍": false, "👍 ": false, " 👍": false,
		"👍a": false, "é": false, "漢": false, "\x1b[31m": false, "\n": false, "\u200d": false, "\ufe0f": false, "\xff": false,
		"🏽": false, "🇩a": false, "👍\u202e": false, "👍" + strings.Repeat("\u200d👍", 40): false,
	} {
		if got := IsEmoji(s); got != want {
			t.Errorf("%q is an emoji: %v, want %v", s, got, want)
		}
	}
}
