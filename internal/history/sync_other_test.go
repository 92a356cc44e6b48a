//go:build !linux

package history

import "os"

func fdatasync(f *os.File) error { return f.Sync() }
