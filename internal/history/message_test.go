package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"llchat/internal/identity"
)

func TestAppendReturnsWhatIsStored(t *testing.T) {
	tests := []struct {
		name string
		give Message
		want Message
	}{
		{"ours", out(bob, 1, "hi"), out(bob, 1, "hi")},
		{"theirs", in(bob, 2, "hello"), in(bob, 2, "hello")},
		{"no state, ours", Message{ID: "a", Peer: bob, Direction: Out, Time: epoch}, Message{ID: "a", Peer: bob, Direction: Out, State: Queued, Time: epoch}},
		{"no state, theirs", Message{ID: "b", Peer: bob, Direction: In, Time: epoch}, Message{ID: "b", Peer: bob, Direction: In, State: Received, Time: epoch}},
		{
			"foreign id, delay, reason, nanoseconds",
			Message{ID: "purple\"8'", Peer: carol, Direction: Out, State: Sent, Reason: "waiting", Time: epoch.Add(1234567), Delay: epoch.Add(-time.Hour)},
			Message{ID: "purple\"8'", Peer: carol, Direction: Out, State: Sent, Reason: "waiting", Time: epoch.Add(time.Millisecond), Delay: epoch.Add(-time.Hour)},
		},
	}
	for _, open := range []func(testing.TB) *Store{memory, func(t testing.TB) *Store { return open(t, dbPath(t)) }} {
		s := open(t)
		for _, tt := range tests {
			got := add(t, s, tt.give)
			if got.Row == 0 || got.Seq != uint64(got.Row) {
				t.Errorf("%s: row %d, seq %d", tt.name, got.Row, got.Seq)
			}
			tt.want.Row, tt.want.Seq = got.Row, got.Seq
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s: Append (-want +got)\n%s", tt.name, diff)
			}
			stored, ok, err := s.Get(tt.give.Peer, tt.give.ID)
			if err != nil || !ok {
				t.Fatalf("%s: Get = %v, %v", tt.name, ok, err)
			}
			if diff := cmp.Diff(tt.want, stored); diff != "" {
				t.Errorf("%s: Get (-want +got)\n%s", tt.name, diff)
			}
		}
	}
}

// L-15: the same id from the same key is the same message, also after a
// restart; from another key, or in the other direction, it is not.
func TestL15Dedup(t *testing.T) {
	path := dbPath(t)
	s := open(t, path)
	first := add(t, s, in(bob, 1, "once"))
	closeStore(t, s)
	s = open(t, path)
	for range 3 {
		got, fresh, err := s.Append(in(bob, 1, "once, they say again"))
		if err != nil || fresh {
			t.Fatalf("repeat: fresh %v, %v", fresh, err)
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("repeat (-want +got)\n%s", diff)
		}
	}
	add(t, s, in(carol, 1, "her own"))
	add(t, s, out(bob, 1, "ours"))
	// Forms of an id that must not be taken for one another.
	raw := string([]byte{15: 1})
	for _, other := range []string{strings.ToUpper(id(0xab)), id(0xab), raw, id(1)[1:], id(1) + "0"} {
		add(t, s, Message{ID: other, Peer: bob, Direction: In, Body: other, Time: epoch})
	}
	for _, other := range []string{strings.ToUpper(id(0xab)), id(0xab), raw} {
		if got, ok, err := s.Get(bob, other); err != nil || !ok || got.Body != other {
			t.Errorf("Get(%q) = %q, %v, %v", other, got.Body, ok, err)
		}
	}
}

// L-15: more ids than the 4,096 that must be remembered; the oldest is still
// known, because it is in the history.
func TestL15DedupBeyondMemory(t *testing.T) {
	s := memory(t)
	for n := range 4096 + 10 {
		add(t, s, in(bob, n, "m"))
	}
	if _, fresh, err := s.Append(in(bob, 0, "m")); err != nil || fresh {
		t.Errorf("first id again: fresh %v, %v", fresh, err)
	}
}

