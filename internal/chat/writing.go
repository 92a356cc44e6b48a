package chat

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"llchat/internal/history"
	"llchat/internal/identity"
	"llchat/internal/safetext"
	"llchat/internal/stanza"
)

// Writing is what somebody writes into a conversation: a text, or something
// about a message that is there. Messages are named by their first ids.
type Writing struct {
	// ID is the id that the message is to have, 32 lower-case hex digits; without
	// one the node chooses it. What was written under it before, to the same
	// person and with the same text, is answered in place of being sent again.
	ID   string `json:"id,omitempty"`
	Text string `json:"text,omitempty"`
	// Reply is the message that Text answers.
	Reply string `json:"reply,omitempty"`
	// Spoiler hides Text until it is asked for; Hint says what it is about.
	Spoiler bool   `json:"spoiler,omitempty"`
	Hint    string `json:"hint,omitempty"`

	// Replaces is a message of ours that Text corrects (XEP-0308).
	Replaces string `json:"replaces,omitempty"`
	// Retracts is a message of ours that is taken back (XEP-0424). What the
	// other side has read stays read.
	Retracts string `json:"retracts,omitempty"`
	// Reacts is a message of either side that gets Emoji as all our
	// reactions; none takes them back (XEP-0444).
	Reacts string   `json:"reacts,omitempty"`
	Emoji  []string `json:"emoji,omitempty"`
}

// maxHint bounds the words over a spoiler.
const maxHint = 255

// idLen is how long the ids of our messages are (README 5.7).
const idLen = 32

// kind is what is to be stored of it.
func (w Writing) kind() history.Kind {
	switch {
	case w.Replaces != "":
		return history.Correction
	case w.Retracts != "":
		return history.Retraction
	case w.Reacts != "":
		return history.Reaction
	}
	return history.Chat
}

// Check refuses what cannot be sent as it is, and what says two things.
func (w Writing) Check() error {
	said := 0
	for _, id := range []string{w.Replaces, w.Retracts, w.Reacts} {
		if id != "" {
			said++
		}
	}
	bare := w.Retracts != "" || w.Reacts != ""
	switch {
	case w.ID != "" && !isID(w.ID):
		return usage("an id has 32 lower-case hex digits", "")
	case said > 1 || bare && (w.Text != "" || w.Reply != "" || w.Spoiler) || w.Replaces != "" && w.Reply != "":
		return usage("a message is one thing: a text, a reply, a correction, a retraction or a reaction", "")
	case len(w.Hint) > maxHint || strings.ContainsAny(w.Hint, "\r\n") || !utf8.ValidString(w.Hint):
		return usage(fmt.Sprintf("the words over a spoiler have more than %d octets or one line", maxHint), "")
	case w.Reacts != "":
		return checkEmoji(w.Emoji)
	case bare:
		return nil
	}
	return checkText(w.Text)
}

func checkEmoji(set []string) error {
	if len(set) > stanza.MaxReactions {
		return usage(fmt.Sprintf("more than %d reactions to one message", stanza.MaxReactions), "")
	}
	for _, e := range set {
		if len(e) > stanza.MaxReaction || !safetext.IsEmoji(e) {
			return usage(fmt.Sprintf("%s is no reaction", strconv.QuoteToGraphic(safetext.Error(e).String())), "use one emoji")
		}
	}
	return nil
}

// Send implements API.
func (n *Node) Send(ctx context.Context, who, text string) (Message, error) {
	return n.Write(ctx, who, Writing{Text: text})
}

// Write implements API.
func (n *Node) Write(ctx context.Context, who string, w Writing) (Message, error) {
	w.Text = strings.ReplaceAll(w.Text, "\r\n", "\n")
	if err := w.Check(); err != nil {
		return Message{}, err
	}
	var answer <-chan written
	var claim string
	err := n.appears(ctx, who, func() error {
		pin, key, err := n.addressee(who)
		if err != nil {
			return err
		}
		if claim = key; key == "" {
			answer, err = n.entrust(pin, w)
		}
		return err
	})
	if err != nil {
		return Message{}, err
	}
	if claim == "" {
		return n.await(answer)
	}
	if w.kind() != history.Chat || w.Reply != "" {
		return Message{}, noSuchMessage()
	}
	return n.sendToClaim(ctx, claim, w)
}

