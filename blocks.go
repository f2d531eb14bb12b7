package seq

import "sync/atomic"

// blocks makes values many at a time, each given out once. It is safe for concurrent use.
type blocks[T any] struct{ latest atomic.Pointer[block[T]] }

type block[T any] struct {
	taken  atomic.Int64
	values []T
}

// take gives out a value that nobody has had; want is how many there may be of them in all.
func (b *blocks[T]) take(want int) *T {
	for {
		have := b.latest.Load()
		if have != nil {
			if i := int(have.taken.Add(1)) - 1; i < len(have.values) {
				return &have.values[i]
			}
		}
		b.latest.CompareAndSwap(have, &block[T]{values: make([]T, max(1, min(want, 64)))})
	}
}
