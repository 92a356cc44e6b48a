package history

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/identity"
)

func ask(t testing.TB, s *Store, r Request) Request {
	t.Helper()
	return must[Request](t)(s.AddRequest(r))
}

func TestRequestRoundTrip(t *testing.T) {
	path := dbPath(t)
	s := open(t, path)
	want := Request{
		Pin: bob, Names: []string{"bob@laptop", "", "b\x00\xff\"'"}, Nick: "B\xc3", Addr: "[fe80::1%eth0]:5298",
		First: epoch, Last: epoch.Add(time.Minute),
	}
	got := ask(t, s, want)
	for _, m := range []RequestMessage{{id(1), "hello?", epoch}, {"odd id", "it's me", epoch.Add(time.Second)}} {
		var stored bool
		var err error
		if got, stored, err = s.AddRequestMessage(bob, m); err != nil || !stored {
			t.Fatalf("AddRequestMessage = %v, %v", stored, err)
		}
		want.Messages = append(want.Messages, m)
	}
	want.Seq, want.Last = got.Seq, epoch.Add(time.Second)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("AddRequestMessage (-want +got)\n%s", diff)
	}
	closeStore(t, s)
	s = open(t, path)
	one, ok, err := s.Request(bob)
	if err != nil || !ok {
		t.Fatalf("Request = %v, %v", ok, err)
	}
	if diff := cmp.Diff(want, one); diff != "" {
		t.Errorf("Request (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]Request{want}, must[[]Request](t)(s.Requests())); diff != "" {
		t.Errorf("Requests (-want +got)\n%s", diff)
	}
	if _, ok, err := s.Request(carol); ok || err != nil {
		t.Errorf("Request of nobody = %v, %v", ok, err)
	}
}

func TestRequestRefresh(t *testing.T) {
	s := memory(t)
	first := ask(t, s, Request{Pin: bob, Names: []string{"bob"}, Addr: "10.0.0.1:1", Last: epoch})
	if _, _, err := s.AddRequestMessage(bob, RequestMessage{id(1), "hi", epoch}); err != nil {
		t.Fatal(err)
	}
	r, _, _ := s.Request(bob)
	steps := []struct {
		name  string
		give  Request
		fresh bool
	}{
		{"only a later time and address", Request{Pin: bob, Names: []string{"bob"}, Addr: "10.0.0.1:2"}, false},
		{"another name", Request{Pin: bob, Names: []string{"robert", "bob"}}, true},
		{"a nick", Request{Pin: bob, Names: []string{"robert", "bob"}, Nick: "B"}, true},
	}
	for i, step := range steps {
		step.give.Last = epoch.Add(time.Duration(i+1) * time.Hour)
		got := ask(t, s, step.give)
		if (got.Seq > r.Seq) != step.fresh {
			t.Errorf("%s: number %d after %d", step.name, got.Seq, r.Seq)
		}
		if !got.First.Equal(first.First) || !got.Last.Equal(step.give.Last) || len(got.Messages) != 1 {
			t.Errorf("%s: %+v", step.name, got)
		}
		if r, _, _ = s.Request(bob); !cmp.Equal(got, r) {
			t.Errorf("%s: stored is %+v, want %+v", step.name, r, got)
		}
	}
}

func TestL11QueueOf50Keys(t *testing.T) {
	s := open(t, dbPath(t))
	for n := range 50 {
		r := ask(t, s, Request{Pin: pin(n), Last: epoch.Add(time.Duration(-n) * time.Second)})
		if len(r.PushedOut) != 0 {
			t.Fatalf("key %d pushed out %v", n, r.PushedOut)
		}
		if _, _, err := s.AddRequestMessage(pin(n), RequestMessage{id(n), "hi", epoch}); err != nil {
			t.Fatal(err)
		}
	}
	// Being heard of again is no better place in the queue.
	ask(t, s, Request{Pin: pin(0), Last: epoch})
	for n := range 3 {
		r := ask(t, s, Request{Pin: pin(50 + n), Last: epoch})
		if diff := cmp.Diff([]identity.Pin{pin(n)}, r.PushedOut); diff != "" {
			t.Errorf("key %d pushed out (-want +got)\n%s", 50+n, diff)
		}
	}
	list := must[[]Request](t)(s.Requests())
	if len(list) != 50 || list[0].Pin != pin(3) || list[49].Pin != pin(52) {
		t.Errorf("%d keys wait, from %v to %v", len(list), list[0].Pin, list[len(list)-1].Pin)
	}
	if _, _, err := s.AddRequestMessage(pin(0), RequestMessage{"x", "hi", epoch}); !errors.Is(err, ErrNotFound) {
		t.Errorf("message of a key pushed out: %v", err)
	}
	// Nothing of the pushed out is left behind.
	n, _, err := s.r.query("SELECT count(*) FROM waiting").number()
	if err != nil || n != 47 {
		t.Errorf("%d waiting messages, %v, want 47", n, err)
	}
}