// await waits for what entrust began. Once it has begun it may not be given up:
// the caller would write it again.
func (n *Node) await(answer <-chan written) (Message, error) {
	select {
	case a := <-answer:
		return a.Message, a.err
	case <-n.ended:
	}
	select {
	case a := <-answer:
		return a.Message, a.err
	default:
		return Message{}, ErrEnded
	}
}

// queue is entrust that waits, for the engine itself.
func (n *Node) queue(pin identity.Pin, w Writing) (Message, error) {
	answer, err := n.entrust(pin, w)
	if err != nil {
		return Message{}, err
	}
	n.settleFirst()
	a := <-answer
	return a.Message, a.err
}

// entrust gives what was written to the disk; the answer comes when it is there.
func (n *Node) entrust(pin identity.Pin, w Writing) (<-chan written, error) {
	h := n.draft(w)
	h.Peer = pin
	if w.ID != "" {
		if m, ok, err := n.writtenBefore(pin, w); ok || err != nil {
			answer := make(chan written, 1)
			answer <- written{m, err}
			return answer, nil
		}
	}
	if w.Reply != "" {
		if err := n.quote(&h, w.Reply); err != nil {
			return nil, writingError(err)
		}
	}
	if h.Kind == history.Chat {
		return n.queueLater(h), nil
	}
	out, err := n.storeAbout(h)
	if err != nil {
		return nil, writingError(err)
	}
	answer := make(chan written, 1)
	answer <- written{Message: n.publishOutcome(out)}
	n.afterwards(func() { n.deliver(pin) })
	return answer, nil
}

// writtenBefore finds what was written under the same id. A caller whose node
// ended before it answered asks again like this, and nothing is sent twice.
func (n *Node) writtenBefore(pin identity.Pin, w Writing) (Message, bool, error) {
	n.settleFirst()
	old, ok, err := n.hist.Get(pin, w.ID)
	if err != nil {
		return Message{}, false, writingError(err)
	}
	if !ok || old.Direction != history.Out {
		return Message{}, false, nil
	}
	if old.Kind != w.kind() || old.Kind == history.Chat && withoutQuote(old) != w.Text && old.Edited.IsZero() && old.Retracted.IsZero() {
		return Message{}, false, usage("this id is that of another message", "leave it out, and a new one is chosen")
	}
	return n.face(old), true, nil
}

// NewID returns an id for Writing.ID that nobody has.
func NewID() string { return stanza.NewID() }

// isID reports whether id has the form that stanza.NewID gives.
func isID(id string) bool {
	return len(id) == idLen && strings.Trim(id, "0123456789abcdef") == ""
}

// deliver starts delivering what waits for somebody.
func (n *Node) deliver(pin identity.Pin) {
	r := n.remote(pin)
	if l := r.best(); l != nil {
		n.pump(l)
	} else {
		n.retryNow(r)
	}
}

// quote begins the text with what it answers, for readers that know no replies.
func (n *Node) quote(h *history.Message, id string) error {
	answered, ok, err := n.hist.Get(h.Peer, id)
	if err != nil {
		return err
	}
	if !ok || answered.Kind != history.Chat {
		return history.ErrNotFound
	}
	s := stanza.Message{Body: h.Body}
	s.Quote(withoutQuote(answered))
	h.Body, h.Reply = s.Body, id
	for _, f := range s.Fallbacks {
		h.Quote = history.Range{Start: uint32(f.Start), End: uint32(f.End)} //nolint:gosec // within a body (L-12)
	}
	return nil
}

// storeAbout stores what is said about a message and what follows from it.
func (n *Node) storeAbout(h history.Message) (history.Outcome, error) {
	switch h.Kind {
	case history.Correction:
		return n.hist.Correct(h)
	case history.Retraction:
		return n.hist.Retract(h)
	case history.Reaction:
		return n.hist.React(h)
	}
	return history.Outcome{}, fmt.Errorf("chat: no kind %q", h.Kind)
}

// publishOutcome tells every face what was said, and what became of the
// message that it is about.
func (n *Node) publishOutcome(out history.Outcome) Message {
	if !out.Fresh {
		return n.face(out.Event)
	}
	m := n.publishMessage(out.Event)
	if out.Target != nil {
		n.publishMessage(*out.Target)
	}
	return m
}

func noSuchMessage() *Error { return &Error{Code: CodeNoSuch, Text: "there is no such message"} }

