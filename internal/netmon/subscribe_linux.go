package netmon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// groups are the rtnetlink multicast groups that say that an interface or an
// address came, went or changed.
const groups = 1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1)

// subscribe opens an rtnetlink socket. One or more reports become one element
// of the channel, whose content does not matter: the watcher lists anew. The
// channel is closed when the socket fails. stop returns when the reader is
// gone.
func subscribe(ctx context.Context) (reports <-chan struct{}, stop func(), err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, nil, fmt.Errorf("netmon: netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return nil, nil, fmt.Errorf("netmon: netlink bind: %w", err)
	}
	f := os.NewFile(uintptr(fd), "netlink") // not blocking: Close ends Read
	ch := make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() { read(ctx, f, ch) })
	return ch, func() { f.Close(); wg.Wait() }, nil
}

func read(ctx context.Context, f *os.File, ch chan<- struct{}) {
	defer close(ch)
	buf := make([]byte, 64<<10)
	for ctx.Err() == nil {
		// ENOBUFS: the kernel dropped reports, so there was one.
		if _, err := f.Read(buf); err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR) {
			return
		}
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
