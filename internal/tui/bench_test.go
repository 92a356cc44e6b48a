package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
)

// big is the window of the budget (ui/README.md 4): 100,000 messages in the
// open conversation, 3,400 people near.
func big(w, h int) *model {
	api := meeting()
	for i := range 3400 {
		api.peers = append(api.peers, peerOf(fmt.Sprintf("guest%04d", i), "", chat.Online))
	}
	m := stillIn(api, w, h)
	m.show(bobKey)
	c := m.current()
	c.known, c.whole = true, true
	for i := range 100000 {
		c.lines = append(c.lines, line{Message: messageAt(i)})
	}
	m.View()
	return m
}

func messageAt(i int) chat.Message {
	m := chat.Message{
		ID: fmt.Sprintf("%032x", i), Peer: pinOf("bob"), Direction: chat.In, State: chat.Received,
		Row: int64(i + 1), Written: noon.Add(0),
	}
	m.Body = attemptLine(0, "the quick brown fox jumps over the lazy dog and writes about it at some length", noon).Body
	if i%3 == 0 {
		m.Direction, m.State = chat.Out, chat.Delivered
	}
	return m
}

func BenchmarkView(b *testing.B) {
	for _, size := range [][2]int{{120, 36}, {240, 70}, {80, 24}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			m := big(size[0], size[1])
			b.ReportAllocs()
			for b.Loop() {
				m.View()
			}
		})
	}
}

// BenchmarkResize alternates between two widths: every row is wrapped anew
// unless it was kept.
func BenchmarkResize(b *testing.B) {
	m := big(120, 36)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.cache.clear()
		m.w = 120 + i%2
		m.View()
	}
}

func BenchmarkPageUp(b *testing.B) {
	m := big(120, 36)
	b.ReportAllocs()
	for b.Loop() {
		m.scrollBy(-m.page())
		m.View()
	}
}

func BenchmarkNewMessage(b *testing.B) {
	for _, open := range []bool{true, false} {
		b.Run(fmt.Sprintf("open=%v", open), func(b *testing.B) {
			m := big(120, 36)
			if !open {
				m.show(pinOf("chloe").String())
			}
			msg := messageAt(0)
			msg.Direction = chat.In
			n := 200000
			b.ReportAllocs()
			for b.Loop() {
				n++
				msg.ID, msg.Row = fmt.Sprintf("%032x", n), int64(n)
				m.event(chat.Event{Body: msg})
			}
		})
	}
}

// BenchmarkPresence is 5,000 presence changes (style page 10: at most 20 ms).
func BenchmarkPresence(b *testing.B) {
	m := big(120, 36)
	guests := m.book.of(strangers)
	batch := make([]chat.Event, 5000)
	presences := []chat.Presence{chat.Online, chat.Away, chat.Offline}
	for i := range batch {
		p := guests[i%len(guests)].peer
		p.Presence = presences[i%3]
		batch[i] = chat.Event{Body: p}
	}
	b.ReportAllocs()
	for b.Loop() {
		m.events(feedMsg{events: batch})
		m.View()
	}
}

// BenchmarkPeople draws a frame after a change among 5,000 people, on each
// screen that lists them, and says how many times as long it takes as among 10
// of the same run: only what is visible is drawn. The bar is 50 ms a frame
// (issue 3).
func BenchmarkPeople(b *testing.B) {
	for _, on := range []struct {
		name string
		open func(m *model)
	}{
		{"talk", func(m *model) { m.show(bobKey) }},
		{"home-80", func(m *model) { m.w, m.h = 80, 24 }},
		{"list", func(m *model) { m.startFinder("") }},
		{"filtered", func(m *model) { m.startFinder("9") }},
	} {
		b.Run(on.name, func(b *testing.B) {
			few, many := crowd(10), crowd(5000)
			on.open(few)
			on.open(many)
			change := changes(few)
			const baseline = 2000
			start := time.Now()
			for i := range baseline {
				change(i)
			}
			base := float64(time.Since(start).Nanoseconds()) / baseline
			change = changes(many)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				change(i)
			}
			perFrame := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(perFrame/1e6, "ms/frame")
			b.ReportMetric(perFrame/base, "x10people")
		})
	}
}

func crowd(n int) *model {
	api := newFake()
	api.peers = append(api.peers, peerOf("bob", chat.Pinned, chat.Online))
	for i := range n - 1 {
		api.peers = append(api.peers, peerOf(fmt.Sprintf("guest%04d", i), "", chat.Online))
	}
	return stillIn(api, 120, 36)
}

// changes returns what takes in a change of presence and draws.
func changes(m *model) func(i int) {
	guests := m.book.of(strangers)
	p := guests[len(guests)/2].peer
	presences := []chat.Presence{chat.Online, chat.Away}
	return func(i int) {
		p.Presence = presences[i%2]
		m.Update(feedMsg{events: []chat.Event{{Body: p}}})
		m.View()
	}
}

// BenchmarkFlood is a frame in which 900 claims that nobody heard of before
// came and went, a thirtieth of 27,000 a second, among 5,000 people.
func BenchmarkFlood(b *testing.B) {
	m := crowd(5000)
	m.show(bobKey)
	const perFrame = 900
	var came, went []chat.Event
	for i := range perFrame {
		p := peerOf(fmt.Sprintf("forged%05d", i), "", chat.Online)
		came = append(came, chat.Event{Body: p})
		p.Gone = true
		went = append(went, chat.Event{Body: p})
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Update(feedMsg{events: came})
		m.Update(feedMsg{events: went})
		m.View()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ms/frame")
}

func BenchmarkKey(b *testing.B) {
	m := big(120, 36)
	k := tea.KeyPressMsg(tea.Key{Code: 'x', Text: "x"})
	back := tea.KeyPressMsg(tea.Key{Code: tea.KeyBackspace})
	b.ReportAllocs()
	for b.Loop() {
		m.Update(k)
		m.View()
		m.Update(back)
		m.View()
	}
}

// BenchmarkBigDraft draws while 10,000 lines are in the composer.
func BenchmarkBigDraft(b *testing.B) {
	m := big(120, 36)
	m.paste(strings.Repeat("a line of some text\n", 10000))
	b.ReportAllocs()
	for b.Loop() {
		m.View()
	}
}
