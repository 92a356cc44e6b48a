package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"llchat/internal/mdns"
	"llchat/internal/peer"
	"llchat/internal/safetext"
	"llchat/internal/trust"
)

// minPrefix is how many hex digits of a fingerprint name a peer (cli.md).
const minPrefix = 8

// resolve finds the one row that who names. Several are never guessed
// between: whoever asks gets the list and decides.
func (n *Node) resolve(who string) (shownRow, error) {
	n.refresh()
	if row, ok := n.rows[who]; ok {
		return row, nil
	}
	found := n.matches(who)
	if row, ok := petnamed(found, who); ok {
		return row, nil
	}
	switch len(found) {
	case 0:
		return shownRow{}, &Error{
			Code: CodeNoSuch,
			Text: fmt.Sprintf("there is no peer %q", safetext.Name(who).String()),
			Hint: "llchat peers lists who is here and whom you know",
		}
	case 1:
		return found[0], nil
	}
	slices.SortFunc(found, func(a, b shownRow) int { return cmp.Compare(a.Key, b.Key) })
	e := &Error{
		Code: CodeRefused,
		Text: fmt.Sprintf("%q is the name of %d peers: nothing was done", safetext.Name(who).String(), len(found)),
		Hint: "name one by its instance or by 8 hex digits of its fingerprint",
	}
	for _, f := range found {
		e.Candidates = append(e.Candidates, f.Peer)
	}
	return shownRow{}, e
}

// What a message waits for a name that nobody bears yet: whoever was seen a
// moment ago in another window or by another command may be about to appear.
const (
	appearTime = 2 * time.Second
	appearStep = 50 * time.Millisecond
)

// appears calls f until somebody bears the name, for a moment at most.
func (n *Node) appears(ctx context.Context, who string, f func() error) error {
	deadline := time.Now().Add(appearTime)
	var before error // what is known when the caller's time ends inside a call
	for {
		err := n.call(ctx, f)
		if before != nil && err != nil && errors.Is(err, ctx.Err()) {
			return before
		}
		before = err
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != CodeNoSuch || strings.TrimSpace(who) == "" || !time.Now().Before(deadline) {
			return err
		}
		select {
		case <-time.After(appearStep):
		case <-ctx.Done():
			return err
		}
	}
}

// petnamed finds the contact among several rows that the user keeps under
// exactly this name. Petnames are the user's own words and unique, and nobody,
// stranger or contact, takes one away by calling itself so: what is sent goes to
// the pinned key or to nobody (P-02).
func petnamed(found []shownRow, who string) (row shownRow, ok bool) {
	i := slices.IndexFunc(found, func(r shownRow) bool {
		return r.Contact() && peer.Fold(r.Name.String()) == peer.Fold(strings.TrimSpace(who))
	})
	if i < 0 {
		return row, false
	}
	return found[i], true
}

func (n *Node) matches(who string) []shownRow {
	prefix, isHex := hexPrefix(who)
	want := peer.Fold(strings.TrimSpace(who))
	var found []shownRow
	for key, row := range n.rows {
		// What looks like a fingerprint is one: a stranger must not receive what
		// was meant for a key by calling itself after it.
		named := n.bears(row, want) && (!isHex || row.Contact())
		if named || isHex && strings.HasPrefix(key, prefix) {
			found = append(found, row)
		}
	}
	return found
}

// bears reports whether a row goes by a name: as raw octets where it was
// heard, and as shown.
func (n *Node) bears(row shownRow, want string) bool {
	if want == "" {
		return false
	}
	if row.Trust == trust.Retired { // its names are those of the key that took its place
		return peer.Fold(row.Name.String()) == want
	}
	names := []string{row.Name.String(), row.Nick.String(), row.Instance.String()}
	if row.Nick.IsEmpty() {
		user, _ := mdns.SplitInstance(row.Instance.String())
		names = append(names, user)
	}
	if c := n.claims[row.id.claim]; c != nil {
		names = append(names, c.Instance)
	}
	return slices.ContainsFunc(names, func(s string) bool { return s != "" && peer.Fold(s) == want })
}

// hexPrefix reads the beginning of a fingerprint, with or without the spaces
// between its groups.
func hexPrefix(s string) (string, bool) {
	s = strings.ToLower(strings.NewReplacer(" ", "", ":", "").Replace(s))
	if len(s) < minPrefix || strings.Trim(s, "0123456789abcdef") != "" {
		return "", false
	}
	return s, true
}
