package history

import (
	"errors"
	"testing"
)

// A store that is suspended answers nothing and takes nothing; resumed, it is
// the one it was, duplicates are known, and numbers have gone on.
func TestSuspend(t *testing.T) {
	s := open(t, dbPath(t))
	before, _, err := s.Append(in(bob, 1, "before"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Suspend(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Append(in(bob, 2, "meanwhile")); !errors.Is(err, ErrClosed) {
		t.Errorf("Append while suspended: %v, want ErrClosed", err)
	}
	if err := <-s.AppendLater(in(bob, 3, "later")).Done(); !errors.Is(err, ErrClosed) {
		t.Errorf("AppendLater while suspended: %v, want ErrClosed", err)
	}
	if _, err := s.Page(bob, 0, 10); !errors.Is(err, ErrClosed) {
		t.Errorf("Page while suspended: %v, want ErrClosed", err)
	}
	given := s.NextSeq() // numbers go on, for events that are not stored
	if err := s.Resume([32]byte{5}); err == nil {
		t.Error("resumed with another key")
	}
	if _, err := s.Page(bob, 0, 10); !errors.Is(err, ErrClosed) {
		t.Errorf("Page after a failed Resume: %v, want ErrClosed", err)
	}
	for range 2 {
		if err := s.Resume(testKey); err != nil {
			t.Fatal(err)
		}
	}
	if _, fresh, err := s.Append(in(bob, 1, "before")); err != nil || fresh {
		t.Errorf("what was there is fresh (%v) after Resume: %v", fresh, err)
	}
	after, fresh, err := s.Append(in(bob, 2, "after"))
	if err != nil || !fresh || after.Seq <= given || given <= before.Seq {
		t.Errorf("numbers %d, %d, %d (fresh %v, %v), want them to rise", before.Seq, given, after.Seq, fresh, err)
	}
	page, err := s.Page(bob, 0, 10)
	if err != nil || len(page) != 2 {
		t.Errorf("%d messages after Resume (%v), want 2", len(page), err)
	}
	closeStore(t, s)
	if err := s.Resume(testKey); !errors.Is(err, ErrClosed) {
		t.Errorf("Resume after Close: %v, want ErrClosed", err)
	}
}

// A store in memory has nowhere to go.
func TestSuspendInMemory(t *testing.T) {
	if err := memory(t).Suspend(); err == nil {
		t.Error("a store in memory was suspended: what it holds is gone")
	}
}

// A damaged file is mended between Suspend and Resume.
func TestSuspendToSalvage(t *testing.T) {
	path := dbPath(t)
	s := open(t, path)
	for n := range 50 {
		if _, _, err := s.Append(in(bob, n, "a text")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Suspend(); err != nil {
		t.Fatal(err)
	}
	if saved, err := Salvage(t.Context(), path, testKey); err != nil || saved.Messages != 50 {
		t.Fatalf("salvaged %d (%v), want 50", saved.Messages, err)
	}
	if err := s.Resume(testKey); err != nil {
		t.Fatal(err)
	}
	if page, err := s.Page(bob, 0, 100); err != nil || len(page) != 50 {
		t.Errorf("%d messages (%v), want 50", len(page), err)
	}
}
