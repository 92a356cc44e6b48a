package control

import (
	"encoding/json"
	"testing"
)

// Whatever a front-end writes is a request, or is told what is wrong with it
// under an id that can be answered.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"send","params":{"who":"bob","text":"hi"}}`,
		`{"jsonrpc":"2.0","method":"status"}`, `[]`, `[1`, `null`, `{"id":null}`, `{"id":[]}`, "\xff", "", " {",
		`{"jsonrpc":"2.0","id":"x","method":"set","params":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, code, problem := parse(line)
		if (problem == "") != (code == 0) {
			t.Errorf("code %d with %q", code, problem)
		}
		if problem == "" && (r.Version != "2.0" || r.Method == "") {
			t.Errorf("taken for a request: %+v", r)
		}
		if _, err := r.params(); err == nil && len(r.Params) > 0 && !json.Valid(r.Params) {
			t.Errorf("parameters %q", r.Params)
		}
		if len(r.ID) > 0 {
			var id any
			if err := json.Unmarshal(r.ID, &id); err != nil {
				t.Fatalf("id %q: %v", r.ID, err)
			}
			switch id.(type) {
			case nil, string, float64:
			default:
				t.Errorf("id %q", r.ID)
			}
		}
	})
}

// FuzzDecodeEvents: a client survives whatever stands on the socket.
func FuzzDecodeEvents(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","method":"event","params":{"type":"message","seq":3,"body":"x"}}`))
	f.Add([]byte(`{"params":{"type":"peer","encrypts":null,"lastSeen":"2026-01-02T03:04:05.000Z"}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		events, err := decodeEvents(line)
		if err != nil && len(events) > 0 {
			t.Errorf("events and an error: %v, %v", events, err)
		}
		for _, e := range events {
			if _, err := json.Marshal(e); err != nil {
				t.Error(err)
			}
		}
	})
}
