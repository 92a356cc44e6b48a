package stanza

import "testing"

func TestAppendAddressed(t *testing.T) {
	for _, tt := range []struct {
		s    Stanza
		want string
	}{
		{Message{ID: "1"}, "<message id='1' from='ada@kite' to='bo@reef'/>"},
		{Message{ID: "1", From: "x", To: "y"}, "<message id='1' from='x' to='y'/>"},
		{Presence{}, "<presence from='ada@kite' to='bo@reef'/>"},
		{IQ{ID: "2", Type: "get", To: "y"}, "<iq id='2' from='ada@kite' to='y' type='get'/>"},
		{Features{}, "<stream:features/>"},
	} {
		if got := string(AppendAddressed(nil, tt.s, "ada@kite", "bo@reef")); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
