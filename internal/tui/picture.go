package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"llchat/internal/chat"
	"llchat/internal/safetext"
	"llchat/internal/tui/ink"
)

// picture is what is known of a contact's picture. It is never drawn: nobody
// decodes it here.
type picture struct {
	key  string // whose
	form string // png, jpeg, gif or webp by its first octets
	size int    // octets
}

type pictureMsg picture

// picture asks for the picture that is kept of a row, if it has one.
func (m *model) picture(key string) tea.Cmd {
	e := m.book.get(key)
	if e == nil || e.peer.Avatar == "" {
		return nil
	}
	return func() tea.Msg { return pictureMsg(pictureOf(m.ctx, m.api, key)) }
}

func pictureOf(ctx context.Context, api chat.API, key string) picture {
	data, err := api.Avatar(ctx, key)
	if err != nil {
		return picture{}
	}
	return picture{key, chat.AvatarForm(data), len(data)}
}

// pictureFacts say that somebody has a picture, as its owner claims: a picture
// proves nothing about a person.
func pictureFacts(p *chat.Peer, pic picture) []fact {
	if p.Avatar == "" {
		return nil
	}
	f := known(ink.Const("picture"))
	if pic.key == p.Key && pic.form != "" {
		f.segs = append(f.segs, ink.T(ink.Fg, safetext.Line(strings.ToUpper(pic.form))), ink.L(ink.Fg, ", "), ink.N(ink.Fg, pic.size), ink.L(ink.Fg, " octets, "))
	}
	f.segs = append(f.segs, ink.L(ink.Mut, "SHA-1 "), ink.T(ink.Mut, safetext.Line(p.Avatar)))
	f.hint = ink.L(ink.Mut, "a claim like the name; llchat avatar writes it to a file")
	return []fact{f}
}
