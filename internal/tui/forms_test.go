package tui

import (
	"time"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// formsOf makes bob's conversation one with every form that a message can
// have.
func formsOf(f *fake) {
	f.lines = map[string][]chat.Message{}
	f.at = noon.Add(-30 * time.Minute)
	say := func(dir chat.Direction, text string, change func(m *chat.Message)) {
		state := chat.Received
		if dir == chat.Out {
			state = chat.Delivered
		}
		m := f.message("bob", dir, text, state)
		if change != nil {
			change(&m)
			f.keep(m)
		}
	}
	emoji := func(e string, ours, theirs bool) chat.Reaction {
		return chat.Reaction{Emoji: safetext.Line(e), Ours: ours, Theirs: theirs}
	}
	say(chat.In, "the *beamer* is _free_ until ~nine~ ten, see `hall 2`\n> who has it now?\n```\nno *signs* here\n```", nil)
	say(chat.Out, "take it", func(m *chat.Message) {
		m.Reactions = []chat.Reaction{emoji("👍", false, true), emoji("🎉", true, true)}
	})
	say(chat.In, "/me carries it over", nil)
	say(chat.Out, "", func(m *chat.Message) { m.Retracted = noon })
	say(chat.In, "at ten, then", func(m *chat.Message) { m.Edited = noon })
	say(chat.In, "the butler did it", func(m *chat.Message) { m.Spoiler, m.Hint = true, safetext.Line("how the book ends") })
	say(chat.Out, "I knew it", func(m *chat.Message) {
		m.Reply = &chat.Quotation{ID: "x", Direction: chat.In, Body: safetext.Body("the butler did it"), Spoiler: true}
		m.Edited, m.State = noon, chat.Displayed
	})
	say(chat.In, "really?", func(m *chat.Message) {
		m.Reply = &chat.Quotation{ID: "y", Direction: chat.Out, Body: safetext.Body("I knew it\nfrom the first page on")}
	})
}
