package chat

import (
	"strings"
	"testing"
	"time"

	"llchat/internal/history"
)

// OldestStream is the age of the oldest stream.
func OldestStream(n *Node) (age time.Duration) {
	_ = n.call(n.ctx, func() error {
		for _, r := range n.remotes {
			for _, l := range r.live {
				age = max(age, time.Since(l.opened))
			}
		}
		return nil
	})
	return age
}

// at is a stored message of an earlier start whose clock stood elsewhere. Ids
// follow from the text, so that both sides have the same.
func at(when time.Time, text string, d Direction) history.Message {
	m := history.Message{ID: strings.Repeat("0", 30) + text, Time: when, Body: text, Direction: history.Direction(d), State: history.Received}
	if d == Out {
		m.State = history.Queued
	}
	return m
}

// WroteAt puts texts into a conversation as if they had been written at a time:
// those that begin with a are ours and wait, the others came in.
func WroteAt(t *testing.T, n *Node, who string, when time.Time, texts ...string) {
	t.Helper()
	put(t, n, who, when, texts, func(text string) Direction {
		if text[0] == 'a' {
			return Out
		}
		return In
	})
}

// HeardAt does so on the other side.
func HeardAt(t *testing.T, n *Node, who string, when time.Time, texts ...string) {
	t.Helper()
	put(t, n, who, when, texts, func(string) Direction { return In })
}

func put(t *testing.T, n *Node, who string, when time.Time, texts []string, d func(string) Direction) {
	t.Helper()
	if err := n.call(n.ctx, func() error {
		row, err := n.resolve(who)
		if err != nil {
			return err
		}
		for _, text := range texts {
			m := at(when, text, d(text))
			m.Peer = row.Fingerprint
			if _, _, err := n.hist.Append(m); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Announced is what somebody's announcement says under a key.
func Announced(n *Node, instance, key string) (value string) {
	_ = n.call(n.ctx, func() error {
		if c := n.claims[instance]; c != nil {
			value, _ = c.Text.Get(key)
		}
		return nil
	})
	return value
}

// Serves reports whether requests of a namespace are answered by more than that
// nobody serves them.
func Serves(space string) bool { return servesNamespace(space) }