// writingError says in words why something was not stored.
func writingError(err error) error {
	switch {
	case errors.Is(err, history.ErrFull):
		return &Error{
			Code: CodeError,
			Text: "too much waits for this peer already",
			Hint: "it goes out when the peer is here again; then there is room",
		}
	case errors.Is(err, history.ErrNoSpace):
		return &Error{
			Code: CodeError, Text: "the disk is full: the message is neither kept nor sent",
			Hint: "make room on the disk and send it again; nothing that was kept is lost",
		}
	case errors.Is(err, history.ErrMoved):
		return &Error{
			Code: CodeError, Text: "the history is gone from the disk: the message is neither kept nor sent",
			Hint: hintMoved,
		}
	case errors.Is(err, history.ErrNotFound):
		return noSuchMessage()
	case errors.Is(err, history.ErrClosed):
		return &Error{
			Code: CodeError, Text: "the history is closed: the message is neither kept nor sent",
			Hint: "it is being mended, or llchat ends: try again in a moment",
		}
	case errors.Is(err, history.ErrGone):
		return &Error{Code: CodeError, Text: "the message was taken back"}
	case errors.Is(err, history.ErrTooLarge):
		return usage("this is too large for one message", "")
	}
	return err
}

// Retry implements API: a message that failed is sent again as a new one, and
// the old one goes. What failed because the key was replaced goes to the one
// that took its place: the user said whose that is, and now that it is to go.
func (n *Node) Retry(ctx context.Context, who, id string) (Message, error) {
	var m Message
	err := n.call(ctx, func() error {
		old, err := n.failed(who, id)
		if err != nil {
			return err
		}
		to, err := n.heir(old.Peer)
		if err != nil {
			return err
		}
		w := Writing{Text: withoutQuote(old), Reply: old.Reply, Spoiler: old.Spoiler, Hint: old.Hint}
		if to != old.Peer { // what it answers is not in that conversation
			w.Text, w.Reply = old.Body, ""
		}
		if m, err = n.queue(to, w); err != nil {
			return err
		}
		return n.delete(old)
	})
	return m, err
}

// failed finds a message of ours that failed.
func (n *Node) failed(who, id string) (history.Message, error) {
	m, err := n.stored(who, id)
	if err == nil && (m.Direction != history.Out || m.State != history.Failed || !m.Retracted.IsZero()) {
		err = usage("this message did not fail", "")
	}
	return m, err
}

// stored finds a message of a conversation.
func (n *Node) stored(who, id string) (history.Message, error) {
	row, err := n.resolve(who)
	if err != nil {
		return history.Message{}, err
	}
	m, ok, err := n.hist.Get(row.Fingerprint, id)
	if err == nil && (!ok || m.Kind != history.Chat) {
		err = noSuchMessage()
	}
	return m, err
}

// Delete implements API.
func (n *Node) Delete(ctx context.Context, who, id string) error {
	return n.call(ctx, func() error {
		m, err := n.stored(who, id)
		if err != nil {
			return err
		}
		return n.delete(m)
	})
}

func (n *Node) delete(m history.Message) error {
	gone, err := n.hist.Delete(m.Peer, m.Direction, m.ID)
	if err != nil {
		return writingError(err)
	}
	n.publishMessage(gone)
	return nil
}

// Versions implements API.
func (n *Node) Versions(ctx context.Context, who, id string) ([]Version, error) {
	var list []Version
	err := n.call(ctx, func() error {
		m, err := n.stored(who, id)
		if err != nil {
			return err
		}
		texts, err := n.hist.Versions(m.Peer, m.Direction, m.ID)
		for _, v := range texts {
			list = append(list, faceVersion(v))
		}
		return err
	})
	return list, err
}

// Search implements API.
func (n *Node) Search(ctx context.Context, query, who string, before int64, most int) ([]Message, error) {
	var found []Message
	err := n.call(ctx, func() error {
		var with *identity.Pin
		if who != "" {
			row, err := n.resolve(who)
			if err != nil {
				return err
			}
			with = &row.Fingerprint
		}
		list, err := n.hist.Search(query, with, before, most)
		if errors.Is(err, history.ErrTooLarge) {
			return usage("this is too much to search for", "1,024 octets and 16 words at most")
		}
		for _, m := range list {
			found = append(found, n.face(m))
		}
		return n.damaged(writingError(err))
	})
	return found, err
}
