package health

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	port  = Item{Code: "port-taken", Severity: Warning, Text: "Port 5298 is in use.", Hint: "Nothing to do.", Since: began}
	wifi  = Item{Code: "no-multicast", Severity: Error, Text: "This network hides people from each other.", Since: began}
	clock = Item{Code: "clock-skew", Severity: Warning, Text: "Clocks differ.", Since: began}
)

func TestSet(t *testing.T) {
	var s Set
	if got := s.Items(); len(got) != 0 || got == nil {
		t.Errorf("empty Set: %#v", got)
	}
	for _, it := range []Item{port, wifi, clock} {
		if !s.Set(it) {
			t.Errorf("Set(%s) changed nothing", it.Code)
		}
		it.Since = began.Add(time.Hour)
		if s.Set(it) {
			t.Errorf("Set(%s) again is a change", it.Code)
		}
	}
	if diff := cmp.Diff([]Item{wifi, clock, port}, s.Items()); diff != "" {
		t.Error(diff)
	}
	worse := port
	worse.Severity, worse.Since = Error, began.Add(time.Hour)
	if !s.Set(worse) {
		t.Error("a worse item is no change")
	}
	worse.Since = began // it is still the same fault
	if diff := cmp.Diff([]Item{wifi, worse, clock}, s.Items()); diff != "" {
		t.Error(diff)
	}
	if !s.Clear(wifi.Code) || s.Clear(wifi.Code) || s.Clear("never") {
		t.Error("Clear reports the wrong thing")
	}
	if diff := cmp.Diff([]Item{worse, clock}, s.Items()); diff != "" {
		t.Error(diff)
	}
}

// TestItemsIsACopy: a reader cannot change the Set.
func TestItemsIsACopy(t *testing.T) {
	var s Set
	s.Set(port)
	s.Items()[0].Text = "changed"
	if diff := cmp.Diff([]Item{port}, s.Items()); diff != "" {
		t.Error(diff)
	}
}

func TestSinceIsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Set
		start := time.Now()
		s.Set(Item{Code: "x"})
		time.Sleep(time.Minute)
		s.Set(Item{Code: "x", Text: "more"})
		if got := s.Items()[0].Since; !got.Equal(start) {
			t.Errorf("Since = %v, want %v", got, start)
		}
		s.Clear("x")
		s.Set(Item{Code: "x"})
		if got, want := s.Items()[0].Since, start.Add(time.Minute); !got.Equal(want) {
			t.Errorf("Since = %v after it came back, want %v", got, want)
		}
	})
}

func TestSetConcurrent(t *testing.T) {
	var s Set
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				code := fmt.Sprint(i % 3)
				s.Set(Item{Code: code, Text: fmt.Sprint(i)})
				s.Items()
				s.Clear(code)
			}
		})
	}
	wg.Wait()
	if got := s.Items(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestJSON(t *testing.T) {
	out, err := json.Marshal(wifi)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"code":"no-multicast","severity":"error","text":"This network hides people from each other.","since":"2026-01-02T03:04:05Z"}`
	if string(out) != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
	var back Item
	if err := json.Unmarshal(out, &back); err != nil || back != wifi {
		t.Errorf("back: %+v, %v", back, err)
	}
}

func TestSeverity(t *testing.T) {
	for s, word := range map[Severity]string{Info: "info", Warning: "warning", Error: "error"} {
		text, err := s.MarshalText()
		var back Severity
		if s.String() != word || string(text) != word || err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%d: %q, %q, %v, %d", int(s), s, text, err, back)
		}
	}
	for _, s := range []Severity{-1, 3} {
		if _, err := s.MarshalText(); err == nil {
			t.Errorf("%v marshals", s)
		}
	}
	if got := Severity(7).String(); got != "severity(7)" {
		t.Errorf("String = %q", got)
	}
	var s Severity
	for _, word := range []string{"", "Error", "fatal"} {
		if err := s.UnmarshalText([]byte(word)); err == nil {
			t.Errorf("%q unmarshals", word)
		}
	}
}