func TestL12L15Sizes(t *testing.T) {
	s := open(t, dbPath(t))
	tests := []struct {
		name string
		id   string
		size int
		want error
	}{
		{"empty body", "a", 0, nil},
		{"32 KiB", "b", 32 << 10, nil},
		{"32 KiB and one", "c", 32<<10 + 1, ErrTooLarge},
		{"id of 128", strings.Repeat("i", 128), 1, nil},
		{"id of 129", strings.Repeat("i", 129), 1, ErrTooLarge},
		{"no id", "", 1, ErrTooLarge},
	}
	for _, tt := range tests {
		body := strings.Repeat("ä", tt.size/2) + strings.Repeat("x", tt.size%2)
		_, _, err := s.Append(Message{ID: tt.id, Peer: bob, Direction: In, Body: body, Time: epoch})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
		if tt.want != nil {
			continue
		}
		if got, _, err := s.Get(bob, tt.id); err != nil || got.Body != body {
			t.Errorf("%s: body of %d octets came back with %d, %v", tt.name, len(body), len(got.Body), err)
		}
	}
}

func TestMarkTransitions(t *testing.T) {
	all := []State{Queued, Sent, Delivered, Displayed, Failed}
	// What is delivered stays so; all else may change.
	final := map[State][]State{Delivered: {Delivered, Displayed}, Displayed: {Displayed}}
	s := memory(t)
	n := 0
	for _, from := range all {
		for _, to := range append(all, Received) {
			n++
			m := out(bob, n, "m")
			m.State = from
			old := add(t, s, m)
			want := to
			if allowed, ok := final[from]; to == Received || ok && !contains(allowed, to) {
				want = from
			}
			got, err := s.Mark(bob, m.ID, to, "")
			if err != nil || got.State != want {
				t.Errorf("%s -> %s: %s, %v, want %s", from, to, got.State, err, want)
			}
			if changed := got.Seq != old.Seq; changed != (want != from) {
				t.Errorf("%s -> %s: number renewed %v", from, to, changed)
			}
			if stored, _, _ := s.Get(bob, m.ID); !cmp.Equal(got, stored) {
				t.Errorf("%s -> %s: Mark gave %v, stored is %v", from, to, got, stored)
			}
		}
	}
}

func contains(list []State, st State) bool {
	return slices.Contains(list, st)
}

func TestMarkReason(t *testing.T) {
	s := memory(t)
	m := add(t, s, out(bob, 1, "m"))
	got := must[Message](t)(s.Mark(bob, m.ID, Queued, "waiting"))
	if got.Reason != "waiting" || got.Seq <= m.Seq || got.Row != m.Row {
		t.Errorf("new reason: %+v", got)
	}
	again := must[Message](t)(s.Mark(bob, m.ID, Queued, "waiting"))
	if again.Seq != got.Seq {
		t.Error("the same state and reason gave a new number")
	}
	for _, other := range []struct {
		peer identity.Pin
		id   string
	}{{bob, id(2)}, {carol, m.ID}} {
		if _, err := s.Mark(other.peer, other.id, Sent, ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("Mark of an unknown message: %v", err)
		}
	}
	// A peer that uses our id cannot have its own message marked for ours.
	add(t, s, in(bob, 9, "theirs"))
	if _, err := s.Mark(bob, id(9), Delivered, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("Mark of a received message: %v", err)
	}
}

func TestOutbox(t *testing.T) {
	s := open(t, dbPath(t))
	for n, st := range []State{Queued, Sent, Delivered, Displayed, Failed} {
		m := out(bob, n+1, string(st))
		m.State = st
		add(t, s, m)
	}
	add(t, s, in(bob, 10, "theirs"))
	add(t, s, out(carol, 11, "to carol"))
	got := bodies(must[[]Message](t)(s.Outbox(bob)))
	if diff := cmp.Diff([]string{"queued", "sent"}, got); diff != "" {
		t.Errorf("Outbox (-want +got)\n%s", diff)
	}
	peers := must[[]identity.Pin](t)(s.OutboxPeers())
	if diff := cmp.Diff([]identity.Pin{bob, carol}, peers); diff != "" {
		t.Errorf("OutboxPeers (-want +got)\n%s", diff)
	}
	must[Message](t)(s.Mark(carol, id(11), Delivered, ""))
	must[Message](t)(s.Mark(bob, id(5), Queued, "again"))
	peers = must[[]identity.Pin](t)(s.OutboxPeers())
	if diff := cmp.Diff([]identity.Pin{bob}, peers); diff != "" {
		t.Errorf("OutboxPeers after a delivery (-want +got)\n%s", diff)
	}
	got = bodies(must[[]Message](t)(s.Outbox(bob)))
	if diff := cmp.Diff([]string{"queued", "sent", "failed"}, got); diff != "" {
		t.Errorf("Outbox after a retry (-want +got)\n%s", diff)
	}
}

