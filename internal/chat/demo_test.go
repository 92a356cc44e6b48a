package chat_test

import (
	"context"
	"testing"
	"time"

	"llchat/internal/chat"
)

// The demo is real but for its multicast: TCP, STARTTLS, TLS, stanzas and
// disk, on loopback. This test runs in real time and waits for events.
func TestDemo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	n, err := chat.Demo(ctx, "you")
	if err != nil {
		t.Fatal(err)
	}
	defer closeNode(t, n)
	feed, err := n.Subscribe(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = feed.Close() }()
	sent := false
	for {
		if p, ok := peerNamed(t, n, "echo"); ok && !sent {
			if _, err := n.Send(ctx, p.Key, "hello echo"); err != nil {
				t.Fatalf("send: %v", err)
			}
			sent = true
		}
		events, err := feed.Next(ctx)
		if err != nil {
			t.Fatalf("no echo: %v", err)
		}
		for _, e := range events {
			if m, ok := e.Body.(chat.Message); ok && m.Direction == chat.In && m.Body.String() == "hello echo" {
				return
			}
		}
	}
}
