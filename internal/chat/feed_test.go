package chat

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// numbers takes everything that waits in a feed.
func numbers(t *testing.T, f *feed) (seqs []uint64, bodies []any) {
	t.Helper()
	events, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		seqs, bodies = append(seqs, e.Seq), append(bodies, e.Body)
	}
	return seqs, bodies
}

// A reader that goes on from the highest number it saw misses no fact, though
// a state event that was renewed waits at the place of its first number.
func TestFeedNumbersRise(t *testing.T) {
	h := newHub()
	f := feedOf(h)
	h.publish(peerEvent(1, "a", Online))
	h.publishFact(message(2, "m"))
	h.publish(peerEvent(3, "a", Away))
	got, _ := numbers(t, f)
	if diff := cmp.Diff([]uint64{2, 3}, got); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}

// What is not stored comes from no replay: a notice and a resync that waited
// while the reader replayed newer facts are handed over all the same.
func TestFeedKeepsWhatNoReplayBrings(t *testing.T) {
	for name, fill := range map[string]int{"notice": 0, "resync": maxPending} {
		t.Run(name, func(t *testing.T) {
			h := newHub()
			f := h.subscribe(10)
			stored := [][]Event{{message(30_000, "stored meanwhile")}, nil}
			f.replay = func(context.Context, uint64) ([]Event, error) {
				next := stored[0]
				stored = stored[1:]
				return next, nil
			}
			for i := range fill {
				h.publishFact(message(11+uint64(i), "m"))
			}
			h.publish(Event{Seq: 20_000, Body: ConflictNotice{}})
			if got, _ := numbers(t, f); got[0] != 30_000 {
				t.Fatalf("number %d, want the replay first", got[0])
			}
			_, bodies := numbers(t, f)
			want := []any{ConflictNotice{}}
			if fill > 0 {
				want = []any{Resync{Seq: 30_000}} // all up to there was replayed
			}
			if len(bodies) != 1 || bodies[0] != want[0] {
				t.Errorf("got %+v, want %+v", bodies, want)
			}
		})
	}
}

// A fact whose number is lower than that of the event before it is a fact.
func TestFeedTakesFactsAsTheyCome(t *testing.T) {
	h := newHub()
	f := feedOf(h)
	h.publishFact(message(8, "m"))
	if got, _ := numbers(t, f); len(got) != 1 {
		t.Fatalf("%d events, want 1", len(got))
	}
	h.publishFact(message(7, "m"))
	if got, _ := numbers(t, f); len(got) != 1 {
		t.Errorf("%d events, want 1", len(got))
	}
}
