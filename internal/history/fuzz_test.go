package history

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzStoredText: every text comes back octet for octet, from every place, and
// none upsets the search index.
func FuzzStoredText(f *testing.F) {
	for _, seed := range []string{
		"", "hello", "nul\x00in the middle\x00", "\x00", "\xff\xfe\xc3(", "' OR 1=1; DROP TABLE message; --", `"quoted"`,
		"??? :a @b $c", "\u202e\u0000\U0010ffff", "a\r\nb\n", "0123456789abcdef0123456789abcdef", "e\u0301 \u00e9 ﷺ", "\ufeff",
	} {
		f.Add(seed, "id-"+seed)
	}
	f.Fuzz(func(t *testing.T, text, id string) {
		if len(text) > 4096 || len(id) > maxID || id == "" {
			return
		}
		s := memory(t)
		m := add(t, s, Message{ID: id, Peer: bob, Direction: Out, Body: text, Reason: text, State: Sent, Time: epoch})
		if m.Body != text || m.ID != id || m.Reason != text {
			t.Errorf("Append gave %+v", m)
		}
		stored, ok, err := s.Get(bob, id)
		if err != nil || !ok || !cmp.Equal(stored, m) {
			t.Errorf("Get = %+v, %v, %v, want %+v", stored, ok, err, m)
		}
		claim := clip(text)
		ask(t, s, Request{Pin: carol, Names: []string{claim, claim}, Nick: claim, Addr: claim, Last: epoch})
		r, kept, err := s.AddRequestMessage(carol, RequestMessage{id, text, epoch})
		if err != nil || !kept || r.Nick != claim || r.Addr != claim || !slices.Equal(r.Names, []string{claim, claim}) {
			t.Errorf("request %+v, %v", r, err)
		}
		taken := must[[]Message](t)(s.TakeRequest(carol))
		if len(taken) != 1 || taken[0].Body != text || taken[0].ID != id {
			t.Errorf("TakeRequest = %+v", taken)
		}
		if err := s.SetDraft(claim, text); err != nil {
			t.Error(err)
		}
		if got, err := s.Draft(claim); err != nil || got != text {
			t.Errorf("Draft = %q, %v", got, err)
		}
		if err := s.indexAll(); err != nil {
			t.Error(err)
		}
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if err := s.w.query("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)").exec(); err != nil {
			t.Error(err)
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add([]byte{})
	f.Add(joinNames([]string{"a", "", "bob@laptop", "\x00\xff"}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{5, 'a'})
	f.Fuzz(func(t *testing.T, packed []byte) {
		names := splitNames(packed)
		if diff := cmp.Diff(names, splitNames(joinNames(names)), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func FuzzID(f *testing.F) {
	for _, seed := range []string{"", "abc", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789abcdef", "0123456789abcdeg0123456789abcdef"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		var raw [idLen / 2]byte
		if unhex(&raw, id) && tohex(raw[:]) != id {
			t.Errorf("%q came back as %q", id, tohex(raw[:]))
		}
	})
}
