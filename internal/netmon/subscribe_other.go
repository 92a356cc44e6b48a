//go:build !linux

package netmon

import (
	"context"
	"errors"
)

// subscribe is for systems whose reports we do not read: Watch polls.
func subscribe(context.Context) (<-chan struct{}, func(), error) {
	return nil, nil, errors.ErrUnsupported
}
