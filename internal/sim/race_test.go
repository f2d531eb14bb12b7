//go:build race

package sim

// defaultSeeds are fewer here: the race detector takes five times as long.
const defaultSeeds = 750
