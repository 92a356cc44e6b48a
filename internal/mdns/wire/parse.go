package wire

import "errors"

// ErrFraming means that the packet cannot be walked: nothing of it is used.
var ErrFraming = errors.New("wire: broken framing")

// Parse decodes one packet within the bounds of the package comment.
func Parse(data []byte) (Message, error) {
	return Message{}, ErrFraming
}
