package ledger

import (
	"context"

	"github.com/sequencer-go/seq/store"
)

// discard is a store that keeps nothing and refuses nothing.
type discard struct{}

func (discard) Load(context.Context) ([]store.Entry, error) { return nil, nil }

func (discard) History(context.Context, string, store.Page) ([]store.Attempt, error) {
	return nil, nil
}

func (discard) RunAttempts(context.Context, string, store.Position, int) ([]store.Attempt, error) {
	return nil, nil
}
func (discard) Runs(context.Context, store.Page) ([]store.Run, error) { return nil, nil }

func (discard) UnfinishedRuns(context.Context) ([]store.Run, error) { return nil, nil }

func (discard) LookupRun(context.Context, string) (store.Run, bool, error) {
	return store.Run{}, false, nil
}

func (discard) Holder(context.Context, string) (*store.LeaseError, error) {
	return nil, nil //nolint:nilnil // nobody holds it
}
func (discard) Leases(context.Context) ([]store.LeaseError, error)      { return nil, nil }
func (discard) Controls(context.Context) ([]store.Control, error)       { return nil, nil }
func (discard) Control(context.Context, string) (store.Control, error)  { return store.Control{}, nil }
func (discard) Ask(context.Context, store.Control) error                { return nil }
func (discard) Answer(context.Context, store.Lease, store.Answer) error { return nil }
func (discard) Revoke(context.Context, string) error                    { return nil }
func (discard) Identity(context.Context) (store.Token, error)           { return store.Token{}, nil }

func (discard) Acquire(context.Context, string, store.Owner) (store.Lease, error) {
	return store.Lease{}, nil
}
func (discard) Renew(context.Context, store.Lease) error                          { return nil }
func (discard) Release(context.Context, store.Lease) error                        { return nil }
func (discard) Write(context.Context, store.Lease, store.Batch) ([]string, error) { return nil, nil }

func (discard) Atomic(ctx context.Context, _ store.Lease, _ store.Claim, fn func(context.Context) (store.Batch, error)) ([]string, error) {
	_, err := fn(ctx)
	return nil, err
}
