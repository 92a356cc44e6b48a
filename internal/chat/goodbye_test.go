package chat_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"llchat/internal/chat"
	"llchat/internal/lantest"
)

// 174-9.1: a node whose opener was interrupted (SIGTERM ends the daemon's
// context) still says goodbye when it is closed. Found with Avahi, which
// showed a daemon for 75 minutes after its end.
func TestGoodbyeAfterInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := lantest.New(t, 2)
		alice := lan.Host().Node(chat.Options{Nick: "alice"})
		ctx, interrupt := context.WithCancel(t.Context())
		bob, err := chat.Open(ctx, chat.Options{
			Nick: "bob", Profile: filepath.Join(t.TempDir(), "bob"), Network: lan.Host().Network(),
		})
		if err != nil {
			t.Fatal(err)
		}
		sees(t, alice, "bob")
		interrupt()
		synctest.Wait()
		closeNode(t, bob)
		within(t, 2*time.Second, "alice sees bob go", func() bool {
			p, found := peerNamed(t, alice, "bob")
			return !found || p.Presence == chat.Offline
		})
		closeNode(t, alice)
	})
}
