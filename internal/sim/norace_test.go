//go:build !race

package sim

const (
	defaultSeeds = 3000
	sameRowSeeds = 60
	mutantsStep  = 1
)
