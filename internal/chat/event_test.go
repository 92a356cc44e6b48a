package chat

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/health"
	"llchat/internal/identity"
	"llchat/internal/safetext"
)

var eventTime = time.Date(2026, 11, 24, 9, 5, 7, 120_000_000, time.UTC)

// The lines of the contract in docs/json.md.
func TestEventJSON(t *testing.T) {
	pin := identity.Pin{0xab}
	yes := true
	tests := []struct {
		name string
		in   Event
		want string
	}{
		{"peer", Event{7, eventTime, Peer{
			Key: pin.String(), Fingerprint: pin, Name: safetext.Name("bob"), Instance: safetext.Line("bob@nuc"),
			Trust: Pinned, Presence: Online, Encrypts: &yes, Stream: true, Addresses: []string{"10.77.0.2:41873"}, LastSeen: eventTime,
		}}, `{"type":"peer","seq":7,"time":"2026-11-24T09:05:07.120Z","key":"` + pin.String() + `","fingerprint":"` + pin.String() +
			`","name":"bob","nick":"","instance":"bob@nuc","trust":"pinned","presence":"online","message":"","encrypts":true,"stream":true,` +
			`"addresses":["10.77.0.2:41873"],"lastSeen":"2026-11-24T09:05:07.120Z"}`},
		{
			"claim",
			Event{8, eventTime, Peer{Key: "~x", Presence: Offline, Gone: true}},
			`{"type":"peer","seq":8,"time":"2026-11-24T09:05:07.120Z","key":"~x","fingerprint":"","name":"","nick":"","instance":"",` +
				`"trust":"","presence":"offline","message":"","encrypts":null,"stream":false,"addresses":[],"gone":true}`,
		},
		{"message", Event{9, eventTime, Message{
			ID: "00ff", Peer: pin, Name: safetext.Name("bob"), Direction: Out, Body: safetext.Body("a\nb"),
			State: Queued, Reason: ReasonNotHere, Row: 3, Written: eventTime,
		}}, `{"type":"message","seq":9,"time":"2026-11-24T09:05:07.120Z","id":"00ff","peer":"` + pin.String() +
			`","name":"bob","room":"","direction":"out","body":"a\nb","replaces":"","state":"queued","reason":"not-here","row":3,"written":"2026-11-24T09:05:07.120Z"}`},
		{
			"request",
			Event{10, eventTime, Request{Fingerprint: pin, Name: safetext.Name("eve"), Body: safetext.Body("hi")}},
			`{"type":"request","seq":10,"time":"2026-11-24T09:05:07.120Z","fingerprint":"` + pin.String() + `","name":"eve","body":"hi"}`,
		},
		{
			"conflict",
			Event{11, eventTime, ConflictNotice{Fingerprint: pin, Name: safetext.Name("bob"), Of: identity.Pin{1}, OfName: safetext.Name("bob")}},
			`{"type":"conflict","seq":11,"time":"2026-11-24T09:05:07.120Z","fingerprint":"` + pin.String() + `","name":"bob","of":"` + identity.Pin{1}.String() + `","ofName":"bob"}`,
		},
		{"resync", Event{12, eventTime, Resync{Seq: 4}}, `{"type":"resync","seq":12,"time":"2026-11-24T09:05:07.120Z","from":4}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("JSON\n got %s\nwant %s", got, tt.want)
			}
			var back Event
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(back)
			if err != nil || string(again) != tt.want {
				t.Errorf("back and forth: %s, %v", again, err)
			}
		})
	}
}

func TestEventOfNewerKind(t *testing.T) {
	var e Event
	if err := json.Unmarshal([]byte(`{"type":"weather","seq":3,"sky":"blue"}`), &e); err != nil || e.Body != nil || e.Seq != 3 {
		t.Errorf("got %+v, %v; want an event without a body", e, err)
	}
}

func feedOf(h *hub) *feed { return h.subscribe(0) }

func peerEvent(seq uint64, key string, p Presence) Event {
	return Event{Seq: seq, Body: Peer{Key: key, Presence: p}}
}

func message(seq uint64, id string) Event { return Event{Seq: seq, Body: Message{ID: id}} }

// A burst of state changes becomes the last state of each; facts stay whole
// and in order (style page, chapter 6).
func TestFeedCoalesces(t *testing.T) {
	h := newHub()
	f := feedOf(h)
	h.publish(peerEvent(1, "a", Online))
	h.publishFact(message(2, "m1"))
	h.publish(peerEvent(3, "b", Online))
	h.publish(peerEvent(4, "a", Away))
	h.publish(Event{Seq: 5, Body: HealthNotice{Item: health.Item{Code: "x"}}})
	h.publishFact(message(6, "m1"))
	h.publish(Event{Seq: 7, Body: HealthNotice{Item: health.Item{Code: "x"}, Gone: true}})
	got, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Event{
		message(2, "m1"), peerEvent(3, "b", Online), peerEvent(4, "a", Away),
		message(6, "m1"),
		{Seq: 7, Body: HealthNotice{Item: health.Item{Code: "x"}, Gone: true}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b safetext.Text) bool { return a == b })); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A reader that is far behind gets one resync with the number it has seen
// last, and never blocks the engine.
func TestFeedResync(t *testing.T) {
	h := newHub()
	f := feedOf(h)
	h.publishFact(message(1, "m"))
	if _, err := f.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(maxPending + 1) {
		h.publishFact(message(2+i, "m"))
	}
	got, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Body != (Resync{Seq: 1}) {
		t.Errorf("got %d events, first %+v; want one resync from 1", len(got), got[0])
	}
}

func TestFeedReplaysThenGoesLive(t *testing.T) {
	h := newHub()
	f := h.subscribe(10)
	stored := [][]Event{{message(11, "old"), message(12, "old")}, {message(13, "both")}, nil}
	var asked []uint64
	f.replay = func(_ context.Context, after uint64) ([]Event, error) {
		asked = append(asked, after)
		next := stored[0]
		stored = stored[1:]
		return next, nil
	}
	h.publishFact(message(13, "both")) // stored and published while the reader replays
	h.publishFact(message(14, "new"))
	var ids []uint64
	for len(ids) < 4 {
		events, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			ids = append(ids, e.Seq)
		}
	}
	if diff := cmp.Diff([]uint64{11, 12, 13, 14}, ids); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{10, 12, 13}, asked); diff != "" {
		t.Errorf("asked after (-want +got):\n%s", diff)
	}
}

func TestFeedCloses(t *testing.T) {
	h := newHub()
	f := feedOf(h)
	h.close()
	if _, err := f.Next(t.Context()); err != errFeedClosed {
		t.Errorf("after the node ended: %v, want %v", err, errFeedClosed)
	}
	if _, err := h.subscribe(0).Next(t.Context()); err != errFeedClosed {
		t.Errorf("subscribed after the end: %v, want %v", err, errFeedClosed)
	}
}