func TestL11MessagesAndOctets(t *testing.T) {
	kib := strings.Repeat("x", 1<<10)
	tests := []struct {
		name   string
		bodies []string
		want   []bool
	}{
		{"three, not four", []string{"a", "b", "c", "d"}, []bool{true, true, true, false}},
		{"4 KiB in one", []string{kib + kib + kib + kib, ""}, []bool{true, true}},
		{"one octet more", []string{kib + kib + kib + kib + "x"}, []bool{false}},
		{"4 KiB in all, a small one still fits", []string{kib + kib, kib + kib + "x", kib, kib}, []bool{true, false, true, true}},
	}
	for i, tt := range tests {
		s := memory(t)
		r := ask(t, s, Request{Pin: bob, Last: epoch})
		for n, body := range tt.bodies {
			got, stored, err := s.AddRequestMessage(bob, RequestMessage{id(n), body, epoch})
			if err != nil || stored != tt.want[n] {
				t.Errorf("%s: message %d stored %v, %v", tt.name, n, stored, err)
			}
			if (got.Seq > r.Seq) != stored {
				t.Errorf("%s: message %d: number %d after %d", tt.name, n, got.Seq, r.Seq)
			}
			r = got
		}
		// A repeat is not added, full or not.
		got, stored, err := s.AddRequestMessage(bob, RequestMessage{id(0), "again", epoch})
		if i < 2 && (err != nil || stored || got.Messages[0].Body == "again") {
			t.Errorf("%s: repeat stored %v, %v", tt.name, stored, err)
		}
	}
	s := memory(t)
	ask(t, s, Request{Pin: bob, Last: epoch})
	for _, bad := range []string{"", strings.Repeat("i", 129)} {
		if _, _, err := s.AddRequestMessage(bob, RequestMessage{ID: bad}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("id of %d octets: %v", len(bad), err)
		}
	}
}

func TestL11NewKeysAnHour(t *testing.T) {
	s := memory(t)
	now := epoch
	for n := range 200 {
		now = epoch.Add(time.Duration(n) * time.Second)
		ask(t, s, Request{Pin: pin(n), Last: now})
	}
	if _, err := s.AddRequest(Request{Pin: pin(200), Last: now}); !errors.Is(err, ErrRate) {
		t.Errorf("key 201 in an hour: %v, want ErrRate", err)
	}
	ask(t, s, Request{Pin: pin(199), Last: now}) // not a new one
	if list := must[[]Request](t)(s.Requests()); list[49].Pin != pin(199) {
		t.Error("the refused key changed the queue")
	}
	ask(t, s, Request{Pin: pin(201), Last: epoch.Add(time.Hour)})
	if _, err := s.AddRequest(Request{Pin: pin(202), Last: epoch.Add(time.Hour)}); !errors.Is(err, ErrRate) {
		t.Errorf("the window does not slide: %v", err)
	}
	ask(t, s, Request{Pin: pin(203), Last: epoch.AddDate(-1, 0, 0)}) // the clock was set back
}

func TestRequestClaimsBounded(t *testing.T) {
	s := memory(t)
	long := strings.Repeat("n", 300)
	r := Request{Pin: bob, Nick: long, Addr: long, Last: epoch}
	for range 12 {
		r.Names = append(r.Names, long)
	}
	got := ask(t, s, r)
	if len(got.Names) != 8 || len(got.Names[0]) != 255 || len(got.Nick) != 255 || len(got.Addr) != 255 {
		t.Errorf("%d names of %d octets, nick %d, address %d", len(got.Names), len(got.Names[0]), len(got.Nick), len(got.Addr))
	}
	if len(r.Names) != 12 || r.Names[0] != long {
		t.Error("the caller's slice was changed")
	}
}

func TestTakeRequest(t *testing.T) {
	s := open(t, dbPath(t))
	add(t, s, in(bob, 2, "known from before"))
	ask(t, s, Request{Pin: bob, Last: epoch})
	ask(t, s, Request{Pin: carol, Last: epoch})
	for n := range 3 {
		if _, stored, err := s.AddRequestMessage(bob, RequestMessage{id(n + 1), id(n + 1), epoch.Add(time.Duration(n) * time.Minute)}); !stored {
			t.Fatal(err)
		}
	}
	last := s.NextSeq()
	got := must[[]Message](t)(s.TakeRequest(bob))
	var want []Message
	for i, n := range []int{1, 3} {
		m := Message{ID: id(n), Peer: bob, Direction: In, Body: id(n), State: Received, Time: epoch.Add(time.Duration(n-1) * time.Minute)}
		if i < len(got) {
			m.Row, m.Seq = got[i].Row, got[i].Seq
		}
		if m.Seq <= last {
			t.Errorf("message %d: number %d, not above %d", n, m.Seq, last)
		}
		want = append(want, m)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("TakeRequest (-want +got)\n%s", diff)
	}
	if page := bodies(must[[]Message](t)(s.Page(bob, 0, 10))); !cmp.Equal(page, []string{"known from before", id(1), id(3)}) {
		t.Errorf("Page = %q", page)
	}
	if list := must[[]Request](t)(s.Requests()); len(list) != 1 || list[0].Pin != carol {
		t.Errorf("Requests = %v", list)
	}
	// Sent again, as no receipt came before the acceptance.
	if _, fresh, err := s.Append(in(bob, 1, id(1))); err != nil || fresh {
		t.Errorf("repeat of a taken message: fresh %v, %v", fresh, err)
	}
	for _, p := range []identity.Pin{bob, carol, pin(9)} {
		if got := must[[]Message](t)(s.TakeRequest(p)); len(got) != 0 {
			t.Errorf("TakeRequest of %v = %v", p, got)
		}
	}
}

func TestDropRequest(t *testing.T) {
	s := memory(t)
	ask(t, s, Request{Pin: bob, Last: epoch})
	if _, _, err := s.AddRequestMessage(bob, RequestMessage{id(1), "hi", epoch}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second has nothing to do
		if err := s.DropRequest(bob); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, _ := s.Request(bob); ok {
		t.Error("the request is still there")
	}
	// Asking again begins anew.
	if r := ask(t, s, Request{Pin: bob, Last: epoch}); len(r.Messages) != 0 {
		t.Errorf("old messages came back: %v", r.Messages)
	}
}
