// Package indexset has a set of small integers that gives back the smallest.
package indexset

import (
	"math/bits"
	"slices"
)

// A Set is a set of small integers whose smallest can be taken in a few instructions: a tree of
// 64-bit words, in which a bit says that the word below it is not empty. (The idea is that of van
// Emde Boas, Preserving order in a forest, 1975, with a fixed fan-out of 64.) With a binary heap in its
// place, a walk of 10,000 steps with 50,000 edges costs 23 % more, planning it up to 30 % (bench,
// Walk/load=c, Plan/load=c).
type Set struct{ levels [][]uint64 } // the last level is one word

// New returns an empty set for integers from 0 to, not including, n.
func New(n int) Set {
	var s Set
	for {
		n = (n + 63) / 64
		s.levels = append(s.levels, make([]uint64, max(n, 1)))
		if n <= 1 {
			return s
		}
	}
}

// Add puts i in.
func (s Set) Add(i int) {
	for _, level := range s.levels {
		word := &level[i/64]
		was := *word
		*word |= 1 << (i % 64)
		if was != 0 {
			return
		}
		i /= 64
	}
}

// First is the smallest; false if the set is empty.
func (s Set) First() (int, bool) {
	i := 0
	for _, level := range slices.Backward(s.levels) {
		word := level[i]
		if word == 0 {
			return 0, false
		}
		i = i*64 + bits.TrailingZeros64(word)
	}
	return i, true
}

// Remove takes out i, which is in.
func (s Set) Remove(i int) {
	for _, level := range s.levels {
		word := &level[i/64]
		*word &^= 1 << (i % 64)
		if *word != 0 {
			return
		}
		i /= 64
	}
}
