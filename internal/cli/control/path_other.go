//go:build !linux

package control

import (
	"fmt"

	"llchat/internal/chat"
)

// shorten refuses a path that does not fit into a socket address.
func shorten(path string) (short string, done func(), err error) {
	if len(path) < maxPath {
		return path, func() {}, nil
	}
	return "", nil, &chat.Error{
		Code: chat.CodeError,
		Text: fmt.Sprintf("the path %s has %d octets: a socket takes at most %d", path, len(path), maxPath-1),
		Hint: "choose a folder with a shorter path: --profile DIR, or LLCHAT_HOME",
	}
}
