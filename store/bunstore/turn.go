package bunstore

import (
	"context"
	"sync"

	"github.com/sequencer-go/seq/store"
)

// A turn lets one writer of this store at a time through, for a database that has only one.
// There, waiting is trying again until a time-out; here they queue. A nil turn lets all through.
//
// A Transactional op has its turn for as long as it runs, and nobody can take over its lease
// meanwhile. So whoever asks for that lease is told of it at once instead of waiting for the turn.
type turn struct {
	free chan struct{} // whoever puts something in has the turn

	mu      sync.Mutex
	lease   store.Lease   // of the Transactional op whose turn it is; zero if it is no such turn
	changed chan struct{} // closed when lease changes
}

func newTurn() *turn {
	return &turn{free: make(chan struct{}, 1), changed: make(chan struct{})}
}

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

// takeOr is take, but answers with the lease of this name if a Transactional op has its turn under it.
func (t *turn) takeOr(ctx context.Context, name string) (held *store.Lease, err error) {
	for t != nil {
		t.mu.Lock()
		lease, changed := t.lease, t.changed
		t.mu.Unlock()
		if lease.Name == name {
			return &lease, nil
		}
		select {
		case t.free <- struct{}{}:
			return nil, nil
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return nil, nil
}

// pass ends the turn.
func (t *turn) pass() {
	if t != nil {
		<-t.free
	}
}

// hold says that the turn is that of a Transactional op under a lease, until stop is called.
func (t *turn) hold(lease store.Lease) (stop func()) {
	t.set(lease)
	return func() { t.set(store.Lease{}) }
}

func (t *turn) set(lease store.Lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lease = lease
	close(t.changed)
	t.changed = make(chan struct{})
}
