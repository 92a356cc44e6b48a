//go:build unix && !solaris && !aix

package link

import (
	"errors"
	"syscall"

	"llchat/internal/netmon"
)

// Shared reports whether port 5353 may be used beside whoever has it now.
// Nothing is sent and no group is joined: a socket is bound and closed again.
func Shared() bool {
	now, err := netmon.Interfaces()
	if err != nil {
		return false
	}
	for _, i := range now {
		if !netmon.Usable(i, nil) {
			continue
		}
		for _, f := range families {
			conn, err := listen(f, bindTo(f), i.Index)
			if err == nil {
				_ = conn.Close()
				return true
			}
			if errors.Is(err, syscall.EADDRINUSE) {
				return false
			}
		}
	}
	return false
}
