//go:build !linux

package profile

func systemMemory() uint64 { return 0 }
