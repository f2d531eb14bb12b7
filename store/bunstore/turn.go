package bunstore

import (
	"context"

	"github.com/sequencer-go/seq/store"
)

// A turn lets one writer of this store at a time through, for a database that has only one.
// There, waiting is trying again until a time-out; here they queue. A nil turn lets all through.
//
// A Transactional op has its turn for as long as it runs, and nobody can take over the lease
// meanwhile. It offers the lease to whoever would otherwise have to wait just to learn that.
type turn struct {
	free  chan struct{}
	offer chan store.Lease
}

func newTurn() *turn { return &turn{free: make(chan struct{}, 1), offer: make(chan store.Lease)} }

// take waits for the turn.
func (t *turn) take(ctx context.Context) error {
	if t == nil {
		return nil
	}
	select {
	case t.free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// takeOr is take, but answers with the lease if a Transactional op holds it.
func (t *turn) takeOr(ctx context.Context) (held *store.Lease, err error) {
	if t == nil {
		return nil, nil
	}
	select {
	case t.free <- struct{}{}:
		return nil, nil
	case lease := <-t.offer:
		return &lease, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// pass ends the turn.
func (t *turn) pass() {
	if t != nil {
		<-t.free
	}
}

// hold offers the lease until stop is called.
func (t *turn) hold(lease store.Lease) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case t.offer <- lease:
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}