func TestL14OutboxMessages(t *testing.T) {
	s := memory(t)
	for n := range 1000 {
		add(t, s, out(bob, n, "m"))
	}
	if _, _, err := s.Append(out(bob, 1000, "m")); !errors.Is(err, ErrFull) {
		t.Fatalf("message 1,001: %v, want ErrFull", err)
	}
	if _, ok, _ := s.Get(bob, id(1000)); ok {
		t.Error("the refused message is stored")
	}
	// A repeat is no new message, others and the other direction are free.
	if _, fresh, err := s.Append(out(bob, 7, "m")); err != nil || fresh {
		t.Errorf("repeat in a full outbox: fresh %v, %v", fresh, err)
	}
	add(t, s, out(carol, 1, "m"))
	add(t, s, in(bob, 1001, "m"))
	must[Message](t)(s.Mark(bob, id(3), Delivered, ""))
	add(t, s, out(bob, 1002, "m"))
	if _, _, err := s.Append(out(bob, 1003, "m")); !errors.Is(err, ErrFull) {
		t.Errorf("full again: %v, want ErrFull", err)
	}
}

func TestL14OutboxBytes(t *testing.T) {
	t.Parallel()
	path := dbPath(t)
	s := open(t, path)
	body := strings.Repeat("\u00e9", 16<<10) // 32 KiB, half as many characters
	list := make([]Message, 256)
	for n := range list {
		list[n] = out(bob, n, body)
	}
	addAll(t, s, list)
	for range 2 {
		if _, _, err := s.Append(out(bob, 999, "x")); !errors.Is(err, ErrFull) {
			t.Fatalf("one octet over 8 MiB: %v, want ErrFull", err)
		}
		closeStore(t, s)
		s = open(t, path) // counted anew
	}
	must[Message](t)(s.Mark(bob, id(0), Failed, "given up"))
	add(t, s, out(bob, 999, "x"))
}

func TestL14Expire(t *testing.T) {
	s := memory(t)
	old := add(t, s, out(bob, 1, "old"))
	m := out(bob, 2, "old but delivered")
	m.State = Delivered
	add(t, s, m)
	m = out(bob, 3, "young")
	m.Time = epoch.Add(time.Hour)
	add(t, s, m)
	now := old.Time.Add(30*24*time.Hour + time.Millisecond)
	got := must[[]Message](t)(s.Expire(now))
	if len(got) != 1 || got[0].ID != old.ID || got[0].State != Failed || got[0].Reason != ReasonExpired || got[0].Seq <= old.Seq {
		t.Errorf("Expire = %+v", got)
	}
	if got := must[[]Message](t)(s.Expire(now)); len(got) != 0 {
		t.Errorf("Expire again = %+v", got)
	}
	if got := bodies(must[[]Message](t)(s.Outbox(bob))); !cmp.Equal(got, []string{"young"}) {
		t.Errorf("Outbox = %q", got)
	}
}

// The order is that in which we saw the messages, whatever clocks say.
func TestPageOrder(t *testing.T) {
	s := open(t, dbPath(t))
	var want []string
	for n := range 25 {
		m := in(bob, n, fmt.Sprint(n))
		m.Time = epoch.Add(-time.Duration(n) * 1000 * time.Hour)
		m.Delay = epoch.AddDate(n*7%50-56, 0, 0) // 1970 to 2019
		if n%3 == 0 {
			m.Direction, m.State = Out, Queued
		}
		add(t, s, m)
		add(t, s, in(carol, n, "carol's"))
		want = append(want, m.Body)
	}
	var got []string
	var before int64
	for {
		page := must[[]Message](t)(s.Page(bob, before, 10))
		if len(page) == 0 {
			break
		}
		got = append(bodies(page), got...)
		before = page[0].Row
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got)\n%s", diff)
	}
	for _, n := range []int{0, -1} {
		if page := must[[]Message](t)(s.Page(bob, 0, n)); len(page) != 0 {
			t.Errorf("Page of %d has %d messages", n, len(page))
		}
	}
	if page := must[[]Message](t)(s.Page(pin(77), 0, 10)); len(page) != 0 {
		t.Errorf("page of a stranger has %d messages", len(page))
	}
}

