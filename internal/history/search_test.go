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
			"明日は東京へ行きます。カフェで会おう", "我明天去北京大学看书", "학교에서 만나요", "วันนี้กินข้าวที่บ้าน", "ok👍🏽👍 thanks", // 11 to 15
			"👩\u200d💻 at work ❤\ufe0f", "\U0001fae0\U0001faf6 new ones", "1\ufe0f\u20e3 20°C 🇩🇪", "か\u3099っこう 하\u11abguk", "\ue0001 zander\U000f2764", // 16 to 20
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
			{"東京", []int{11, 10}},
			{"京都", nil},
			// No spaces between words: any part of a run is found.
			{"行きます", []int{11}},
			{"カフェ", []int{11}},
			{"カフ*", []int{11}},
			{"会う", nil},
			{"北京", []int{12}},
			{"大学 明天", []int{12}},
			{"学大", nil},
			{"학교", []int{13}},
			{"만나", []int{13}},
			{"만나요 학교에서", []int{13}},
			{"ข้าว", []int{14}},
			{"กินข้าว", []int{14}},
			{"ข้าวกิน", nil},
			{"がっこう", []int{19}},
			{"한guk", []int{19}},
			{strings.Repeat("東", 341), nil},
			{"👍", []int{15}},
			{"👍🏽", []int{15}}, // the tone does not count
			{"👍👍", []int{15}},
			{"👍👍👍", nil},
			{"ok", []int{15}},
			{"ok👍", []int{15}},
			{"💻", []int{16}},
			{"👩\u200d💻", []int{16}},
			{"❤", []int{16}},
			{"❤\ufe0f", []int{16}},
			{"\U0001fae0", []int{17}},
			{"\U0001faf6*", []int{17}},
			{"🇩🇪", []int{18}},
			{"🇪🇩", nil},
			{"°", []int{18}},
			{"20 c", []int{18}},
			{"🙈", nil},
			// The word that says whose message it is cannot be written.
			{"\ue0001", []int{20, 18}}, // a 1, and that of a keycap
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

// A peer with few messages among many is found by what the index knows of it;
// nobody's text gets into another's conversation.
func TestSearchOnePeer(t *testing.T) {
	s := memory(t)
	for n := range 200 {
		add(t, s, in(pin(n%20), n, "lake"))
	}
	nearly := string(peerMark) + "1 1 lake"
	add(t, s, in(pin(11), 500, nearly))
	for _, tt := range []struct {
		query string
		peer  int
		want  int
	}{
		{"lake", 1, 10}, {"lake", 11, 11}, {"1", 11, 1}, {"1", 1, 0}, {"lake", 77, 0}, {string(peerMark) + "1", 1, 0},
	} {
		who := pin(tt.peer)
		if hits := must[[]Message](t)(s.Search(tt.query, &who, 0, 99)); len(hits) != tt.want {
			t.Errorf("%q with %d: %d hits, want %d", tt.query, tt.peer, len(hits), tt.want)
		}
	}
	q := s.r.query("SELECT count(*) FROM search WHERE search MATCH ?").text(`"` + peerWord(1) + `"`)
	if n, _, err := q.number(); n != 10 || err != nil {
		t.Errorf("the index knows %d messages of peer 1, %v", n, err)
	}
}

// words takes every text; what it gives has no mark of ours and no letters
// that touch where scripts have no spaces.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"lake", "東京タワー", "학교에서", "กิน", "👩\u200d💻👍🏽", "\ue0001", "\xff東", "e\u0301", "\U0001ffff", "\U000fffff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := words(text)
		if strings.ContainsRune(got, peerMark) || strings.ContainsFunc(got, tone) || len(got) > 12*len(text) {
			t.Errorf("%q became %q", text, got)
		}
		if again := words(got); strings.Join(strings.Fields(again), " ") != strings.Join(strings.Fields(got), " ") {
			t.Errorf("%q became %q, then %q", text, got, again)
		}
	})
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
