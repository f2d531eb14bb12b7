package seq

import "sync"

// blocks makes values many at a time, each given out once. It is safe for concurrent use, and those
// who run on different processors get theirs from different blocks.
type blocks[T any] struct{ open sync.Pool } // of *[]T

// take gives out a value that nobody has had; want is how many there may be of them in all.
func (b *blocks[T]) take(want int) *T {
	block, _ := b.open.Get().(*[]T)
	if block == nil || len(*block) == 0 {
		fresh := make([]T, max(1, min(want, 64)))
		block = &fresh
	}
	v := &(*block)[0]
	*block = (*block)[1:]
	b.open.Put(block)
	return v
}
