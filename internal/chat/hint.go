package chat

import (
	"errors"

	"llchat/internal/history"
	"llchat/internal/profile"
	"llchat/internal/trust"
)

// HintFor finds in an error of a lower room what the user can do about it.
func HintFor(err error) string {
	if e, ok := errors.AsType[*profile.Error](err); ok {
		return e.Hint
	}
	if e, ok := errors.AsType[*history.Error](err); ok {
		return e.Hint
	}
	if e, ok := errors.AsType[*trust.FileError](err); ok {
		return e.Hint
	}
	return ""
}
