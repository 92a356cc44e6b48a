package chat

import (
	"strings"
	"testing"

	"llchat/internal/history"
)

// What was lost is counted in words that fit its number.
func TestSalvagedText(t *testing.T) {
	for gaps, want := range map[int]string{0: "are here", 1: "in one place is lost", 2: "in 2 places is lost"} {
		var s history.Salvaged
		s.Messages, s.Gaps = 3, gaps
		if got := salvagedText(s); !strings.HasSuffix(got, want) {
			t.Errorf("%d gaps: %s, want ... %s", gaps, got, want)
		}
	}
}