func TestSince(t *testing.T) {
	s := open(t, dbPath(t))
	a := add(t, s, out(bob, 1, "a"))
	r := must[Request](t)(s.AddRequest(Request{Pin: pin(7), Nick: "x", Last: epoch}))
	b := add(t, s, in(bob, 2, "b"))
	a = must[Message](t)(s.Mark(bob, a.ID, Sent, ""))
	c := add(t, s, in(carol, 3, "c"))
	all := []Fact{{r.Seq, nil, &r}, {b.Seq, &b, nil}, {a.Seq, &a, nil}, {c.Seq, &c, nil}}
	for i := range all {
		after := uint64(0)
		if i > 0 {
			after = all[i-1].Seq
		}
		for n := range 6 {
			got := must[[]Fact](t)(s.Since(after, n))
			want := all[i:min(len(all), i+n)]
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Since(%d, %d) (-want +got)\n%s", after, n, diff)
			}
		}
	}
	if got := must[[]Fact](t)(s.Since(1<<63+1, 10)); len(got) != 0 {
		t.Errorf("Since a number beyond all: %d facts", len(got))
	}
}

func TestDrafts(t *testing.T) {
	path := dbPath(t)
	s := open(t, path)
	steps := []struct{ peer, text string }{
		{bob.String(), "half a sen"}, {"alice@pronto", "to a claim"}, {bob.String(), "half a sentence\n\x00'"}, {"alice@pronto", ""},
	}
	for _, step := range steps {
		if err := s.SetDraft(step.peer, step.text); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	s = open(t, path)
	for peer, want := range map[string]string{bob.String(): "half a sentence\n\x00'", "alice@pronto": "", "nobody": ""} {
		if got, err := s.Draft(peer); err != nil || got != want {
			t.Errorf("Draft(%s) = %q, %v, want %q", peer, got, err, want)
		}
	}
	if err := s.SetDraft("x", strings.Repeat("x", maxDraft+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too long a draft: %v", err)
	}
}

// The engine's tests run in bubbles: nothing may wait for a clock, and Close
// has to end every goroutine.
func TestInsideBubble(t *testing.T) {
	for name, open := range map[string]func() (*Store, error){
		"memory": OpenMemory,
		"file":   func() (*Store, error) { return Open(dbPath(t), testKey) },
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			s, err := open()
			if err != nil {
				t.Fatal(name, err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for n := range 200 {
					add(t, s, in(bob, n, "m"))
				}
			}()
			time.Sleep(time.Hour) // everything else is at rest before this ends
			select {
			case <-done:
			default:
				t.Error(name, "the writer waits for something")
			}
			if got := time.Since(start); got != time.Hour {
				t.Errorf("%s: %v of virtual time", name, got)
			}
			if err := s.Close(); err != nil {
				t.Error(name, err)
			}
		})
	}
}

// P-24, L-14: a message written while the clock stood at 1970, or at 2099, is
// not 30 days old once the clock is right; it begins to wait then.
func TestP24_WrongClockExpiresNothing(t *testing.T) {
	right := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, wrong := range []time.Time{time.Unix(60, 0), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)} {
		s := memory(t)
		m := out(bob, 1, "early")
		m.Time = wrong
		add(t, s, m)
		for _, tt := range []struct {
			after time.Duration
			want  int
		}{{0, 0}, {29 * 24 * time.Hour, 0}, {31 * 24 * time.Hour, 1}} {
			if got := must[[]Message](t)(s.Expire(right.Add(tt.after))); len(got) != tt.want {
				t.Errorf("written in %d, %v after the clock was right: %d expired, want %d", wrong.Year(), tt.after, len(got), tt.want)
			}
		}
	}
}

// The head of an outbox is its oldest messages, and no more are read.
func TestOutboxHead(t *testing.T) {
	s := memory(t)
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprint(i))
		add(t, s, out(bob, i, fmt.Sprint(i)))
	}
	if got := bodies(must[[]Message](t)(s.OutboxHead(bob, 3))); !cmp.Equal(got, want[:3]) {
		t.Errorf("head %q", got)
	}
	if got := bodies(must[[]Message](t)(s.Outbox(bob))); !cmp.Equal(got, want) {
		t.Errorf("outbox %q", got)
	}
}
