package engine

import (
	"context"
	"errors"
	"sync"
)

// ErrDraining means that a worker begins nothing any more: the order is for another.
var ErrDraining = errors.New("the worker takes no more orders")

// slots are how many orders a worker does at a time. An order that finds all of them taken waits, so that the
// next is at hand when one ends.
type slots struct {
	free     chan struct{} // nil: there is no bound
	draining chan struct{} // closed: whoever waits is sent away
	drained  sync.Once
}

// take waits for a slot. Whoever got one calls release, once or more often.
func (s *slots) take(ctx context.Context) (release func(), err error) {
	select {
	case <-s.draining:
		return nil, ErrDraining
	default:
	}
	if s.free == nil {
		return func() {}, nil
	}
	select {
	case s.free <- struct{}{}:
		return sync.OnceFunc(func() { <-s.free }), nil
	case <-s.draining:
		return nil, ErrDraining
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// drain sends away whoever waits, and all that come.
func (s *slots) drain() { s.drained.Do(func() { close(s.draining) }) }
