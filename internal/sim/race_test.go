//go:build race

package sim

// The race detector makes all of it twenty times as slow, and finds the same in a part.
const (
	defaultSeeds = 750
	sameRowSeeds = 15
	mutantsStep  = 4 // every fourth
)
