package history

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/identity"
)

func TestSearch(t *testing.T) {
	everywhere(t, func(t *testing.T, s *Store) {
		for n, text := range []string{
			"See you at the lake", "Die Übermacht am Bodensee", "cafe\u0301 au lait", "the LAKE is cold", "lakeside, at the pier",
			`she said "see the lake" twice`, "NEAR AND OR NOT", "mail a.b@c.example", "Привет, мир", "5 o'clock -- maybe", "東京 タワー",
		} {
			peer := bob
			if n%2 == 1 {
				peer = carol
			}
			add(t, s, in(peer, n, text))
		}
		tests := []struct {
			query string
			want  []int
		}{
			{"lake", []int{5, 3, 0}},
			{"LAKE the", []int{5, 3, 0}},
			{"lak", nil},
			{"lak*", []int{5, 4, 3, 0}},
			{`"the lake"`, []int{5, 3, 0}},
			{`"you at"`, []int{0}},
			{`"at you"`, nil},
			{`"the lake`, []int{5, 3, 0}}, // not closed
			{`"at the l"*`, []int{0}},
			{"ubermacht", []int{1}},
			{"ÜBERMACHT", []int{1}},
			{"cafe", []int{2}},
			{"café", []int{2}},
			{"привет", []int{8}},
			{"東京", []int{10}},
			{"a.b@c.example", []int{7}},
			{"o'clock", []int{9}},
			// What FTS5 would take for operators is text.
			{"NEAR", []int{6}},
			{"AND OR NOT", []int{6}},
			{"lake AND cold", nil},
			{"body:lake", nil},
			{"-lake", []int{5, 3, 0}},
			{"lake (cold)", []int{3}},
			{"^lake", []int{5, 3, 0}},
			{"lake*cold", nil},
			{"lake\x00cold", []int{3}},
			{"", nil},
			{" \t ", nil},
			{`"`, nil},
			{`""`, nil},
			{"*", nil},
			{"!?", nil},
			{"lake !?", []int{5, 3, 0}},
		}
		for _, tt := range tests {
			list, err := s.Search(tt.query, nil, 0, 50)
			if err != nil {
				t.Errorf("%q: %v", tt.query, err)
			}
			var got []string
			for _, m := range list {
				got = append(got, m.ID)
			}
			var want []string
			for _, n := range tt.want {
				want = append(want, id(n))
			}
			if !cmp.Equal(got, want) {
				t.Errorf("%q: %q, want %v", tt.query, bodies(list), tt.want)
			}
		}
	})
}

// Page by page, with one peer or with all, what is found comes once.
func TestSearchPages(t *testing.T) {
	s := memory(t)
	for n := range 100 {
		add(t, s, in(pin(n%4), n, fmt.Sprintf("lake %d", n)))
	}
	one := pin(3)
	for _, tt := range []struct {
		peer *identity.Pin
		want int
	}{{nil, 100}, {&one, 25}} {
		seen := map[string]bool{}
		for before := int64(0); ; {
			list := must[[]Message](t)(s.Search("lake", tt.peer, before, 7))
			for _, m := range list {
				if seen[m.ID] || before != 0 && m.Row >= before || tt.peer != nil && m.Peer != *tt.peer {
					t.Fatalf("%+v", m)
				}
				seen[m.ID] = true
				before = m.Row
			}
			if len(list) < 7 {
				break
			}
		}
		if len(seen) != tt.want {
			t.Errorf("%d found, want %d", len(seen), tt.want)
		}
	}
	if list := must[[]Message](t)(s.Search("lake", nil, 0, maxPage+1)); len(list) != 100 {
		t.Errorf("%d", len(list))
	}
}

func TestSearchBounds(t *testing.T) {
	s := memory(t)
	for query, want := range map[string]error{
		strings.Repeat("a ", maxTerms):     nil,
		strings.Repeat("a ", maxTerms+1):   ErrTooLarge,
		strings.Repeat("x", maxQuery):      nil,
		strings.Repeat("x", maxQuery+1):    ErrTooLarge,
		strings.Repeat("\"a\"", maxTerms):  nil,
		strings.Repeat("!?!", maxQuery/3):  nil,
		strings.Repeat("\" ", maxQuery/2):  nil,
		strings.Repeat("\"a\"*", maxTerms): nil,
	} {
		if _, err := s.Search(query, nil, 0, 9); !errors.Is(err, want) {
			t.Errorf("%.20q...: %v, want %v", query, err, want)
		}
	}
}

// FuzzSearch: no query is an error of the database.
func FuzzSearch(f *testing.F) {
	for _, seed := range []string{
		"lake", `"lake`, `a"b"c*`, "NEAR(a b, 3)", "body : x", "{body}:x", "a AND OR", "^a", "-a", "+", "a\x00b", "\xff", "*", `""""`, "(", "a*b*", "\ufffd", "′′", "𝔞",
	} {
		f.Add(seed)
	}
	s := memory(f)
	add(f, s, in(bob, 1, line))
	f.Fuzz(func(t *testing.T, query string) {
		if _, err := s.Search(query, &bob, 0, 9); err != nil && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%q: %v", query, err)
		}
	})
}
