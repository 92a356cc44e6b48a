package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// about begins a stored draft that is more than a text: a line of JSON that
// says what it is about follows, then the text. Nobody can type this octet.
const about = "\x00"

// Draft implements API.
func (n *Node) Draft(_ context.Context, key string) (Writing, error) {
	stored, err := n.hist.Draft(key)
	if err != nil {
		return Writing{}, err
	}
	return readDraft(stored), nil
}

// SetDraft implements API.
func (n *Node) SetDraft(_ context.Context, key string, w Writing) error {
	stored, err := storedDraft(w)
	if err != nil {
		return fmt.Errorf("set draft: %w", err)
	}
	return n.hist.SetDraft(key, stored)
}

// storedDraft is the one string that the store holds of a draft.
func storedDraft(w Writing) (string, error) {
	text := w.Text
	head, err := json.Marshal(Writing{Reply: w.Reply, Replaces: w.Replaces, Spoiler: w.Spoiler, Hint: w.Hint})
	switch {
	case err != nil || text == "":
		return "", err
	case string(head) == "{}" && !strings.HasPrefix(text, about):
		return text, nil
	}
	return about + string(head) + "\n" + text, nil
}

// readDraft is what storedDraft wrote. What nobody wrote like that is a text:
// a draft is never lost.
func readDraft(stored string) Writing {
	if rest, ok := strings.CutPrefix(stored, about); ok {
		var w Writing
		head, text, _ := strings.Cut(rest, "\n")
		if json.Unmarshal([]byte(head), &w) == nil {
			return Writing{Text: text, Reply: w.Reply, Replaces: w.Replaces, Spoiler: w.Spoiler, Hint: w.Hint}
		}
	}
	return Writing{Text: stored}
}
