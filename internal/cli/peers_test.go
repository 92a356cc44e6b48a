package cli

import (
	"strings"
	"testing"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// T-13: in a terminal, too, who goes by a contact's name is told apart from
// that contact, in words and before anything the row says of itself.
func TestPeersMarksLookAlikes(t *testing.T) {
	like := danRow
	like.Name, like.Namesake, like.Message = safetext.Name("b0b"), bobs, safetext.Line("it is me")
	other := carolRow
	other.Trust, other.Waiting, other.Namesake = chat.Pinned, false, bobs
	conflict := chat.Peer{
		Key: wrong.String(), Fingerprint: wrong, Name: safetext.Name("bob"), Trust: chat.Conflict, Of: bobs, Presence: chat.Online,
	}
	gone := like
	gone.Namesake = pin("deadbeef") // not in this list
	tests := []struct {
		name string
		row  chat.Peer
		want string
	}{
		{"a claim", like, "not the bob (7be1d402) you know: the name is like it, the key is not proven; it is me"},
		{"a contact", other, "not your contact bob (7be1d402), whose name is like it"},
		{"a key in conflict", conflict, "NOT the bob (7be1d402) you know: another key claims that name"},
		{"of somebody who is not listed", gone, "not the deadbeef you know: the name is like it, the key is not proven; it is me"},
		{"a retired key", chat.Peer{Key: wrong.String(), Fingerprint: wrong, Name: safetext.Name("bob (old)"), Trust: chat.Retired, ReplacedBy: bobs}, "replaced by 7be1d402 bob"},
		{"nobody's", danRow, ""},
		{"bob himself", bobRow, "back at two"},
		{"who waits", carolRow, "has not accepted you yet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows := []chat.Peer{bobRow, tt.row}
			if got := remark(tt.row, namesOf(rows)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if o := try(t, &stub{rows: rows}, "peers"); !strings.HasSuffix(strings.TrimSpace(o.out), strings.TrimSpace(tt.want)) {
				t.Errorf("%q does not end with %q", o.out, tt.want)
			}
		})
	}
}

// Who is to be reached by address reads in status which one to tell others.
func TestStatusShowsWhereToBeReached(t *testing.T) {
	if o := try(t, &stub{status: status}, "status"); !strings.Contains(o.out, "\nreached at   10.77.0.1:41873\n") {
		t.Errorf("no address with its port in\n%s", o.out)
	}
	for name, change := range map[string]func(*chat.Status){
		"no node": func(s *chat.Status) { s.Running = false }, "locked": func(s *chat.Status) { s.Locked = true },
	} {
		s := status
		change(&s)
		if got := statusText(s); strings.Contains(got, "reached at") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}
