//go:build lab && linux

package lab

// zeroconfMain is github.com/grandcat/zeroconf inside a host.
func zeroconfMain(args []string) error { return nil }
