// Package health keeps what is wrong right now, as values: a code that never
// changes, how bad it is, one sentence for the user, and since when.
//
// A component that notices a fault calls [Set.Set] with an [Item] and
// [Set.Clear] with its code when the fault has gone. A face of the engine
// draws [Set.Items]. The zero Set is ready and safe for concurrent use; it
// holds one item a code, so it is bounded by the number of codes in the
// program. Texts and hints are our own words: what a peer said belongs in
// here only after it went through safetext.
package health

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Severity says how much an item matters to the user.
type Severity int

// Severities. An Error needs the user, a Warning limits something, an Info
// explains something.
const (
	Info Severity = iota
	Warning
	Error
)

var severityNames = [...]string{Info: "info", Warning: "warning", Error: "error"}

// String returns the word for s that the JSON contract uses.
func (s Severity) String() string {
	if s < 0 || int(s) >= len(severityNames) {
		return fmt.Sprintf("severity(%d)", int(s))
	}
	return severityNames[s]
}

// MarshalText writes the word of String; a value outside the three is an
// error.
func (s Severity) MarshalText() ([]byte, error) {
	if s < 0 || int(s) >= len(severityNames) {
		return nil, fmt.Errorf("health: no severity %d", int(s))
	}
	return []byte(severityNames[s]), nil
}

// UnmarshalText reads a word that MarshalText wrote.
func (s *Severity) UnmarshalText(text []byte) error {
	i := slices.Index(severityNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("health: no severity %q", text)
	}
	*s = Severity(i)
	return nil
}

// Item is one thing that is wrong.
type Item struct {
	// Code names the fault for programs, in lower case with hyphens:
	// "port-taken". It never changes its meaning.
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// Text says in one sentence what happened and what it means.
	Text string `json:"text"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
	// Since is when it began.
	Since time.Time `json:"since"`
}

// Set holds the items of one node, one a code.
type Set struct {
	mu sync.Mutex // guards items
	// items by code.
	items map[string]Item
}

// Set puts it in, or in place of the item with the same code, and reports
// whether anything a user sees has changed. The beginning of an item that is
// already there is kept; a zero Since means now.
func (s *Set) Set(it Item) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.items[it.Code]
	switch {
	case known:
		it.Since = old.Since
	case it.Since.IsZero():
		it.Since = time.Now()
	}
	if known && it == old {
		return false
	}
	if s.items == nil {
		s.items = make(map[string]Item)
	}
	s.items[it.Code] = it
	return true
}

// Clear takes the item with this code out and reports whether it was there.
func (s *Set) Clear(code string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.items[code]
	delete(s.items, code)
	return known
}

// Items returns a copy of all items, the worst first, then by code.
func (s *Set) Items() []Item {
	s.mu.Lock()
	items := make([]Item, 0, len(s.items))
	for _, it := range s.items {
		items = append(items, it)
	}
	s.mu.Unlock()
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Code, b.Code))
	})
	return items
}
