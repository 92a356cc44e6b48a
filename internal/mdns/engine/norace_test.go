//go:build !race

package engine

import "time"

const floodTime = time.Minute // T-23
