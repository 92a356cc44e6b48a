package profile

import "golang.org/x/sys/unix"

// keepOut keeps memory out of core files and out of children.
func keepOut(page []byte) {
	_ = unix.Madvise(page, unix.MADV_DONTDUMP)
	_ = unix.Madvise(page, unix.MADV_DONTFORK)
}

// systemMemory is how much the machine has, 0 if unknown.
func systemMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(max(info.Unit, 1))
}
