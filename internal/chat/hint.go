package chat

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"llchat/internal/dnssd"
	"llchat/internal/history"
	"llchat/internal/identity"
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
	if e, ok := errors.AsType[*identity.Error](err); ok {
		return e.Hint
	}
	if e, ok := errors.AsType[*dnssd.Error](err); ok && e.Hint != "" {
		return e.Hint
	}
	return systemHint(err)
}

// systemHint says what to do about what the file system refused.
func systemHint(err error) string {
	_, path := errors.AsType[*fs.PathError](err)
	_, link := errors.AsType[*os.LinkError](err)
	switch {
	case !path && !link:
		return ""
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return "make room on the disk; what was there before is unchanged"
	case errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission):
		return "llchat must be able to write there: see the owner and the mode of the folder, or use another profile with --profile DIR"
	case errors.Is(err, fs.ErrNotExist):
		return "it was moved or removed: put it back, or end this llchat and start it anew"
	}
	return ""
}
