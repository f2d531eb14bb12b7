//go:build race

package bunstore_test

const underRace = true
