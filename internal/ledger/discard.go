package ledger

import (
	"context"

	"github.com/sequencer-go/seq/store"
)

// discard is a store that keeps nothing and refuses nothing.
type discard struct{}

func (discard) Load(context.Context) ([]store.Entry, error)              { return nil, nil }
func (discard) History(context.Context, string) ([]store.Attempt, error) { return nil, nil }
func (discard) Runs(context.Context, int) ([]store.Run, error)           { return nil, nil }
func (discard) Holder(context.Context) (*store.LeaseError, error)        { return nil, nil } //nolint:nilnil // nobody holds it
func (discard) Acquire(context.Context, store.Owner) (store.Lease, error) {
	return store.Lease{}, nil
}
func (discard) Renew(context.Context, store.Lease) error                          { return nil }
func (discard) Release(context.Context, store.Lease) error                        { return nil }
func (discard) Write(context.Context, store.Lease, store.Batch) ([]string, error) { return nil, nil }

func (discard) Atomic(ctx context.Context, _ store.Lease, _ store.Claim, fn func(context.Context) (store.Batch, error)) ([]string, error) {
	_, err := fn(ctx)
	return nil, err
}
