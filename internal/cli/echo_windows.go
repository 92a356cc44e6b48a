package cli

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// hush lets a console show nothing of what is typed until end is called, which
// throws away what nobody read.
func hush(f *os.File) (end func(), err error) {
	console := windows.Handle(f.Fd())
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, fmt.Errorf("hush console: %w", err)
	}
	if err := windows.SetConsoleMode(console, before&^windows.ENABLE_ECHO_INPUT); err != nil {
		return nil, fmt.Errorf("hush console: %w", err)
	}
	return func() {
		_ = windows.FlushConsoleInputBuffer(console)
		_ = windows.SetConsoleMode(console, before)
	}, nil
}
