package chat

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"llchat/internal/health"
)

// Every time in JSON is UTC with milliseconds (cli.md, JSON), also in health
// items, and lists are never null.
func TestHealthTimes(t *testing.T) {
	item := health.Item{
		Code: "renamed", Severity: health.Info, Text: "x",
		Since: time.Date(2026, 1, 2, 13, 0, 0, 123456789, time.FixedZone("", 3600)),
	}
	e := Event{Seq: 3, Body: HealthNotice{Item: item, Gone: true}}
	got, err := json.Marshal(e)
	want := `{"type":"health","seq":3,"code":"renamed","severity":"info","text":"x","since":"2026-01-02T12:00:00.123Z","gone":true}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	var back Event
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	n, ok := back.Body.(HealthNotice)
	if !ok || !n.Gone || n.Code != "renamed" || n.Severity != health.Info || !n.Since.Equal(item.Since.Truncate(time.Millisecond)) {
		t.Errorf("read back: %+v", back)
	}
}

func TestStatusJSON(t *testing.T) {
	item := health.Item{Code: "a", Since: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	s := Status{Port: 7, Health: []health.Item{item}, Profile: "/p"}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"addresses", "interfaces"} {
		if string(fields[list]) != "[]" {
			t.Errorf("%s: %s, want []", list, fields[list])
		}
	}
	var back Status
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s.Health, back.Health); d != "" || back.Port != 7 || back.Profile != "/p" {
		t.Errorf("read back: %+v %s", back, d)
	}
}
