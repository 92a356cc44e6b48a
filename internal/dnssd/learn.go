package dnssd

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/miekg/dns"

	"llchat/internal/mdns"
)

// askList asks for the PTR records and has the loop learn the answer.
func (b *Browser) askList(ctx context.Context) {
	ans, err := b.asker.ask(ctx, b.owner, dns.TypePTR)
	if ctx.Err() != nil {
		return
	}
	b.post(func(now time.Time) {
		b.list.asking = false
		if err != nil {
			b.listFailed(now, err)
			return
		}
		b.listed(now, ans)
	})
}

// listFailed keeps what is known, marked stale, for a while.
func (b *Browser) listFailed(now time.Time, err error) {
	first := b.list.err == nil
	b.list.err = err
	b.list.failures++
	b.list.due = b.backOff(now, b.list.failures, b.list.expires)
	if first {
		b.tell(Event{Kind: Trouble, Err: err})
	}
	if b.tooStale(now, b.list.expires) {
		for _, in := range b.known {
			b.drop(in, mdns.CauseUnanswered)
		}
	}
}

// listed compares the list with what is known.
func (b *Browser) listed(now time.Time, ans *answer) {
	found, ttl := ans.instances(b.owner)
	hold := b.hold(ttl)
	trouble := b.list.err != nil
	b.list.err, b.list.failures = nil, 0
	b.list.expires = now.Add(hold)
	b.list.due = now.Add(max(jitter(min(hold, b.cfg.Limits.NewEvery)), b.cfg.Limits.MinRefresh))
	if trouble {
		b.tell(Event{Kind: Recovered})
	}
	found = slices.DeleteFunc(found, func(n named) bool { return b.cfg.Ours != nil && b.cfg.Ours(n.key) })
	b.dropMissing(found, ans.partial)
	found, shed := b.fit(found)
	for _, n := range found {
		b.add(now, n)
	}
	if ans.partial {
		shed = max(shed, 1) // nobody knows how many more
	}
	if shed != b.shed {
		if b.shed = shed; shed > 0 {
			b.tell(Event{Kind: Overload, Shed: shed})
		}
	}
}

// dropMissing lets go of the instances that are not in the list any more. From
// a list that was cut nobody can tell.
func (b *Browser) dropMissing(found []named, partial bool) {
	here := make(map[string]bool, len(found))
	for _, n := range found {
		here[n.key] = true
	}
	for key, in := range b.known {
		if !here[key] && (!partial || b.cfg.Ours != nil && b.cfg.Ours(key)) {
			b.drop(in, mdns.CauseGoodbye)
		}
	}
}

// fit leaves as many as there is room for (L-22): pinned ones first, then
// those that are known. It evicts for a pinned one, never one.
func (b *Browser) fit(found []named) (kept []named, shed int) {
	room := b.cfg.Limits.Instances - len(b.known)
	var fresh []named
	for _, n := range found {
		if b.known[n.key] == nil {
			fresh = append(fresh, n)
		}
	}
	if len(fresh) <= room {
		return fresh, 0
	}
	slices.SortStableFunc(fresh, func(x, y named) int { return b.rank(x.key) - b.rank(y.key) })
	kept = fresh[:max(room, 0)]
	for _, n := range fresh[len(kept):] {
		if b.rank(n.key) > 0 || !b.evict() {
			break
		}
		kept = append(kept, n)
		shed++ // the one that went
	}
	return kept, shed + len(fresh) - len(kept)
}

// rank is 0 for pinned instances, 1 for the others.
func (b *Browser) rank(key string) int {
	if b.cfg.Pinned != nil && b.cfg.Pinned(key) {
		return 0
	}
	return 1
}

// evict makes room by dropping an instance that is not pinned.
func (b *Browser) evict() bool {
	for key, in := range b.known {
		if b.rank(key) > 0 {
			b.drop(in, mdns.CauseEvicted)
			return true
		}
	}
	return false
}

func (b *Browser) add(now time.Time, n named) {
	if b.known[n.key] != nil {
		return
	}
	in := &instance{named: n, place: -1}
	b.known[n.key] = in
	b.queue.put(in, now)
}

// drop forgets an instance.
func (b *Browser) drop(in *instance, cause string) {
	delete(b.known, in.key)
	b.queue.remove(in)
	b.left(in, cause)
}

func (b *Browser) left(in *instance, cause string) {
	if in.here {
		b.tell(Event{Kind: Left, Cause: cause, Peer: b.peer(in)})
		in.here = false
	}
}

// askInstance looks an instance up and has the loop learn about it.
func (b *Browser) askInstance(ctx context.Context, in *instance, name string) {
	f, err := b.asker.lookup(ctx, name)
	if ctx.Err() != nil {
		return
	}
	b.post(func(now time.Time) {
		b.running--
		in.busy = false
		if b.known[in.key] == in {
			b.learn(now, in, f, err)
		}
	})
}

// learn takes in what a lookup brought and plans the next one.
func (b *Browser) learn(now time.Time, in *instance, f facts, err error) {
	in.asked = now
	if err != nil {
		in.failures++
		if in.here && b.tooStale(now, in.peer.Expires) {
			b.left(in, mdns.CauseUnanswered)
		}
		b.plan(in, b.backOff(now, in.failures, in.peer.Expires))
		return
	}
	in.failures = 0
	hold := b.hold(f.ttl)
	b.plan(in, now.Add(max(jitter(hold), b.cfg.Limits.MinRefresh)))
	if !f.here {
		b.left(in, mdns.CauseExpired)
		return
	}
	old := in.peer
	in.peer = mdns.Peer{
		Key: in.key, Instance: in.raw, Text: f.text, Host: f.target.host, Port: f.target.port,
		Addrs: ports(f.addrs, f.target.port), Seen: now, Expires: now.Add(hold),
	}
	switch {
	case !in.here:
		in.here = true
		b.tell(Event{Kind: Joined, Peer: b.peer(in)})
	case !equal(old, in.peer):
		b.tell(Event{Kind: Changed, Peer: b.peer(in)})
	}
}

// plan queues the next lookup. One that is under way now will plan its own.
func (b *Browser) plan(in *instance, due time.Time) {
	if !in.busy {
		b.queue.put(in, due)
	}
}

// equal compares what a reader cares for. The order of addresses is the
// server's mood.
func equal(a, b mdns.Peer) bool {
	if a.Host != b.Host || a.Port != b.Port || len(a.Addrs) != len(b.Addrs) {
		return false
	}
	for _, x := range a.Addrs {
		if !slices.Contains(b.Addrs, x) {
			return false
		}
	}
	return slices.EqualFunc(a.Text, b.Text, func(x, y mdns.TextEntry) bool {
		return x.Key == y.Key && x.HasValue == y.HasValue && bytes.Equal(x.Value, y.Value)
	})
}
