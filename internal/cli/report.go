package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"llchat/internal/chat"
	"llchat/internal/safetext"
)

// usage is an error in how llchat was called.
func usage(text, hint string) *chat.Error {
	return &chat.Error{Code: chat.CodeUsage, Text: text, Hint: hint}
}

// report says what went wrong, where people and where programs read it.
func (a *app) report(err error) int {
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		e = explain(err)
	}
	if a.json {
		_ = json.NewEncoder(a.Stderr).Encode(failed(e))
		return e.Code
	}
	word := "error"
	if e.Code == chat.CodeNotYet {
		word = "not yet"
	}
	fmt.Fprintf(a.Stderr, "llchat: %s: %s\n", word, oneLine(e.Text))
	for _, c := range e.Candidates {
		fmt.Fprintf(a.Stderr, "  %s\n", candidate(c))
	}
	if e.Hint != "" {
		fmt.Fprintf(a.Stderr, "llchat: hint: %s\n", oneLine(e.Hint))
	}
	return e.Code
}

// failure is an error in JSON, in the order of cli.md.
type failure struct {
	Error      string      `json:"error"`
	Hint       string      `json:"hint,omitempty"`
	Code       int         `json:"code"`
	Candidates []chat.Peer `json:"candidates,omitempty"`
}

func failed(e *chat.Error) failure {
	return failure{oneLine(e.Text), oneLine(e.Hint), e.Code, e.Candidates}
}

// oneLine keeps anything that came from outside from moving the cursor.
func oneLine(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = safetext.Line(l).String()
	}
	return strings.Join(lines, "; ")
}

// candidate is a row of the list that an ambiguous name gets.
func candidate(p chat.Peer) string {
	name := p.Instance.String()
	if name == "" {
		name = p.Name.String()
	}
	fingerprint := "no fingerprint yet"
	if !p.Fingerprint.IsZero() {
		fingerprint = p.Fingerprint.String()
	}
	return fmt.Sprintf("%s  %s  %s, %s", name, fingerprint, trustWord(p), p.Presence)
}

// explain finds the exit code and the hint for errors of lower rooms.
func explain(err error) *chat.Error {
	e := &chat.Error{Code: chat.CodeError, Text: err.Error()}
	switch {
	case errors.Is(err, chat.ErrLocked):
		e.Text = "another llchat holds this profile"
		e.Hint = "use that one, or give this one a profile of its own: --profile NAME"
	case errors.Is(err, context.Canceled):
		e.Text = "stopped"
	default:
		e.Hint = chat.HintFor(err)
	}
	return e
}

// flagError is what cobra calls for flags it cannot read. It keeps the error
// for report and tells cobra that all is said.
func (a *app) flagError(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " --help lists the flags"
	if _, ok := errors.AsType[*pflag.InvalidValueError](err); !ok && cmd.Name() == "send" {
		hint = "a text that begins with - comes after --: llchat send PEER -- TEXT"
	}
	a.err = usage(invalidFlag(err), hint)
	return nil
}

// invalidFlag says what was wrong with a flag in our words, not in those of the
// library that reads numbers.
func invalidFlag(err error) string {
	e, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err.Error()
	}
	want := map[string]string{
		"duration": "a time like 10s or 1m30s", "int": "a whole number", "uint16": "a number from 0 to 65535", "uint64": "a number from 0 on",
	}[e.GetFlag().Value.Type()]
	if want == "" {
		return err.Error()
	}
	return fmt.Sprintf("invalid argument %q for --%s: it takes %s", e.GetValue(), e.GetFlag().Name, want)
}

// noCommand guesses what was meant.
func (a *app) noCommand(name string) error {
	hint := "llchat --help lists the commands"
	a.tree.SuggestionsMinimumDistance = 2
	if near := a.tree.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean: llchat " + strings.Join(near, ", llchat ")
	}
	return usage(fmt.Sprintf("there is no command %q", name), hint)
}

// print writes one object as JSON, or its text for people.
func (a *app) print(v any, text string) error {
	if !a.json {
		_, err := io.WriteString(a.Stdout, text)
		return err
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = a.Stdout.Write(append(line, '\n'))
	return err
}

// note says something to people that is no result.
func (a *app) note(text string) error {
	if a.json {
		return nil
	}
	_, err := fmt.Fprintf(a.Stderr, "llchat: %s\n", text)
	return err
}

// typed puts the type in front of an object's fields (cli.md, JSON).
func typed(kind string, v any) (json.RawMessage, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	front, err := json.Marshal(struct {
		Type string `json:"type"`
	}{kind})
	if err != nil || len(body) <= len("{}") {
		return front, err
	}
	return append(append(front[:len(front)-1], ','), body[1:]...), nil
}
