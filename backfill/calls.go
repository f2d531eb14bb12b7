package backfill

import (
	"context"
	"errors"
)

// Calls is a backfill that asks somebody else about each range, such as a service over HTTP, and keeps the
// answer: Call is made at least once for each range, with a key that stays the same, and what it found is
// kept exactly once.
//
// The range is in the ledger before the first call is made about it, so that a second call, after a crash,
// is about the same range and has the same key; and Keep is committed together with the cursor that moves
// past the range. A row that is put aside as a dead letter is asked about in ranges that get smaller, each of
// which has a key of its own.
type Calls[K, V any] struct {
	// Job is how to go about it; it has no Do.
	Job[K]
	// Call asks about a range, outside of any transaction. key identifies the range to whoever is asked. It
	// should return soon after ctx ends.
	Call func(ctx context.Context, r Range[K], key string) (V, error)
	// Keep writes what Call found, in the transaction of the batch, as Do of a [Job] does.
	Keep func(ctx context.Context, r Range[K], found V) error
}

func (c Calls[K, V]) task() (task, error) {
	errs := []error{c.check()}
	if c.Do != nil {
		errs = append(errs, errors.New("backfill: Calls has a Do, which is not called; what is to be written goes into Keep"))
	}
	if c.Call == nil || c.Keep == nil {
		errs = append(errs, errors.New("backfill: Calls needs both a Call and a Keep"))
	}
	w := &work[K]{Job: c.Job, ahead: true, ask: func(ctx context.Context, r Range[K], key string) (func(context.Context) error, error) {
		found, err := c.Call(ctx, r, key)
		return func(ctx context.Context) error { return c.Keep(ctx, r, found) }, err
	}}
	return w.task(), errors.Join(errs...)
}
