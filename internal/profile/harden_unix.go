//go:build unix && !linux

package profile

import "golang.org/x/sys/unix"

// harden keeps this process from leaving a core file behind.
func harden() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
