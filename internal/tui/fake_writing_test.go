package tui

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// Write says what was asked for, and does what the engine would.
func (f *fake) Write(ctx context.Context, who string, w chat.Writing) (chat.Message, error) {
	about := cmp.Or(w.Replaces, w.Retracts, w.Reacts)
	if about == "" && w.Reply == "" && !w.Spoiler {
		return f.Send(ctx, who, w.Text)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("write %s replaces=%s retracts=%s reacts=%s reply=%s %s %s", f.nameOf(who), f.textOf(w.Replaces), f.textOf(w.Retracts), f.textOf(w.Reacts), f.textOf(w.Reply), strings.Join(w.Emoji, ""), w.Text)
	if f.sendErr != nil {
		return chat.Message{}, f.sendErr
	}
	if about == "" {
		m := f.message(f.nameOf(who), chat.Out, w.Text, chat.Queued)
		m.Spoiler, m.Hint = w.Spoiler, safetext.Line(w.Hint)
		if w.Reply != "" {
			m.Reply = &chat.Quotation{ID: w.Reply, Direction: chat.In, Body: safetext.Body(f.textOf(w.Reply))}
		}
		f.keep(m)
		f.emit(m)
		return m, nil
	}
	return f.change(who, about, w), nil
}

// change does what is said about a message.
func (f *fake) change(who, about string, w chat.Writing) chat.Message {
	i := slices.IndexFunc(f.lines[who], func(m chat.Message) bool { return m.ID == about })
	m := f.lines[who][i]
	news := m
	f.row++
	news.Row, news.ID, news.About, news.Direction = f.row, "of "+about, about, chat.Out
	switch {
	case w.Replaces != "":
		news.Kind, m.Body, m.Edited = chat.Correction, safetext.Body(w.Text), f.at
	case w.Retracts != "":
		news.Kind, m.Body, m.Retracted = chat.Retraction, safetext.Text{}, f.at
	default:
		news.Kind = chat.Reacting
		m.Reactions = slices.DeleteFunc(slices.Clone(m.Reactions), func(r chat.Reaction) bool { return !r.Theirs })
		for _, e := range w.Emoji {
			m.Reactions = append(m.Reactions, chat.Reaction{Emoji: safetext.Line(e), Ours: true})
		}
	}
	news.Body, news.Reactions = m.Body, m.Reactions
	f.keep(m)
	f.emit(news, m)
	return news
}

func (f *fake) nameOf(key string) string {
	for _, p := range f.peers {
		if p.Key == key {
			return p.Name.String()
		}
	}
	return key
}

func (f *fake) textOf(id string) string {
	for _, lines := range f.lines {
		for _, m := range lines {
			if m.ID == id {
				return m.Body.String()
			}
		}
	}
	return id
}

func (f *fake) Retry(_ context.Context, who, id string) (chat.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("retry %s %s", f.nameOf(who), f.textOf(id))
	m := f.message(f.nameOf(who), chat.Out, f.textOf(id), chat.Queued)
	f.emit(m)
	f.drop(who, id)
	return m, nil
}

func (f *fake) Delete(_ context.Context, who, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("delete %s %s", f.nameOf(who), f.textOf(id))
	f.drop(who, id)
	return nil
}

func (f *fake) drop(who, id string) {
	i := slices.IndexFunc(f.lines[who], func(m chat.Message) bool { return m.ID == id })
	m := f.lines[who][i]
	f.lines[who] = slices.Delete(f.lines[who], i, i+1)
	m.Kind, m.Body = chat.Deleted, safetext.Text{}
	f.emit(m)
}

func (f *fake) Versions(_ context.Context, _, id string) ([]chat.Version, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []chat.Version{
		{Body: safetext.Body("as it was first"), Written: noon.Add(-10 * 60e9)},
		{Body: safetext.Body(f.textOf(id)), Written: noon},
	}, nil
}

// Search finds messages that hold the query as it is.
func (f *fake) Search(_ context.Context, query, who string, before int64, n int) ([]chat.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.call("search %s in %s", query, f.nameOf(who))
	var found []chat.Message
	for key, lines := range f.lines {
		for _, m := range lines {
			if (who == "" || key == who) && (before == 0 || m.Row < before) && strings.Contains(strings.ToLower(m.Body.String()), query) {
				found = append(found, m)
			}
		}
	}
	slices.SortFunc(found, func(a, b chat.Message) int { return cmp.Compare(b.Row, a.Row) })
	return found[:min(n, len(found))], nil
}

func (f *fake) Typing(_ context.Context, key string, writes bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.typed = append(f.typed, f.nameOf(key)+map[bool]string{true: " writes", false: " stopped"}[writes])
	return nil
}
