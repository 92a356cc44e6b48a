package history

import "testing"

func TestMarkAll(t *testing.T) {
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	alice, bob := pin(1), pin(2)
	var refs []Ref
	for i := range 5 {
		add(t, s, out(alice, i, "x"))
		refs = append(refs, Ref{alice, id(i)})
	}
	if _, err := s.Mark(alice, id(3), Delivered, ""); err != nil {
		t.Fatal(err)
	}
	last := s.NextSeq()
	marking := s.MarkAll(append(refs, Ref{alice, "none"}, Ref{bob, id(1)}), Delivered, "")
	list, err := marking.Result(<-marking.Done())
	if err != nil || len(list) != 4 {
		t.Fatalf("%d changed, want 4: %v", len(list), err)
	}
	for _, m := range list {
		if m.Seq <= last || m.State != Delivered || m.ID == id(3) {
			t.Errorf("%+v after %d", m, last)
		}
		last = m.Seq
	}
	if box, err := s.Outbox(alice); err != nil || len(box) > 0 {
		t.Errorf("outbox: %d, %v", len(box), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closed := s.MarkAll(refs, Delivered, "")
	if _, err := closed.Result(<-closed.Done()); err == nil {
		t.Error("a closed store took a mark")
	}
}
