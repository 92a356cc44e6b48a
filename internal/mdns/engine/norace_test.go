//go:build !race

package engine

import "time"

const (
	floodTime   = time.Minute            // T-23
	largeBudget = 300 * time.Millisecond // issue 3
)
