package bunstore

import "strings"

// Mutate puts new in the place of old in every statement that has it.
func Mutate(old, broken string) {
	mutate = func(query string) string { return strings.ReplaceAll(query, old, broken) }
}

// BlockSize is how a full read grows.
var BlockSize = blockSize
