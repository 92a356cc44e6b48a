//go:build race

package engine

import "time"

// The race detector makes everything ten times slower.
const floodTime = 5 * time.Second
